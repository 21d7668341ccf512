"""A network packed for the kernel: read-only, shared by any number of runs."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.network import Network, Population, PortKind, Projection, Source
from neurochain.simulators.event.border import Names, check_network
from neurochain.simulators.event.integers import mantissas
from neurochain.simulators.event.kernel import Memory, aligned_zeros
from neurochain.simulators.event.operators import out_elements, pack_projection, padded
from neurochain.simulators.event.programs import (
    Registers,
    is_relay,
    pack_hot,
    pack_program,
)
from neurochain.simulators.event.units import units_of
from neurochain.simulators.plain import plain_arithmetic
from neurochain.simulators.types import EVERY_STEP

__all__ = ["PackedNetwork", "first_neuron", "pack"]

NEURON_NS, DENSE_NS, FAST_NS, OTHER_NS = 3.0, 0.1, 0.5, 2.0
"""Of a neuron; of a byte of dense weights and of other connections, if their source fires: two to
four times what was measured."""


MOST_AT_ONCE = 1 << 15
"""Neurons whose sums of 64 steps (128 bytes each) a cache of a few MiB holds."""


class PackedNetwork:
    """A Network and the nc_network made from it.

    nodes        sources, then populations in execution order: node index -> node
    projections  grouped by target and port, in declared order within a port
    registers    register numbers of each population's program
    depths       node name -> past steps that are still read
    widths       node name -> elements of each port's buffer
    widest       elements of a buffer that holds any projection's result
    names        names by index, for messages
    step_seconds what a step may take where everything fires, on a slow machine
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
        packed[0].n_projections = len(self.projections)
        sizes = (prod(source.shape) for source in network.sources)
        packed[0].source_n = self.memory.new("size_t[]", sizes)
        packed[0].projection = self.edges = self._pack_projections()
        packed[0].population, self.registers = self._pack_populations()
        self.populations = packed[0].population
        self.struct = packed
        self.depths = {node.name: network.history_depth(node.name) for node in self.nodes}
        self.widths = {p.name: self._port_widths(p) for p in network.populations}
        self.widest = max((out_elements(p) for p in self.projections), default=1)
        self.step_seconds = 1e-9 * self._most_ns()
        self._pack_units()
        self._cuts: dict[tuple[int, int], Any] = {}
        self.names: Names = {
            "projection": [projection.name for projection in self.projections],
            "population": [population.name for population in network.populations],
            "node": [node.name for node in self.nodes],
        }
        check_network(self.memory, packed, self.names)

    def _most_ns(self) -> float:
        """Nanoseconds of a step in which everything fires, rather too many."""
        lib, total = self.memory.lib, sum(NEURON_NS * p.n for p in self.network.populations)
        together = {
            p.first[0] for p in self.populations[0 : len(self.network.populations)] if p.many_steps
        }
        for k, projection in enumerate(self.projections):
            kind = self.edges[k].kind
            ones = self.nodes[self.edges[k].source].emits is PortKind.EVENT
            each = OTHER_NS
            if kind == lib.NC_DENSE and ones:
                weights = projection.operator.weight
                each = DENSE_NS * (weights.itemsize if weights is not None else 1)
            elif kind in (lib.NC_DENSE, lib.NC_CONV) or k in together:
                each = FAST_NS
            total += each * int(projection.operator.fanout(nonzero=False).sum())
        return max(total, 1.0)

    def cuts(self, k: int, workers: int) -> Any:
        """Where in every row of sparse projection k the second, third, ... worker's targets begin.

        int64 (workers - 1, n_in), made once for each number of workers.
        """
        if (k, workers) not in self._cuts:
            found = [_cut(self.memory, self.edges[k], w, workers) for w in range(1, workers)]
            cuts = np.concatenate(found)
            self._cuts[k, workers] = self.memory.writable("int64_t", cuts)
        return self._cuts[k, workers]

    def _port_widths(self, population: Population) -> list[int]:
        """A port's first projection writes its padded rows right into the buffer."""
        name = population.name
        return [
            max([padded(population.n), *map(out_elements, self.network.incoming(name, port))])
            for port in population.program.ports
        ]

    def _pack_projections(self) -> Any:
        edges = self.memory.structs("nc_projection", len(self.projections))
        for k, projection in enumerate(self.projections):
            source = self.index[projection.source]
            kind = self.nodes[source].emits
            given = isinstance(self.nodes[source], Source)
            finite = given or kind is PortKind.EVENT or self.network.is_whole
            lean = mantissas(projection) if self.network.is_whole else None
            pack_projection(
                self.memory,
                edges[k],
                projection,
                source,
                kind,
                finite=finite,
                mantissas=lean,
            )
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
            self._pack_ways(packed[k], population)
        return packed, registers

    def _pack_ways(self, into: Any, population: Population) -> None:
        """Whether workers may share the population, and whether it is run with its dense layer."""
        lib = self.memory.lib
        edges = [self.edges[k] for k in range(into.first[0], into.first[into.n_ports])]
        by_targets = (lib.NC_DENSE, lib.NC_CSR, lib.NC_DIAGONAL, lib.NC_IDENTITY)
        into.split = (
            all(edge.kind in by_targets for edge in edges)
            and bool(into.binary)
            and not into.program.competes
        )
        into.relay = is_relay(population.program) and not (into.binary or into.whole)
        if len(edges) != 1 or not (into.is_hot or into.is_lif):
            return
        edge = edges[0]
        order = np.arange(population.n)
        if edge.kind == lib.NC_DENSE:
            into.fused = edge.weight_type == lib.NC_F32 or (
                edge.limit_i32 >= 1 and bool(edge.exact or edge.limit_f32 >= 1)
            )
        elif edge.kind == lib.NC_CONV and into.is_hot:
            g = edge.window
            into.turned = g.groups * g.out_stride == g.c_out
            order = order.reshape(g.c_out, -1).T.reshape(-1)
        elif edge.kind == lib.NC_CSR and into.is_hot and edge.no_zero:
            whole = bool(edge.exact or edge.limit_f32 >= 1)
            small = edge.limit_i32 >= 2**31 // 2**15 and population.n <= MOST_AT_ONCE
            narrow = edge.weight_type == lib.NC_I8 and edge.csr_blocks == 1
            into.many_steps = whole and small and narrow
            into.summed = edge.weight_type == lib.NC_F32 or (whole and edge.shift != 0)
        if into.turned:
            into.turned_place = self.memory.view("uint32_t", order.astype(np.uint32))
            pack_hot(self.memory, into.turned_hot, population, order)
        self._pack_always(into, population, order)

    def _pack_always(self, into: Any, population: Population, order: NDArray[np.int64]) -> None:
        """Bits of the neurons with a leak or bias, and the bias, in the order of `order`."""
        always = np.zeros(population.n, dtype=bool)
        constant = population.params.get(EVERY_STEP[population.program.number])
        if constant is not None:
            always |= constant != 0
        into.always_bits = into.biased_bits = self._bits(always[order])
        bias = self.projections[into.first[0]].bias
        if bias is not None:
            flat = np.broadcast_to(bias, always.shape)[order]
            into.biased_bits = self._bits(always[order] | (flat != 0))
            if into.turned:
                full = aligned_zeros((padded(population.n),), np.float32)
                full[: population.n] = flat
                into.turned_bias = self.memory.view("float", full)

    def _bits(self, flags: NDArray[np.bool_]) -> Any:
        """64 flags a word, the first in the lowest bit; beyond the last neuron they are set."""
        if not flags.any():
            return self.memory.ffi.NULL
        full = np.ones(padded(flags.size), dtype=bool)
        full[: flags.size] = flags
        words = np.packbits(full, bitorder="little").view("<u8").astype(np.uint64)
        return self.memory.view("uint64_t", words)

    def _pack_units(self) -> None:
        """Populations that form a loop are run step by step, all others a chunk at a time."""
        packed, units = self.struct[0], units_of(self.network)
        packed.n_units = len(units)
        starts = np.cumsum([0, *(len(unit.members) for unit in units)])
        packed.unit = self.memory.view("uint32_t", starts.astype(np.uint32))
        packed.member = self.memory.new("uint32_t[]", (k for unit in units for k in unit.members))
        packed.loops = self.memory.new("uint8_t[]", (unit.loops for unit in units))


def first_neuron(memory: Memory, n: int, worker: int, workers: int) -> int:
    """Of n neurons, where a worker's begin: as nc_range_of has it."""
    columns = int(memory.lib.NC_COLUMNS)
    return min(-(-n // columns) * worker // workers * columns, n)


def _cut(memory: Memory, edge: Any, worker: int, workers: int) -> NDArray[np.int64]:
    """Of every row, the first place of a worker's targets (n_in,)."""
    n = edge.n_out
    first = first_neuron(memory, n, worker, workers)
    block, local = divmod(min(first, n - 1), memory.lib.NC_CSR_BLOCK)
    rows = edge.rows + block * (edge.n_in + 1)
    own = Memory()  # for as long as this takes
    m = own.structs("nc_csr", 1)
    m[0].begin, m[0].end, m[0].targets = rows, rows + 1, edge.local
    cut = np.zeros(edge.n_in, dtype=np.int64)
    memory.lib.nc_csr_cut(m, edge.n_in, local, own.writable("int64_t", cut))
    return cut


def _pack_leak(memory: Memory, into: Any, population: Population) -> None:
    """Neurons with a nonzero leak, or of integers bias, count as updated in every step."""
    constant = population.params.get(EVERY_STEP[population.program.number])
    if constant is None:
        return
    leaking = np.broadcast_to(constant != 0, (population.n,))
    into.always_full = bool(leaking.all())
    into.always = memory.view("uint8_t", leaking)


@plain_arithmetic()
def pack(network: Network) -> PackedNetwork:
    """Pack a network once, for many runs.

    Errors: UnsupportedError naming what the kernel cannot execute; InputError for fan-outs whose
    sums could pass 63 bits.
    """
    return PackedNetwork(network)
