"""Bits of stored weights: those of the chip where a network was quantised for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neurochain.network import Network
from neurochain.operators import weight_width

__all__ = ["stored_widths"]

_MOST = 8
"""Of a chip's weight."""


def stored_widths(network: Network, said: Any = None) -> dict[str, int]:
    """Projection -> bits a weight, of those that have weights.

    Weights of the "loihi" arithmetic are kept in int16, since those of both signs reach 254; the
    chip stores what `operators.weight_width` says, or the next width that it has: `said`, the
    widths by projection that the compiler noted. All others are stored as they are kept.
    """
    noted = said if isinstance(said, Mapping) else {}
    found = {}
    for projection in network.projections:
        weights = projection.operator.weight
        if weights is None:
            continue
        bits = 8 * weights.dtype.itemsize
        if network.arithmetic == "loihi":
            bits, _ = weight_width(weights)
            wider = noted.get(projection.name)
            if type(wider) is int and bits < wider <= _MOST:
                bits = wider
        found[projection.name] = bits
    return found
