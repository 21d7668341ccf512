"""Sum and average pooling: a depthwise window sum, divided by a size for the mean."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neurochain.network import B8, I64, Operator, PortKind
from neurochain.operators.checks import window_faults
from neurochain.operators.windows import Window

__all__ = ["Pool"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool(Operator):
    """y[c, p] = (sum over the window of x[c, .]) / size[p].

    in_shape (c, *space), out_shape (c, *positions); padding (in front, and behind as much as the
    positions need) adds zeros. The size is 1 for a sum; for the mean it is `divisors`, float32, one
    for each position (row-major), or the number of kernel elements where that is None. The division
    is float32, after the sum, as torch does it. An add an event and window, no synops.
    """

    kind: ClassVar[str] = "pool"
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    average: bool
    divisors: NDArray[np.float32] | None = None  # (positions,)

    def faults(self) -> list[str]:
        """A window that fits, channel by channel."""
        faults = window_faults(
            self.in_shape, self.out_shape, self.kernel, self.stride, self.padding,
            (1,) * len(self.kernel),
        )  # fmt: skip
        if not faults and self.in_shape[0] != self.out_shape[0]:
            faults.append(f"{self.in_shape[0]} channels do not become {self.out_shape[0]}.")
        return faults or self._divisor_faults()

    def _divisor_faults(self) -> list[str]:
        divisors, positions = self.divisors, prod(self.out_shape[1:])
        if divisors is None:
            return []
        if not self.average:
            return ["a sum has no divisors."]
        if not isinstance(divisors, np.ndarray) or divisors.dtype != np.dtype(np.float32):
            return ["the divisors are not float32."]
        if divisors.shape != (positions,):
            return [f"the divisors have shape {divisors.shape}, wanted ({positions},)."]
        if not np.isfinite(divisors).all() or not divisors.all():
            return ["a divisor is 0, NaN or infinite."]
        return []

    @property
    def accumulates(self) -> bool:
        """It sums."""
        return True

    @property
    def window(self) -> Window:
        """Geometry of the taps in 2d."""
        return Window.of(
            self.in_shape[1:],
            self.kernel,
            self.stride,
            self.padding,
            (1,) * len(self.kernel),
            self.out_shape[1:],
        )

    @property
    def size(self) -> NDArray[np.float32]:
        """What sums are divided by, at every position or () where it is the same: float32."""
        if self.divisors is not None:
            return self.divisors
        return np.asarray(prod(self.kernel) if self.average else 1, dtype=np.float32)

    def _sum(self, x: NDArray[Any]) -> NDArray[Any]:
        window = self.window
        planes = x.reshape(x.shape[0], self.in_shape[0], *window.size)
        padded = window.padded(planes, 0)
        acc = np.zeros((*planes.shape[:2], *window.out), dtype=x.dtype)
        for ky, kx in window.taps:
            acc += window.tap(padded, ky, kx)
        return acc.reshape(x.shape[0], -1)

    def reference_step(self, x: NDArray[Any]) -> NDArray[Any]:
        """x (batch, n_in) float32 -> (batch, n_out) float32."""
        total = self._sum(x)
        if not self.average:
            return total
        planes = total.reshape(*x.shape[:1], self.in_shape[0], -1)
        return np.asarray(planes / self.size.astype(x.dtype)).reshape(total.shape)

    def touch(self, active: B8) -> B8:
        """Windows that hold an active source."""
        return self._sum(active.astype(np.int64)) > 0

    def fanout(self, *, nonzero: bool) -> I64:
        """Windows each source lies in."""
        return self.window.visits(self.in_shape[0])

    @property
    def dense_padded(self) -> int:
        """Windows x kernel elements."""
        return self.n_out * prod(self.kernel)

    def port_kind(self, source: PortKind) -> PortKind:
        """Sums of events are whole numbers; means are analog."""
        if self.average or source is PortKind.ANALOG:
            return PortKind.ANALOG
        return PortKind.GRADED
