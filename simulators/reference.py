"""The reference engine: NumPy, plain, one step after the other, the whole batch at once.

Every element of the batch is computed by the same elementwise operations, so results do not depend
on the batch. It shares the neuron programs with the event engine and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.accounting import POPULATION_COLUMNS, PROJECTION_COLUMNS, RawCounts
from neurochain.errors import Finding, UnsupportedError
from neurochain.inputs.event_frames import EventFrames
from neurochain.network import B8, F32, I32, I64, Network, Population, PortKind, Projection
from neurochain.programs import emission, evaluate, to_int32
from neurochain.simulators.plain import plain_arithmetic
from neurochain.simulators.types import (
    CLOCK,
    EVERY_STEP,
    HISTORY,
    MOST_GRADED,
    EngineResult,
    Record,
    State,
    bias_starts,
    check_whole,
    emission_dtype,
    grow_old,
    initial_state_of,
    run_size,
)

__all__ = ["run_reference"]


@plain_arithmetic()
def run_reference(
    network: Network,
    inputs: Mapping[str, F32 | EventFrames],
    *,
    initial_state: State | None = None,
    record: Record | None = None,
    batch: int | None = None,
    steps: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> EngineResult:
    """Run every step of every sample.

    inputs[source] (batch, step, n) float32, finite, or EventFrames. Where the network has no
    source, `batch` and `steps` say how much to run. `progress` is told how many steps of samples
    are done since it was told last. Returns an EngineResult.
    """
    record = record or Record()
    batch, steps = run_size(network, inputs, batch=batch, steps=steps)
    check_whole(network, inputs)
    arrays = {k: v.dense() if isinstance(v, EventFrames) else v for k, v in inputs.items()}
    state = initial_state_of(network, batch, initial_state)
    run = _Run(network, batch, steps, record, state)
    for t in range(steps):
        run.step(t, {name: values[:, t] for name, values in arrays.items()})
        if progress is not None:
            progress(batch)
    return run.result()


class _Run:
    """The mutable part of a run."""

    def __init__(
        self,
        network: Network,
        batch: int,
        steps: int,
        record: Record,
        state: dict[str, dict[str, NDArray[Any]]],
    ) -> None:
        self.network = network
        self.state = state
        self.batch, self.steps = batch, steps
        kinds = {node.name: node.emits for node in network.nodes}
        names = record.emissions
        if names is None:
            names = tuple(p.name for p in network.populations if p.emits is PortKind.EVENT)
        shape = (batch, steps)
        self.number = number = "int32" if network.is_whole else "float32"
        sizes = {n.name: int(np.prod(n.shape)) for n in network.nodes}
        self.emissions: dict[str, NDArray[Any]] = {
            n: np.zeros((*shape, sizes[n]), dtype=emission_dtype(kinds[n], number)) for n in names
        }
        self.membranes = {n: np.zeros((*shape, sizes[n]), number) for n in record.membranes}
        self.currents = {k: np.zeros((*shape, sizes[k[0]]), number) for k in record.inputs}
        self.overflow: dict[str, I64] = {
            p.name: np.zeros((*shape, len(p.program.watch)), dtype=np.int64)
            for p in network.populations
            if p.program.watch
        }
        self.kinds = kinds
        self.bias_starts = bias_starts(network, state)
        self.fanouts = {p.name: _fanouts(p) for p in network.projections}
        self.projection_counts: dict[str, I64] = {
            p.name: np.zeros((*shape, len(PROJECTION_COLUMNS)), dtype=np.int64)
            for p in network.projections
        }
        self.population_counts: dict[str, I64] = {
            p.name: np.zeros((*shape, len(POPULATION_COLUMNS)), dtype=np.int64)
            for p in network.populations
        }

    def step(self, t: int, fed: Mapping[str, F32]) -> None:
        """Advance by one step."""
        now: dict[str, F32] = dict(fed)
        for population in self.network.populations:
            now[population.name] = self._population_step(population, t, now)
        for name, values in now.items():
            if name in self.emissions:
                self.emissions[name][:, t] = values
            if HISTORY in self.state.get(name, {}):
                past = self.state[name][HISTORY]
                self.state[name][HISTORY] = np.concatenate([past[:, 1:], values[:, None]], axis=1)

    def _population_step(self, population: Population, t: int, now: Mapping[str, F32]) -> F32:
        registers: dict[str, NDArray[Any]] = dict(population.params)
        touched = np.zeros((self.batch, population.n), dtype=np.bool_)
        for port in population.program.ports:
            registers[port], reached = self._port(population, port, t, now)
            touched |= reached
            if (population.name, port) in self.currents:
                self.currents[population.name, port][:, t] = registers[port]
        constant = population.params.get(EVERY_STEP[population.program.number])
        if constant is not None:
            touched |= constant != 0
        before = {name: self.state[population.name][name] for name in population.program.states}
        registers.update(before)
        if population.program.clock:
            registers[population.program.clock] = self.state[population.name][CLOCK] + np.int32(
                t + 1
            )
        values = evaluate(population.program, registers)
        for k, (register, most) in enumerate(population.program.watch):
            beyond = np.abs(values[register].astype(np.int64)) > most
            beyond = np.broadcast_to(beyond, touched.shape)
            self.overflow[population.name][:, t, k] = np.count_nonzero(beyond, axis=1)
        changed = np.zeros_like(touched)
        for name, register in population.program.next_state:
            whole = np.broadcast_to(values[register], before[name].shape)
            new = np.ascontiguousarray(whole, dtype=self.number)
            changed |= new.view(np.uint32) != before[name].view(np.uint32)
            self.state[population.name][name] = new
        if population.name in self.membranes:
            self.membranes[population.name][:, t] = values[population.program.membrane]
        emitted = emission(population.program, values, (self.batch, population.n))
        self.population_counts[population.name][:, t] = np.stack(
            [np.count_nonzero(a, axis=1) for a in (emitted, touched, changed)], axis=1
        )
        return emitted if self.number == "float32" else self._values_of(population, emitted)

    def _values_of(self, population: Population, emitted: I32) -> F32:
        """The values of events, which float32 has to hold."""
        size = int(np.abs(emitted.astype(np.int64)).max(initial=0))
        if size > MOST_GRADED:
            raise UnsupportedError(
                Finding(
                    where=population.name,
                    what=f"emits a value of {size}; an event holds up to {MOST_GRADED}.",
                    fix="Shift what it emits to fewer bits (state_exp).",
                )
            )
        return emitted.astype(np.float32)

    def _port(
        self, population: Population, port: str, t: int, now: Mapping[str, F32]
    ) -> tuple[NDArray[Any], B8]:
        """The current of one port and which neurons an event or a bias reached."""
        total: NDArray[Any] | None = None
        reached = np.zeros((self.batch, population.n), dtype=np.bool_)
        incoming = self.network.incoming(population.name, port)
        for projection in incoming:
            x = self._delivered(projection, now)
            self._count(projection, t, x)
            part: NDArray[Any]
            if self.number == "int32":
                part = _accumulate_whole(projection, x)
            else:
                part = _accumulate(projection, x, self.kinds[projection.source])
            total = part if total is None else total + part
            reached |= projection.operator.touch(x != 0)
        if total is None:
            total = np.zeros((self.batch, population.n), dtype=self.number)
        for projection in incoming:
            if projection.bias is None:
                continue
            start = self.bias_starts.get(projection.name, np.zeros(self.batch, dtype=np.int64))
            on = (t >= start)[:, None]
            total = np.where(on, total + projection.bias, total)
            reached |= on & (projection.bias != 0)
        return total, reached

    def _delivered(self, projection: Projection, now: Mapping[str, F32]) -> F32:
        if projection.delay == 0:
            return now[projection.source]
        return self.state[projection.source][HISTORY][:, -projection.delay]

    def _count(self, projection: Projection, t: int, x: F32) -> None:
        unit = np.abs(x) == 1
        other = (x != 0) & ~unit
        columns = []
        for fanout in self.fanouts[projection.name]:
            columns += [unit @ fanout, other @ fanout]
        self.projection_counts[projection.name][:, t] = np.stack(columns, axis=1)

    def result(self) -> EngineResult:
        """Freeze what was gathered."""
        grow_old(self.network, self.state, self.steps)
        return EngineResult(
            emissions=self.emissions,
            membranes=self.membranes,
            currents=self.currents,
            overflow=self.overflow,
            final_state=self.state,
            counts=RawCounts(
                projections=self.projection_counts,
                populations=self.population_counts,
                bias_from=self.bias_starts,
            ),
        )


def _accumulate_whole(projection: Projection, x: F32) -> I32:
    """One projection's contribution in an integer network: exact, then shifted, modulo 2^32."""
    total = projection.operator.reference_step(x.astype(np.int64))
    exponent = projection.weight_exp
    if exponent >= 0:
        return to_int32(to_int32(total).astype(np.int64) << exponent)
    return to_int32(total) >> np.int32(-exponent)


def _fanouts(projection: Projection) -> tuple[I64, I64, I64, I64]:
    """One event each, then structural, stored nonzero and trained nonzero fan-out, (n_in,)."""
    operator = projection.operator
    effective = operator.fanout(nonzero=True)
    model = effective if projection.model_fanout is None else projection.model_fanout
    ones = np.ones(operator.n_in, dtype=np.int64)
    return ones, operator.fanout(nonzero=False), effective, model


def _accumulate(projection: Projection, x: F32, kind: PortKind) -> F32:
    """One projection's contribution, float32 (see network.py for the order)."""
    weight = projection.operator.weight
    if weight is None or weight.dtype == np.float32:
        return np.asarray(projection.operator.reference_step(x), dtype=np.float32)
    if kind is PortKind.ANALOG:
        total = projection.operator.reference_step(x)
    else:
        total = projection.operator.reference_step(x.astype(np.int64)).astype(np.float32)
    scale = np.float32(1.0) if projection.scale is None else projection.scale
    return np.asarray(total * scale, dtype=np.float32)
