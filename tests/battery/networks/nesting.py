"""How people write forward: nested modules, modules used twice, several inputs and outputs."""

from itertools import pairwise

import snntorch as snn
import torch
from case import Case, Family
from torch import nn

from networks.shapes import Written, lif
from networks.styles import OUT, Base, H, N, case

NETWORKS = Family("styles")


@NETWORKS
def module_list() -> Case:
    class Net(nn.Module):
        def __init__(self, sizes):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
            self.neurons = nn.ModuleList(lif() for _ in sizes[1:])

        def forward(self, x):
            for layer, neuron in zip(self.layers, self.neurons, strict=True):
                x = neuron(layer(x))
            return x

    return case(Net((N, H, H, OUT)), "ModuleList")


@NETWORKS
def module_dict() -> Case:
    net = Written(
        lambda self, x: self.parts["lif2"](
            self.parts["fc2"](self.parts["lif1"](self.parts["fc1"](x)))
        ),
        parts=nn.ModuleDict(
            {"fc1": nn.Linear(N, H), "lif1": lif(), "fc2": nn.Linear(H, OUT), "lif2": lif()}
        ),
    )
    return case(net, "ModuleDict")


class Block(nn.Module):
    """Convolution, batch norm, neuron: the usual block."""

    def __init__(self, channels_in: int, channels_out: int, norm: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=not norm)
        self.norm = nn.BatchNorm2d(channels_out) if norm else nn.Identity()
        self.neuron = lif()

    def forward(self, x):
        return self.neuron(self.norm(self.conv(x)))


@NETWORKS
def blocks() -> Case:
    net = nn.Sequential(
        Block(1, 3), nn.MaxPool2d(2), Block(3, 4), nn.Flatten(), nn.Linear(64, OUT), lif()
    )
    return case(net, "nested modules", shapes=((1, 8, 8),))


@NETWORKS
def blocks_with_batchnorm() -> Case:
    net = nn.Sequential(
        Block(1, 3, True),
        nn.MaxPool2d(2),
        Block(3, 4, True),
        nn.Flatten(),
        nn.Linear(64, OUT),
        lif(),
    )
    return case(net, "nested modules", "BatchNorm2d", weight=2.0, shapes=((1, 8, 8),))


@NETWORKS
def residual_blocks() -> Case:
    class Residual(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.a, self.b = Block(channels, channels), Block(channels, channels)

        def forward(self, x):
            return self.b(self.a(x)) + x

    net = nn.Sequential(
        Block(1, 3), Residual(3), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(48, OUT), lif()
    )
    return case(net, "nested modules", "skip addition", shapes=((1, 8, 8),), weight=2.0)


@NETWORKS
def residual_blocks_of_resnet() -> Case:
    """Batch norm, downsampling on the shortcut, currents added before the neuron."""

    class Down(nn.Module):
        def __init__(self, a, b):
            super().__init__()
            self.conv1 = nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False)
            self.bn1, self.lif1 = nn.BatchNorm2d(b), lif()
            self.conv2 = nn.Conv2d(b, b, 3, padding=1, bias=False)
            self.bn2, self.lif2 = nn.BatchNorm2d(b), lif()
            self.shortcut = nn.Sequential(
                nn.Conv2d(a, b, 1, stride=2, bias=False), nn.BatchNorm2d(b)
            )

        def forward(self, x):
            y = self.bn2(self.conv2(self.lif1(self.bn1(self.conv1(x)))))
            return self.lif2(y + self.shortcut(x))

    net = nn.Sequential(
        Block(2, 3, True), Down(3, 4), nn.AdaptiveAvgPool2d((2, 2)), nn.Flatten(),
        nn.Linear(16, OUT), lif(),
    )  # fmt: skip
    return case(net, "skip addition", "BatchNorm2d", "nested modules", "AdaptiveAvgPool2d",
                shapes=((2, 8, 8),), weight=2.5)  # fmt: skip


@NETWORKS
def layer_used_twice() -> Case:
    def forward(self, x):
        return self.lif3(self.out(self.lif2(self.fc(self.lif1(self.fc(x))))))

    return case(Written(forward, fc=nn.Linear(N, N), out=nn.Linear(N, OUT), lif1=lif(), lif2=lif(),
                        lif3=lif()), "module used twice")  # fmt: skip


@NETWORKS
def stateless_modules_used_twice() -> Case:
    def forward(self, x):
        x = self.pool(self.lif1(self.conv1(x)))
        return self.pool(self.lif2(self.conv2(x)))

    return case(Written(forward, conv1=nn.Conv2d(1, 2, 3), lif1=lif(), conv2=nn.Conv2d(2, 3, 2),
                        lif2=lif(), pool=nn.MaxPool2d(2)), "module used twice", "pooled output",
                shapes=((1, 10, 10),))  # fmt: skip


@NETWORKS
def neuron_used_twice_by_hand() -> Case:
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2, self.lif = nn.Linear(N, H), nn.Linear(H, OUT), snn.Leaky(beta=0.75)

        def forward(self, x):
            mem1 = mem2 = self.lif.init_leaky()
            out = []
            for frame in x:
                spk, mem1 = self.lif(self.fc1(frame), mem1)
                spk, mem2 = self.lif(self.fc2(spk), mem2)
                out.append(spk)
            return torch.stack(out)

    return case(Net(), "module used twice", drive="loop")


@NETWORKS
def tied_weights() -> Case:
    net = nn.Sequential(nn.Linear(N, N), lif(), nn.Linear(N, N), lif())
    net[2].weight = net[0].weight
    return case(net, "shared weights")


@NETWORKS
def two_inputs() -> Case:
    def forward(self, a, b):
        return self.lif2(self.fc3(self.lif1(self.fc1(a) + self.fc2(b))))

    return case(Written2(forward, fc1=nn.Linear(N, H), fc2=nn.Linear(5, H), lif1=lif(),
                         fc3=nn.Linear(H, OUT), lif2=lif()), "several inputs",
                shapes=((N,), (5,)))  # fmt: skip


class Written2(Written):
    """The same with two inputs that have names."""

    def forward(self, a, b):
        return self.written(self, a, b)


@NETWORKS
def two_inputs_over_time() -> Case:
    class Net(Base):
        def __init__(self):
            super().__init__()
            self.side = nn.Linear(3, H)

        def forward(self, image, context):
            mem1, mem2 = self.start()
            out = []
            for t in range(image.size(0)):
                spk, mem1 = self.lif1(self.fc1(image[t]) + self.side(context[t]), mem1)
                spk, mem2 = self.lif2(self.fc2(spk), mem2)
                out.append(spk)
            return torch.stack(out)

    return case(Net(), "several inputs", drive="loop", shapes=((N,), (3,)))


@NETWORKS
def two_heads() -> Case:
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.lif1 = nn.Linear(N, H), lif()
            self.a, self.lif_a = nn.Linear(H, 3), lif()
            self.b, self.lif_b = nn.Linear(H, 2), lif()

        def forward(self, x):
            spk = self.lif1(self.fc1(x))
            return self.lif_a(self.a(spk)), self.lif_b(self.b(spk))

    return case(Net(), "several outputs")


@NETWORKS
def layer_output_returned() -> Case:
    """The readout is a plain linear layer; logits are returned at each step."""
    net = nn.Sequential(nn.Linear(N, H), lif(), nn.Linear(H, OUT))
    return case(net, "layer output returned")


@NETWORKS
def logits_summed_over_time() -> Case:
    class Net(Base):
        def forward(self, x):
            mem1, _ = self.start()
            out = []
            for frame in x:
                spk, mem1 = self.lif1(self.fc1(frame), mem1)
                out.append(self.fc2(spk))
            return torch.stack(out).sum(0)

    return case(Net(), "layer output returned", "sum over time returned", drive="loop",
                returns=("sum",))  # fmt: skip


@NETWORKS
def neuron_alone() -> Case:
    return case(nn.Sequential(snn.Leaky(beta=0.75, init_hidden=True)), "neuron without a layer",
                inputs="current")  # fmt: skip


@NETWORKS
def neuron_is_the_module() -> Case:
    return case(snn.Leaky(beta=0.75, init_hidden=True), "neuron without a layer", inputs="current")
