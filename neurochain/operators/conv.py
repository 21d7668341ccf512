"""Convolution (cross-correlation), one or two axes, as torch defines it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neurochain.network import B8, I64, Operator, PortKind
from neurochain.operators.checks import weight_faults, window_faults
from neurochain.operators.windows import Window

__all__ = ["Conv"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conv(Operator):
    """y[o, p] = sum over taps (c, k) ascending of weights[o, c, k] x[c', p stride - pad + k dil].

    in_shape (c_in, *space), out_shape (c_out, *positions), weights (c_out, c_in / groups, *kernel)
    float32, int8 or int16; stride, padding (in front), dilation one integer an axis. Taps on
    padding do not exist (they are counted in `dense_padded` only).
    """

    kind: ClassVar[str] = "conv"
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    weights: NDArray[Any]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int = 1

    @property
    def weight(self) -> NDArray[Any]:
        """The stored weights, (c_out, c_in / groups, *kernel)."""
        return self.weights

    def faults(self) -> list[str]:
        """Weights of (c_out, c_in / groups, *kernel), and a window that fits."""
        c_in, c_out = self.in_shape[:1], self.out_shape[:1]
        kernel = self.weights.shape[2:]
        faults = window_faults(
            self.in_shape, self.out_shape, kernel, self.stride, self.padding, self.dilation
        )
        if faults:
            return faults
        if self.groups < 1 or c_in[0] % self.groups or c_out[0] % self.groups:
            return [f"{self.groups} groups do not divide {c_in[0]} and {c_out[0]} channels."]
        return weight_faults(self.weights, (*c_out, c_in[0] // self.groups, *kernel))

    @property
    def accumulates(self) -> bool:
        """It sums."""
        return True

    @property
    def window(self) -> Window:
        """Geometry of the taps in 2d."""
        return Window.of(
            self.in_shape[1:],
            self.weights.shape[2:],
            self.stride,
            self.padding,
            self.dilation,
            self.out_shape[1:],
        )

    @property
    def weights_2d(self) -> NDArray[Any]:
        """Weights as (c_out, c_in / groups, kh, kw)."""
        w = self.weights
        return w if w.ndim == 4 else w[:, :, None, :]

    def reference_step(self, x: NDArray[Any]) -> NDArray[Any]:
        """x (batch, n_in) -> (batch, n_out): one shifted plane a tap, in ascending source order."""
        return self._apply(x, self.weights_2d.astype(x.dtype))

    def _apply(self, x: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
        window = self.window
        batch, c_in = x.shape[0], self.in_shape[0]
        c_out, c_group, kh, kw = weights.shape
        per_group = c_out // self.groups
        padded = window.padded(x.reshape(batch, c_in, *window.size), 0)
        acc = np.zeros((batch, c_out, *window.out), dtype=x.dtype)
        for c in range(c_in):
            if not padded[:, c].any():
                continue
            first = (c // c_group) * per_group
            outs = slice(first, first + per_group)
            for ky in range(kh):
                for kx in range(kw):
                    seen = window.tap(padded[:, c], ky, kx)  # (batch, oh, ow)
                    tap = weights[outs, c % c_group, ky, kx]  # (per_group,)
                    acc[:, outs] += seen[:, None] * tap[None, :, None, None]
        return acc.reshape(batch, -1)

    def touch(self, active: B8) -> B8:
        """Targets with at least one nonzero weight from an active source."""
        hits = self._apply(active.astype(np.int64), (self.weights_2d != 0).astype(np.int64))
        return hits > 0

    def fanout(self, *, nonzero: bool) -> I64:
        """Taps that read each input position inside the border, times the (nonzero) weights."""
        window = self.window
        weights = (self.weights_2d != 0) if nonzero else np.ones_like(self.weights_2d, dtype=bool)
        c_out, c_group, kh, kw = weights.shape
        # (groups, c_group, kh, kw): weights that leave a channel through a tap
        leaving = weights.reshape(self.groups, c_out // self.groups, c_group, kh, kw).sum(axis=1)
        count = np.zeros((self.in_shape[0], *window.size), dtype=np.int64)
        for ky in range(kh):
            for kx in range(kw):
                rows, cols = window.reached(ky, kx)
                count[:, rows[:, None], cols] += leaving[:, :, ky, kx].reshape(-1, 1, 1)
        return count.reshape(-1)

    @property
    def dense_padded(self) -> int:
        """Output positions x kernel x (c_in / groups) x c_out."""
        oh, ow = self.window.out
        return int(oh * ow * self.weights.size)

    def port_kind(self, source: PortKind) -> PortKind:
        """Weights make any value analog."""
        return PortKind.ANALOG
