"""Networks as they stand in public repositories: the structures that many projects share."""

import math
from itertools import pairwise

import snntorch as snn
import torch
from case import STEPS, Case, Family, dyadic, numbers
from snntorch import surrogate, utils
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

NETWORKS = Family("wild")
N, H, OUT = 8, 10, 4


@NETWORKS
def readme_quickstart() -> Case:
    beta, spike_grad = 0.5, surrogate.fast_sigmoid()
    net = nn.Sequential(
        nn.Conv2d(1, 4, 5),
        nn.MaxPool2d(2),
        snn.Leaky(beta=beta, init_hidden=True, spike_grad=spike_grad),
        nn.Conv2d(4, 8, 3),
        nn.MaxPool2d(2),
        snn.Leaky(beta=beta, init_hidden=True, spike_grad=spike_grad),
        nn.Flatten(),
        nn.Linear(8 * 2 * 2, 10),
        snn.Leaky(beta=beta, init_hidden=True, spike_grad=spike_grad, output=True),
    )
    return Case(
        module=dyadic(net, 1, drive=0.7), shapes=((1, 16, 16),), inputs="current",
        constructs=("snnTorch tutorial", "Conv2d", "MaxPool2d", "nn.Sequential"),
        source="https://github.com/jeshraghian/snntorch#quickstart",
    )  # fmt: skip


@NETWORKS
def dvs_gesture_example() -> Case:
    """Only the last step is returned, though every step is recorded."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.lif1 = nn.Conv2d(2, 4, 5), snn.Leaky(beta=0.5)
            self.conv2, self.lif2 = nn.Conv2d(4, 6, 3), snn.Leaky(beta=0.5)
            self.fc1, self.lif3 = nn.Linear(24, 11), snn.Leaky(beta=0.5)

        def forward(self, x):
            mem1 = self.lif1.init_leaky()
            mem2 = self.lif2.init_leaky()
            mem3 = self.lif3.init_leaky()
            spk_rec, mem_rec = [], []
            for step in range(x.size(0)):
                spk1, mem1 = self.lif1(F.max_pool2d(self.conv1(x[step]), 2), mem1)
                spk2, mem2 = self.lif2(F.max_pool2d(self.conv2(spk1), 2), mem2)
                spk3, mem3 = self.lif3(self.fc1(spk2.flatten(1)), mem3)
                spk_rec.append(spk3)
                mem_rec.append(mem3)
            return spk3, mem3

    return Case(
        module=dyadic(Net(), 2, drive=1.0), shapes=((2, 16, 16),), drive="loop",
        returns=("last", "last"),
        constructs=("last membrane returned", "F.max_pool2d", "Conv2d"),
        source="https://github.com/jeshraghian/snntorch/blob/master/examples/derrick_lee_tutorial.rst",
    )  # fmt: skip


class ActFun(torch.autograd.Function):
    """The rectangular surrogate of STBP."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.gt(0.5).float()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * (abs(x - 0.5) < 0.5).float()


act_fun = ActFun.apply


def mem_update(ops, x, mem, spike):
    mem = mem * 0.2 * (1.0 - spike) + ops(x)
    return mem, act_fun(mem)


def _stbp(encoded: bool) -> nn.Module:
    class SCNN(nn.Module):
        """Convolutions, average pools and states as local variables, counts divided at the end."""

        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 4, 3, padding=1)
            self.fc1, self.fc2 = nn.Linear(16, 12), nn.Linear(12, OUT)

        def forward(self, x):
            batch = x.size(0)
            c1_mem = c1_spike = torch.zeros(batch, 3, 8, 8)
            c2_mem = c2_spike = torch.zeros(batch, 4, 4, 4)
            h1_mem = h1_spike = torch.zeros(batch, 12)
            h2_mem = h2_spike = h2_sum = torch.zeros(batch, OUT)
            for _ in range(64):
                frame = (x > torch.rand(x.size())).float() if encoded else x
                c1_mem, c1_spike = mem_update(self.conv1, frame, c1_mem, c1_spike)
                pooled = F.avg_pool2d(c1_spike, 2)
                c2_mem, c2_spike = mem_update(self.conv2, pooled, c2_mem, c2_spike)
                pooled = F.avg_pool2d(c2_spike, 2)
                flat = pooled.view(batch, -1)
                h1_mem, h1_spike = mem_update(self.fc1, flat, h1_mem, h1_spike)
                h2_mem, h2_spike = mem_update(self.fc2, h1_spike, h2_mem, h2_spike)
                h2_sum = h2_sum + h2_spike
            return h2_sum / 64

    return dyadic(SCNN(), 3, drive=2.0)


@NETWORKS
def stbp_direct() -> Case:
    return Case(
        module=_stbp(False), shapes=((1, 8, 8),), drive="static", inputs="current", steps=64,
        returns=("mean",),
        constructs=("neuron written as a function", "direct current", "mean rate returned"),
        source="https://github.com/yjwu17/STBP-for-training-SpikingNN",
    )  # fmt: skip


@NETWORKS
def stbp_rate_encoded() -> Case:
    return Case(
        module=_stbp(True), shapes=((1, 8, 8),), drive="static", inputs="chance", steps=64,
        encoder="compare", returns=("mean",),
        constructs=("neuron written as a function", "torch.rand compared inside forward"),
        source="https://github.com/yjwu17/STBP-for-training-SpikingNN",
    )  # fmt: skip


@NETWORKS
def mem_and_spike_kept() -> Case:
    """Layer and neuron in one class; membrane and spike kept, None at rest."""

    class LIFLinear(nn.Module):
        def __init__(self, a, b):
            super().__init__()
            self.fc = nn.Linear(a, b)
            self.mem = self.spike = None

        def mem_update(self, x):
            if self.mem is None:
                self.mem = torch.zeros_like(x)
                self.spike = torch.zeros_like(x)
            self.mem = self.mem * 0.25 * (1.0 - self.spike) + x
            self.spike = act_fun(self.mem)
            return self.spike

        def forward(self, x):
            return self.mem_update(self.fc(x))

        def reset(self):
            self.mem = self.spike = None

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2 = LIFLinear(N, H), LIFLinear(H, OUT)

        def forward(self, x):
            for layer in self.children():
                layer.reset()
            out = [self.fc2(self.fc1(frame)) for frame in x]
            return torch.stack(out)

    return Case(
        module=dyadic(Net(), 4), shapes=((N,),), drive="loop", neurons=("LIFLinear",),
        constructs=("hand-written LIF", "layer and neuron in one module"),
    )  # fmt: skip


@NETWORKS
def buffer_of_another_shape() -> Case:
    """A buffer of one number that takes the input's shape at the first step."""

    class LIFNeuron(nn.Module):
        def __init__(self, decay=0.75, threshold=1.0):
            super().__init__()
            self.decay, self.threshold = decay, threshold
            self.register_buffer("mem", torch.tensor(0.0))

        def forward(self, x):
            if self.mem.shape != x.shape:
                self.mem = torch.zeros_like(x)
            self.mem = self.mem * self.decay + x
            spk = act_fun(self.mem - self.threshold + 0.5)
            self.mem = self.mem - spk * self.threshold
            return spk

    net = nn.Sequential(nn.Linear(N, H), LIFNeuron(), nn.Linear(H, OUT), LIFNeuron())
    return Case(
        module=dyadic(net, 5), shapes=((N,),), neurons=("LIFNeuron",),
        constructs=("hand-written LIF", "buffer as a state"),
    )  # fmt: skip


@NETWORKS
def spike_of_the_last_step_or_none() -> Case:
    """Recurrence by hand; there is no spike before the first step."""

    class RecurrentSNN(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.leaky1 = nn.Linear(N, H), snn.Leaky(beta=0.75, init_hidden=True)
            self.back = nn.Linear(OUT, H, bias=False)
            self.fc2 = nn.Linear(H, OUT)
            self.leaky_out = snn.Leaky(beta=0.75, init_hidden=True, output=True)

        def forward(self, x):
            utils.reset(self)
            recurrent_spike, out = None, []
            for step in range(x.size(0)):
                cur = self.fc1(x[step])
                if recurrent_spike is not None:
                    cur = cur + self.back(recurrent_spike)
                spk, _mem = self.leaky_out(self.fc2(self.leaky1(cur)))
                recurrent_spike = spk
                out.append(spk)
            return torch.stack(out)

    return Case(
        module=dyadic(RecurrentSNN(), 6), shapes=((N,),), drive="loop",
        constructs=("recurrence written by hand", "first step without recurrence"),
    )  # fmt: skip


@NETWORKS
def small_convolutional_network() -> Case:
    class SmallSNN(nn.Module):
        def __init__(self, beta):
            super().__init__()
            grad = surrogate.fast_sigmoid(slope=25.0)
            self.conv1 = nn.Conv2d(3, 4, kernel_size=3, stride=2, padding=1)
            self.lif1 = snn.Leaky(beta=beta, spike_grad=grad)
            self.conv2 = nn.Conv2d(4, 6, kernel_size=3, stride=2, padding=1)
            self.lif2 = snn.Leaky(beta=beta, spike_grad=grad)
            self.pool = nn.AdaptiveAvgPool2d((1, 1))
            self.fc = nn.Linear(6, 3)
            self.lif_out = snn.Leaky(beta=beta, spike_grad=grad)

        def forward(self, x, stochastic: bool = False):
            mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
            mem_out = self.lif_out.init_leaky()
            spikes = []
            for _ in range(STEPS):
                frame = torch.rand_like(x).le(x).float() if stochastic else x
                spk1, mem1 = self.lif1(self.conv1(frame), mem1)
                spk2, mem2 = self.lif2(self.conv2(spk1), mem2)
                pooled = self.pool(spk2).flatten(1)
                spk_out, mem_out = self.lif_out(self.fc(pooled), mem_out)
                spikes.append(spk_out)
            return torch.stack(spikes).sum(dim=0)

    return Case(
        module=dyadic(SmallSNN(0.875), 7, drive=1.5), shapes=((3, 8, 8),), drive="static",
        inputs="current", returns=("sum",),
        constructs=("AdaptiveAvgPool2d", "direct current", "count of spikes returned",
                    "optional argument"),
    )  # fmt: skip


@NETWORKS
def srnn_alif() -> Case:
    """Adaptive recurrent network after Yin et al.: decays are exponentials of parameters."""

    def mem_update_adp(inputs, mem, spike, tau_adp, tau_m, b):
        alpha, ro = torch.exp(-1.0 / tau_m), torch.exp(-1.0 / tau_adp)
        b = ro * b + (1 - ro) * spike
        theta = 0.5 + 1.8 * b
        mem = mem * alpha + (1 - alpha) * inputs - theta * spike
        return mem, (mem - theta).gt(0).float(), b

    class SRNN(nn.Module):
        def __init__(self):
            super().__init__()
            self.i2h, self.h2h = nn.Linear(N, H), nn.Linear(H, H, bias=False)
            self.tau_adp = nn.Parameter(numbers((H,), 20.0, 4.0, 8))
            self.tau_m = nn.Parameter(numbers((H,), 6.0, 1.0, 9).clamp(min=2.0))

        def forward(self, x):
            batch = x.size(1)
            mem = spike = torch.zeros(batch, H)
            b = torch.full((batch, H), 0.0)
            out = []
            for frame in x:
                current = self.i2h(frame) + self.h2h(spike)
                mem, spike, b = mem_update_adp(current, mem, spike, self.tau_adp, self.tau_m, b)
                out.append(spike)
            return torch.stack(out)

    return Case(
        module=dyadic(SRNN(), 8, drive=8.0, gain=2.0), shapes=((N,),), drive="loop",
        constructs=("adaptive threshold", "neuron written as a function",
                    "recurrence written by hand", "decay computed from a parameter"),
        source="https://github.com/byin-cwi/Efficient-spiking-networks",
    )  # fmt: skip


@NETWORKS
def batchnorm_fused_in_forward() -> Case:
    class Fused(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn = nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3)
            self.lif = snn.Leaky(beta=0.75, init_hidden=True)

        def forward(self, x):
            layer = self.conv if self.training else fuse_conv_bn_eval(self.conv, self.bn)
            return self.lif(layer(x))

    return Case(
        module=dyadic(Fused(), 9, drive=2.0), shapes=((1, 6, 6),),
        constructs=("BatchNorm2d", "module made in forward"),
    )  # fmt: skip


@NETWORKS
def layers_told_apart_by_class() -> Case:
    """One list of layers; states are kept for those that are neurons."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(
                [nn.Linear(N, H), snn.Leaky(beta=0.75), nn.Dropout(0.2), nn.Linear(H, H),
                 snn.Synaptic(alpha=0.5, beta=0.5), nn.Linear(H, OUT), snn.Leaky(beta=0.875)]
            )  # fmt: skip

        def forward(self, x):
            states = {}
            out = []
            for step in range(x.shape[1]):
                h = x[:, step]
                for k, layer in enumerate(self.layers):
                    if isinstance(layer, snn.Leaky):
                        h, states[k] = layer(h, states.get(k, layer.init_leaky()))
                    elif isinstance(layer, snn.Synaptic):
                        syn, mem = states.get(k, layer.init_synaptic())
                        h, syn, mem = layer(h, syn, mem)
                        states[k] = (syn, mem)
                    else:
                        h = layer(h)
                out.append(h)
            return torch.stack(out, dim=1)

    return Case(
        module=dyadic(Net(), 10), shapes=((N,),), drive="loop", time_axis=1, returns=(1,),
        constructs=("ModuleList", "batch first", "states in a dictionary"),
    )  # fmt: skip


@NETWORKS
def list_of_membranes() -> Case:
    class Net(nn.Module):
        def __init__(self, sizes=(N, H, H, OUT)):
            super().__init__()
            self.fcs = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
            self.lifs = nn.ModuleList(snn.Leaky(beta=0.75, learn_beta=True) for _ in sizes[1:])

        def forward(self, x):
            mems = [lif.init_leaky() for lif in self.lifs]
            out = []
            for frame in torch.unbind(x, dim=1):
                spk = frame
                for k, (fc, lif) in enumerate(zip(self.fcs, self.lifs, strict=True)):
                    spk, mems[k] = lif(fc(spk), mems[k])
                out.append(spk)
            return torch.stack(out, 1)

    return Case(
        module=dyadic(Net(), 11), shapes=((N,),), drive="loop", time_axis=1, returns=(1,),
        constructs=("ModuleList", "batch first", "learnt beta"),
    )  # fmt: skip


@NETWORKS
def decay_from_tau_by_hand() -> Case:
    """math.exp(-dt / tau) in the constructor, normalised input, refractory mask."""

    class Cell(nn.Module):
        def __init__(self, tau):
            super().__init__()
            self.alpha = math.exp(-1.0 / tau)
            self.v = self.refractory = None

        def reset(self):
            self.v = self.refractory = None

        def forward(self, current):
            if self.v is None:
                self.v = torch.zeros_like(current)
                self.refractory = torch.zeros_like(current)
            v = self.alpha * self.v + (1 - self.alpha) * current
            spikes = ((v >= 0.25) & (self.refractory == 0)).float()
            self.v = torch.where(spikes > 0, torch.zeros_like(v), v)
            self.refractory = spikes
            return spikes

    net = nn.Sequential(nn.Linear(N, H), Cell(8.0), nn.Linear(H, OUT), Cell(8.0))
    return Case(
        module=dyadic(net, 12, drive=6.0), shapes=((N,),), neurons=("Cell",),
        constructs=("hand-written LIF", "refractory period", "torch.where", "boolean operators"),
    )  # fmt: skip


@NETWORKS
def winner_takes_all() -> Case:
    """Lateral inhibition by a fixed matrix, from the spikes of the step before."""

    class Inhibited(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.lif = nn.Linear(N, H), snn.Leaky(beta=0.75)
            self.register_buffer("lateral", -0.5 * (torch.ones(H, H) - torch.eye(H)))

        def forward(self, x):
            mem, spk = self.lif.init_leaky(), torch.zeros(x.size(1), H)
            out = []
            for frame in x:
                spk, mem = self.lif(self.fc(frame) + spk @ self.lateral, mem)
                out.append(spk)
            return torch.stack(out)

    return Case(
        module=dyadic(Inhibited(), 13, drive=4.0), shapes=((N,),), drive="loop",
        constructs=("recurrence written by hand", "matrix product", "Leaky"),
    )  # fmt: skip


@NETWORKS
def eligibility_trace() -> Case:
    """A low-pass filter of the spikes is the readout, as in e-prop."""

    class Traced(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.lif = nn.Linear(N, H), snn.Leaky(beta=0.75)

        def forward(self, x):
            mem, trace = self.lif.init_leaky(), torch.zeros(x.size(1), H)
            out, traces = [], []
            for frame in x:
                spk, mem = self.lif(self.fc(frame), mem)
                trace = 0.875 * trace + 0.125 * spk
                out.append(spk)
                traces.append(trace)
            return torch.stack(out), torch.stack(traces)

    return Case(
        module=dyadic(Traced(), 14), shapes=((N,),), drive="loop",
        constructs=("filter of spikes returned", "Leaky"),
    )  # fmt: skip
