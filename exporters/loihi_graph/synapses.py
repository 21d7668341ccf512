"""The synapses of a projection, one by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurochain.errors import InternalError
from neurochain.network import I64, Operator
from neurochain.operators import Conv, Csr, Dense, Diagonal, Identity, Route

__all__ = ["Synapses", "synapses_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Synapses:
    """source, target (flat indices) and weight of each, (n,); weights that are 0 are left out."""

    source: I64
    target: I64
    weight: I64


def synapses_of(operator: Operator) -> Synapses:
    """Every synapse of an operator that sums, in no particular order."""
    every = np.arange(operator.n_in, dtype=np.int64)
    if isinstance(operator, Dense):
        target, source = np.nonzero(operator.weights)
        return _kept(source, target, operator.weights[target, source])
    if isinstance(operator, Csr):
        source = np.repeat(every, np.diff(operator.indptr))
        return _kept(source, operator.targets, operator.weights)
    if isinstance(operator, Conv):
        return _taps(operator)
    if isinstance(operator, Diagonal):
        return _kept(every, every, np.broadcast_to(operator.weights, every.shape))
    if isinstance(operator, Identity):
        return _kept(every, every, np.ones_like(every))
    if isinstance(operator, Route):
        target = np.flatnonzero(operator.index >= 0)
        return _kept(operator.index[target], target, np.ones_like(target))
    raise InternalError(f"a {operator.kind} has no synapses.")


def _kept(source: np.ndarray, target: np.ndarray, weight: np.ndarray) -> Synapses:
    live = weight != 0
    return Synapses(*(a[live].astype(np.int64) for a in (source, target, weight)))


def _taps(operator: Conv) -> Synapses:
    """A convolution, tap by tap: every position that the tap reads inside the border."""
    weights, window = operator.weights_2d, operator.window
    c_out, c_group, kh, kw = weights.shape
    (height, width), (oh, ow) = window.size, window.out
    row, col = (a.reshape(-1) for a in np.indices((oh, ow)))
    out = np.arange(c_out)[:, None]  # (c_out, 1), against positions
    first = out // (c_out // operator.groups) * c_group
    found: list[tuple[np.ndarray, ...]] = []
    for c, ky, kx in np.ndindex(c_group, kh, kw):
        y = row * window.stride[0] - window.padding[0] + ky * window.dilation[0]
        x = col * window.stride[1] - window.padding[1] + kx * window.dilation[1]
        inside = np.flatnonzero((y >= 0) & (y < height) & (x >= 0) & (x < width))
        source = ((first + c) * height + y[inside]) * width + x[inside]
        target = out * (oh * ow) + inside
        weight = np.broadcast_to(weights[:, c, ky, kx, None], target.shape)
        found.append(tuple(a.reshape(-1) for a in (source, target, weight)))
    return _kept(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
