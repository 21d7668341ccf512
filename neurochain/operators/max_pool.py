"""Max pooling, of spikes or of currents."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neurochain.network import B8, I64, Operator, PortKind
from neurochain.operators.checks import window_faults
from neurochain.operators.windows import Window

__all__ = ["MaxPool"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaxPool(Operator):
    """y[c, p] = the largest x[c, .] of the window inside the border; padding never wins.

    in_shape (c, *space), out_shape (c, *positions). Of spikes it is their union and costs work only
    for events; of currents it is dense work: comparisons, counted apart, never synops.
    """

    kind: ClassVar[str] = "max_pool"
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]

    def faults(self) -> list[str]:
        """A window that fits, channel by channel, and sees the input at every position."""
        faults = window_faults(
            self.in_shape, self.out_shape, self.kernel, self.stride, self.padding, self.dilation
        )
        if faults:
            return faults
        if self.in_shape[0] != self.out_shape[0]:
            faults.append(f"{self.in_shape[0]} channels do not become {self.out_shape[0]}.")
        if self.touch(np.ones((1, self.n_in), dtype=np.bool_)).sum() < self.n_out:
            faults.append("a window lies on padding alone: it has no maximum.")
        return faults

    @property
    def accumulates(self) -> bool:
        """It takes maxima."""
        return False

    @property
    def window(self) -> Window:
        """Geometry of the taps in 2d."""
        return Window.of(
            self.in_shape[1:],
            self.kernel,
            self.stride,
            self.padding,
            self.dilation,
            self.out_shape[1:],
        )

    def _max(self, x: NDArray[Any], lowest: Any) -> NDArray[Any]:
        window = self.window
        padded = window.padded(x.reshape(x.shape[0], self.in_shape[0], *window.size), lowest)
        best = window.tap(padded, 0, 0).copy()
        for ky, kx in window.taps:
            seen = window.tap(padded, ky, kx)
            best = np.where(seen > best, seen, best)
        return best.reshape(x.shape[0], -1)

    def reference_step(self, x: NDArray[Any]) -> NDArray[Any]:
        """x (batch, n_in) float32 -> (batch, n_out) float32; the first of equals is kept."""
        return self._max(x, -np.inf)

    def touch(self, active: B8) -> B8:
        """Windows that hold an active source."""
        return self._max(active, np.False_)

    def fanout(self, *, nonzero: bool) -> I64:
        """Windows each source lies in."""
        return self.window.visits(self.in_shape[0])

    @property
    def dense_padded(self) -> int:
        """Windows x kernel elements."""
        return self.n_out * prod(self.kernel)

    def port_kind(self, source: PortKind) -> PortKind:
        """Unchanged."""
        return source
