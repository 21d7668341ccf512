"""One weight from each source to the target of the same index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neurochain.network import B8, I64, Operator, PortKind
from neurochain.operators.checks import same_size_faults, weight_faults

__all__ = ["Diagonal"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Diagonal(Operator):
    """y[i] = weights[i] x[i]. weights (n,) float32, int8 or int16 (a scalar is spread out)."""

    kind: ClassVar[str] = "diagonal"
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    weights: NDArray[Any]  # (n,)

    @property
    def weight(self) -> NDArray[Any]:
        """The stored weights, (n,)."""
        return self.weights

    def faults(self) -> list[str]:
        """As many weights as sources and targets."""
        return [
            *same_size_faults(self.in_shape, self.out_shape),
            *weight_faults(self.weights, (self.n_in,)),
        ]

    @property
    def accumulates(self) -> bool:
        """It sums (one term)."""
        return True

    def reference_step(self, x: NDArray[Any]) -> NDArray[Any]:
        """x (batch, n) -> (batch, n)."""
        acc = np.zeros_like(x)
        acc += x * self.weights.astype(x.dtype)
        return acc

    def touch(self, active: B8) -> B8:
        """Targets whose own source is active and whose weight is not zero."""
        return np.asarray(active & (self.weights != 0), dtype=np.bool_)

    def fanout(self, *, nonzero: bool) -> I64:
        """1 a source, or 0 where its weight is zero."""
        if nonzero:
            return np.asarray(self.weights != 0, dtype=np.int64)
        return np.ones(self.n_in, dtype=np.int64)

    @property
    def dense_padded(self) -> int:
        """N."""
        return self.n_in

    def port_kind(self, source: PortKind) -> PortKind:
        """Weights make any value analog."""
        return PortKind.ANALOG
