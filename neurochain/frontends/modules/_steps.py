"""Values that stand for many steps: what is done to a stack is done to each of its items."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from neurochain.frontends.modules._values import SequenceValue, Value, ViewValue
from neurochain.frontends.modules._views import view

__all__ = ["Steps", "steps_of"]

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Items of a stack, all of one shape, and how results of them are put together again."""

    items: list[Value]
    axis: int
    blocks: bool  # the axis of the steps is merged with the one behind or before it

    def part(self, value: Value, step: int, shape: Shape) -> Value:
        """What of a constant spread to `shape`, the shape of the whole, belongs to one step."""
        if prod(value.shape) == 1:
            return value
        index = np.arange(prod(shape)).reshape(shape)
        if self.blocks:
            length = len(self.items)
            lead = (length, -1) if self.axis == 0 else (shape[0] // length, length)
            index = index.reshape(*lead, *shape[1:])
        return view(value, index.take(step, axis=self.axis).reshape(-1), self.items[step].shape)

    def rebuilt(self, results: list[Value]) -> Value:
        """The stack of what was made of each item."""
        inner = results[0].shape
        axis = min(self.axis, len(inner))
        shape = (*inner[:axis], len(results), *inner[axis:])
        whole = SequenceValue(shape=shape, items=list(results), dim=axis)
        if not self.blocks:
            return whole
        return view(whole, np.arange(prod(shape)), (shape[0] * shape[1], *shape[2:]))


def steps_of(value: Value) -> Steps | None:
    """The steps that a value holds; None where it is a value of one step, or mixes steps."""
    base = value.base if isinstance(value, ViewValue) else value
    if not isinstance(base, SequenceValue) or None in base.items:
        return None
    found = _along_an_axis(value, base)
    rank = len(base.items[0].shape) if base.items[0] is not None else 0
    if found is not None and len(value.shape) > rank:
        return Steps(found[1], found[0], False)
    length = len(base.items)
    if not value.shape or value.shape[0] % length:
        return Steps(found[1], found[0], False) if found is not None else None
    other = value.shape[0] // length
    for lead in ((length, other), (other, length)):
        apart = view(value, np.arange(prod(value.shape)), (*lead, *value.shape[1:]))
        split = _along_an_axis(apart, base)
        if split is not None and split[0] < 2:
            return Steps(split[1], split[0], True)
    return Steps(found[1], found[0], False) if found is not None else None


def _along_an_axis(value: Value, base: SequenceValue) -> tuple[int, list[Value]] | None:
    """(axis, items) where the steps lie along one axis, in order."""
    items = [item for item in base.items if item is not None]
    if value is base:
        return base.dim, items
    if not isinstance(value, ViewValue):
        return None
    index = value.index.reshape(value.shape)
    inner = prod(base.shape[base.dim + 1 :])
    length = len(items)
    step = (index // inner) % length
    local = (index // (inner * length)) * inner + index % inner
    for axis, size in enumerate(value.shape):
        along = np.arange(length).reshape([-1 if a == axis else 1 for a in range(index.ndim)])
        if size != length or not bool((step == along).all()):
            continue
        shape = (*value.shape[:axis], *value.shape[axis + 1 :])
        flat = [np.ascontiguousarray(local.take(k, axis=axis)).reshape(-1) for k in range(length)]
        return axis, [view(item, k, shape) for item, k in zip(items, flat, strict=True)]
    return None
