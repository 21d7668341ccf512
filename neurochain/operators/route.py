"""Values go to other places: crops, paddings, flips, shuffled channels, concatenations, repeats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neurochain.network import B8, I64, Operator, PortKind

__all__ = ["Route"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Route(Operator):
    """y[j] = x[index[j]], or 0 where index[j] is -1.

    index (n_out,) int64, flat row-major indices of the sources. A source may go to several targets
    or to none. An add an event and target, no synops.
    """

    kind: ClassVar[str] = "route"
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    index: NDArray[np.int64]  # (n_out,)

    def faults(self) -> list[str]:
        """One index a target, each a source or -1."""
        index = self.index
        if not isinstance(index, np.ndarray) or index.dtype != np.dtype(np.int64):
            return ["the index is not int64."]
        if index.shape != (self.n_out,):
            return [f"the index has shape {index.shape}, wanted ({self.n_out},)."]
        if index.size and (index.min() < -1 or index.max() >= self.n_in):
            return [f"an index lies outside -1..{self.n_in - 1}."]
        return []

    @property
    def accumulates(self) -> bool:
        """It sums (one term)."""
        return True

    @property
    def fed(self) -> B8:
        """Targets that have a source, (n_out,)."""
        return np.asarray(self.index >= 0, dtype=np.bool_)

    def reference_step(self, x: NDArray[Any]) -> NDArray[Any]:
        """x (batch, n_in) -> (batch, n_out), from an accumulator that starts at 0."""
        acc = np.zeros((x.shape[0], self.n_out), dtype=x.dtype)
        fed = self.fed
        acc[:, fed] += x[:, self.index[fed]]
        return acc

    def touch(self, active: B8) -> B8:
        """Targets whose source is active."""
        return np.asarray(active[:, self.index] & self.fed, dtype=np.bool_)

    def fanout(self, *, nonzero: bool) -> I64:
        """Targets of each source."""
        count = np.bincount(self.index[self.fed], minlength=self.n_in)
        return np.asarray(count, dtype=np.int64)

    @property
    def dense_padded(self) -> int:
        """Targets that have a source."""
        return int(np.count_nonzero(self.fed))

    def port_kind(self, source: PortKind) -> PortKind:
        """Unchanged."""
        return source
