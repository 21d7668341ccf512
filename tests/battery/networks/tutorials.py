"""The networks of the snnTorch tutorials 1 to 7: upstream structure, smaller sizes."""

import snntorch as snn
import torch
from case import STEPS, Case, Family, dyadic
from snntorch import spikegen, surrogate, utils
from torch import nn
from torch.nn import functional as F

NETWORKS = Family("tutorials")
DOCS = "https://snntorch.readthedocs.io/en/latest/tutorials/"
REPO = "https://github.com/jeshraghian/snntorch/blob/master/"
TUTORIAL = ("snnTorch tutorial",)


@NETWORKS
def t1_rate_encoded_outside() -> Case:
    """Tutorial 1 encodes outside of the network; what it feeds is a spike train."""
    net = nn.Sequential(nn.Linear(16, 10), snn.Leaky(beta=0.5, init_hidden=True))
    return Case(
        module=dyadic(net, 1),
        shapes=((16,),),
        constructs=(*TUTORIAL, "Leaky", "Linear"),
        source=DOCS + "tutorial_1.html",
    )


@NETWORKS
def t1_rate_encoded_inside() -> Case:
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(16, 10)
            self.lif1 = snn.Leaky(beta=0.5)

        def forward(self, x):
            spikes = spikegen.rate(x, num_steps=STEPS)
            mem = self.lif1.init_leaky()
            record = []
            for step in range(STEPS):
                spk, mem = self.lif1(self.fc1(spikes[step]), mem)
                record.append(spk)
            return torch.stack(record)

    return Case(
        module=dyadic(Net(), 2),
        shapes=((16,),),
        drive="static",
        inputs="chance",
        encoder="rate",
        constructs=(*TUTORIAL, "spikegen.rate inside forward", "Leaky"),
        source=DOCS + "tutorial_1.html",
    )


@NETWORKS
def t1_latency_encoded_inside() -> Case:
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(16, 10)
            self.lif1 = snn.Leaky(beta=0.9375)

        def forward(self, x):
            spikes = spikegen.latency(x, num_steps=STEPS, tau=25, threshold=0.01, linear=True,
                                      normalize=True)  # fmt: skip
            mem = self.lif1.init_leaky()
            record = []
            for step in range(STEPS):
                spk, mem = self.lif1(self.fc1(spikes[step]), mem)
                record.append(spk)
            return torch.stack(record)

    return Case(
        module=dyadic(Net(), 3, drive=6.0),
        shapes=((16,),),
        drive="static",
        inputs="chance",
        encoder="latency",
        constructs=(*TUTORIAL, "spikegen.latency inside forward", "Leaky"),
        source=DOCS + "tutorial_1.html",
    )


@NETWORKS
def t1_delta_encoded_inside() -> Case:
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(8, 10)
            self.lif1 = snn.Leaky(beta=0.75)

        def forward(self, x):
            spikes = spikegen.delta(x, threshold=0.25)
            mem = self.lif1.init_leaky()
            record = []
            for step in range(x.size(0)):
                spk, mem = self.lif1(self.fc1(spikes[step]), mem)
                record.append(spk)
            return torch.stack(record)

    return Case(
        module=dyadic(Net(), 4, drive=4.0),
        shapes=((8,),),
        drive="loop",
        inputs="current",
        encoder="delta",
        constructs=(*TUTORIAL, "spikegen.delta inside forward", "Leaky"),
        source=DOCS + "tutorial_1.html",
    )


@NETWORKS
def t2_lapicque() -> Case:
    """One Lapicque neuron with R and C, states by hand."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lif1 = snn.Lapicque(R=5, C=1.6, time_step=1, threshold=0.5)

        def forward(self, cur_in, mem):
            return self.lif1(cur_in, mem)

    return Case(
        module=Net().eval(),
        shapes=((6,),),
        drive="states",
        inputs="current",
        states=lambda b: (torch.zeros(b, 6),),
        carry=lambda out: (out, (out[1],)),
        returns=("each", None),
        constructs=(*TUTORIAL, "Lapicque", "states passed by hand"),
        source=DOCS + "tutorial_2.html",
    )


@NETWORKS
def t2_leaky_reset_zero() -> Case:
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lif4 = snn.Lapicque(R=4, C=2, time_step=1, threshold=0.5, reset_mechanism="zero")

        def forward(self, cur_in):
            mem = self.lif4.init_lapicque()
            spks = []
            for step in range(cur_in.size(0)):
                spk, mem = self.lif4(cur_in[step], mem)
                spks.append(spk)
            return torch.stack(spks)

    return Case(
        module=Net().eval(),
        shapes=((6,),),
        drive="loop",
        inputs="current",
        constructs=(*TUTORIAL, "Lapicque", "reset to zero"),
        source=DOCS + "tutorial_2.html",
    )


@NETWORKS
def t3_feedforward() -> Case:
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            beta = 0.984375
            self.fc1 = nn.Linear(49, 40)
            self.lif1 = snn.Leaky(beta=beta)
            self.fc2 = nn.Linear(40, 10)
            self.lif2 = snn.Leaky(beta=beta)

        def forward(self, spk_in):
            mem1 = self.lif1.init_leaky()
            mem2 = self.lif2.init_leaky()
            mem2_rec, spk1_rec, spk2_rec = [], [], []
            for step in range(200):
                if step >= spk_in.size(0):
                    break
                cur1 = self.fc1(spk_in[step])
                spk1, mem1 = self.lif1(cur1, mem1)
                cur2 = self.fc2(spk1)
                spk2, mem2 = self.lif2(cur2, mem2)
                mem2_rec.append(mem2)
                spk1_rec.append(spk1)
                spk2_rec.append(spk2)
            return torch.stack(spk2_rec), torch.stack(mem2_rec)

    return Case(
        module=dyadic(Net(), 5, drive=0.5),
        shapes=((49,),),
        drive="loop",
        constructs=(*TUTORIAL, "Leaky", "Linear", "membrane returned"),
        source=DOCS + "tutorial_3.html",
    )


@NETWORKS
def t4_synaptic() -> Case:
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lif1 = snn.Synaptic(alpha=0.875, beta=0.75)

        def forward(self, x):
            syn, mem = self.lif1.init_synaptic()
            record = []
            for step in range(x.size(0)):
                spk, syn, mem = self.lif1(x[step], syn, mem)
                record.append(spk)
            return torch.stack(record)

    return Case(
        module=Net().eval(),
        shapes=((6,),),
        drive="loop",
        inputs="current",
        amplitude=0.25,
        constructs=(*TUTORIAL, "Synaptic"),
        source=DOCS + "tutorial_4.html",
    )


@NETWORKS
def t4_alpha() -> Case:
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lif = snn.Alpha(alpha=0.8, beta=0.7, threshold=0.5)

        def forward(self, x):
            syn_exc, syn_inh, mem = self.lif.init_alpha()
            record = []
            for step in range(x.size(0)):
                spk, syn_exc, syn_inh, mem = self.lif(x[step], syn_exc, syn_inh, mem)
                record.append(spk)
            return torch.stack(record)

    return Case(
        module=Net().eval(),
        shapes=((6,),),
        drive="loop",
        inputs="current",
        constructs=(*TUTORIAL, "Alpha"),
        source=DOCS + "tutorial_4.html",
    )


@NETWORKS
def t5_fully_connected() -> Case:
    """The MNIST network: a static image at every step, loop inside, two records returned."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            beta = 0.9375
            self.fc1 = nn.Linear(49, 32)
            self.lif1 = snn.Leaky(beta=beta)
            self.fc2 = nn.Linear(32, 10)
            self.lif2 = snn.Leaky(beta=beta)

        def forward(self, x):
            mem1 = self.lif1.init_leaky()
            mem2 = self.lif2.init_leaky()
            spk2_rec, mem2_rec = [], []
            for _ in range(STEPS):
                cur1 = self.fc1(x)
                spk1, mem1 = self.lif1(cur1, mem1)
                cur2 = self.fc2(spk1)
                spk2, mem2 = self.lif2(cur2, mem2)
                spk2_rec.append(spk2)
                mem2_rec.append(mem2)
            return torch.stack(spk2_rec, dim=0), torch.stack(mem2_rec, dim=0)

    return Case(
        module=dyadic(Net(), 6, drive=0.3),
        shapes=((49,),),
        drive="static",
        inputs="current",
        constructs=(*TUTORIAL, "direct current", "Leaky", "membrane returned"),
        source=DOCS + "tutorial_5.html",
    )


@NETWORKS
def t5_flattened_by_batch_size() -> Case:
    """`net(data.view(batch_size, -1))`, written inside forward."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(49, 32)
            self.lif1 = snn.Leaky(beta=0.9375)
            self.fc2 = nn.Linear(32, 10)
            self.lif2 = snn.Leaky(beta=0.9375)

        def forward(self, x):
            mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
            out = []
            for _ in range(STEPS):
                spk1, mem1 = self.lif1(self.fc1(x.view(2, -1)), mem1)
                spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
                out.append(spk2)
            return torch.stack(out)

    return Case(
        module=dyadic(Net(), 7, drive=0.3),
        shapes=((1, 7, 7),),
        drive="static",
        inputs="current",
        fixed_batch=2,
        constructs=(*TUTORIAL, "direct current", "view", "fixed batch size"),
        source=DOCS + "tutorial_5.html",
    )


def _csnn_class(batch_first_view: bool) -> nn.Module:
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            beta, spike_grad = 0.5, surrogate.fast_sigmoid(slope=25)
            self.conv1 = nn.Conv2d(1, 4, 3)
            self.lif1 = snn.Leaky(beta=beta, spike_grad=spike_grad)
            self.conv2 = nn.Conv2d(4, 6, 3)
            self.lif2 = snn.Leaky(beta=beta, spike_grad=spike_grad)
            self.fc1 = nn.Linear(6 * 2 * 2, 10)
            self.lif3 = snn.Leaky(beta=beta, spike_grad=spike_grad)

        def forward(self, x):
            mem1 = self.lif1.init_leaky()
            mem2 = self.lif2.init_leaky()
            mem3 = self.lif3.init_leaky()
            spk3_rec, mem3_rec = [], []
            for _ in range(STEPS):
                cur1 = F.max_pool2d(self.conv1(x), 2)
                spk1, mem1 = self.lif1(cur1, mem1)
                cur2 = F.max_pool2d(self.conv2(spk1), 2)
                spk2, mem2 = self.lif2(cur2, mem2)
                cur3 = self.fc1(spk2.view(x.size(0), -1) if batch_first_view else spk2.flatten(1))
                spk3, mem3 = self.lif3(cur3, mem3)
                spk3_rec.append(spk3)
                mem3_rec.append(mem3)
            return torch.stack(spk3_rec), torch.stack(mem3_rec)

    return Net()


@NETWORKS
def t6_convolutional_class() -> Case:
    return Case(
        module=dyadic(_csnn_class(True), 8, drive=0.7),
        shapes=((1, 14, 14),),
        drive="static",
        inputs="current",
        constructs=(*TUTORIAL, "Conv2d", "F.max_pool2d", "direct current", "membrane returned"),
        source=DOCS + "tutorial_6.html",
    )


@NETWORKS
def t6_one_step_class() -> Case:
    """As printed in the tutorial: states start anew in every call, one step a call."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 4, 3)
            self.lif1 = snn.Leaky(beta=0.5)
            self.fc1 = nn.Linear(4 * 6 * 6, 10)
            self.lif3 = snn.Leaky(beta=0.5)

        def forward(self, x):
            mem1 = self.lif1.init_leaky()
            mem3 = self.lif3.init_leaky()
            spk1, mem1 = self.lif1(F.max_pool2d(self.conv1(x), 2), mem1)
            cur3 = self.fc1(spk1.view(x.shape[0], -1))
            return self.lif3(cur3, mem3)

    return Case(
        module=dyadic(Net(), 9, drive=2.0),
        shapes=((1, 14, 14),),
        inputs="current",
        constructs=(*TUTORIAL, "Conv2d", "F.max_pool2d", "states start anew in every call"),
        source=DOCS + "tutorial_6.html",
    )


@NETWORKS
def t6_convolutional_sequential() -> Case:
    beta, grad = 0.5, surrogate.fast_sigmoid(slope=25)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 5),
        nn.MaxPool2d(2),
        snn.Leaky(beta=beta, spike_grad=grad, init_hidden=True),
        nn.Conv2d(4, 8, 3),
        nn.MaxPool2d(2),
        snn.Leaky(beta=beta, spike_grad=grad, init_hidden=True),
        nn.Flatten(),
        nn.Linear(8 * 2 * 2, 10),
        snn.Leaky(beta=beta, spike_grad=grad, init_hidden=True, output=True),
    )
    return Case(
        module=dyadic(net, 10, drive=0.7),
        shapes=((1, 16, 16),),
        inputs="current",
        constructs=(*TUTORIAL, "Conv2d", "MaxPool2d", "nn.Sequential", "membrane returned"),
        source=DOCS + "tutorial_6.html",
    )


@NETWORKS
def t7_nmnist() -> Case:
    beta, grad = 0.5, surrogate.atan()
    net = nn.Sequential(
        nn.Conv2d(2, 6, 5),
        nn.MaxPool2d(2),
        snn.Leaky(beta=beta, spike_grad=grad, init_hidden=True),
        nn.Conv2d(6, 8, 3),
        nn.MaxPool2d(2),
        snn.Leaky(beta=beta, spike_grad=grad, init_hidden=True),
        nn.Flatten(),
        nn.Linear(8 * 2 * 2, 10),
        snn.Leaky(beta=beta, spike_grad=grad, init_hidden=True, output=True),
    )
    return Case(
        module=dyadic(net, 11, drive=1.0),
        shapes=((2, 16, 16),),
        constructs=(*TUTORIAL, "Conv2d", "MaxPool2d", "nn.Sequential"),
        source=DOCS + "tutorial_7.html",
    )


class Wrapped(nn.Module):
    """`forward_pass(net, data)` of the tutorials as a module: utils.reset, then the loop."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, data):
        spk_rec = []
        utils.reset(self.net)
        for step in range(data.size(0)):
            spk_out, _mem_out = self.net(data[step])
            spk_rec.append(spk_out)
        return torch.stack(spk_rec)


@NETWORKS
def t7_forward_pass_with_reset() -> Case:
    net = nn.Sequential(
        nn.Conv2d(2, 4, 5),
        nn.MaxPool2d(2),
        snn.Leaky(beta=0.5, init_hidden=True),
        nn.Flatten(),
        nn.Linear(4 * 4 * 4, 10),
        snn.Leaky(beta=0.5, init_hidden=True, output=True),
    )
    return Case(
        module=dyadic(Wrapped(net), 12),
        shapes=((2, 12, 12),),
        drive="loop",
        constructs=(*TUTORIAL, "utils.reset", "Conv2d", "MaxPool2d"),
        source=DOCS + "tutorial_7.html",
    )
