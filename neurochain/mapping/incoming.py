"""The sources of any targets of a projection, without building its matrix.

A synapse is a nonzero weight: what is zero is not stored, takes no axon and sends no packet.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, UnsupportedError
from neurochain.network import I64, Operator
from neurochain.operators import Conv, Csr, Dense, Diagonal, Identity, Route

__all__ = ["Incoming", "incoming"]

Indices = NDArray[np.integer[Any]]


class Incoming(ABC):
    """fan_in (n_out,) int64, synapses of each target; n_in sources."""

    n_in: int
    fan_in: I64

    @abstractmethod
    def take(self, targets: Indices) -> tuple[I64, Indices]:
        """(k,) targets -> synapses of each (k,), and their sources, target after target."""


class _Rows(Incoming):
    """Dense weights."""

    def __init__(self, operator: Dense) -> None:
        self.n_in = operator.n_in
        self._weights = operator.weights
        self.fan_in = np.count_nonzero(operator.weights, axis=1).astype(np.int64)

    def take(self, targets: Indices) -> tuple[I64, Indices]:
        row, source = np.nonzero(self._weights[targets])
        return np.bincount(row, minlength=len(targets)).astype(np.int64), source


class _Transposed(Incoming):
    """Sparse weights, sorted by target once."""

    def __init__(self, operator: Csr) -> None:
        self.n_in = operator.n_in
        kept = operator.weights != 0
        # one key a synapse: sorting keys is several times as fast as sorting indices
        keys = operator.targets[kept].astype(np.int64) * operator.n_in
        keys += np.repeat(np.arange(operator.n_in), np.diff(operator.indptr))[kept]
        keys.sort()
        targets = keys // operator.n_in
        self.fan_in = np.bincount(targets, minlength=operator.n_out).astype(np.int64)
        self._begin = np.concatenate([[0], np.cumsum(self.fan_in)])
        targets *= operator.n_in
        keys -= targets
        self._sources = keys.astype(np.int32)

    def take(self, targets: Indices) -> tuple[I64, Indices]:
        counts = self.fan_in[targets]
        ends = np.cumsum(counts)
        where = np.repeat(self._begin[targets] - (ends - counts), counts)
        where += np.arange(where.size)
        return counts, self._sources[where]


class _Taps(Incoming):
    """A convolution: the taps inside the border whose weight is not zero."""

    def __init__(self, operator: Conv) -> None:
        self.n_in = operator.n_in
        self._window = operator.window
        live = operator.weights_2d != 0  # (c_out, c_in / groups, kh, kw)
        self._live = live.reshape(live.shape[0], -1)
        self._per_group = operator.out_shape[0] // operator.groups
        self._kernel = live.shape[1:]
        counted = operator.with_weights((operator.weights != 0).astype(np.int8))
        ones = np.ones((1, operator.n_in), dtype=np.int64)
        self.fan_in = counted.reference_step(ones)[0].astype(np.int64)

    def take(self, targets: Indices) -> tuple[I64, Indices]:
        window = self._window
        (height, width), (oh, ow) = window.size, window.out
        channels, kh, kw = self._kernel
        out, at = np.divmod(np.asarray(targets, dtype=np.int64), oh * ow)
        rows = (at // ow * window.stride[0] - window.padding[0])[:, None, None, None]
        cols = (at % ow * window.stride[1] - window.padding[1])[:, None, None, None]
        first = (out // self._per_group * channels)[:, None, None, None]
        c = first + np.arange(channels)[:, None, None]
        y = rows + (np.arange(kh) * window.dilation[0])[:, None]
        x = cols + np.arange(kw) * window.dilation[1]
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        mask = np.broadcast_to(inside, (len(out), channels, kh, kw)).reshape(len(out), -1)
        mask = mask & self._live[out]
        sources = ((c * height + y) * width + x).reshape(len(out), -1)
        return np.count_nonzero(mask, axis=1).astype(np.int64), sources[mask]


class _Single(Incoming):
    """At most one source a target; -1 where there is none."""

    def __init__(self, n_in: int, index: I64) -> None:
        self.n_in = n_in
        self._index = index
        self.fan_in = (index >= 0).astype(np.int64)

    def take(self, targets: Indices) -> tuple[I64, Indices]:
        sources = self._index[targets]
        return self.fan_in[targets], sources[sources >= 0]


def incoming(operator: Operator, where: str) -> Incoming:
    """The synapses of an operator by target. Errors: UnsupportedError for what is no sum."""
    if isinstance(operator, Dense):
        return _Rows(operator)
    if isinstance(operator, Csr):
        return _Transposed(operator)
    if isinstance(operator, Conv):
        return _Taps(operator)
    every = np.arange(operator.n_in, dtype=np.int64)
    if isinstance(operator, Diagonal):
        return _Single(operator.n_in, np.where(operator.weights != 0, every, -1))
    if isinstance(operator, Identity):
        return _Single(operator.n_in, every)
    if isinstance(operator, Route):
        return _Single(operator.n_in, operator.index)
    raise UnsupportedError(
        Finding(
            where=where,
            what=f"is a {operator.kind}, which no core holds as synapses.",
            fix="Compile the network for the target first (compile --target).",
        )
    )
