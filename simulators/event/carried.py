"""A network that goes on, a few steps at a time: states, delayed events and counts carry on.

For hosts that call with a chunk of steps again and again. The C kernel runs in buffers that are
made once; a call costs some tens of microseconds. Networks that the kernel's buffers cannot carry
on (biases that start late, no kernel) run through the engines' common door, with the same result.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neurochain.accounting import POPULATION_COLUMNS, PROJECTION_COLUMNS
from neurochain.errors import InputError
from neurochain.network import F32, I64, Network, PortKind
from neurochain.simulators.plain import plain_arithmetic
from neurochain.simulators.types import (
    AGE,
    CLOCK,
    HISTORY,
    EngineResult,
    Record,
    check_whole,
    emission_dtype,
    rest_state,
)

__all__ = ["Carried", "carry_on"]


class Carried(Protocol):
    """A network that goes on.

    emissions[name]    (steps, n), of the last call
    projection_counts  (projection, 8) since rest, in the columns of accounting.PROJECTION_COLUMNS
    population_counts  (population, 3), in those of accounting.POPULATION_COLUMNS
    """

    emissions: Mapping[str, NDArray[Any]]
    projection_counts: I64
    population_counts: I64

    def advance(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Run the next steps on inputs[source] (steps, n)."""


def carry_on(network: Network, steps: int, record: tuple[str, ...]) -> Carried:
    """The network at rest, ready for `steps` steps a call; `record`: whose emissions are kept.

    Sources of events are fed 0 and 1, others any number. Errors: InputError for a name in `record`
    that is unknown, and at a call for values or shapes that do not fit.
    """
    from neurochain.simulators import has_kernel

    entries = {name for state in rest_state(network, 1).values() for name in state}
    if has_kernel() and AGE not in entries:
        from neurochain.simulators.event.packed import pack

        return _InPlace(pack(network), steps, record)
    return _Anew(network, steps, record)


def _zero_counts(network: Network) -> tuple[I64, I64]:
    projections = (len(network.projections), len(PROJECTION_COLUMNS))
    populations = (len(network.populations), len(POPULATION_COLUMNS))
    return np.zeros(projections, np.int64), np.zeros(populations, np.int64)


def _shapes(network: Network, steps: int) -> dict[str, tuple[int, int]]:
    return {source.name: (steps, prod(source.shape)) for source in network.sources}


def _check(
    network: Network, shapes: Mapping[str, tuple[int, int]], inputs: Mapping[str, NDArray[Any]]
) -> None:
    for source in network.sources:
        name, given, wanted = source.name, inputs[source.name], shapes[source.name]
        if given.shape != wanted:
            raise InputError(f"input {name}: has shape {given.shape}, wanted {wanted}.")
        if given.dtype.kind not in "fiub":
            raise InputError(f"input {name}: has dtype {given.dtype}; numbers are needed.")
        if source.emits is PortKind.EVENT and not ((given == 0) | (given == 1)).all():
            raise InputError(f"input {name}: has values other than 0 and 1, of a source of events.")
    check_whole(network, inputs)


def _fed(
    network: Network, record: tuple[str, ...], inputs: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """What recorded sources emit."""
    number = "int32" if network.is_whole else "float32"
    return {
        s.name: inputs[s.name].astype(emission_dtype(s.emits, number))
        for s in network.sources
        if s.name in record
    }


class _Anew:
    """A run of its own for every call."""

    def __init__(self, network: Network, steps: int, record: tuple[str, ...]) -> None:
        from neurochain.simulators import has_kernel, prepare

        self._network = network
        self._shapes, self._steps = _shapes(network, steps), steps
        self._run = prepare(network, engine="event" if has_kernel() else "reference")
        self._record = Record(emissions=record)
        self._state: Any = None
        self.emissions: Mapping[str, NDArray[Any]] = {}
        self.projection_counts, self.population_counts = _zero_counts(network)

    @plain_arithmetic()
    def advance(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Run the next steps."""
        _check(self._network, self._shapes, inputs)
        result: EngineResult = self._run(
            {name: np.asarray(x, dtype=np.float32)[None] for name, x in inputs.items()},
            initial_state=self._state,
            record=self._record,
            batch=1,
            steps=self._steps,
        )
        self._state = result.final_state
        self.emissions = {name: values[0] for name, values in result.emissions.items()}
        for k, counts in enumerate(result.counts.projections.values()):
            self.projection_counts[k] += counts[0].sum(axis=0)
        for k, counts in enumerate(result.counts.populations.values()):
            self.population_counts[k] += counts[0].sum(axis=0)


def _again(run: Any) -> None:
    """A prepared run of one sample to its first step, with the states as they are."""
    run.counted.fill(0)
    for history in run.history.values():
        history.fill(0)
    run.start_over()


class _Totals:
    """Sums over all steps of the counts that a run leaves in one block, in one pass over it."""

    def __init__(self, network: Network, run: Any) -> None:
        tables = _zero_counts(network)
        parts = [run.projection_counts[p.name] for p in network.projections]
        parts += [run.population_counts[p.name] for p in network.populations]
        size = sum(table.size for table in tables)
        self._sums = np.zeros(size + 1, dtype=np.int64)
        self._block: I64 = run.counted
        self._owner = np.full(self._block.size, size)  # of what lies between the parts
        column = 0
        for part in parts:
            width = part.shape[-1]
            place = (part.ctypes.data - self._block.ctypes.data) // part.itemsize
            owners = np.tile(np.arange(column, column + width), part.size // width)
            self._owner[place : place + part.size] = owners
            column += width
        cut = tables[0].size
        self.projections = self._sums[:cut].reshape(tables[0].shape)
        self.populations = self._sums[cut:size].reshape(tables[1].shape)

    def add(self) -> None:
        """Add what the block holds now. float64 holds the counts of a call: they are below 2^53."""
        found = np.bincount(self._owner, weights=self._block, minlength=self._sums.size)
        self._sums += found.astype(np.int64)


class _InPlace:
    """The kernel in the same buffers, call after call."""

    def __init__(self, packed: Any, steps: int, record: tuple[str, ...]) -> None:
        from neurochain.simulators.event.engine import prepare
        from neurochain.simulators.event.inputs import pack_inputs

        network: Network = packed.network
        self._network, self._names = network, record
        self._shapes, self._steps = _shapes(network, steps), steps
        binary = {s.name: s.emits is PortKind.EVENT for s in network.sources}
        for k, population in enumerate(network.populations):
            binary[population.name] = bool(packed.populations[k].binary)
        full = {
            s.name: np.full((1, steps, prod(s.shape)), _most(binary[s.name]), np.float32)
            for s in network.sources
        }
        state = rest_state(network, 1)
        for name, entries in state.items():
            if HISTORY in entries:
                entries[HISTORY][...] = _most(binary[name])
        self._inputs = pack_inputs(network, full, batch=1, steps=steps)
        self._run = prepare(
            packed,
            self._inputs,
            initial_state=state,
            record=Record(emissions=tuple(name for name in record if name not in full)),
        )
        for name, frames in self._run.given.items():
            past = self._run.state[name][HISTORY]
            past.fill(0)
            _write(frames, past[0])
        self._kept = {name: values[0] for name, values in self._run.emissions.items()}
        self.emissions: Mapping[str, NDArray[Any]] = {}
        self._dtypes = {
            node.name: emission_dtype(node.emits, self._run.number) for node in network.nodes
        }
        self._totals = _Totals(network, self._run)
        self.projection_counts = self._totals.projections
        self.population_counts = self._totals.populations
        self._show()

    @plain_arithmetic()
    def advance(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Run the next steps."""
        _check(self._network, self._shapes, inputs)
        run = self._run
        run.calls.finish()
        for name, frames in self._inputs.frames.items():
            _write(frames, inputs[name])
        for values in self._kept.values():
            values.fill(0)
        _again(run)
        run.advance()
        for name, frames in run.given.items():
            past = run.final_history(name)
            run.state[name][HISTORY][...] = past
            _write(frames, past[0])
        for entries in run.state.values():
            if CLOCK in entries:
                entries[CLOCK] += np.int32(self._steps)
        self._totals.add()
        self._show()
        self.emissions = {**self.emissions, **_fed(self._network, self._names, inputs)}

    def _show(self) -> None:
        self.emissions = {
            name: values.astype(self._dtypes[name], copy=False)
            for name, values in self._kept.items()
        }


def _most(binary: bool) -> float:
    """A value that fills the lists of events, with values where the node emits values."""
    return 1.0 if binary else 2.0


def _write(frames: Any, values: F32 | NDArray[Any]) -> None:
    """Put (frame, n) values into lists of events that have room for all of them."""
    count, n = values.shape
    flat = values.astype(np.float32, copy=False).reshape(-1)
    places = np.flatnonzero(flat)
    frames.start[1:] = np.searchsorted(places, np.arange(n, count * n + 1, n))
    frames.idx[: places.size] = places % n
    if frames.val is not None:
        frames.val[: places.size] = flat[places]
        frames.dense[...] = flat
