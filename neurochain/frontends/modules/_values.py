"""What a traced tensor stands for. Values form a graph; identity of the object is identity."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

__all__ = [
    "ConstValue",
    "InputValue",
    "JoinValue",
    "LeafCall",
    "LeafValue",
    "NeuronCall",
    "OpCall",
    "OpValue",
    "ProbeValue",
    "RandomValue",
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
    """The sample of one argument of forward, "" for the first."""

    argument: str = ""


@dataclass(slots=True, eq=False, kw_only=True)
class ProbeValue(Value):
    """An argument of forward beside the sample: a state, if it arrives where states go.

    data: what it holds at the first step; 0 where forward was given nothing.
    """

    argument: str
    data: NDArray[np.float32]


@dataclass(slots=True, eq=False, kw_only=True)
class ConstValue(Value):
    """A tensor or number that does not depend on the sample; `data` as float32, of its shape."""

    data: NDArray[np.float32]

    @property
    def zero(self) -> bool:
        """True where it is 0 everywhere."""
        return not self.data.any()


@dataclass(slots=True, eq=False, kw_only=True)
class ViewValue(Value):
    """Elements of `base` in another shape or order: flat index of each element in base."""

    base: Value
    index: Index
    label: str = ""


@dataclass(slots=True, eq=False, kw_only=True)
class JoinValue(Value):
    """The elements of all parts, one part after the other, flat; views give it a shape."""

    parts: tuple[Value, ...]


@dataclass(slots=True, eq=False, kw_only=True)
class OpCall:
    """One visit of one scalar operation in the user's code.

    site    where it stands: the lines of the user's code on the stack, and the function's name
    visit   how many visits of the site came before
    owner   qualified name of the module whose forward it stands in, and what to call it
    step, place  which step it belongs to, and which visit of the site in that step it is
    """

    site: tuple[Any, ...]
    visit: int
    owner: str
    kind: str
    step: int = -1
    place: int = 0


@dataclass(slots=True, eq=False, kw_only=True)
class OpValue(Value):
    """A scalar operation (a name of program.Op) on values of one shape, or shared constants.

    call is None where it was made by looking at a part of a value that stands for many steps.
    constant: nothing in it depends on the sample.
    """

    op: str
    args: tuple[Value, ...]
    call: OpCall | None = None
    constant: bool = False


@dataclass(slots=True, eq=False, kw_only=True)
class LeafCall:
    """One call of a stateless layer. `key` holds the parameters of a functional call.

    origin: the call that was made, where this one stands for some rows of it.
    """

    name: str
    module: nn.Module
    argument: Value
    key: tuple[Any, ...] = ()
    origin: LeafCall | None = None


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
    """sum, mean or max of `base` over `dims`."""

    op: str
    base: Value
    dims: tuple[int, ...]


@dataclass(slots=True, eq=False, kw_only=True)
class RandomValue(Value):
    """Random numbers; `where` they are drawn."""

    where: str


@dataclass(slots=True, eq=False, kw_only=True)
class UnknownValue(Value):
    """Result of something that is not compiled; tracing goes on to find more.

    said: a finding has been made already; else one is made where the value is used.
    """

    said: bool = True
