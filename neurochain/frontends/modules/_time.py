"""Which axis of the sample is time, and which step each use of the sample reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding
from neurochain.frontends.modules._values import (
    InputValue,
    JoinValue,
    LeafValue,
    OpValue,
    ReduceValue,
    SequenceValue,
    SpikeValue,
    StateValue,
    Value,
    ViewValue,
)

__all__ = ["InputUse", "Timing", "input_timing", "reachable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputUse:
    """One use of a sample: the step it reads (None: the whole), and its elements' index there.

    source, frame: the argument of forward, and its shape without its time axis.
    """

    step: int | None
    index: NDArray[np.int64]  # flat, in the sample without its time axis
    shape: tuple[int, ...]
    source: str
    frame: tuple[int, ...]


@dataclass(slots=True, kw_only=True)
class Timing:
    """axis: time axis of the sample, None if it has none; steps read; uses by id of the value.

    further: the same of the inputs beside the first, by argument; their uses are among `uses`.
    """

    axis: int | None
    steps: int
    frame: tuple[int, ...]  # shape of the sample without its time axis
    uses: dict[int, InputUse]
    further: dict[str, Timing] = field(default_factory=dict)


def reachable(roots: Iterable[Value]) -> Iterator[Value]:
    """Every value that `roots` are made of, each once."""
    stack = list(roots)
    seen: set[int] = set()
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        yield value
        stack += _parts(value)


def _parts(value: Value) -> list[Value]:
    if isinstance(value, ViewValue) and isinstance(value.base, InputValue):
        return []  # a part of the sample is not a use of the whole
    if isinstance(value, (ViewValue, ReduceValue)):
        return [value.base]
    if isinstance(value, OpValue):
        return list(value.args)
    if isinstance(value, JoinValue):
        return list(value.parts)
    if isinstance(value, LeafValue):
        return [value.call.argument]
    if isinstance(value, SequenceValue):
        return [item for item in value.items if item is not None]
    if isinstance(value, (SpikeValue, StateValue)):
        return [value.call.current, *value.call.states.values()]
    return []


def input_timing(
    values: Iterable[Value], samples: Sequence[InputValue]
) -> tuple[Timing, list[Finding]]:
    """Find the time axis of every sample, the first argument's first, from its uses in `values`."""
    listed = list(values)
    timing, findings = _timing_of(listed, samples[0])
    for sample in samples[1:]:
        other, problems = _timing_of(listed, sample)
        findings += problems
        timing.further[sample.argument] = other
        timing.uses |= other.uses
        if None not in (timing.axis, other.axis) and other.steps != timing.steps:
            findings.append(
                Finding(
                    where=_label(sample),
                    what=f"forward reads {other.steps} steps of it, {timing.steps} of the first "
                    "input.",
                    fix="Read as many steps of every input.",
                )
            )
    return timing, findings


def _label(sample: InputValue) -> str:
    return f"the sample of {sample.argument}" if sample.argument else "the sample"


def _timing_of(values: list[Value], sample: InputValue) -> tuple[Timing, list[Finding]]:
    uses = _uses(values, sample)
    constants = [_constants(value, sample.shape) for value in uses]
    varying = [
        axis
        for axis in range(len(sample.shape))
        if all(c[axis] is not None for c in constants) and len({c[axis] for c in constants}) > 1
    ]
    if not varying:
        table = {id(v): _use(sample, None, _index(v), v, sample.shape) for v in uses}
        return Timing(axis=None, steps=0, frame=sample.shape, uses=table), []
    if len(varying) > 1:
        what = f"is indexed along its axes {varying}; one of them must be time."
        fix = "Index the sample along its time axis only, and reshape it outside the module."
        return Timing(axis=None, steps=0, frame=sample.shape, uses={}), [
            Finding(where=_label(sample), what=what, fix=fix)
        ]
    axis = varying[0]
    return _timing(uses, [c[axis] or 0 for c in constants], axis, sample)


def _use(
    sample: InputValue,
    step: int | None,
    index: NDArray[np.int64],
    value: Value,
    frame: tuple[int, ...],
) -> InputUse:
    return InputUse(step=step, index=index, shape=value.shape, source=sample.argument, frame=frame)


def _uses(values: Iterable[Value], sample: InputValue) -> list[Value]:
    """The sample itself and its views, as far as something uses them (not views of views)."""
    return [v for v in values if v is sample or (isinstance(v, ViewValue) and v.base is sample)]


def _index(value: Value) -> NDArray[np.int64]:
    if isinstance(value, ViewValue):
        return value.index
    return np.arange(prod(value.shape), dtype=np.int64)


def _constants(value: Value, shape: tuple[int, ...]) -> list[int | None]:
    """For each axis of the sample the one coordinate that this use reads, None if several."""
    if not isinstance(value, ViewValue):
        return [None if size > 1 else 0 for size in shape]
    found: list[int | None] = []
    for coordinate in np.unravel_index(value.index, shape):
        same = coordinate.size > 0 and bool((coordinate == coordinate[0]).all())
        found.append(int(coordinate[0]) if same else None)
    return found


def _timing(
    uses: list[Value], steps: list[int], axis: int, sample: InputValue
) -> tuple[Timing, list[Finding]]:
    shape = sample.shape
    frame = (*shape[:axis], *shape[axis + 1 :])
    inner = prod(shape[axis + 1 :])
    table = {}
    for value, step in zip(uses, steps, strict=True):
        index = _index(value)
        within = (index // (inner * shape[axis])) * inner + index % inner
        table[id(value)] = _use(sample, step, within, value, frame)
    read = sorted(set(steps))
    findings = []
    if read != list(range(len(read))):
        findings.append(
            Finding(
                where=_label(sample),
                what=f"forward reads the steps {read[:8]} of axis {axis}, not 0, 1, 2, ...",
                fix="Read every step in order.",
            )
        )
    return Timing(axis=axis, steps=len(read), frame=frame, uses=table), findings
