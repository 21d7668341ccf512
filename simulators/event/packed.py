"""A network packed for the kernel: read-only, shared by any number of runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurochain.network import Network, Population, Projection, Source
from neurochain.simulators.event.kernel import Memory
from neurochain.simulators.event.operators import out_elements, pack_projection
from neurochain.simulators.event.programs import Registers, pack_program

__all__ = ["PackedNetwork", "pack"]


class PackedNetwork:
    """A Network and the nc_network made from it.

    nodes        sources, then populations in execution order: node index -> node
    projections  grouped by target and port, in declared order within a port
    registers    register numbers of each population's program
    depths       node name -> past steps that are still read
    widths       node name -> elements of each port's buffer
    widest       elements of a buffer that holds any projection's result; `words` likewise of bits
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.memory = Memory()
        self.nodes: tuple[Source | Population, ...] = (*network.sources, *network.populations)
        self.index = {node.name: k for k, node in enumerate(self.nodes)}
        self.projections: tuple[Projection, ...] = tuple(
            projection
            for population in network.populations
            for port in population.program.ports
            for projection in network.incoming(population.name, port)
        )
        packed = self.memory.structs("nc_network", 1)
        packed[0].n_sources = len(network.sources)
        packed[0].n_populations = len(network.populations)
        packed[0].projection = self.edges = self._pack_projections()
        packed[0].population, self.registers = self._pack_populations()
        self.populations = packed[0].population
        self.struct = packed
        self.depths = {node.name: network.history_depth(node.name) for node in self.nodes}
        self.widths = {p.name: self._port_widths(p) for p in network.populations}
        self.widest = max((out_elements(p) for p in self.projections), default=1)
        self.words = max((self.edges[k].words for k in range(len(self.projections))), default=1)

    def _port_widths(self, population: Population) -> list[int]:
        """A port's first projection writes its padded rows right into the buffer."""
        name = population.name
        return [
            max([population.n, *(out_elements(p) for p in self.network.incoming(name, port))])
            for port in population.program.ports
        ]

    def _pack_projections(self) -> Any:
        edges = self.memory.structs("nc_projection", len(self.projections))
        for k, projection in enumerate(self.projections):
            source = self.index[projection.source]
            kind = self.nodes[source].emits
            pack_projection(self.memory, edges[k], projection, source, kind)
        return edges

    def _pack_populations(self) -> tuple[Any, list[Registers]]:
        populations = self.network.populations
        packed = self.memory.structs("nc_population", len(populations))
        registers, first = [], 0
        for k, population in enumerate(populations):
            starts = [first]
            for port in population.program.ports:
                first += len(self.network.incoming(population.name, port))
                starts.append(first)
            packed[k].n, packed[k].n_ports = population.n, len(starts) - 1
            packed[k].first = self.memory.new("uint32_t[]", starts)
            _pack_leak(self.memory, packed[k], population)
            registers.append(pack_program(self.memory, packed[k], population))
        return packed, registers


def _pack_leak(memory: Memory, into: Any, population: Population) -> None:
    """Neurons with a nonzero leak count as updated in every step."""
    if "leak" not in population.params:
        return
    leaking = np.broadcast_to(population.params["leak"] != 0, (population.n,))
    into.always_full = bool(leaking.all())
    into.always = memory.view("uint8_t", leaking)


def pack(network: Network) -> PackedNetwork:
    """Pack a network once, for many runs.

    Errors: UnsupportedError naming what the kernel cannot execute.
    """
    return PackedNetwork(network)
