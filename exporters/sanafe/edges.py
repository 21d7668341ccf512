"""Every synapse of a projection, source after source."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neurochain.network import I64, Projection
from neurochain.operators import Csr

__all__ = ["edges"]

_BLOCK = 128
"""Sources whose rows are made at once."""


def edges(projection: Projection) -> Iterator[tuple[I64, I64, I64]]:
    """(source, target, what a spike adds, its exponent included) of nonzero weights, in blocks."""
    operator = projection.operator
    for begin in range(0, operator.n_in, _BLOCK):
        end = min(begin + _BLOCK, operator.n_in)
        source, target, weight = _block(projection, begin, end)
        live = weight != 0
        yield source[live], target[live], weight[live] << projection.weight_exp


def _block(projection: Projection, begin: int, end: int) -> tuple[I64, I64, I64]:
    operator = projection.operator
    if isinstance(operator, Csr):
        row = slice(operator.indptr[begin], operator.indptr[end])
        own: I64 = np.repeat(np.arange(begin, end), np.diff(operator.indptr[begin : end + 1]))
        targets, weights = operator.targets[row], operator.weights[row]
        return own, targets.astype(np.int64), weights.astype(np.int64)
    one = np.zeros((end - begin, operator.n_in), dtype=np.int64)
    one[np.arange(end - begin), np.arange(begin, end)] = 1
    rows = operator.reference_step(one)
    source, target = np.nonzero(rows)
    return source + begin, target, rows[source, target].astype(np.int64)
