"""SpikingJelly networks as they stand in public repositories."""

import torch
from case import Case, Family, dyadic
from torch import nn

from networks.interop import OUT, H, N, jelly

NETWORKS = Family("spikingjelly_wild", "spikingjelly")


@NETWORKS
def repeated_and_averaged() -> Case:
    """set_step_mode "m", the image repeated, the mean over steps returned."""
    neuron, layer, functional = jelly()

    class Net(nn.Module):
        def __init__(self, steps):
            super().__init__()
            self.steps = steps
            self.features = nn.Sequential(
                layer.Linear(N, H, bias=False), neuron.LIFNode(),
                layer.Linear(H, OUT, bias=False), neuron.LIFNode(),
            )  # fmt: skip
            functional.set_step_mode(self, step_mode="m")

        def forward(self, x):
            y_seq = self.features(x.unsqueeze(0).repeat(self.steps, 1, 1))
            return y_seq.mean(0)

    return Case(
        module=dyadic(Net(64), 1, drive=3.0), shapes=((N,),), drive="static", inputs="current",
        steps=64, neuron_time=0, returns=("mean",),
        constructs=("SpikingJelly LIFNode", "step_mode 'm'", "direct current",
                    "mean rate returned"),
    )  # fmt: skip


@NETWORKS
def gesture_network_with_votes() -> Case:
    neuron, layer, functional = jelly()

    def block(a, b):
        return [layer.Conv2d(a, b, 3, padding=1, bias=False), layer.BatchNorm2d(b),
                neuron.LIFNode(detach_reset=True), layer.MaxPool2d(2, 2)]  # fmt: skip

    net = nn.Sequential(
        *block(2, 4), *block(4, 4), layer.Flatten(), layer.Dropout(0.5),
        layer.Linear(16, 12), neuron.LIFNode(detach_reset=True), layer.Dropout(0.5),
        layer.Linear(12, 16), neuron.LIFNode(detach_reset=True), layer.VotingLayer(4),
    )  # fmt: skip
    functional.set_step_mode(net, "m")
    return Case(
        module=dyadic(net, 2, drive=4.0), shapes=((2, 8, 8),), drive="loop", neuron_time=0,
        constructs=("SpikingJelly LIFNode", "step_mode 'm'", "BatchNorm2d", "VotingLayer"),
        source="https://spikingjelly.readthedocs.io/zh-cn/latest/activation_based_en/classify_dvsg.html",
    )  # fmt: skip


@NETWORKS
def poisson_encoder() -> Case:
    """for t in range(T): out += net(encoder(x)), as in the first tutorial."""
    neuron, layer, functional = jelly()

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            from spikingjelly.activation_based import encoding

            self.encoder = encoding.PoissonEncoder()
            self.net = nn.Sequential(
                layer.Flatten(), layer.Linear(49, OUT, bias=False), neuron.LIFNode()
            )

        def forward(self, x):
            functional.reset_net(self.net)
            out = 0.0
            for _ in range(64):
                out = out + self.net(self.encoder(x))
            return out / 64

    return Case(
        module=dyadic(Net(), 3, drive=4.0), shapes=((1, 7, 7),), drive="static", inputs="chance",
        steps=64, encoder="compare", returns=("mean",),
        constructs=("SpikingJelly LIFNode", "torch.rand compared inside forward",
                    "functional.reset_net"),
        source="https://spikingjelly.readthedocs.io/zh-cn/latest/activation_based_en/lif_fc_mnist.html",
    )  # fmt: skip


@NETWORKS
def torch_layers_between() -> Case:
    """torch's own layers in one-step mode, batch norm, neurons of the library."""
    neuron, _, functional = jelly()

    class SimpleSNN(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer1 = nn.Sequential(nn.Linear(N, H), nn.BatchNorm1d(H), neuron.LIFNode())
            self.layer2 = nn.Sequential(nn.Linear(H, H), nn.BatchNorm1d(H), neuron.LIFNode())
            self.layer3 = nn.Sequential(nn.Linear(H, OUT), neuron.LIFNode())

        def forward(self, x):
            functional.reset_net(self)
            out = []
            for t in range(x.shape[0]):
                out.append(self.layer3(self.layer2(self.layer1(x[t]))))
            return torch.stack(out)

    return Case(
        module=dyadic(SimpleSNN(), 4, drive=5.0), shapes=((N,),), drive="loop",
        constructs=("SpikingJelly LIFNode", "BatchNorm1d", "functional.reset_net"),
    )  # fmt: skip


@NETWORKS
def current_based() -> Case:
    neuron, layer, _ = jelly()
    net = nn.Sequential(layer.Linear(N, H), neuron.IFNode(v_threshold=0.5), layer.Linear(H, OUT),
                        neuron.KLIFNode())  # fmt: skip
    return Case(
        module=dyadic(net, 5), shapes=((N,),),
        constructs=("SpikingJelly IFNode", "SpikingJelly KLIFNode"),
    )  # fmt: skip


@NETWORKS
def quadratic() -> Case:
    neuron, layer, _ = jelly()
    net = nn.Sequential(layer.Linear(N, H), neuron.QIFNode(v_c=0.5, v_threshold=1.0, v_rest=0.0,
                                                           v_reset=-0.125))  # fmt: skip
    return Case(
        module=dyadic(net, 6, drive=4.0), shapes=((N,),),
        constructs=("SpikingJelly QIFNode", "exponential or quadratic dynamics"),
    )  # fmt: skip


@NETWORKS
def exponential() -> Case:
    neuron, layer, _ = jelly()
    net = nn.Sequential(layer.Linear(N, H), neuron.EIFNode())
    return Case(
        module=dyadic(net, 7, drive=4.0), shapes=((N,),), refused=True,
        constructs=("SpikingJelly EIFNode", "exponential or quadratic dynamics"),
    )  # fmt: skip
