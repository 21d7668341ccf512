"""Sums, means and maxima over features: pools whose window is all of what is reduced."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from neurochain.frontends.modules._values import (
    LeafCall,
    LeafValue,
    OpValue,
    SpikeValue,
    StateValue,
    Value,
    ViewValue,
)
from neurochain.frontends.modules._views import view

if TYPE_CHECKING:
    from neurochain.frontends.modules._tracer import Tracer

__all__ = ["reduced_within_a_step"]

Shape = tuple[int, ...]


def reduced_within_a_step(
    tracer: Tracer, name: str, base: Value, axes: Shape, shape: Shape
) -> Value | None:
    """The reduction as a layer; None where it may be one over time, or over the batch.

    base, axes  what is reduced over which axes; shape: of the result
    """
    source = base.base if isinstance(base, ViewValue) else base
    if not isinstance(source, (OpValue, LeafValue, SpikeValue, StateValue)):
        return None
    reduced = sorted(axis % len(base.shape) for axis in axes)
    if 0 in reduced or not reduced:
        return None
    kept = [axis for axis in range(len(base.shape)) if axis not in reduced]
    index = np.arange(prod(base.shape)).reshape(base.shape).transpose(*kept, *reduced)
    width = prod(base.shape[axis] for axis in reduced)
    rows = (base.shape[0], prod(base.shape[axis] for axis in kept[1:]), 1)
    argument = view(base, np.ascontiguousarray(index).reshape(-1), (*rows, width))
    module = _pool(name, width)
    call = LeafCall(name=name, module=module, argument=argument, key=(name, width))
    tracer.leaf_calls.append(call)
    value = LeafValue(shape=(*rows, 1), call=call)
    return view(value, np.arange(prod(shape)), shape)


def _pool(name: str, width: int) -> nn.Module:
    if name in ("max", "amax"):
        return nn.MaxPool2d((1, width))
    if name == "mean":
        return nn.AvgPool2d((1, width))
    return nn.AvgPool2d((1, width), divisor_override=1)
