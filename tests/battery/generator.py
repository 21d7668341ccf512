"""Networks drawn at random from what people write, with dyadic weights.

    python tests/battery/generator.py --number 1000 --seed 1     counts what became of them
    python tests/battery/generator.py --one 1000042              prints one of them and its outcome

Network k of a run has the seed `seed * 1_000_000 + k`; the seed alone makes the network.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
import snntorch as snn
import torch
from case import Case, dyadic, numbers
from networks.handwritten import (
    Adaptive,
    CurrentBased,
    HardReset,
    MaskedReset,
    Refractory,
    ResetFirst,
    SoftReset,
)
from snntorch import utils
from torch import nn
from torch.nn import functional as F

__all__ = ["random_network"]

BY_HAND = (SoftReset, HardReset, MaskedReset, ResetFirst, CurrentBased, Refractory, Adaptive)
BETAS = (0.5, 0.75, 0.875, 0.9375, 1.0)
LIMIT = 200
Shape = tuple[int, ...]


class Apply(nn.Module):
    """A function of one tensor, described by its text."""

    def __init__(self, text: str, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.text, self.function = text, function

    def extra_repr(self) -> str:
        return self.text

    def forward(self, x):
        return self.function(x)


class Joined(nn.Module):
    """Two branches of one input, added, subtracted or side by side."""

    def __init__(self, how: str, left: nn.Module, right: nn.Module) -> None:
        super().__init__()
        self.how, self.left, self.right = how, left, right

    def extra_repr(self) -> str:
        return self.how

    def forward(self, x):
        a, b = self.left(x), self.right(x)
        if self.how == "cat":
            return torch.cat([a, b], dim=1)
        return a + b if self.how == "add" else a - b


class Halves(nn.Module):
    """The first axis in two pieces, each through its own branch, then side by side."""

    def __init__(self, left: nn.Module, right: nn.Module) -> None:
        super().__init__()
        self.left, self.right = left, right

    def forward(self, x):
        a, b = x.chunk(2, dim=1)
        return torch.cat([self.left(a), self.right(b)], dim=1)


class Looped(nn.Module):
    """A time loop around a network that takes one step a call."""

    def __init__(self, net: nn.Module, time_axis: int, total: bool) -> None:
        super().__init__()
        self.net, self.time_axis, self.total = net, time_axis, total

    def forward(self, x):
        for part in self.net.modules():
            utils.reset(part)
            if isinstance(part, BY_HAND):
                part.reset()
        out = [self.net(x.select(self.time_axis, t)) for t in range(x.size(self.time_axis))]
        return sum(out) if self.total else torch.stack(out)


class Drawer:
    """Draws layers; `used` gathers the constructs."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.seed = seed
        self.used: list[str] = []
        self.weighted = 0  # weighted layers since the last neuron: their products must stay exact

    def pick(self, *options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def note(self, construct: str) -> None:
        if construct not in self.used:
            self.used.append(construct)

    # --- neurons -------------------------------------------------------------------------------

    def neuron(self, shape: Shape) -> nn.Module:
        self.weighted = 0
        kind = self.pick("Leaky", "Leaky", "Synaptic", "RLeaky", "RSynaptic", "Lapicque", "hand")
        if kind == "hand":
            chosen = self.pick(*BY_HAND)
            self.note(f"hand-written {chosen.__name__}")
            return chosen()
        self.note(kind)
        options: dict[str, Any] = {
            "beta": self.pick(*BETAS[:-1] if kind == "Lapicque" else BETAS),
            "threshold": self.pick(0.5, 1.0, 1.5),
            "init_hidden": True,
            "reset_mechanism": self.pick("subtract", "subtract", "zero", "none"),
        }
        if kind != "Lapicque" and kind != "RSynaptic":
            options["reset_delay"] = self.pick(True, True, False)
        if len(shape) == 1 and self.pick(True, False, False) and kind != "Lapicque":
            options["beta"] = numbers(shape, 0.75, 0.125, self.seed).clamp(0, 1)
            options["threshold"] = numbers(shape, 1.0, 0.25, self.seed + 1).clamp(min=0.25)
            self.note("per-neuron beta and threshold")
        if "Synaptic" in kind:
            options["alpha"] = self.pick(0.25, 0.5, 0.75)
        if kind[0] == "R":
            options |= self.recurrence(shape)
        return getattr(snn, kind)(**options)

    def recurrence(self, shape: Shape) -> dict[str, Any]:
        if self.pick(True, False) or len(shape) == 2:
            return {"all_to_all": False, "V": self.pick(-0.5, 0.25, -0.25)}
        if len(shape) == 3:
            return {"conv2d_channels": shape[0], "kernel_size": 3}
        return {"linear_features": shape[0]}

    # --- layers --------------------------------------------------------------------------------

    def weight_layer(self, shape: Shape) -> list[nn.Module]:
        self.weighted += 1
        if len(shape) == 1:
            size = int(self.rng.integers(4, 14))
            self.note("Linear")
            layers: list[nn.Module] = [nn.Linear(shape[0], size, bias=self.pick(True, False))]
            return self.normed(layers, nn.BatchNorm1d, size)
        channels = self.pick(2, 3, 4)
        groups = shape[0] if channels % shape[0] == 0 and self.pick(True, False) else 1
        kernel, padding = self.pick((3, 1), (3, 0), (2, 0), (1, 0), (3, "same"))
        if min(shape[1:]) < 4:
            kernel, padding = 1, 0
        stride = 1 if padding == "same" else self.pick(1, 1, 2)
        kind = nn.Conv2d if len(shape) == 3 else nn.Conv1d
        self.note(kind.__name__)
        conv = kind(shape[0], channels, kernel, stride=stride, padding=padding, groups=groups)
        norm = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
        return self.normed([conv], norm, channels)

    def normed(self, layers: list[nn.Module], kind: Any, size: int) -> list[nn.Module]:
        if self.pick(True, False, False):
            self.note(kind.__name__)
            layers.append(kind(size))
        return layers

    def pool(self, shape: Shape) -> list[nn.Module]:
        if len(shape) == 1 or min(shape[1:]) < 4:
            return []
        two = len(shape) == 3
        name = self.pick("MaxPool", "AvgPool")
        self.note(f"{name}{2 if two else 1}d")
        kind = getattr(nn, f"{name}{2 if two else 1}d")
        options: dict[str, Any] = {"ceil_mode": self.pick(False, False, True)}
        options["padding"] = self.pick(0, 0, 1)
        if options["ceil_mode"]:
            self.note("ceil_mode")
        return [kind(2, **options)]

    def shaped(self, shape: Shape) -> list[nn.Module]:
        """Something that moves or scales values."""
        factor = self.pick(0.5, 2.0, -1.0, 0.25)
        choices: list[tuple[str, str, Callable[[torch.Tensor], torch.Tensor]]] = [
            ("scaling by a constant", f"x * {factor}", lambda x: x * factor),
            ("scaling by a constant", "x / 2", lambda x: x / 2),
            ("constant added", "x + 0.125", lambda x: x + 0.125),
            ("flip, roll", "x.flip(1)", lambda x: x.flip(1)),
            ("indexing", "x[:, 1:]", lambda x: x[:, 1:] if x.shape[1] > 2 else x),
        ]
        if len(shape) == 3:
            choices += [
                ("transpose", "x.transpose(2, 3)", lambda x: x.transpose(2, 3)),
                ("F.pad", "F.pad(x, (1, 0, 0, 1))", lambda x: F.pad(x, (1, 0, 0, 1))),
            ]
        construct, text, function = self.pick(*choices)
        self.note(construct)
        return [Apply(text, function)]

    # --- networks ------------------------------------------------------------------------------

    def block(self, shape: Shape, depth: int) -> nn.Module:
        """One to three stages, the last one a neuron."""
        layers: list[nn.Module] = []
        for _ in range(int(self.rng.integers(1, 4))):
            stage = self.stage(_after(layers, shape), depth)
            if stage and _size(layers, stage, shape):
                layers += stage
        layers.append(self.neuron(_after(layers, shape)))
        return nn.Sequential(*layers)

    def stage(self, shape: Shape, depth: int) -> list[nn.Module]:
        kind = self.pick("weight", "weight", "weight", "pool", "shape", "join", "halves", "skip")
        if kind == "weight" and self.weighted < 2:
            return self.weight_layer(shape)
        if kind == "pool":
            return self.pool(shape)
        if kind == "shape":
            return self.shaped(shape)
        if depth == 0:
            return []
        if kind == "skip":
            self.note("skip addition")
            return [Joined("add", self.same(shape), nn.Identity())]
        if kind == "join":
            how = self.pick("add", "subtract", "cat")
            self.note({"add": "skip addition", "cat": "concatenation"}.get(how, "subtraction"))
            return [Joined(how, self.same(shape), self.same(shape))]
        if kind == "halves" and shape[0] % 2 == 0:
            half = (shape[0] // 2, *shape[1:])
            self.note("split, chunk")
            return [Halves(self.same(half), self.same(half))]
        return []

    def same(self, shape: Shape) -> nn.Module:
        """Layer and perhaps neuron that keep the shape."""
        self.weighted += 1
        if len(shape) == 1:
            layer: nn.Module = nn.Linear(shape[0], shape[0])
        elif len(shape) == 3:
            layer = nn.Conv2d(shape[0], shape[0], 3, padding=1)
        else:
            layer = nn.Conv1d(shape[0], shape[0], 3, padding=1)
        held, layers = self.weighted, [layer]
        if self.pick(True, False):
            layers.append(self.neuron(shape))
        self.weighted = held
        return nn.Sequential(*layers)

    def network(self) -> tuple[nn.Module, Shape]:
        shape: Shape = self.pick((8,), (12,), (2, 8), (1, 6, 6), (2, 8, 8))
        now, blocks = shape, []
        for depth in range(int(self.rng.integers(1, 4))):
            blocks.append(self.block(now, 1 if depth else 0))
            now = _after(blocks, shape)
        if len(now) > 1 and self.pick(True, False):
            self.note("Flatten")
            size = int(np.prod(now))
            blocks += [nn.Flatten(), nn.Linear(size, 5), self.neuron((5,))]
        return nn.Sequential(*blocks), shape


def _after(layers: list[nn.Module], shape: Shape) -> Shape:
    """The shape behind some layers."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        net = nn.Sequential(*layers).eval()
        out = net(torch.zeros(1, *shape))
        for part in net.modules():
            if isinstance(part, BY_HAND):
                part.reset()
            for state in ("spk", "syn", "mem"):  # utils.reset leaves spk of RSynaptic as it is
                if isinstance(getattr(part, state, None), torch.Tensor):
                    setattr(part, state, torch.zeros(0))
    return tuple(out.shape[1:])


def _size(layers: list[nn.Module], stage: list[nn.Module], shape: Shape) -> bool:
    return int(np.prod(_after([*layers, *stage], shape))) <= LIMIT


def random_network(seed: int) -> Callable[[], Case]:
    """The network of a seed, made anew at every call."""

    def make() -> Case:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return _made(seed)

    return make


def _made(seed: int) -> Case:
    drawer = Drawer(seed)
    net, shape = drawer.network()
    dyadic(net, seed % 997 + 1, drive=1.5, bits=4)
    style = drawer.pick("step", "loop", "batch first", "total")
    inputs = drawer.pick("spikes", "spikes", "current")
    more: dict[str, Any] = {}
    if style != "step":
        net = Looped(net, 1 if style == "batch first" else 0, style == "total").eval()
        more = {"drive": "loop", "time_axis": 1 if style == "batch first" else 0}
        if style == "total":
            more["returns"] = ("sum",)
    snn._neurons.neurons.SpikingNeuron.instances.clear()
    return Case(
        module=net, shapes=(shape,), constructs=(*drawer.used, style), name=f"random/{seed}",
        inputs=inputs, neurons=tuple(kind.__name__ for kind in BY_HAND), **more,
    )  # fmt: skip


def main() -> int:
    """Judge many; exit code 1 where one is neither exact nor refused by the list."""
    import argparse
    from collections import Counter

    from judge import judge

    parser = argparse.ArgumentParser(description="Judge networks drawn at random.")
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--one", type=int, help="print the network of this seed and its outcome")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.one is not None:
        print(random_network(options.one)().module)
        print(judge(random_network(options.one), idle=True))
        return 0
    counts: Counter[str] = Counter()
    for k in range(options.number):
        seed = options.seed * 1_000_000 + k
        outcome = judge(random_network(seed), idle=True, verify=False)
        counts[outcome.status] += 1
        if outcome.status not in ("exact", "refused"):
            print(f"{seed}: {outcome.status}: {outcome.text[:300]}", flush=True)
    shown = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))
    print(f"seed {options.seed}: {options.number} networks: {shown}")
    return 1 if set(counts) - {"exact", "refused"} else 0


if __name__ == "__main__":
    sys.exit(main())
