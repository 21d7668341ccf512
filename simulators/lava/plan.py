"""A network as a list of Lava's processes, or everything that stands in the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neurochain.errors import Finding, UnsupportedError
from neurochain.network import Network
from neurochain.simulators.lava.connections import LavaConnection, connection_of
from neurochain.simulators.lava.merging import merged
from neurochain.simulators.lava.neurons import LavaNeurons, neurons_of
from neurochain.simulators.lava.timing import shifted_delay, shifts_of

__all__ = ["Plan", "plan"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """What is built in Lava.

    tag       of the process models: "fixed_pt" or "floating_pt"
    shifts    node -> steps by which it lags behind the inputs
    """

    network: Network
    tag: str
    neurons: tuple[LavaNeurons, ...]
    connections: tuple[LavaConnection, ...]
    shifts: Mapping[str, int]

    @property
    def latency(self) -> int:
        """Steps beyond those of the input until the last population has seen all of it."""
        return max(self.shifts.values())


def plan(network: Network) -> Plan:
    """Plan the network. Errors: UnsupportedError with every finding."""
    shifts = shifts_of(network)
    neurons = [neurons_of(network, p) for p in network.populations]
    connections = [connection_of(network, p, shifted_delay(p, shifts)) for p in network.projections]
    faults = [item for item in (*neurons, *connections) if isinstance(item, Finding)]
    if faults:
        raise UnsupportedError(*faults)
    return Plan(
        network=network,
        tag="fixed_pt" if network.arithmetic == "loihi" else "floating_pt",
        neurons=tuple(n for n in neurons if isinstance(n, LavaNeurons)),
        connections=merged([c for c in connections if isinstance(c, LavaConnection)]),
        shifts=shifts,
    )
