"""What every operator checks about itself, so that an engine may index without looking."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.operators.windows import output_size

__all__ = ["same_size_faults", "slices", "weight_faults", "window_faults"]

_WEIGHT_DTYPES = (np.float32, np.int8, np.int16)
_SLICE = 1 << 22
"""Elements looked at together: what is derived from them must stay small beside the weights."""


def slices(size: int, most: int = _SLICE) -> Iterator[slice]:
    """0 .. size in order, `most` at a time."""
    for start in range(0, size, most):
        yield slice(start, min(start + most, size))


def weight_faults(weights: Any, shape: tuple[int, ...]) -> list[str]:
    """Weights are a row-major array of one of the three dtypes, of the shape wanted, finite."""
    if not isinstance(weights, np.ndarray) or weights.dtype not in _WEIGHT_DTYPES:
        return ["weights are not float32, int8 or int16."]
    faults = []
    if weights.shape != shape:
        faults.append(f"weights have shape {weights.shape}, wanted {shape}.")
    if not weights.flags.c_contiguous:
        faults.append("weights are not contiguous.")
    wrong = _not_finite(weights) if weights.dtype == np.float32 else 0
    if wrong:
        faults.append(f"{wrong} of {weights.size} weights are NaN or infinite.")
    return faults


def _not_finite(values: NDArray[Any]) -> int:
    flat = values.reshape(-1)
    finite = sum(int(np.count_nonzero(np.isfinite(flat[part]))) for part in slices(flat.size))
    return int(values.size - finite)


def same_size_faults(in_shape: tuple[int, ...], out_shape: tuple[int, ...]) -> list[str]:
    """As many targets as sources."""
    if prod(in_shape) == prod(out_shape):
        return []
    return [f"{prod(in_shape)} sources do not go one to one to {prod(out_shape)} targets."]


def window_faults(
    in_shape: tuple[int, ...],
    out_shape: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
) -> list[str]:
    """One or two axes, legal numbers, and as many positions as there can be.

    At least those that need no padding behind; at most those that start inside the input, or that
    fit where there is as much padding behind as in front.
    """
    axes = len(kernel)
    sizes = {len(in_shape) - 1, len(out_shape) - 1, len(stride), len(padding), len(dilation)}
    if axes not in (1, 2) or sizes != {axes}:
        return [f"a window of {axes} axes does not map {in_shape} to {out_shape}."]
    if not all(type(n) is int for n in (*kernel, *stride, *padding, *dilation)):
        return ["kernel, stride, padding and dilation must be plain integers."]
    if min(*kernel, *stride, *dilation) < 1 or min(padding) < 0:
        given = f"kernel {kernel}, stride {stride}, padding {padding}, dilation {dilation}"
        return [f"{given}: at least 1, padding at least 0."]
    numbers = list(zip(in_shape[1:], kernel, stride, padding, dilation, strict=True))
    least = tuple(
        max(1, (size + pad - far * (taps - 1) - 1) // step + 1)
        for size, taps, step, pad, far in numbers
    )
    most = tuple(
        max((size + pad - 1) // step + 1, output_size(size, taps, step, pad, far))
        for size, taps, step, pad, far in numbers
    )
    if all(a <= n <= b for a, n, b in zip(least, out_shape[1:], most, strict=True)):
        return []
    return [f"the window takes {least} to {most} positions, not {out_shape[1:]}."]
