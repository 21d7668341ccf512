"""Sparse weights, stored by source (compressed sparse rows)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neurochain.network import B8, I64, Operator, PortKind
from neurochain.operators.checks import slices, weight_faults

__all__ = ["Csr"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Csr(Operator):
    """y[targets[k]] += weights[k] x[i] for k in indptr[i] .. indptr[i + 1], i ascending.

    indptr (n_in + 1,) int64, targets (nnz,) int32 ascending within a source, weights (nnz,)
    float32, int8 or int16. Stored zeros are connections (nominal), not effective ones.
    `from_matrix`: the trained layer was a full matrix, whose nominal fan-out is n_out.
    """

    kind: ClassVar[str] = "csr"
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    indptr: NDArray[np.int64]
    targets: NDArray[np.int32]
    weights: NDArray[Any]
    from_matrix: bool = False

    @property
    def weight(self) -> NDArray[Any]:
        """The stored weights, (nnz,)."""
        return self.weights

    def faults(self) -> list[str]:
        """Rows that follow one another and targets that exist, ascending within a row."""
        indptr, targets = self.indptr, self.targets
        if indptr.dtype != np.dtype(np.int64) or targets.dtype != np.dtype(np.int32):
            return [f"indptr is {indptr.dtype} and targets {targets.dtype}, not int64 and int32."]
        if targets.ndim != 1 or indptr.shape != (self.n_in + 1,):
            return [f"indptr has shape {indptr.shape}, wanted ({self.n_in + 1},)."]
        faults = weight_faults(self.weights, targets.shape)
        if indptr[0] != 0 or indptr[-1] != targets.size or (np.diff(indptr) < 0).any():
            return [*faults, "indptr does not cut the targets into rows."]
        if targets.size and (targets.min() < 0 or targets.max() >= self.n_out):
            return [*faults, f"a target lies outside 0..{self.n_out - 1}."]
        if not all(self._ascends(part) for part in slices(targets.size)):
            faults.append("the targets of a row do not ascend.")
        return faults

    def _ascends(self, part: slice) -> bool:
        """Whether these targets ascend but where a row begins."""
        first = max(part.start, 1)
        part_of_them = self.targets[first - 1 : part.stop]
        falls = np.flatnonzero(part_of_them[1:] <= part_of_them[:-1]) + first
        return bool((self.indptr[np.searchsorted(self.indptr, falls)] == falls).all())

    @property
    def accumulates(self) -> bool:
        """It sums."""
        return True

    @classmethod
    def from_dense(
        cls, weights: NDArray[Any], in_shape: tuple[int, ...], out_shape: tuple[int, ...]
    ) -> Csr:
        """Keep the nonzero entries of weights (n_out, n_in)."""
        source, target = np.nonzero(weights.T)
        indptr = np.zeros(weights.shape[1] + 1, dtype=np.int64)
        np.cumsum(np.bincount(source, minlength=weights.shape[1]), out=indptr[1:])
        return cls(
            in_shape=in_shape,
            out_shape=out_shape,
            indptr=indptr,
            targets=target.astype(np.int32),
            weights=np.ascontiguousarray(weights[target, source]),
            from_matrix=True,
        )

    def reference_step(self, x: NDArray[Any]) -> NDArray[Any]:
        """x (batch, n_in) -> (batch, n_out)."""
        acc = np.zeros((x.shape[0], self.n_out), dtype=x.dtype)
        for i in np.flatnonzero(x.any(axis=0)):
            row = slice(self.indptr[i], self.indptr[i + 1])
            acc[:, self.targets[row]] += x[:, i, None] * self.weights[row].astype(x.dtype)
        return acc

    def touch(self, active: B8) -> B8:
        """Targets with at least one nonzero weight from an active source."""
        reached = np.zeros((active.shape[0], self.n_out), dtype=np.bool_)
        for i in np.flatnonzero(active.any(axis=0)):
            row = slice(self.indptr[i], self.indptr[i + 1])
            live = self.targets[row][self.weights[row] != 0]
            reached[:, live] |= active[:, i, None]
        return reached

    def fanout(self, *, nonzero: bool) -> I64:
        """Stored connections of each source, or those with a nonzero weight."""
        if not nonzero:
            return np.diff(self.indptr)
        live = np.zeros(self.n_in, dtype=np.int64)
        for part in slices(self.weights.size):
            # the rows that begin before the end of this part and end after its start
            first = int(np.searchsorted(self.indptr, part.start, side="right")) - 1
            end = int(np.searchsorted(self.indptr, part.stop, side="left"))
            cuts = np.clip(self.indptr[first : end + 1], part.start, part.stop) - part.start
            running = np.concatenate([[0], np.cumsum(self.weights[part] != 0)])
            live[first:end] += np.diff(running[cuts])
        return live

    @property
    def dense_padded(self) -> int:
        """What a dense engine would visit: n_in n_out."""
        return self.n_in * self.n_out

    def port_kind(self, source: PortKind) -> PortKind:
        """Weights make any value analog."""
        return PortKind.ANALOG
