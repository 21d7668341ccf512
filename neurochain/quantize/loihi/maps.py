"""Several linear maps in a row as one operator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.network import Operator
from neurochain.operators import Conv, Csr, Dense, Diagonal, Pool
from neurochain.quantize.loihi.plan import F64

__all__ = ["applied", "dense_weights", "joined", "matrix_of", "row_scaled"]

_TOGETHER = 1 << 19
"""Numbers of the matrix that are made at once."""
_SPARSE_BELOW = 0.5
"""Share of connections: a product of local maps has borders, which are no synapses of weight 0."""


def joined(maps: Sequence[Operator]) -> Operator:
    """One operator, with weights, that does what the maps do one after the other.

    A single layer stays what it is; a pool and a convolution behind it become a convolution where
    their borders allow; everything else becomes a matrix, sparse where few entries are nonzero.
    """
    if len(maps) == 1 and isinstance(maps[0], Dense | Csr | Conv | Diagonal):
        return maps[0]
    guess = _pooled_convolution(maps)
    if guess is not None and _same(maps, guess):
        return guess
    return matrix_of(maps)


def applied(maps: Sequence[Operator], x: F64) -> F64:
    """x (batch, n_in) through all maps."""
    for operator in maps:
        x = np.asarray(operator.reference_step(x), dtype=np.float64)
    return x


def _impulses(maps: Sequence[Operator]) -> Iterator[tuple[slice, F64]]:
    """Sources and what a 1 from each of them becomes, a few at a time."""
    n_in = maps[0].n_in
    widest = max(max(m.n_in, m.n_out) for m in maps)
    step = max(1, _TOGETHER // widest)
    for start in range(0, n_in, step):
        part = slice(start, min(start + step, n_in))
        ones = np.zeros((part.stop - part.start, n_in))
        ones[np.arange(len(ones)), np.arange(part.start, part.stop)] = 1
        yield part, applied(maps, ones)


def matrix_of(maps: Sequence[Operator]) -> Operator:
    """All maps as a dense or sparse matrix, float32."""
    in_shape, out_shape = maps[0].in_shape, maps[-1].out_shape
    rows: list[NDArray[np.float32]] = []
    targets: list[NDArray[np.int32]] = []
    counts: list[NDArray[np.int64]] = []
    for _, values in _impulses(maps):
        at, to = np.nonzero(values)
        rows.append(values[at, to].astype(np.float32))
        targets.append(to.astype(np.int32))
        counts.append(np.bincount(at, minlength=len(values)).astype(np.int64))
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64)
    sparse = Csr(
        in_shape=in_shape,
        out_shape=out_shape,
        indptr=indptr,
        targets=np.concatenate(targets),
        weights=np.concatenate(rows),
    )
    size = prod(in_shape) * prod(out_shape)
    if sparse.targets.size < _SPARSE_BELOW * size:
        return sparse
    return Dense(in_shape=in_shape, out_shape=out_shape, weights=dense_weights(sparse))


def dense_weights(operator: Csr) -> NDArray[Any]:
    """The matrix (n_out, n_in) of a sparse operator, in its dtype."""
    weights = np.zeros((operator.n_out, operator.n_in), dtype=operator.weights.dtype)
    source = np.repeat(np.arange(operator.n_in), np.diff(operator.indptr))
    weights[operator.targets, source] = operator.weights
    return weights


def _same(maps: Sequence[Operator], guess: Operator) -> bool:
    """Whether the guess does to every source what the maps do, rounded to float32."""
    for part, values in _impulses(maps):
        ones = np.zeros((len(values), guess.n_in))
        ones[np.arange(len(ones)), np.arange(part.start, part.stop)] = 1
        if (values.astype(np.float32) != applied([guess], ones).astype(np.float32)).any():
            return False
    return True


def _pooled_convolution(maps: Sequence[Operator]) -> Conv | None:
    """The convolution that a pool and a convolution behind it are, away from the borders."""
    if len(maps) != 2 or not isinstance(maps[0], Pool) or not isinstance(maps[1], Conv):
        return None
    pool, conv = maps
    if not isinstance(pool, Pool) or not isinstance(conv, Conv) or pool.divisors is not None:
        return None
    kernel = conv.weights.shape[2:]
    if len(pool.kernel) != len(kernel):
        return None
    spread = [
        (k - 1) * d * s + p
        for k, d, s, p in zip(kernel, conv.dilation, pool.stride, pool.kernel, strict=True)
    ]
    weights = np.zeros((*conv.weights.shape[:2], *spread), dtype=np.float64)
    share = conv.weights.astype(np.float64) / float(pool.size)
    for tap in np.ndindex(*kernel):
        at = tuple(
            slice(j * d * s, j * d * s + p)
            for j, d, s, p in zip(tap, conv.dilation, pool.stride, pool.kernel, strict=True)
        )
        weights[(slice(None), slice(None), *at)] += share[(slice(None), slice(None), *tap)].reshape(
            *share.shape[:2], *(1,) * len(kernel)
        )
    guess = Conv(
        in_shape=pool.in_shape,
        out_shape=conv.out_shape,
        weights=weights.astype(np.float32),
        stride=tuple(a * b for a, b in zip(conv.stride, pool.stride, strict=True)),
        padding=tuple(
            c * s + p for c, s, p in zip(conv.padding, pool.stride, pool.padding, strict=True)
        ),
        dilation=(1,) * len(kernel),
        groups=conv.groups,
    )
    return None if guess.faults() else guess


def row_scaled(operator: Operator, factor: F64) -> Operator:
    """The operator with every target's weights times factor (() or (n_out,)), float32."""
    if factor.ndim == 0 or np.unique(factor).size == 1:
        return _with(operator, _weights(operator) * float(factor.reshape(-1)[0]))
    if isinstance(operator, Dense):
        return _with(operator, _weights(operator) * factor[:, None])
    if isinstance(operator, Csr):
        return _with(operator, _weights(operator) * factor[operator.targets])
    if isinstance(operator, Diagonal):
        return _with(operator, _weights(operator) * factor)
    if isinstance(operator, Conv):
        planes = factor.reshape(operator.out_shape[0], -1)
        if (planes == planes[:, :1]).all():
            shape = (-1, *(1,) * (operator.weights.ndim - 1))
            return _with(operator, _weights(operator) * planes[:, 0].reshape(shape))
    return row_scaled(matrix_of([operator]), factor)


def _weights(operator: Operator) -> F64:
    weights = operator.weight
    return np.zeros(0) if weights is None else weights.astype(np.float64)


def _with(operator: Operator, weights: F64) -> Operator:
    return operator.with_weights(np.ascontiguousarray(weights, dtype=np.float32))
