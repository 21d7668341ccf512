"""Neurons in plain torch, as people write them without a library."""

from collections.abc import Callable
from typing import Any

import torch
from case import Case, Family, dyadic
from torch import nn

NETWORKS = Family("handwritten")
N, H, OUT = 8, 10, 4
NEURONS = ("LIF",)


class Surrogate(torch.autograd.Function):
    """Heaviside forward, fast sigmoid backward: the code of a hundred repositories."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).float()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad / (10 * x.abs() + 1) ** 2


spike_fn = Surrogate.apply


class Net(nn.Module):
    """fc - neuron - fc - neuron; the neurons keep their state, `reset` clears it."""

    def __init__(self, first: nn.Module, second: nn.Module, looped: bool) -> None:
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(N, H), first
        self.fc2, self.lif2 = nn.Linear(H, OUT), second
        self.looped = looped

    def forward(self, x):
        if not self.looped:
            return self.lif2(self.fc2(self.lif1(self.fc1(x))))
        self.lif1.reset()
        self.lif2.reset()
        out = []
        for frame in x:
            out.append(self.lif2(self.fc2(self.lif1(self.fc1(frame)))))
        return torch.stack(out)


class Kept(nn.Module):
    """State as an attribute, None before the first step."""

    def __init__(self, beta: float = 0.75, threshold: float = 1.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold
        self.reset()

    def reset(self) -> None:
        self.mem = None


def neuron(*constructs: str, weight: float = 1.5, seed: int = 1, **more: Any):
    """Decorator of a class of neurons: a network that loops, and one that takes a step a call."""

    def add(kind: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
        for looped in (True, False):
            name = f"{kind.__name__}_{'loop' if looped else 'step'}"

            def make(looped: bool = looped) -> Case:
                net = dyadic(Net(kind(), kind(), looped), seed, drive=weight)
                style = "time loop" if looped else "one step a call"
                return Case(
                    module=net, shapes=((N,),), drive="loop" if looped else "step",
                    neurons=(kind.__name__,), constructs=(*constructs, style), **more,
                )  # fmt: skip

            NETWORKS.add(name, make)
        return kind

    return add


@neuron("hand-written LIF", "reset by subtraction")
class SoftReset(Kept):
    def forward(self, x):
        if self.mem is None:
            self.mem = torch.zeros_like(x)
        self.mem = self.beta * self.mem + x
        spk = (self.mem > self.threshold).float()
        self.mem = self.mem - spk * self.threshold
        return spk


@neuron("hand-written LIF", "reset to zero", "surrogate gradients")
class HardReset(Kept):
    def forward(self, x):
        if self.mem is None:
            self.mem = torch.zeros_like(x)
        self.mem = self.mem * self.beta + x
        spk = spike_fn(self.mem - self.threshold)
        self.mem = self.mem * (1 - spk)
        return spk


@neuron("hand-written LIF", "torch.where")
class WhereReset(Kept):
    def forward(self, x):
        mem = torch.zeros_like(x) if self.mem is None else self.mem
        mem = mem + (x - mem) / 2
        spk = (mem >= self.threshold / 2).to(x.dtype)
        self.mem = torch.where(spk.bool(), torch.zeros_like(mem), mem)
        return spk


@neuron("hand-written LIF", "masked assignment")
class MaskedReset(Kept):
    def forward(self, x):
        if self.mem is None:
            self.mem = torch.zeros_like(x)
        self.mem = self.beta * self.mem + x
        fired = self.mem >= self.threshold
        self.mem = self.mem.masked_fill(fired, 0.0)
        return fired.float()


@neuron("hand-written integrate-and-fire")
class Integrate(Kept):
    def forward(self, x):
        if self.mem is None:
            self.mem = torch.zeros_like(x)
        self.mem = self.mem + x
        spk = torch.heaviside(self.mem - self.threshold, torch.zeros(()))
        self.mem = self.mem - self.threshold * spk
        return spk


@neuron("hand-written LIF", "reset before the update", weight=2.0)
class ResetFirst(Kept):
    """snnTorch's order: the spike of the step before resets this step."""

    def forward(self, x):
        if self.mem is None:
            self.mem = torch.zeros_like(x)
        reset = (self.mem > self.threshold).float().detach()
        self.mem = self.beta * self.mem + x - reset * self.threshold
        return (self.mem > self.threshold).float()


@neuron("hand-written current-based LIF")
class CurrentBased(Kept):
    def reset(self) -> None:
        self.mem, self.syn = None, None

    def forward(self, x):
        if self.mem is None:
            self.mem, self.syn = torch.zeros_like(x), torch.zeros_like(x)
        self.syn = 0.5 * self.syn + x
        self.mem = self.beta * self.mem + self.syn
        spk = spike_fn(self.mem - self.threshold)
        self.mem = self.mem - spk.detach() * self.threshold
        return spk


@neuron("refractory period", weight=4.0)
class Refractory(Kept):
    """Two steps of silence after a spike, by a counter."""

    def reset(self) -> None:
        self.mem, self.wait = None, None

    def forward(self, x):
        if self.mem is None:
            self.mem, self.wait = torch.zeros_like(x), torch.zeros_like(x)
        awake = (self.wait <= 0).float()
        self.mem = self.beta * self.mem + x * awake
        spk = (self.mem > self.threshold).float() * awake
        self.wait = torch.where(spk > 0, torch.full_like(x, 2.0), (self.wait - 1).clamp(min=0))
        self.mem = self.mem * (1 - spk)
        return spk


@neuron("adaptive threshold", weight=3.0)
class Adaptive(Kept):
    """The threshold rises with every spike and decays back (ALIF)."""

    def reset(self) -> None:
        self.mem, self.adapt = None, None

    def forward(self, x):
        if self.mem is None:
            self.mem, self.adapt = torch.zeros_like(x), torch.zeros_like(x)
        theta = self.threshold + 0.5 * self.adapt
        self.mem = self.beta * self.mem + x
        spk = spike_fn(self.mem - theta)
        self.mem = self.mem - spk * theta
        self.adapt = 0.875 * self.adapt + spk
        return spk


@neuron("two compartments", weight=2.0)
class TwoCompartments(Kept):
    """A dendrite that charges the soma."""

    def reset(self) -> None:
        self.soma, self.dendrite = None, None

    def forward(self, x):
        if self.soma is None:
            self.soma, self.dendrite = torch.zeros_like(x), torch.zeros_like(x)
        dendrite = 0.75 * self.dendrite + x
        self.soma = self.beta * self.soma + 0.5 * (dendrite - 0.25 * self.soma)
        spk = (self.soma >= self.threshold).float()
        self.dendrite = dendrite - 0.25 * spk
        self.soma = self.soma * (1.0 - spk)
        return spk


@neuron("hand-written LIF", "lower bound of the membrane")
class Floored(Kept):
    def forward(self, x):
        if self.mem is None:
            self.mem = torch.zeros_like(x)
        self.mem = torch.clamp(self.beta * self.mem + x, min=-0.25)
        spk = (self.mem > self.threshold).float()
        self.mem = self.mem - spk
        return spk


@neuron("hand-written LIF", "leak towards a resting value", weight=2.0)
class Resting(Kept):
    """Membrane in units with a resting potential of -0.5 and a reset to -0.75."""

    def forward(self, x):
        if self.mem is None:
            self.mem = torch.full_like(x, -0.5)
        self.mem = self.mem + 0.25 * (-0.5 - self.mem) + x
        spk = (self.mem > self.threshold).float()
        self.mem = spk * -0.75 + (1 - spk) * self.mem
        return spk


@neuron("learnt decay through a sigmoid")
class LearntDecay(Kept):
    """PLIF: the decay is the sigmoid of a parameter; the parameter is a constant here."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(0.0))

    def forward(self, x):
        if self.mem is None:
            self.mem = torch.zeros_like(x)
        self.mem = self.mem * torch.sigmoid(self.w) + x
        spk = (self.mem > self.threshold).float()
        self.mem = self.mem - spk
        return spk


@neuron("buffer as a state")
class Buffered(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mem", torch.zeros(1))

    def reset(self) -> None:
        self.mem = torch.zeros(1)

    def forward(self, x):
        self.mem = 0.75 * self.mem + x
        spk = (self.mem > 1.0).float()
        self.mem = self.mem - spk
        return spk


@neuron("ternary spikes", weight=0.0)
class Ternary(Kept):
    """Spikes of -1, 0 and 1."""

    def forward(self, x):
        if self.mem is None:
            self.mem = torch.zeros_like(x)
        self.mem = self.beta * self.mem + x
        spk = (self.mem > 0.5).float() - (self.mem < -0.5).float()
        self.mem = self.mem - 0.5 * spk
        return spk


@neuron("exponential or quadratic dynamics", refused=True)
class Exponential(Kept):
    """Exponential integrate-and-fire: exp of the membrane."""

    def forward(self, x):
        if self.mem is None:
            self.mem = torch.zeros_like(x)
        self.mem = 0.5 * self.mem + 0.125 * torch.exp(self.mem - 1) + x
        spk = (self.mem > self.threshold).float()
        self.mem = self.mem * (1 - spk)
        return spk


# --- functions with explicit states --------------------------------------------------------------


def lif_step(x, mem, beta=0.75, threshold=1.0):
    mem = beta * mem + x
    spk = (mem > threshold).float()
    return spk, mem - spk * threshold


class _Functions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(N, H), nn.Linear(H, OUT)


@NETWORKS
def functions_in_a_loop() -> Case:
    class Functional(_Functions):
        def forward(self, x):
            mem1, mem2 = torch.zeros(x.size(1), H), torch.zeros(x.size(1), OUT)
            out = []
            for frame in x:
                spk1, mem1 = lif_step(self.fc1(frame), mem1)
                spk2, mem2 = lif_step(self.fc2(spk1), mem2)
                out.append(spk2)
            return torch.stack(out)

    return Case(
        module=dyadic(Functional(), 2), shapes=((N,),), drive="loop",
        constructs=("neuron written as a function", "time loop"),
    )  # fmt: skip


@NETWORKS
def functions_with_states_passed() -> Case:
    class Functional(_Functions):
        def forward(self, x, mem1, mem2):
            spk1, mem1 = lif_step(self.fc1(x), mem1)
            spk2, mem2 = lif_step(self.fc2(spk1), mem2)
            return spk2, mem1, mem2

    return Case(
        module=dyadic(Functional(), 3), shapes=((N,),), drive="states",
        states=lambda b: (torch.zeros(b, H), torch.zeros(b, OUT)),
        carry=lambda out: (out, (out[1], out[2])), returns=("each", None, None),
        constructs=("neuron written as a function", "states passed by hand"),
    )  # fmt: skip


@NETWORKS
def spytorch() -> Case:
    """Zenke's SpyTorch: einsum of the whole input, then a loop with syn, mem and rst."""

    class SpyTorch(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(N, H, bias=False), nn.Linear(H, OUT, bias=False)

        def forward(self, x):  # (batch, step, n)
            batch, steps = x.shape[:2]
            h1 = torch.einsum("btn,nm->btm", (x, self.fc1.weight.t()))
            syn, mem = torch.zeros(batch, H), torch.zeros(batch, H)
            record = []
            for t in range(steps):
                mthr = mem - 1.0
                out = spike_fn(mthr)
                rst = out.detach()
                new_syn = 0.5 * syn + h1[:, t]
                new_mem = (0.75 * mem + syn) * (1.0 - rst)
                record.append(out)
                mem, syn = new_mem, new_syn
            spikes = torch.stack(record, dim=1)
            h2 = torch.einsum("btn,nm->btm", (spikes, self.fc2.weight.t()))
            flt, out = torch.zeros(batch, OUT), torch.zeros(batch, OUT)
            readout = []
            for t in range(steps):
                new_flt = 0.5 * flt + h2[:, t]
                new_out = 0.75 * out + flt
                flt, out = new_flt, new_out
                readout.append(out)
            return torch.stack(readout, dim=1), spikes

    return Case(
        module=dyadic(SpyTorch(), 4, drive=1.0), shapes=((N,),), drive="loop", time_axis=1,
        returns=(1, 1), outputs=(1, 0), quiet=("returned 0",),
        constructs=("neuron written as a function", "einsum", "layer by layer"),
        source="https://github.com/fzenke/spytorch",
    )  # fmt: skip


@NETWORKS
def recurrent_by_hand() -> Case:
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.recurrent = nn.Linear(N, H), nn.Linear(H, H, bias=False)

        def forward(self, x):
            mem, spk = torch.zeros(x.size(1), H), torch.zeros(x.size(1), H)
            out = []
            for frame in x:
                mem = 0.75 * mem + self.fc(frame) + self.recurrent(spk)
                spk = (mem > 1.0).float()
                mem = mem - spk
                out.append(spk)
            return torch.stack(out)

    return Case(
        module=dyadic(Recurrent(), 5, gain=0.5), shapes=((N,),), drive="loop",
        constructs=("neuron written as a function", "recurrence written by hand"),
    )  # fmt: skip


@NETWORKS
def hand_written_convolutional() -> Case:
    class Spiking(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(1, 3, 3), nn.Linear(27, OUT)
            self.lif1, self.lif2 = SoftReset(), HardReset()
            self.pool = nn.AvgPool2d(2)

        def forward(self, x):
            return self.lif2(self.fc(self.pool(self.lif1(self.conv(x))).flatten(1)))

    return Case(
        module=dyadic(Spiking(), 6), shapes=((1, 8, 8),), neurons=("SoftReset", "HardReset"),
        constructs=("hand-written LIF", "Conv2d", "AvgPool2d"),
    )  # fmt: skip


@NETWORKS
def leaky_integrator_readout() -> Case:
    """Hidden LIF by hand, a leaky readout without spikes whose last value is returned."""

    class Readout(_Functions):
        def forward(self, x):
            mem1, out = torch.zeros(x.size(1), H), torch.zeros(x.size(1), OUT)
            spikes = []
            for frame in x:
                spk1, mem1 = lif_step(self.fc1(frame), mem1)
                out = 0.875 * out + self.fc2(spk1)
                spikes.append(spk1)
            return torch.stack(spikes), out

    return Case(
        module=dyadic(Readout(), 7), shapes=((N,),), drive="loop", returns=(0, "last"),
        quiet=("returned 1",),
        constructs=("neuron written as a function", "last membrane returned"),
    )  # fmt: skip
