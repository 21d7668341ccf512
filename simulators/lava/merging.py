"""Several projections as one delayed connection of Lava, which has a delay for every synapse.

neurochain has one projection for each length of delay (`operators.split_by_delay`); a process for
each of them would be slow in Lava. Where their nonzero weights lie at different places, one process
with a matrix of delays does the same: it adds and shifts each length of delay by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.simulators.lava.connections import LavaConnection

__all__ = ["merged"]

MOST_SYNAPSES = 1 << 20
"""Of a merged matrix: Lava copies it once for every length of delay, in every step."""


def merged(connections: Sequence[LavaConnection]) -> tuple[LavaConnection, ...]:
    """The same connections, those that differ in their delay alone as one."""
    kept: dict[object, LavaConnection] = {}
    for connection in connections:
        p = connection.projection
        key: object = (p.source, p.target, p.weight_exp, connection.options["num_message_bits"])
        if connection.process == "Conv":
            key = p.name
        before = kept.get(key)
        together = None if before is None else _together(before, connection)
        if before is not None and together is None:
            key = p.name
        kept[key] = together or connection
    return tuple(kept.values())


def _together(one: LavaConnection, other: LavaConnection) -> LavaConnection | None:
    """Both as one process, or None where their weights overlap or are many."""
    operator = one.projection.operator
    shape = (operator.n_out, operator.n_in)
    if operator.n_out * operator.n_in > MOST_SYNAPSES:
        return None
    first, second = _full(one, shape), _full(other, shape)
    if ((first != 0) & (second != 0)).any():
        return None
    delays = np.where(second != 0, other.options.get("delays", 0), one.options.get("delays", 0))
    options = {**one.options, "weights": first + second, "delays": delays}
    return replace(one, process="DelayDense", options=options)


def _full(connection: LavaConnection, shape: tuple[int, int]) -> NDArray[Any]:
    """Weights (n_out, n_in)."""
    weights = connection.options["weights"]
    if not isinstance(weights, tuple):
        return np.asarray(weights)
    values, targets, sources = weights
    full = np.zeros(shape, dtype=values.dtype)
    full[targets, sources] = values
    return full
