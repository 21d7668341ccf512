"""What a network of the battery is: a module as people write it, and how it is driven.

A case says by itself how its module takes input and gives output; the judge asks neurochain for
none of these facts, so that a misreading of the module cannot hide in the comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import nn

__all__ = ["Case", "Family", "dyadic", "floats", "numbers"]

STEPS = 100


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One network.

    module       the live module
    shapes       one sample at one step of each input, without batch and time
    constructs   what the network is made of, by the names of the coverage table
    drive        "step": a call is a step, the module keeps its states; "states": a call is a step,
                 states go in and come out; "loop": a call is a sequence, time on `time_axis`;
                 "static": a call is one frame, shown at every one of `steps` steps
    inputs       "spikes" (0 or 1), "current" (multiples of 1/64 from 0 to `amplitude`), "signed"
    steps        steps of one run; what a module with a fixed number of steps makes
    traced       length of the sequence in the sample of a "loop"
    batched      False: inputs have no batch axis;  fixed_batch: the batch size written in forward
    states       "states": the values at the first step for a batch size; carry: what a call
                 returned -> (outputs, states of the next call)
    returns      for each returned tensor (nested ones counted flat): the axis of time ("loop",
                 "static"), "each" (one a step), "sum", "mean", "max", "last" over time, "list"
                 (the whole return value is a list of steps), or None (not compared: a state)
    outputs      which output of the compiled network a returned tensor is, where not in order
    neurons      names of classes in the module that are neurons, beside the libraries' own
    neuron_time  axis of time in what neuron modules return, None where one call is one step,
                 "squeezed" where it lies in the batch axis (batch * steps, ...)
    graded       spikes of the module have other sizes than 1: compared as spike or none
    quiet        neuron modules that are read by their membrane: not asked to fire, and need be
                 no population
    encoder      the function inside forward whose result becomes the network's input:
                 "bernoulli", "compare" or an attribute of snntorch.spikegen
    arbitrary    weights are any float32: neurochain's own verification judges, ties allowed
    refused      True where nothing but a refusal is right
    warns        words that a warning of the compilation must hold
    """

    module: nn.Module
    shapes: tuple[tuple[int, ...], ...]
    constructs: tuple[str, ...]
    name: str = ""
    drive: str = "step"
    inputs: str = "spikes"
    amplitude: float = 1.0
    time_axis: int = 0
    steps: int = STEPS
    traced: int = 5
    batched: bool = True
    fixed_batch: int | None = None
    states: Callable[[int], tuple[Any, ...]] | None = None
    carry: Callable[[Any], tuple[Any, tuple[Any, ...]]] | None = None
    returns: tuple[Any, ...] | None = None
    outputs: tuple[int, ...] | None = None
    neurons: tuple[str, ...] = ()
    neuron_time: int | str | None = None
    graded: bool = False
    quiet: tuple[str, ...] = ()
    encoder: str = ""
    arbitrary: bool = False
    refused: bool = False
    warns: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    notes: str = ""


class Family:
    """The networks of one file: name -> function that makes the case anew."""

    def __init__(self, prefix: str, *needs: str) -> None:
        self.prefix, self.needs = prefix, needs
        self.networks: dict[str, Callable[[], Case]] = {}

    def __call__(self, make: Callable[[], Case]) -> Callable[[], Case]:
        """Decorator: the function's name is the network's name."""
        return self.add(make.__name__, make)

    def add(self, name: str, make: Callable[[], Case]) -> Callable[[], Case]:
        """Add a network under a name."""
        full = f"{self.prefix}/{name}"
        if full in self.networks:
            raise ValueError(f"two networks are called {full}")
        self.networks[full] = make
        return make


def numbers(
    shape: tuple[int, ...], mean: float, deviation: float, seed: int, bits: int = 6
) -> torch.Tensor:
    """Normal numbers rounded to multiples of 2^-bits, drawn from a generator of their own."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(shape, generator=generator) * deviation + mean
    return torch.round(drawn * 2**bits) / 2**bits


_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d)
_FED = (nn.Linear, nn.Conv1d, nn.Conv2d, *_TRANSPOSED)
_NORMED = (nn.BatchNorm1d, nn.BatchNorm2d)


def dyadic(
    module: nn.Module, seed: int = 1, gain: float = 1.0, drive: float = 1.5, bits: int = 6
) -> nn.Module:
    """Weights, biases and statistics that float32 adds up without rounding, in eval mode.

    Weights are normal with mean drive / fan-in and deviation gain / sqrt(fan-in), so that layers
    fire; recurrent ones have mean 0. The variance of a batch norm is such that 1/sqrt(var + eps)
    is a power of two.
    """
    for k, (name, part) in enumerate(module.named_modules()):
        start = seed * 1000 + 10 * k
        if isinstance(part, _NORMED):
            _norm(part, start)
        elif isinstance(part, _FED):
            _fed(part, start, gain, 0.0 if "recurrent" in name else drive, bits)
    return module.eval()


def _fed(part: nn.Module, seed: int, gain: float, drive: float, bits: int) -> None:
    weight: torch.Tensor = part.weight  # type: ignore[assignment]
    fan_in = weight[0].numel()
    if isinstance(part, _TRANSPOSED):
        fan_in = max(1, weight.numel() // weight.shape[1] // prod(part.stride))
    with torch.no_grad():
        shape = tuple(weight.shape)
        weight.copy_(numbers(shape, drive / fan_in, gain / fan_in**0.5, seed, bits))
        if part.bias is not None:
            part.bias.copy_(numbers(tuple(part.bias.shape), 0.05, 0.1, seed + 1, bits))


def _norm(part: nn.Module, seed: int) -> None:
    n = part.num_features
    generator = torch.Generator().manual_seed(seed)

    def pick(*values: float) -> torch.Tensor:
        return torch.tensor(values)[torch.randint(len(values), (n,), generator=generator)]

    with torch.no_grad():
        if part.running_var is not None:
            variance = pick(0.25, 1.0, 4.0)
            part.running_var.copy_(variance - part.eps)
            if not torch.equal(part.running_var + part.eps, variance):
                raise ValueError(f"eps={part.eps}: no variance gives a power of two")
            part.running_mean.copy_(pick(-0.125, 0.0, 0.125, 0.25))
        if part.weight is not None:
            part.weight.copy_(pick(0.5, 1.0, 2.0))
        if part.bias is not None:
            part.bias.copy_(pick(-0.0625, 0.0, 0.125, 0.25))


def floats(module: nn.Module, seed: int = 1, gain: float = 1.0, drive: float = 1.5) -> nn.Module:
    """Weights and statistics that are any float32."""
    dyadic(module, seed, gain, drive, bits=30)
    generator = torch.Generator().manual_seed(seed + 77)
    for part in module.modules():
        if isinstance(part, _NORMED) and part.running_var is not None:
            n = (part.num_features,)
            part.running_var.copy_(torch.rand(n, generator=generator) + 0.25)
            part.running_mean.copy_(torch.randn(n, generator=generator) * 0.1)
    return module.eval()
