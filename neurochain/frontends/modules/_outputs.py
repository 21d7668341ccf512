"""What forward returns: which value, step by step, and what is done with it over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurochain.errors import Finding
from neurochain.frontends.modules._fold import Expressions
from neurochain.frontends.modules._values import (
    ConstValue,
    OpValue,
    ReduceValue,
    SequenceValue,
    UnknownValue,
    Value,
    ViewValue,
)
from neurochain.frontends.result import Decoding

__all__ = ["OTHERWISE", "DecodedOutput", "decode", "step_output"]

OTHERWISE = "is computed otherwise at step"  # the finding of a step that is unlike the others

_FIX = "Return the stacked values (torch.stack), their sum, mean or maximum over time, or the last."


@dataclass(slots=True, kw_only=True)
class DecodedOutput:
    """Number of the expression of one step, decoding, place among the returned values."""

    expression: int
    decoding: Decoding
    returned: int


def decode(
    value: Value, place: int, steps: int, expressions: Expressions
) -> DecodedOutput | Finding | None:
    """Understand one returned value of a module that loops over time; None if it was refused."""
    items, decoding = _unfold(value, steps)
    if items is None:
        if _said(value):
            return None
        return _finding(place, "is not one value a step, nor their sum, mean, maximum or last.")
    if decoding is Decoding.LAST:
        return DecodedOutput(
            expression=expressions.of(items[-1], steps - 1), decoding=decoding, returned=place
        )
    if len(items) != steps:
        return _finding(place, f"holds {len(items)} values; forward makes {steps} steps.")
    numbers = [expressions.of(item, step) for step, item in enumerate(items)]
    odd = [step for step in range(2, steps) if numbers[step] != numbers[1]]
    if odd or not expressions.starts(numbers[0], numbers[min(1, steps - 1)]):
        return _finding(place, f"{OTHERWISE} {odd[0] if odd else 1}.")
    spikes = expressions.forms[numbers[-1]][0] == "spike"
    if decoding is Decoding.SUM and spikes:
        decoding = Decoding.COUNT
    return DecodedOutput(expression=numbers[-1], decoding=decoding, returned=place)


def step_output(
    value: Value, place: int, steps: int, expressions: Expressions
) -> DecodedOutput | Finding | None:
    """Understand one returned value of a module that takes one step a call."""
    if _said(value):
        return None
    if isinstance(value, (SequenceValue, ReduceValue, UnknownValue)):
        return _finding(place, "is computed from spikes by a function that is not compiled.")
    return DecodedOutput(
        expression=expressions.of(value, steps - 1), decoding=Decoding.NONE, returned=place
    )


def _said(value: Value) -> bool:
    """True for what is no output: a constant, or something that has a finding already."""
    return isinstance(value, ConstValue) or (isinstance(value, UnknownValue) and value.said)


def _finding(place: int, what: str) -> Finding:
    return Finding(where=f"returned value {place + 1}", what=what, fix=_FIX)


def _unfold(value: Value, steps: int) -> tuple[list[Value] | None, Decoding]:
    """The value of each step and the decoding; None where it is something else."""
    if isinstance(value, ReduceValue):
        return _reduced(value, steps)
    if isinstance(value, OpValue):
        return _computed(value, steps)
    if isinstance(value, ViewValue) and isinstance(value.base, SequenceValue):
        return _viewed(value, value.base)
    if isinstance(value, SequenceValue):
        return _whole(value), Decoding.NONE
    if isinstance(value, (ConstValue, UnknownValue)):
        return None, Decoding.NONE
    return [value], Decoding.LAST


def _computed(value: OpValue, steps: int) -> tuple[list[Value] | None, Decoding]:
    """A sum over time made by additions, divided by the number of steps for the mean."""
    chain = _chain(value)
    if len(chain) == steps and steps > 1:
        return chain, Decoding.SUM
    if value.op == "div" and isinstance(value.args[1], ConstValue):
        items, inner = _unfold(value.args[0], steps)
        if inner is Decoding.SUM and bool((value.args[1].data == steps).all()):
            return items, Decoding.MEAN
        if inner in (Decoding.SUM, Decoding.MEAN, Decoding.MAX):
            return None, Decoding.NONE
    return [value], Decoding.LAST


def _whole(value: SequenceValue) -> list[Value] | None:
    items = [item for item in value.items if item is not None]
    return items if len(items) == len(value.items) else None


def _reduced(value: ReduceValue, steps: int) -> tuple[list[Value] | None, Decoding]:
    base = value.base
    if isinstance(base, SequenceValue) and value.dims == (base.dim,):
        return _whole(base), Decoding(value.op)
    if isinstance(base, ViewValue) and isinstance(base.base, SequenceValue):
        axis = _time_axis(base, base.base)
        if axis is not None and value.dims == (axis,):
            return _whole(base.base), Decoding(value.op)
    return None, Decoding.NONE


def _viewed(value: ViewValue, base: SequenceValue) -> tuple[list[Value] | None, Decoding]:
    """stack(...)[-1], or the whole sequence with time on another axis."""
    if _time_axis(value, base) is not None:
        return _whole(base), Decoding.NONE
    item = base.items[-1]
    last = np.moveaxis(np.arange(np.prod(base.shape)).reshape(base.shape), base.dim, 0)[-1]
    if item is not None and np.array_equal(value.index, last.reshape(-1)):
        return [item], Decoding.LAST
    return None, Decoding.NONE


def _time_axis(value: ViewValue, base: SequenceValue) -> int | None:
    """Axis along which time runs in a view of everything, None if elements change their order."""
    whole = np.moveaxis(np.arange(np.prod(base.shape)).reshape(base.shape), base.dim, 0)
    index = value.index.reshape(value.shape)
    for axis, size in enumerate(value.shape):
        ordered = np.moveaxis(index, axis, 0).reshape(-1)
        if size == len(base.items) and np.array_equal(ordered, whole.reshape(-1)):
            return axis
    return None


def _chain(value: Value) -> list[Value]:
    """Terms of ((0 + s0) + s1) + ..., in order; zeros at the start are left out."""
    terms: list[Value] = []
    site = value.call.site if isinstance(value, OpValue) and value.call else None
    while (
        isinstance(value, OpValue)
        and value.op == "add"
        and not value.constant
        and value.call is not None
        and value.call.site == site
    ):
        terms.append(value.args[1])
        value = value.args[0]
    if not (isinstance(value, ConstValue) and value.zero):
        terms.append(value)
    return terms[::-1]
