"""Integer weights with one scale a layer, state in float32.

    scale = max |w| / (2^(bits - 1) - 1);  q = round half to even (w / scale);  w becomes q scale

Symmetric, per layer. Biases and neuron parameters stay float32.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurochain.errors import InputError
from neurochain.network import Network, Projection

__all__ = ["WeightError", "quantize_weights"]

_DTYPES: dict[str, type[np.signedinteger[Any]]] = {"int8": np.int8, "int16": np.int16}


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightError:
    """What quantising one layer cost.

    largest  largest |w - q scale| (at most scale / 2 up to rounding)
    rms      root mean square of w - q scale
    zeroed   nonzero weights that became zero
    """

    layer: str
    scale: float
    largest: float
    rms: float
    zeroed: int


def quantize_weights(network: Network, dtype: str) -> tuple[Network, tuple[WeightError, ...]]:
    """Give every projection with weights integer ones; returns the network and the error a layer.

    dtype is "int8" or "int16". Errors: InputError for another dtype, or a network that is not in
    float32.
    """
    if dtype not in _DTYPES:
        raise InputError(f"weights: unknown dtype {dtype!r}. Choose float32, int8 or int16.")
    if network.arithmetic != "float32":
        raise InputError(
            f"weights: the network is already in {network.arithmetic}. Start from the float one."
        )
    projections, errors = [], []
    for projection in network.projections:
        new, error = _quantize(projection, _DTYPES[dtype])
        projections.append(new)
        errors += [error] if error else []
    return replace(network, projections=tuple(projections), arithmetic=dtype), tuple(errors)


def _quantize(
    projection: Projection, dtype: type[np.signedinteger[Any]]
) -> tuple[Projection, WeightError | None]:
    operator = projection.operator
    weights = operator.weight
    if weights is None:
        return projection, None
    top = int(np.iinfo(dtype).max)
    peak = float(np.abs(weights).max()) if weights.size else 0.0
    scale = np.float32(peak / top) if peak else np.float32(1.0)
    if scale == 0:  # weights below the smallest float32 step
        scale = np.float32(np.finfo(np.float32).smallest_subnormal)
    integers = np.clip(np.rint(weights.astype(np.float64) / float(scale)), -top, top).astype(dtype)
    difference = weights.astype(np.float64) - integers * float(scale)
    error = WeightError(
        layer=projection.name,
        scale=float(scale),
        largest=float(np.abs(difference).max(initial=0.0)),
        rms=float(np.sqrt(np.mean(difference**2))) if weights.size else 0.0,
        zeroed=int(np.count_nonzero((integers == 0) & (weights != 0))),
    )
    return (
        replace(
            projection,
            operator=operator.with_weights(integers),
            scale=scale,
            model_fanout=operator.fanout(nonzero=True),
            model_nonzero=int(np.count_nonzero(weights)),
        ),
        error,
    )
