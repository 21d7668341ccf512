"""Which of Lava's stock connection processes a projection is, with which parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding
from neurochain.network import Network, Operator, PortKind, Projection
from neurochain.operators import Conv, Csr, Dense, Diagonal, Identity, Route

__all__ = ["LavaConnection", "connection_of"]

MESSAGE_BITS = 24
"""Of a connection that multiplies by the value of an event; 0: an event is an event."""
LONGEST_DELAY = 63
"""Beside the step that every connection costs."""
WEIGHT_RANGE = (-256, 255)
"""Of integer weights of mixed sign; with 9 bits the model changes none of them."""
CONV_MOST = 2**23
"""Lava wraps what its fixed convolution adds up into 24 bits."""
INT8_MOST = 127
"""Lava keeps the geometry of a convolution in 8 bits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LavaConnection:
    """A projection as a process of Lava.

    process   name of the class: Dense, DelayDense, Sparse, DelaySparse, Conv
    options   arguments of its constructor; sparse weights are (data, targets, sources)
    """

    projection: Projection
    process: str
    options: Mapping[str, Any]


def connection_of(network: Network, projection: Projection, delay: int) -> LavaConnection | Finding:
    """The process that does what the projection does in `delay` steps, or why there is none."""
    operator = projection.operator
    whole = network.arithmetic == "loihi"
    kind = network.node(projection.source).emits
    options: dict[str, Any] = {"num_message_bits": 0 if kind is PortKind.EVENT else MESSAGE_BITS}
    if isinstance(operator, Conv):
        return _conv(projection, operator, delay, options, whole=whole)
    weights = _matrix(operator, projection.scale, whole=whole)
    if weights is None:
        return Finding(
            where=f"projection {projection.name}",
            what=f"is a {operator.kind}; Lava has no process for that.",
            fix="Lava has dense, sparse and convolutional connections; put a neuron behind it.",
        )
    if whole:
        fault = _range_fault(projection, weights)
        if fault is not None:
            return fault
        options |= {"weight_exp": projection.weight_exp, "num_weight_bits": 9}
    extra = delay - 1
    if whole and extra > LONGEST_DELAY:
        what = f"takes {extra} steps beside the one of a connection; Lava has {LONGEST_DELAY}."
        return Finding(where=f"projection {projection.name}", what=what)
    process = "Dense" if isinstance(operator, Dense) else "Sparse"
    if extra:
        process, options["delays"] = f"Delay{process}", extra
    return LavaConnection(
        projection=projection, process=process, options={"weights": weights, **options}
    )


def _matrix(operator: Operator, scale: Any, *, whole: bool) -> Any:
    """Weights (n_out, n_in), or the entries of a sparse matrix; None where it is no matrix."""
    dtype = np.int64 if whole else np.float64
    factor = dtype(1) if scale is None else dtype(scale)
    ones = np.ones(operator.n_in, dtype=dtype)
    index = np.arange(operator.n_in)
    match operator:
        case Dense():
            return operator.weights.astype(dtype) * factor
        case Csr():
            sources = np.repeat(index, np.diff(operator.indptr))
            return operator.weights.astype(dtype) * factor, operator.targets, sources
        case Diagonal():
            spread = np.broadcast_to(operator.weights, (operator.n_in,))
            return spread.astype(dtype) * factor, index, index
        case Identity():
            return ones, index, index
        case Route():
            placed = operator.reference_step(np.diag(np.ones(operator.n_in, dtype=np.int64)))
            sources, targets = np.nonzero(placed)
            return placed[sources, targets].astype(dtype), targets, sources
        case _:
            return None


def _range_fault(projection: Projection, weights: Any) -> Finding | None:
    values = weights[0] if isinstance(weights, tuple) else weights
    least, most = WEIGHT_RANGE
    if values.size and (values.min() < least or values.max() > most):
        what = f"has weights {int(values.min())}..{int(values.max())}; Lava's are {least}..{most}."
        return Finding(where=f"projection {projection.name}", what=what, fix="Use weight_exp.")
    return None


def _conv(
    projection: Projection, operator: Conv, delay: int, options: dict[str, Any], *, whole: bool
) -> LavaConnection | Finding:
    """Lava's tensors are (width, height, channels), its kernels flipped."""
    fault = _conv_fault(projection, operator, delay, whole=whole)
    if fault is not None:
        return Finding(where=f"projection {projection.name}", what=fault)
    window, weights = operator.window, operator.weights_2d
    exact = np.int64 if whole else np.float64
    factor = exact(1) if projection.scale is None else exact(projection.scale)
    kernel: NDArray[Any] = weights[:, :, ::-1, ::-1].transpose(0, 3, 2, 1).astype(exact) * factor
    if whole:
        kernel = kernel * 2**projection.weight_exp
    height, width = window.size
    return LavaConnection(
        projection=projection,
        process="Conv",
        options={
            **options,
            "weight": kernel,
            "input_shape": (width, height, operator.in_shape[0]),
            **_geometry(operator),
            "groups": operator.groups,
        },
    )


def _geometry(operator: Conv) -> dict[str, tuple[int, ...]]:
    """(x, y) of stride, padding, dilation; one axis of space is y = 1."""
    if len(operator.stride) == 1:
        return {
            "stride": (operator.stride[0], 1),
            "padding": (operator.padding[0], 0),
            "dilation": (operator.dilation[0], 1),
        }
    return {
        "stride": operator.stride[::-1],
        "padding": operator.padding[::-1],
        "dilation": operator.dilation[::-1],
    }


def _conv_fault(projection: Projection, operator: Conv, delay: int, *, whole: bool) -> str | None:
    geometry = _geometry(operator)
    kernel = operator.weights_2d.shape[:1:-1]
    size, out = operator.window.size[::-1], operator.window.out[::-1]
    fits = tuple(
        (n + 2 * pad - far * (taps - 1) - 1) // step + 1
        for n, taps, step, pad, far in zip(
            size, kernel, geometry["stride"], geometry["padding"], geometry["dilation"], strict=True
        )
    )
    if delay > 1:
        return f"is a convolution of {delay} steps; Lava's takes 1."
    if fits != out:
        return f"has {out} positions where Lava's convolution has {fits}: it pads one side only."
    numbers = [*kernel, *(n for pair in geometry.values() for n in pair), operator.groups]
    if max(numbers) > INT8_MOST:
        return f"has a size of {max(numbers)}; Lava's convolution holds {INT8_MOST} at most."
    if not whole:
        return None
    if projection.weight_exp < 0:
        return f"has weight_exp {projection.weight_exp}; Lava's convolution has no exponent."
    taps = np.abs(operator.weights_2d.astype(np.int64)).reshape(operator.out_shape[0], -1)
    most = int(taps.sum(axis=1).max()) << projection.weight_exp
    if most >= CONV_MOST:
        return f"can add up to {most}; Lava's convolution wraps at {CONV_MOST}."
    return None
