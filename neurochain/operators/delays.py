"""A delay for each synapse: one projection for each length of delay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import InternalError
from neurochain.network import Projection

__all__ = ["split_by_delay"]


def split_by_delay(projection: Projection, delays: NDArray[Any]) -> tuple[Projection, ...]:
    """One projection for each length of delay, which together delay each synapse by its own.

    projection  a dense one; its own delay is added to each
    delays      (n_out, n_in), whole numbers from 0 on

    Each has the weights of its length of delay and zeros elsewhere; lengths that no nonzero weight
    has are left out (the first stays where there is none at all). With a negative weight_exp each
    is rounded by itself, as Lava's delayed connections are. The first keeps the name.
    """
    weights = projection.operator.weight
    if weights is None or weights.shape != delays.shape:
        raise InternalError(f"{projection.name}: delays {delays.shape} do not fit its weights.")
    lengths = np.unique(delays[weights != 0]) if weights.any() else np.unique(delays)[:1]
    parts = []
    for k, length in enumerate(lengths):
        operator = projection.operator.with_weights(
            np.where(delays == length, weights, 0).astype(weights.dtype)
        )
        name = projection.name if k == 0 else f"{projection.name}+{int(length)}"
        parts.append(
            replace(
                projection,
                name=name,
                operator=operator,
                delay=projection.delay + int(length),
                bias=projection.bias if k == 0 else None,
            )
        )
    return tuple(parts)
