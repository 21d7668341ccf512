"""One run of the event engine: its buffers, the calls of the kernel, what came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.accounting import POPULATION_COLUMNS, PROJECTION_COLUMNS, RawCounts
from neurochain.errors import Finding, InputError, UnsupportedError
from neurochain.network import F32, I64, Network, Population, PortKind
from neurochain.simulators.event.border import check_run, failure
from neurochain.simulators.event.calls import CHUNK_SECONDS, Calls, next_chunk
from neurochain.simulators.event.frames import Frames
from neurochain.simulators.event.inputs import PackedInputs
from neurochain.simulators.event.kernel import Memory, aligned_copy, aligned_zeros
from neurochain.simulators.event.operators import padded
from neurochain.simulators.event.packed import PackedNetwork, first_neuron
from neurochain.simulators.plain import plain_arithmetic
from neurochain.simulators.types import (
    CLOCK,
    HISTORY,
    MOST_GRADED,
    EngineResult,
    Record,
    State,
    bias_starts,
    emission_dtype,
    grow_old,
    initial_state_of,
)

__all__ = [
    "CALL_SECONDS",
    "PreparedRun",
    "prepare",
]

CALL_SECONDS = 0.05
"""Time in one call of the kernel; between calls Python can handle Ctrl-C."""
FEWEST_STEPS = 16
"""Of a chunk that is kept short for Ctrl-C. With fewer, weights would be read anew too often: such
networks run in a thread that Ctrl-C does not wait for."""
CHUNK_STEPS = 128
CHUNK_BYTES = 1 << 26


@plain_arithmetic()
def prepare(
    packed: PackedNetwork,
    inputs: PackedInputs,
    *,
    initial_state: State | None = None,
    record: Record | None = None,
    threads: int = 1,
    version: int | None = None,
    chunk: int | None = None,
) -> PreparedRun:
    """Everything that a run needs, allocated; `advance` runs it, `rewind` makes it ready again.

    version   of the loops: 0 portable, 1 AVX2, 2 AVX-512; None: the best this processor has
    chunk     steps of a population before the next one's turn; None: what fits the caches

    Errors: InputError for a thread count below 1, a version that the processor lacks, names that
    cannot be recorded, states or events that do not fit, or counts that could pass 63 bits.
    """
    record = record or Record()
    _check_record(packed.network, record)
    best = packed.memory.lib.nc_best_version()
    most = packed.memory.lib.NC_MOST_THREADS
    if threads < 1 or threads > most:
        raise InputError(Finding(where="threads", what=f"is {threads}; it must be 1 to {most}."))
    if chunk is not None and chunk < 1:
        raise InputError(Finding(where="chunk", what=f"is {chunk}; it must be at least 1 step."))
    if version is not None and not 0 <= version <= best:
        raise InputError(
            Finding(where="version", what=f"is {version}; this processor runs 0 to {best}.")
        )
    state = initial_state_of(packed.network, inputs.batch, initial_state)
    return PreparedRun(
        packed,
        inputs,
        state,
        record,
        fresh=not initial_state,
        threads=threads,
        version=best if version is None else version,
        chunk=chunk,
    )


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


class PreparedRun:
    """Buffers of one run and the nc_run that points at them.

    Results lie in these buffers: after `rewind`, the next run writes over them.
    """

    def __init__(
        self,
        packed: PackedNetwork,
        inputs: PackedInputs,
        state: dict[str, dict[str, NDArray[Any]]],
        record: Record,
        *,
        fresh: bool,
        threads: int,
        version: int,
        chunk: int | None,
    ) -> None:
        self.packed, self.inputs, self.state, self.record = packed, inputs, state, record
        self.network, self.memory = packed.network, Memory()
        names = record.emissions
        if names is None:
            spiking = (p for p in self.network.populations if p.emits is PortKind.EVENT)
            names = tuple(p.name for p in spiking)
        self.emissions: dict[str, NDArray[Any]] = dict.fromkeys(names, np.zeros(0))
        self.number = "int32" if self.network.is_whole else "float32"
        self.membranes: dict[str, NDArray[Any]] = {}
        self.currents: dict[tuple[str, str], NDArray[Any]] = {}
        self.overflow: dict[str, I64] = {}
        self.history: dict[str, F32] = {}
        self.population_counts: dict[str, I64] = {}
        self.projection_counts: dict[str, I64] = {}
        self.bias_starts = bias_starts(self.network, state)
        self.counted = self._count_block(max(1, threads // max(1, min(threads, inputs.batch))))
        self.teams = max(1, min(threads, inputs.batch))
        self.workers = max(1, threads // self.teams)
        self.struct = self.memory.structs("nc_run", 1)
        self.pointers = packed.struct, self.struct
        self.fits = max(1, int(CHUNK_SECONDS / packed.step_seconds))
        long = self.fits < FEWEST_STEPS
        self.calls = Calls(long=long)
        run = self.struct[0]
        run.batch, run.steps, run.version = inputs.batch, inputs.steps, version
        run.teams, run.workers = self.teams, self.workers
        run.chunk = self.chunk = min(chunk or self._chunk(), max(inputs.steps, 1))
        self.most = self.chunk if long else min(self.chunk, self.fits)
        self._fill(fresh)
        check_run(self.memory, packed.struct, self.struct, packed.names)

    def _count_block(self, workers: int) -> I64:
        """One block of zeros for the counts of everything, so that one call clears them."""
        frames = self.inputs.batch * self.inputs.steps
        a_frame = len(PROJECTION_COLUMNS) * len(self.packed.projections)
        a_frame += len(POPULATION_COLUMNS) * len(self.network.populations) * workers
        a_frame += sum(len(p.program.watch) for p in self.network.populations) * workers
        self._counts_used = 0
        return aligned_zeros((frames * a_frame,), np.int64)

    def _counts(self, shape: tuple[int, ...]) -> tuple[I64, Any]:
        """The next part of that block and the pointer to it."""
        first, self._counts_used = self._counts_used, self._counts_used + prod(shape)
        part = self.counted[first : self._counts_used].reshape(shape)
        return part, self.memory.writable("int64_t", part)

    def _chunk(self) -> int:
        """Steps whose events a team's lists can hold in `CHUNK_BYTES`, `CHUNK_STEPS` at most."""
        bytes_a_step = sum(
            p.n * (4 if self.packed.populations[k].binary else 12)
            for k, p in enumerate(self.network.populations)
        )
        return max(1, min(CHUNK_STEPS, CHUNK_BYTES // max(bytes_a_step, 1)))

    def _fill(self, fresh: bool) -> None:
        memory, run = self.memory, self.struct[0]
        run.population = memory.structs("nc_population_run", len(self.network.populations))
        for k, population in enumerate(self.network.populations):
            self._population(run.population[k], k, population)
        run.projection = memory.structs("nc_projection_run", len(self.packed.projections))
        for k in range(len(self.packed.projections)):
            self._projection(run.projection[k], k)
        self.given = given = {
            name: Frames.of(entries[HISTORY])
            for name, entries in self.state.items()
            if HISTORY in entries and not fresh
        }
        run.team = memory.structs("nc_team", self.teams)
        for k in range(self.teams):
            self._team(run.team[k], given)

    # --- results, shared by all teams -------------------------------------------------------------

    def _frames_of(self, ctype: str, dtype: type[np.generic], width: int) -> tuple[Any, Any]:
        """A zeroed array (batch, step, width) and the pointer to it."""
        array = np.zeros((self.inputs.batch, self.inputs.steps, width), dtype=dtype)
        return array, self.memory.writable(ctype, array)

    def _population(self, into: Any, k: int, population: Population) -> None:
        memory, packed = self.memory, self.packed.populations[k]
        name, program, n = population.name, population.program, population.n
        own = self.state.get(name, {})
        own.update((s, aligned_copy(own[s])) for s in program.states)
        states = [own[s] for s in program.states]
        into.state = memory.new("float *[]", (self._numbers(s) for s in states))
        into.current = memory.new(
            "float *[]", (self._current(population, p) for p in program.ports)
        )
        if name in self.emissions:
            if packed.binary:
                self.emissions[name], into.spikes = self._frames_of("uint8_t", np.uint8, n)
            else:
                self.emissions[name], into.values = self._frames_of("float", np.float32, n)
        if name in self.record.membranes:
            self.membranes[name], into.membrane = self._number_frames(n)
            registers = [register for _, register in program.next_state]
            shown = registers.index(program.membrane) if packed.is_lif else len(states) - 1
            into.membrane_state = shown
        depth = self.packed.depths[name]
        if depth:
            self.history[name] = np.zeros((self.inputs.batch, depth, n), dtype=np.float32)
            into.history = memory.writable("float", self.history[name])
        shape = (self.workers, self.inputs.batch, self.inputs.steps, len(POPULATION_COLUMNS))
        self.population_counts[name], into.counts = self._counts(shape)
        if packed.whole:
            shape = (*shape[:-1], len(program.watch))
            self.overflow[name], into.overflow = self._counts(shape)
            if program.clock:
                into.clock = memory.view("int32_t", self.state[name][CLOCK].reshape(-1))

    def _numbers(self, array: NDArray[Any]) -> Any:
        """Pointer to numbers that the kernel writes, in the type its declarations name."""
        if array.dtype == np.float32:
            return self.memory.writable("float", array)
        return self.memory.ffi.cast("float *", self.memory.writable("int32_t", array))

    def _number_frames(self, width: int) -> tuple[Any, Any]:
        """A zeroed array (batch, step, width) of the network's numbers and the pointer to it."""
        shape = (self.inputs.batch, self.inputs.steps, width)
        array = np.zeros(shape, dtype=self.number)
        return array, self._numbers(array)

    def _current(self, population: Population, port: str) -> Any:
        key = (population.name, port)
        if key not in self.record.inputs:
            return self.memory.ffi.NULL
        self.currents[key], pointer = self._number_frames(population.n)
        return pointer

    def _projection(self, into: Any, k: int) -> None:
        edge, projection = self.packed.edges[k], self.packed.projections[k]
        starts = self.bias_starts.get(projection.name)
        if starts is not None:
            into.bias_from = self.memory.view("uint32_t", starts.astype(np.uint32))
        if edge.kind == self.memory.lib.NC_CSR and self.workers > 1:
            into.cut = self.packed.cuts(k, self.workers)
        shape = (self.inputs.batch, self.inputs.steps, len(PROJECTION_COLUMNS))
        self.projection_counts[projection.name], into.counts = self._counts(shape)

    # --- scratch of a team ------------------------------------------------------------------------

    def _team(self, into: Any, given: Mapping[str, Frames]) -> None:
        memory, chunk = self.memory, self.struct[0].chunk
        into.batch, into.chunk, into.workers = self.inputs.batch, chunk, self.workers
        into.node = memory.structs("nc_node", len(self.packed.nodes))
        for k, node in enumerate(self.packed.nodes):
            self._node(into.node[k], node, given)
        into.population = memory.structs("nc_population_scratch", len(self.network.populations))
        for k, population in enumerate(self.network.populations):
            self._population_scratch(into.population[k], k, population)
        into.projection = memory.structs("nc_projection_scratch", len(self.packed.projections))
        for k in range(len(self.packed.projections)):
            self._projection_scratch(into.projection[k], k)
        into.part = memory.zeros("float", self.packed.widest)
        into.exact = memory.zeros("int64_t", self.packed.widest)
        into.span = memory.structs("nc_span", self.workers * chunk * self.workers)

    def _node(self, into: Any, node: Any, given: Mapping[str, Frames]) -> None:
        """Where a node's emissions of this step and of earlier ones are found."""
        memory, n = self.memory, prod(node.shape)
        into.n, into.depth = n, self.packed.depths[node.name]
        if node.name in given:
            given[node.name].pack(memory, into.past)
        if not isinstance(node, Population):
            self.inputs.frames[node.name].pack(memory, into.fed)
            return
        slots = into.depth + self.struct[0].chunk
        binary = self.packed.populations[self.packed.index[node.name] - self._sources].binary
        into.segment = memory.structs("nc_segment", self.workers)
        for worker in range(self.workers):
            segment = into.segment[worker]
            segment.idx = memory.unset("uint32_t", slots * n + memory.lib.NC_SLACK)
            segment.start = memory.zeros("size_t", slots + 1)
            if not binary:
                segment.val = memory.unset("float", slots * n + memory.lib.NC_SLACK)
        if not binary:
            # a relay's rows are written in whole blocks
            into.dense = memory.zeros("float", slots * n + memory.lib.NC_COLUMNS)

    @property
    def _sources(self) -> int:
        return len(self.network.sources)

    def _population_scratch(self, into: Any, k: int, population: Population) -> None:
        memory, packed, chunk = self.memory, self.packed.populations[k], self.struct[0].chunk
        n, program = population.n, population.program
        widths = self.packed.widths[population.name]
        parts = self.workers if packed.relay else 1
        buffers = [self._numbers(aligned_zeros((parts * width,), self.number)) for width in widths]
        into.buffer = memory.new("float *[]", buffers)
        into.touched = memory.zeros("uint8_t", n)
        into.fired = memory.zeros("uint8_t", n)
        into.quiet = memory.zeros("uint8_t", self.workers * memory.lib.NC_LINE)
        together = packed.fused or packed.many_steps
        rows = chunk if together else self.workers if packed.relay else 1
        if packed.turned:
            rows = (1 if self.workers == 1 else chunk) + self.workers  # as nc_turned_at_once
        into.bits = memory.zeros("uint64_t", rows * -(-n // 64))
        if packed.turned:
            into.turned_state = memory.zeros("float", 2 * padded(n))
        if packed.many_steps:
            n_in = self.packed.edges[packed.first[0]].n_in
            into.when = memory.zeros("uint64_t", self.workers * n_in)
            into.sums = memory.zeros("int16_t", n * memory.lib.NC_STEPS)
            into.fed = memory.zeros("uint64_t", n)
        if together:
            into.tally = memory.zeros("uint32_t", self.workers * chunk * 2)
        registers = self.packed.registers[k]
        moving = dict(zip(program.ports, buffers, strict=True))
        moving |= {
            name: pointer
            for name, pointer in registers.fixed.items()
            if packed.step[registers.number[name]]
        }
        base: list[Any] = []
        for worker in range(self.workers):
            first = first_neuron(memory, n, worker, self.workers) if packed.split else 0
            bases = dict(registers.fixed)
            bases |= {name: pointer + min(first, n) for name, pointer in moving.items()}
            if not packed.is_hot:
                block = memory.lib.NC_BLOCK
                names = [*registers.temporaries, *([program.clock] if program.clock else [])]
                bases |= {r: self._numbers(aligned_zeros((block,), self.number)) for r in names}
            base += [bases.get(r, memory.ffi.NULL) for r in registers.number]
        into.base = memory.new("float *[]", base)

    def _projection_scratch(self, into: Any, k: int) -> None:
        edge = self.packed.edges[k]
        if edge.kind != self.memory.lib.NC_CONV:
            return
        g = edge.window
        slots = g.oh * g.ow * g.groups * g.out_stride
        acc = aligned_zeros((2 * slots + 64,), np.float32)  # room for 64-bit integers, whole blocks
        acc[:] = -0.0
        into.sums = slots
        into.acc = self.memory.writable("float", acc)
        dirty = np.zeros((g.oh, 2), dtype=np.uint32)
        dirty[:, 0] = g.ow
        into.dirty = self.memory.writable("uint32_t", dirty.reshape(-1))

    # --- running ----------------------------------------------------------------------------------

    def advance(self, progress: Callable[[int], None] | None = None) -> None:
        """Run to the end; between calls of the kernel Python sees signals.

        progress   is told now and then how many steps of samples are done since it was told last

        The kernel looks at the time between chunks of steps, which are as long as what the last
        ones took allows; see also `Calls`.

        Errors: UnsupportedError for whole numbers whose integer sums could pass 64 bits.
        """
        self.calls.finish()
        lib, run = self.memory.lib, self.struct[0]
        wanted, most = self.inputs.batch * self.inputs.steps, self.most
        run.chunk = min(most, self.fits)
        while run.frames_done < wanted:
            before, start = run.frames_done, perf_counter()
            status = self.calls.call(lib.nc_advance, *self.pointers, CALL_SECONDS, keep=self)
            if status == lib.NC_TOO_LARGE:
                raise self._too_large()
            if status == lib.NC_PAYLOAD:
                raise self._payload()
            if status != lib.NC_OK:
                raise failure(self.memory, status)
            done = run.frames_done - before
            if progress is not None:
                progress(done)
            rounds = -(-done // self.teams)  # steps that each team has taken
            step_seconds = (perf_counter() - start) / max(rounds, 1)
            run.chunk = next_chunk(run.chunk, step_seconds, most, lib.NC_STEPS)

    def _failed(self) -> int:
        """Where the first sample that fails does."""
        teams = (self.struct[0].team[k] for k in range(self.teams))
        first = min((team for team in teams if team.status), key=lambda team: int(team.at_sample))
        return int(first.at_projection)

    def _too_large(self) -> UnsupportedError:
        name = self.packed.projections[self._failed()].name
        return UnsupportedError(
            Finding(
                where=f"projection {name}",
                what="receives whole numbers so large that its integer sums could pass 64 bits.",
                fix="Scale the input, or use float32 weights.",
            )
        )

    def _payload(self) -> UnsupportedError:
        return UnsupportedError(
            Finding(
                where=self.network.populations[self._failed()].name,
                what=f"emits a value beyond {MOST_GRADED}, which an event does not hold.",
                fix="Shift what it emits to fewer bits (state_exp).",
            )
        )

    def rewind(self) -> None:
        """Back to rest, to run again. Only for runs that started at rest and record nothing."""
        self.calls.finish()
        for node in self.network.nodes:
            initial = node.initial if isinstance(node, Population) else {}
            for key, value in self.state.get(node.name, {}).items():
                if key in initial:
                    value[...] = initial[key]
                else:
                    value.fill(0)
        self.counted.fill(0)
        for history in self.history.values():
            history.fill(0)
        self.start_over()

    def start_over(self) -> None:
        """Nothing is run yet; the states stay as they are."""
        self.calls.finish()
        run = self.struct[0]
        run.next_sample, run.frames_done = 0, 0
        for k in range(self.teams):
            run.team[k].at_step, run.team[k].status = 0, 0

    def final_history(self, name: str) -> F32:
        """The last emissions of a node, oldest first; what is older than the run comes before."""
        past = self.state[name][HISTORY]
        depth, steps = past.shape[1], self.inputs.steps
        if name in self.inputs.frames:
            fed = self.inputs.array(name, past.shape[2], max(steps - depth, 0))
            return np.ascontiguousarray(np.concatenate([past, fed], axis=1)[:, -depth:])
        final = self.history[name]
        if steps < depth:
            final[:, : depth - steps] = past[:, steps:]
        return final

    def result(self) -> EngineResult:
        """What was gathered, in the shapes and dtypes every engine gives."""
        state = {name: dict(entries) for name, entries in self.state.items()}
        for name, entries in state.items():
            if HISTORY in entries:
                entries[HISTORY] = self.final_history(name)
        grow_old(self.network, state, self.inputs.steps)
        kinds = {node.name: node.emits for node in self.packed.nodes}
        sizes = {source.name: prod(source.shape) for source in self.network.sources}
        emissions = {
            name: self.inputs.array(name, sizes[name]) if name in sizes else values
            for name, values in self.emissions.items()
        }
        emissions = {
            name: values.astype(emission_dtype(kinds[name], self.number), copy=False)
            for name, values in emissions.items()
        }
        return EngineResult(
            emissions=emissions,
            membranes=self.membranes,
            currents=self.currents,
            final_state=state,
            counts=self.counts(),
            overflow={
                name: counts.sum(axis=0)
                for name, counts in self.overflow.items()
                if counts.shape[-1]
            },
        )

    def counts(self) -> RawCounts:
        """The raw counts; workers' parts are added up."""
        populations = {
            name: counts[0] if self.workers == 1 else counts.sum(axis=0)
            for name, counts in self.population_counts.items()
        }
        projections = {p.name: self.projection_counts[p.name] for p in self.network.projections}
        return RawCounts(
            projections=projections, populations=populations, bias_from=self.bias_starts
        )
