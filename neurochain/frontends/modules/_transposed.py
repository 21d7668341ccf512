"""Transposed convolution: the input spread out with zeros between, and a convolution over it.

y[o] = sum over i, k with i stride - padding + k dilation = o of W[k] x[i]. Where x is spread out so
that x[i] stands at i stride, that is a convolution with the kernel turned round, which looks
dilation (kernel - 1) - padding elements ahead of the border.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.frontends.modules._grids import grid_route
from neurochain.graph import Conv, Node

__all__ = ["transposed"]

Shape = tuple[int, ...]


def transposed(
    module: Any, weight: NDArray[Any], bias: NDArray[Any] | None, shape: Shape
) -> tuple[tuple[tuple[str, Node], ...], Node]:
    """Nodes in front, with what is added to the name, and the convolution.

    weight (c_in, c_out / groups, *kernel); shape (c_in, *space).
    """
    groups = int(module.groups)
    numbers = zip(
        shape[1:], weight.shape[2:], module.stride, module.padding, module.dilation,
        module.output_padding, strict=True,
    )  # fmt: skip
    axes = [_spread(*(int(n) for n in axis)) for axis in numbers]
    places = [axis for axis, _ in axes]
    stays = all(np.array_equal(p, np.arange(s)) for p, s in zip(places, shape[1:], strict=True))
    turned = np.flip(weight, axis=tuple(range(2, weight.ndim)))
    grouped = turned.reshape(groups, shape[0] // groups, *weight.shape[1:]).swapaxes(1, 2)
    turned = np.ascontiguousarray(grouped.reshape(-1, *grouped.shape[2:]))
    turned.setflags(write=False)
    conv = Conv(
        weight=turned,
        bias=bias,
        stride=(1,) * len(axes),
        padding=tuple(ahead for _, ahead in axes),
        dilation=tuple(int(d) for d in module.dilation),
        groups=groups,
    )
    return (() if stays else (("spread", grid_route(shape, places)),)), conv


def _spread(
    size: int, kernel: int, stride: int, padding: int, dilation: int, more: int
) -> tuple[NDArray[np.int64], int]:
    """Along one axis: which element stands at each place (-1: none), and the padding of the conv.

    More padding than the kernel is wide takes elements away instead.
    """
    reach = dilation * (kernel - 1)
    ahead, cut = max(reach - padding, 0), max(padding - reach, 0)
    out = (size - 1) * stride - 2 * padding + reach + more + 1
    places = np.arange(out + reach - 2 * ahead) + cut
    element = places // stride
    there = (places % stride == 0) & (element < size)
    return np.where(there, element, -1).astype(np.int64), ahead
