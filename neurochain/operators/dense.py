"""Dense weights: every source reaches every target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neurochain.network import B8, I64, Operator, PortKind
from neurochain.operators.checks import slices, weight_faults

__all__ = ["Dense"]

_SLICE = 1 << 20
"""Weights looked at together; what NumPy makes of them is eight times as large."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dense(Operator):
    """y[j] = sum over i ascending of weights[j, i] x[i].

    weights (n_out, n_in) float32, int8 or int16; flat row-major indices on both sides.
    Counts: nominal fan-out n_out a source, effective the nonzero weights of its column.
    """

    kind: ClassVar[str] = "dense"
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    weights: NDArray[Any]  # (n_out, n_in)

    @property
    def weight(self) -> NDArray[Any]:
        """The stored weights, (n_out, n_in)."""
        return self.weights

    def faults(self) -> list[str]:
        """Weights of (n_out, n_in)."""
        return weight_faults(self.weights, (self.n_out, self.n_in))

    @property
    def accumulates(self) -> bool:
        """It sums."""
        return True

    def reference_step(self, x: NDArray[Any]) -> NDArray[Any]:
        """x (batch, n_in) -> (batch, n_out); sources that are silent in the whole batch add 0."""
        acc = np.zeros((x.shape[0], self.n_out), dtype=x.dtype)
        for i in np.flatnonzero(x.any(axis=0)):
            acc += x[:, i, None] * self.weights[:, i].astype(x.dtype)
        return acc

    def touch(self, active: B8) -> B8:
        """Targets with at least one nonzero weight from an active source."""
        # BLAS may look at lanes beyond the end, and then NumPy speaks of invalid values in 0 and 1
        with np.errstate(invalid="ignore"):
            hits = active.astype(np.float32) @ (self.weights != 0).astype(np.float32).T
        return np.asarray(hits > 0)

    def fanout(self, *, nonzero: bool) -> I64:
        """n_out, or the nonzero weights of each column."""
        if nonzero:
            live = np.zeros(self.n_in, dtype=np.int64)
            for rows in slices(self.n_out, max(1, _SLICE // max(self.n_in, 1))):
                live += np.count_nonzero(self.weights[rows], axis=0)
            return live
        return np.full(self.n_in, self.n_out, dtype=np.int64)

    @property
    def dense_padded(self) -> int:
        """n_in n_out."""
        return self.n_in * self.n_out

    def port_kind(self, source: PortKind) -> PortKind:
        """Weights make any value analog."""
        return PortKind.ANALOG
