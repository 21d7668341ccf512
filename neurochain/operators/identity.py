"""A value goes on unchanged: skip connections, reshapes, a neuron fed by the input itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neurochain.network import B8, I64, Operator, PortKind
from neurochain.operators.checks import same_size_faults

__all__ = ["Identity"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Identity(Operator):
    """y[i] = x[i]; the shapes may differ, the flat index does not. One add an event, no synops."""

    kind: ClassVar[str] = "identity"
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]

    def faults(self) -> list[str]:
        """As many targets as sources."""
        return same_size_faults(self.in_shape, self.out_shape)

    @property
    def accumulates(self) -> bool:
        """It sums (one term)."""
        return True

    def reference_step(self, x: NDArray[Any]) -> NDArray[Any]:
        """x (batch, n) -> the same values, from an accumulator that starts at 0."""
        return np.asarray(np.zeros_like(x) + x)

    def touch(self, active: B8) -> B8:
        """The same elements."""
        return active.copy()

    def fanout(self, *, nonzero: bool) -> I64:
        """1 a source."""
        return np.ones(self.n_in, dtype=np.int64)

    @property
    def dense_padded(self) -> int:
        """N."""
        return self.n_in

    def port_kind(self, source: PortKind) -> PortKind:
        """Unchanged."""
        return source
