"""The event engine: packs the network, converts the input, lets the kernel run, unpacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.accounting import POPULATION_COLUMNS, PROJECTION_COLUMNS, RawCounts
from neurochain.errors import Finding, InputError, InternalError, UnsupportedError
from neurochain.network import F32, I64, Network, Population, PortKind
from neurochain.simulators.event.frames import Frames
from neurochain.simulators.event.kernel import Memory
from neurochain.simulators.event.packed import PackedNetwork, pack
from neurochain.simulators.types import (
    HISTORY,
    EngineResult,
    Record,
    State,
    bias_starts,
    emission_dtype,
    grow_old,
    initial_state_of,
)

__all__ = ["FRAME_WORK", "PackedInputs", "pack_inputs", "run_event", "run_packed"]

FRAME_WORK = 50_000_000
"""Neuron updates in one call of the kernel; between calls Python can handle Ctrl-C."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackedInputs:
    """The input of a run: arrays[source] (batch, step, n) float32 and the same as event lists."""

    batch: int
    steps: int
    arrays: Mapping[str, F32]
    frames: Mapping[str, Frames]


def pack_inputs(network: Network, inputs: Mapping[str, F32]) -> PackedInputs:
    """Convert inputs[source] (batch, step, n) float32 to event lists.

    Errors: InputError where a source is missing, or shapes disagree with it or with each other.
    """
    sizes = {tuple(a.shape[:2]) for a in inputs.values()}
    arrays = {}
    for source in network.sources:
        array = inputs.get(source.name)
        n = prod(source.shape)
        if array is None or array.ndim != 3 or array.shape[2] != n or len(sizes) != 1:
            got = "missing" if array is None else f"of shape {array.shape}"
            raise InputError(
                Finding(
                    where=f"input {source.name}",
                    what=f"is {got}; wanted (sample, step, {n}), samples and steps the same for "
                    "every input.",
                )
            )
        arrays[source.name] = np.ascontiguousarray(array, dtype=np.float32)
    batch, steps = sizes.pop()
    frames = {name: Frames.of(array) for name, array in arrays.items()}
    return PackedInputs(batch=batch, steps=steps, arrays=arrays, frames=frames)


def run_event(
    network: Network,
    inputs: Mapping[str, F32],
    *,
    initial_state: State | None = None,
    record: Record | None = None,
) -> EngineResult:
    """Run every step of every sample in the C kernel; arguments and result as `run_reference`.

    Errors: UnsupportedError for an operator, operation or dtype the kernel does not have, or whole
    numbers too large for 64-bit sums; InputError for inputs or states of the wrong shape.
    """
    return run_packed(
        pack(network), pack_inputs(network, inputs), initial_state=initial_state, record=record
    )


def run_packed(
    packed: PackedNetwork,
    inputs: PackedInputs,
    *,
    initial_state: State | None = None,
    record: Record | None = None,
) -> EngineResult:
    """The same on what `pack` and `pack_inputs` have prepared."""
    record = record or Record()
    _check_record(packed.network, record)
    state = initial_state_of(packed.network, inputs.batch, initial_state)
    run = _Run(packed, inputs, state, record, fresh=not initial_state)
    run.advance()
    return run.result()


def _check_record(network: Network, record: Record) -> None:
    """What is to be recorded exists."""
    nodes = {node.name for node in network.nodes}
    membranes = {p.name for p in network.populations if p.program.membrane}
    ports = {(p.name, port) for p in network.populations for port in p.program.ports}
    unknown = [name for name in record.emissions or () if name not in nodes]
    unknown += [name for name in record.membranes if name not in membranes]
    unknown += [".".join(key) for key in record.inputs if key not in ports]
    if unknown:
        raise InputError(Finding(where="record", what=f"{unknown} cannot be recorded."))


class _Run:
    """Buffers of one run and the nc_run that points at them."""

    def __init__(
        self,
        packed: PackedNetwork,
        inputs: PackedInputs,
        state: dict[str, dict[str, F32]],
        record: Record,
        *,
        fresh: bool,
    ) -> None:
        self.packed, self.inputs, self.state, self.record = packed, inputs, state, record
        self.network, self.memory = packed.network, Memory()
        names = record.emissions
        if names is None:
            spiking = (p for p in self.network.populations if p.emits is PortKind.EVENT)
            names = tuple(p.name for p in spiking)
        self.emissions: dict[str, NDArray[Any]] = dict.fromkeys(names, np.zeros(0))
        self.membranes: dict[str, F32] = {}
        self.currents: dict[tuple[str, str], F32] = {}
        self.history: dict[str, F32] = {}
        self.population_counts: dict[str, I64] = {}
        self.projection_counts: dict[str, I64] = {}
        self.bias_starts = bias_starts(self.network, state)
        self.struct = self.memory.structs("nc_run", 1)
        self._fill(fresh)

    def _fill(self, fresh: bool) -> None:
        memory, run = self.memory, self.struct[0]
        run.batch, run.steps = self.inputs.batch, self.inputs.steps
        run.node = memory.structs("nc_node", len(self.packed.nodes))
        for k, node in enumerate(self.packed.nodes):
            self._node(run.node[k], node, fresh)
        run.population = memory.structs("nc_population_run", len(self.network.populations))
        for k, population in enumerate(self.network.populations):
            self._population(run.population[k], k, population)
        run.projection = memory.structs("nc_projection_run", len(self.packed.projections))
        for k in range(len(self.packed.projections)):
            self._projection(run.projection[k], k)
        run.part = memory.scratch("float", self.packed.widest)
        run.exact = memory.scratch("int64_t", self.packed.widest)
        run.hit = memory.scratch("uint64_t", self.packed.words)

    def _node(self, into: Any, node: Any, fresh: bool) -> None:
        """Where a node's emissions of this step and of earlier ones are found."""
        memory, n = self.memory, prod(node.shape)
        into.n, into.depth = n, self.packed.depths[node.name]
        if into.depth and not fresh:
            Frames.of(self.state[node.name][HISTORY]).pack(memory, into.past)
        if not isinstance(node, Population):
            self.inputs.frames[node.name].pack(memory, into.fed)
            return
        slots = into.depth + 1
        into.idx = memory.scratch("uint32_t", slots * (n + 1))
        into.count = memory.scratch("size_t", slots)
        if not self.packed.populations[self.packed.index[node.name] - self._sources].binary:
            into.val = memory.scratch("float", slots * (n + 1))
            into.dense = memory.scratch("float", slots * n)

    @property
    def _sources(self) -> int:
        return len(self.network.sources)

    def _frames_of(self, ctype: str, dtype: type[np.generic], width: int) -> tuple[Any, Any]:
        """A zeroed array (batch, step, width) and the pointer to it."""
        array = np.zeros((self.inputs.batch, self.inputs.steps, width), dtype=dtype)
        return array, self.memory.writable(ctype, array)

    def _population(self, into: Any, k: int, population: Population) -> None:
        memory, packed = self.memory, self.packed.populations[k]
        name, program, n = population.name, population.program, population.n
        registers = self.packed.registers[k]
        bases = dict(registers.fixed)
        if packed.form == memory.lib.NC_FORM_NONE:
            block = memory.lib.NC_BLOCK
            bases.update((name, memory.scratch("float", block)) for name in registers.temporaries)
        states = [self.state[name][s] for s in program.states]
        buffers = [memory.scratch("float", width) for width in self.packed.widths[name]]
        bases.update(zip(program.ports, buffers, strict=True))
        into.base = memory.new(
            "float *[]", (bases.get(r, memory.ffi.NULL) for r in registers.number)
        )
        into.state = memory.new("float *[]", (memory.writable("float", s) for s in states))
        into.buffer = memory.new("float *[]", buffers)
        into.current = memory.new(
            "float *[]", (self._current(population, p) for p in program.ports)
        )
        into.touched = memory.scratch("uint8_t", n)
        into.fired = memory.scratch("uint8_t", n)
        if name in self.emissions:
            if packed.binary:
                self.emissions[name], into.spikes = self._frames_of("uint8_t", np.uint8, n)
            else:
                self.emissions[name], into.values = self._frames_of("float", np.float32, n)
        if name in self.record.membranes:
            self.membranes[name], into.membrane = self._frames_of("float", np.float32, n)
            into.membrane_state = len(states) - 1
        depth = self.packed.depths[name]
        if depth:
            self.history[name] = np.zeros((self.inputs.batch, depth, n), dtype=np.float32)
            into.history = memory.writable("float", self.history[name])
        columns = len(POPULATION_COLUMNS)
        self.population_counts[name], into.counts = self._frames_of("int64_t", np.int64, columns)

    def _current(self, population: Population, port: str) -> Any:
        key = (population.name, port)
        if key not in self.record.inputs:
            return self.memory.ffi.NULL
        self.currents[key], pointer = self._frames_of("float", np.float32, population.n)
        return pointer

    def _projection(self, into: Any, k: int) -> None:
        edge, projection = self.packed.edges[k], self.packed.projections[k]
        if edge.kind == self.memory.lib.NC_CONV:
            g = edge.window
            slots = g.oh * g.ow * g.groups
            width = "int64_t" if edge.exact else "int32_t"
            into.acc = self.memory.scratch(width, slots * g.out_stride)
            into.dirty = self.memory.scratch("uint8_t", slots)
        starts = self.bias_starts.get(projection.name)
        if starts is not None:
            into.bias_from = self.memory.view("uint32_t", starts.astype(np.uint32))
        columns = len(PROJECTION_COLUMNS)
        counts, into.counts = self._frames_of("int64_t", np.int64, columns)
        self.projection_counts[projection.name] = counts

    def advance(self) -> None:
        """Run to the end, a bounded amount of work a call."""
        lib, run = self.memory.lib, self.struct[0]
        work = sum(prod(node.shape) for node in self.packed.nodes)
        frames = max(1, FRAME_WORK // max(work, 1))
        while run.at_sample < run.batch and run.steps > 0:
            status = lib.nc_advance(self.packed.struct, self.struct, frames)
            if status == lib.NC_TOO_LARGE:
                name = self.packed.projections[run.at_projection].name
                raise UnsupportedError(
                    Finding(
                        where=f"projection {name}",
                        what="receives whole numbers so large that its integer sums could pass "
                        f"64 bits (sample {run.at_sample}, step {run.at_step}).",
                        fix="Scale the input, or use float32 weights.",
                    )
                )
            if status != lib.NC_OK:
                raise InternalError(f"the kernel returned status {status}.")

    def _final_history(self, name: str) -> F32:
        """The last emissions of a node, oldest first; what is older than the run comes before."""
        past = self.state[name][HISTORY]
        depth, steps = past.shape[1], self.inputs.steps
        if name in self.inputs.arrays:
            fed = self.inputs.arrays[name]
            return np.ascontiguousarray(np.concatenate([past, fed], axis=1)[:, -depth:])
        final = self.history[name]
        if steps < depth:
            final[:, : depth - steps] = past[:, steps:]
        return final

    def result(self) -> EngineResult:
        """What was gathered, in the shapes and dtypes every engine gives."""
        for name, entries in self.state.items():
            if HISTORY in entries:
                entries[HISTORY] = self._final_history(name)
        grow_old(self.network, self.state, self.inputs.steps)
        kinds = {node.name: node.emits for node in self.packed.nodes}
        emissions = {
            name: self.inputs.arrays.get(name, values).astype(
                emission_dtype(kinds[name]), copy=name in self.inputs.arrays
            )
            for name, values in self.emissions.items()
        }
        return EngineResult(
            emissions=emissions,
            membranes=self.membranes,
            currents=self.currents,
            final_state=self.state,
            counts=RawCounts(
                projections={
                    p.name: self.projection_counts[p.name] for p in self.network.projections
                },
                populations=self.population_counts,
                bias_from=self.bias_starts,
            ),
        )
