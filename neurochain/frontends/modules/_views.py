"""Views: the same elements in another shape or order, looked through as far as can be.

A view of a view is one view. A view that takes whole rows of what a layer computed is that layer on
these rows; a view of one item of a stack is a view of that item; a view of a scalar operation that
was done once for all steps is the operation on views (`settle`, when the trace is complete). So a
layer that is applied to a whole sequence before the loop over time is, for every step, the layer
applied to that step.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from neurochain.frontends.modules._scale import ScaleShift
from neurochain.frontends.modules._values import (
    ConstValue,
    JoinValue,
    LeafCall,
    LeafValue,
    OpValue,
    SequenceValue,
    Value,
    ViewValue,
)

__all__ = ["broadcast", "const", "push", "sample_rank", "view", "view_of"]

Index = NDArray[np.int64]
Shape = tuple[int, ...]


def view_of(base: Value, index: torch.Tensor, label: str) -> Value:
    """The value made of the elements `index` (a tensor of flat indices) of `base`."""
    flat = index.reshape(-1).numpy().astype(np.int64, copy=False)
    return view(base, flat, tuple(index.shape), label)


def view(base: Value, flat: Index, shape: Shape, label: str = "") -> Value:
    """The elements `flat` of `base` in `shape`; `base` itself where nothing changes."""
    if isinstance(base, ViewValue):
        return view(base.base, base.index[flat], shape, label or base.label)
    if isinstance(base, SequenceValue) and len(base.items) == 1 and shape != base.shape:
        only = base.items[0]
        if only is not None:
            return view(only, flat, shape, label)
    ordered = flat.size == prod(base.shape) and bool((flat == np.arange(flat.size)).all())
    if ordered and shape == base.shape:
        return base
    if not (ordered and isinstance(base, (LeafValue, SequenceValue))):
        seen = _through(base, flat, shape, label)
        if seen is not None:
            return seen
    return ViewValue(shape=shape, base=base, index=flat, label=label)


def _through(base: Value, flat: Index, shape: Shape, label: str) -> Value | None:
    """The view, moved to what `base` is made of; None where it has to stay."""
    if isinstance(base, ConstValue):
        return ConstValue(shape=shape, data=base.data.reshape(-1)[flat].reshape(shape))
    if isinstance(base, SequenceValue):
        return _item(base, flat, shape, label)
    if isinstance(base, JoinValue):
        return _part(base, flat, shape, label)
    if isinstance(base, LeafValue):
        return _rows(base, flat, shape, label)
    return None


def push(seen: ViewValue, base: OpValue) -> OpValue:
    """A view of a scalar operation as the operation on views."""
    args = tuple(
        a if _is_shared(a) else _of_constant(view(broadcast(a, base.shape), seen.index, seen.shape))
        for a in base.args
    )
    return OpValue(shape=seen.shape, op=base.op, args=args, constant=base.constant)


def _is_shared(value: Value) -> bool:
    """One constant for all."""
    fixed = isinstance(value, ConstValue) or (isinstance(value, OpValue) and value.constant)
    return fixed and prod(value.shape) == 1


def broadcast(value: Value, shape: Shape) -> Value:
    """`value` spread to `shape` as torch does; shared constants stay as they are."""
    if value.shape == shape or _is_shared(value):
        return value
    index = np.broadcast_to(np.arange(prod(value.shape)).reshape(value.shape), shape)
    return _of_constant(view(value, np.ascontiguousarray(index).reshape(-1), shape))


def _of_constant(value: Value) -> Value:
    """A view of an operation on constants is the operation on their views."""
    if isinstance(value, ViewValue) and isinstance(value.base, OpValue) and value.base.constant:
        return push(value, value.base)
    return value


def _item(base: SequenceValue, flat: Index, shape: Shape, label: str) -> Value | None:
    """Elements that all lie in one item of a stack."""
    inner = prod(base.shape[base.dim + 1 :])
    length = base.shape[base.dim]
    which = (flat // inner) % length
    if not flat.size or not bool((which == which[0]).all()):
        return None
    item = base.items[int(which[0])]
    if item is None:
        return None
    return view(item, (flat // (inner * length)) * inner + flat % inner, shape, label)


def _part(base: JoinValue, flat: Index, shape: Shape, label: str) -> Value | None:
    """Elements that all lie in one part."""
    start = 0
    for part in base.parts:
        end = start + prod(part.shape)
        if flat.size and int(flat.min()) >= start and int(flat.max()) < end:
            return view(part, flat - start, shape, label)
        start = end
    return None


def sample_rank(module: nn.Module, shape: Shape) -> int:
    """Rank of one sample of a layer, without batch; `shape` is what enters or leaves it."""
    if isinstance(module, nn.Linear):
        return 1
    if isinstance(module, ScaleShift):
        return len(shape) - 1
    return 2 if type(module).__name__.endswith("1d") else 3


def _rows(base: LeafValue, flat: Index, shape: Shape, label: str) -> Value | None:
    """Whole rows of a layer's result: the layer on these rows of its argument."""
    rank = sample_rank(base.call.module, base.shape)
    out = base.shape[-rank:]
    size = prod(out)
    if len(base.shape) <= rank or flat.size % size:
        return None
    blocks = flat.reshape(-1, size)
    rows = blocks[:, 0] // size
    if np.unique(rows).size != rows.size:
        return None  # one value spread to many is no choice of rows
    if not bool((blocks == rows[:, None] * size + np.arange(size)).all()):
        return None
    argument = base.call.argument
    into = argument.shape[-rank:]
    width = prod(into)
    index = (rows[:, None] * width + np.arange(width)).reshape(-1)
    keeps = len(shape) > rank and shape[-rank:] == out
    lead = shape[:-rank] if keeps else (rows.size,)
    call = LeafCall(
        name=base.call.name,
        module=base.call.module,
        argument=view(argument, index, (*lead, *into)),
        key=base.call.key,
        origin=base.call.origin or base.call,
    )
    value: Value = LeafValue(shape=(*lead, *out), call=call)
    if value.shape == shape:
        return value
    return ViewValue(shape=shape, base=value, index=np.arange(flat.size), label=label)


def const(item: Any) -> ConstValue:
    """A constant tensor or number."""
    tensor = torch.as_tensor(item).detach()
    return ConstValue(shape=tuple(tensor.shape), data=tensor.to(torch.float32).cpu().numpy().copy())
