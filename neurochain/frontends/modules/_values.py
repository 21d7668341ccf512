"""What a traced tensor stands for. Values form a graph; identity of the object is identity."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

__all__ = [
    "AddValue",
    "ConstValue",
    "InputValue",
    "LeafCall",
    "LeafValue",
    "NeuronCall",
    "ProbeValue",
    "ReduceValue",
    "SequenceValue",
    "SpikeValue",
    "StateValue",
    "TraceStopError",
    "UnknownValue",
    "Value",
    "ViewValue",
]

Index = NDArray[np.int64]


class TraceStopError(Exception):
    """The trace cannot go on; the reason is among the tracer's findings."""


@dataclass(slots=True, eq=False, kw_only=True)
class Value:
    """Base. `shape` is that of the traced tensor, batch included."""

    shape: tuple[int, ...]


@dataclass(slots=True, eq=False, kw_only=True)
class InputValue(Value):
    """The sample."""


@dataclass(slots=True, eq=False, kw_only=True)
class ProbeValue(Value):
    """An argument of forward beside the sample: a state, if it arrives where states go."""

    argument: str


@dataclass(slots=True, eq=False, kw_only=True)
class ConstValue(Value):
    """A tensor that does not depend on the sample."""

    zero: bool


@dataclass(slots=True, eq=False, kw_only=True)
class ViewValue(Value):
    """Elements of `base` in another shape or order: flat index of each element in base."""

    base: Value
    index: Index
    label: str = ""


@dataclass(slots=True, eq=False, kw_only=True)
class AddValue(Value):
    """left + right."""

    left: Value
    right: Value


@dataclass(slots=True, eq=False, kw_only=True)
class LeafCall:
    """One call of a stateless layer. `key` holds the parameters of a functional call."""

    name: str
    module: nn.Module
    argument: Value
    key: tuple[Any, ...] = ()


@dataclass(slots=True, eq=False, kw_only=True)
class LeafValue(Value):
    """Result of a stateless layer."""

    call: LeafCall


@dataclass(slots=True, eq=False, kw_only=True)
class NeuronCall:
    """One call of a neuron: its current, the states it started from, when and which it is."""

    name: str
    module: nn.Module
    current: Value
    states: dict[str, Value]
    passed: dict[str, bool] = field(default_factory=dict)
    from_rest: bool = False
    step: int = -1
    site: int = 0


@dataclass(slots=True, eq=False, kw_only=True)
class SpikeValue(Value):
    """Spikes of a call (also the state `spk` of recurrent neurons)."""

    call: NeuronCall


@dataclass(slots=True, eq=False, kw_only=True)
class StateValue(Value):
    """State `state` (mem, syn) after a call."""

    call: NeuronCall
    state: str


@dataclass(slots=True, eq=False, kw_only=True)
class SequenceValue(Value):
    """Values of many steps put together along axis `dim` (torch.stack, a filled record)."""

    items: list[Value | None]
    dim: int


@dataclass(slots=True, eq=False, kw_only=True)
class ReduceValue(Value):
    """sum, mean or max of `base` over `dims`; `factor` is a division that followed."""

    op: str
    base: Value
    dims: tuple[int, ...]
    divisor: float = 1.0


@dataclass(slots=True, eq=False, kw_only=True)
class UnknownValue(Value):
    """Result of something that is not compiled; tracing goes on to find more.

    said: a finding has been made already; else one is made where the value is used.
    """

    said: bool = True
