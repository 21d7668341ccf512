"""Networks of every neuron, reset, delay and style, and plain PyTorch runs of them.

Nothing here comes from neurochain: what it is judged by must not be its own code.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import snntorch as snn
import torch
from torch import nn

NEURONS = ("Leaky", "RLeaky", "Synaptic", "RSynaptic")
RESETS = ("subtract", "zero", "none")
STYLES = ("sequential", "explicit_state", "time_loop")
CELLS = list(itertools.product(NEURONS, RESETS, (True, False), STYLES))
STATES = {
    "Leaky": ("mem",),
    "RLeaky": ("spk", "mem"),
    "Synaptic": ("syn", "mem"),
    "RSynaptic": ("spk", "syn", "mem"),
}
N_IN, N_HIDDEN, N_OUT = 12, 10, 6


def neuron(kind: str, size: int, **options: Any) -> nn.Module:
    """A neuron whose second state decays fast enough to come down again."""
    if kind.endswith("Synaptic"):
        options.setdefault("alpha", 0.5)
    if kind.startswith("R"):
        options.setdefault("linear_features", size)
    options.setdefault("beta", 0.8)
    return getattr(snn, kind)(**options)


def set_weights(module: nn.Module, *, dyadic: bool, seed: int, gain: float = 1.0) -> None:
    """Weights of both signs; dyadic ones are multiples of 1/64, so sums are exact."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(module.named_parameters()):
            values = torch.randn(parameter.shape, generator=generator)
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 16
            scale = 0.3 if "recurrent" in name else 1.6 * gain
            values = values * (scale / fan_in**0.5) + (0.05 if parameter.dim() > 1 else 0.0)
            if dyadic:
                values = torch.round(values * 64) / 64
            parameter.copy_(values)


class Explicit(nn.Module):
    """Takes and returns the states of both layers."""

    def __init__(self, kind: str, **options: Any) -> None:
        super().__init__()
        self.kind = kind
        self.fc1 = nn.Linear(N_IN, N_HIDDEN)
        self.lif1 = neuron(kind, N_HIDDEN, **options)
        self.fc2 = nn.Linear(N_HIDDEN, N_OUT)
        self.lif2 = neuron(kind, N_OUT, **options)


class ExplicitOne(Explicit):
    def forward(self, x, a1, a2):
        spk1, a1 = self.lif1(self.fc1(x), a1)
        spk2, a2 = self.lif2(self.fc2(spk1), a2)
        return spk1, spk2, a1, a2


class ExplicitRecurrent(Explicit):
    def forward(self, x, spk1, mem1, spk2, mem2):
        spk1, mem1 = self.lif1(self.fc1(x), spk1, mem1)
        spk2, mem2 = self.lif2(self.fc2(spk1), spk2, mem2)
        return spk1, mem1, spk2, mem2


class ExplicitTwo(Explicit):
    def forward(self, x, syn1, mem1, syn2, mem2):
        spk1, syn1, mem1 = self.lif1(self.fc1(x), syn1, mem1)
        spk2, syn2, mem2 = self.lif2(self.fc2(spk1), syn2, mem2)
        return spk1, spk2, syn1, mem1, syn2, mem2


class ExplicitThree(Explicit):
    def forward(self, x, spk1, syn1, mem1, spk2, syn2, mem2):
        spk1, syn1, mem1 = self.lif1(self.fc1(x), spk1, syn1, mem1)
        spk2, syn2, mem2 = self.lif2(self.fc2(spk1), spk2, syn2, mem2)
        return spk1, syn1, mem1, spk2, syn2, mem2


EXPLICIT = {
    "Leaky": ExplicitOne,
    "RLeaky": ExplicitRecurrent,
    "Synaptic": ExplicitTwo,
    "RSynaptic": ExplicitThree,
}


class Loop(Explicit):
    """Goes over time; states start from zeros of full size."""

    def forward(self, x):
        states = [
            [torch.zeros(x.shape[1], size) for _ in STATES[self.kind]] for size in (N_HIDDEN, N_OUT)
        ]
        first, second = [], []
        for t in range(x.size(0)):
            spk1, *rest1 = self.lif1(self.fc1(x[t]), *states[0])
            spk2, *rest2 = self.lif2(self.fc2(spk1), *states[1])
            recurrent = self.kind.startswith("R")
            states = [[spk1, *rest1], [spk2, *rest2]] if recurrent else [rest1, rest2]
            first.append(spk1)
            second.append(spk2)
        return torch.stack(first), torch.stack(second)


def build(kind: str, reset: str, delay: bool, style: str, *, dyadic: bool, seed: int) -> nn.Module:
    """The network of one cell, in eval mode."""
    # the default surrogate where weights are dyadic, the plain comparison where they are not
    options = {"reset_mechanism": reset, "reset_delay": delay, "surrogate_disable": not dyadic}
    gain = 1.0
    if reset == "none":
        options["threshold"] = 1.5
    net: nn.Module
    if style == "sequential":
        options["init_hidden"] = True
        net = nn.Sequential(
            nn.Linear(N_IN, N_HIDDEN),
            neuron(kind, N_HIDDEN, **options),
            nn.Linear(N_HIDDEN, N_OUT),
            neuron(kind, N_OUT, **options),
        )
    else:
        net = (
            EXPLICIT[kind](kind, **options) if style == "explicit_state" else Loop(kind, **options)
        )
    set_weights(net, dyadic=dyadic, seed=seed, gain=gain)
    return net.eval()


def sample_for(style: str) -> np.ndarray:
    """One call's input at batch 1."""
    return np.zeros((3, 1, N_IN) if style == "time_loop" else (1, N_IN), dtype=np.float32)


def layer_names(style: str) -> tuple[str, str]:
    """Names of the two populations."""
    return ("1", "3") if style == "sequential" else ("lif1", "lif2")


def plain_run(net: nn.Module, kind: str, style: str, x: np.ndarray) -> list[np.ndarray]:
    """Spikes of both layers by PyTorch alone, x (sample, step, n): (sample, step, n) each."""
    frames = torch.from_numpy(x).transpose(0, 1)
    with torch.no_grad():
        if style == "time_loop":
            return [spikes.transpose(0, 1).numpy() for spikes in net(frames)]
        if style == "sequential":
            return _sequential_run(net, frames)
        return _explicit_run(net, kind, frames)


def _explicit_run(net: nn.Module, kind: str, frames: torch.Tensor) -> list[np.ndarray]:
    """States go round by hand."""
    count, recurrent = len(STATES[kind]), kind.startswith("R")
    states = [torch.zeros(frames.shape[1], n) for n in (N_HIDDEN, N_OUT) for _ in range(count)]
    first, second = [], []
    for frame in frames:
        out = net(frame, *states)
        first.append(out[0])
        second.append(out[count] if recurrent else out[1])
        states = list(out if recurrent else out[2:])
    return [torch.stack(first, 1).numpy(), torch.stack(second, 1).numpy()]


def _sequential_run(net: nn.Module, frames: torch.Tensor) -> list[np.ndarray]:
    for layer in net:
        if hasattr(layer, "reset_mem"):
            layer.reset_mem()
    first, second = [], []
    for frame in frames:
        first.append(net[1](net[0](frame)))
        second.append(net[3](net[2](first[-1])))
    return [torch.stack(first, 1).numpy(), torch.stack(second, 1).numpy()]


def spikes(rates: tuple[float, ...], steps: int, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Bernoulli spikes, one sample a rate: (sample, step, *shape)."""
    generator = np.random.default_rng(seed)
    return np.stack([(generator.random((steps, *shape)) < r).astype(np.float32) for r in rates])
