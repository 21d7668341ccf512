"""When a population's step happens in Lava, where every connection costs at least one step.

A network in which feed-forward edges act inside the step becomes one in which every edge takes a
step, by delaying each population by a whole number of steps r: for every projection
delay + r(target) - r(source) >= 1. The shifts are the least ones, and follow from the network.
"""

from __future__ import annotations

from collections.abc import Mapping

from neurochain.errors import Finding, UnsupportedError
from neurochain.network import Network, Projection

__all__ = ["shifted_delay", "shifts_of"]


def shifts_of(network: Network) -> dict[str, int]:
    """Node -> steps by which it lags behind the inputs in Lava. Sources have 0.

    Errors: UnsupportedError where a loop has less delay than it has connections.
    """
    shifts = {node.name: 0 for node in network.nodes}
    late: Projection | None = None
    for _ in range(len(shifts) + 1):
        late = None
        for p in network.projections:
            least = shifts[p.source] + 1 - p.delay
            if least > shifts[p.target]:
                shifts[p.target], late = least, p
        if late is None:
            return shifts
    where = f"projection {late.name if late else ''}"
    raise UnsupportedError(
        Finding(
            where=where,
            what="is in a loop with less delay than connections; in Lava each costs a step.",
            fix="Give the loop's connections a delay of at least 1 each.",
        )
    )


def shifted_delay(projection: Projection, shifts: Mapping[str, int]) -> int:
    """Steps that the projection takes in Lava, at least 1."""
    return projection.delay + shifts[projection.target] - shifts[projection.source]
