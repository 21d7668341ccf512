"""Teacher forcing: every population one step from the module's own spikes and states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, InputError, UnsupportedError
from neurochain.network import F32, Network, Population, Projection, Source
from neurochain.programs import emission, evaluate
from neurochain.verification.enclosure import Enclosure, enclose, exact, flow, total
from neurochain.verification.enclosure import emission as enclosed_emission

__all__ = ["Forced", "names_of_states"]

_STATE_NAMES = {"v": "mem", "i": "syn"}
"""state of a neuron program -> state of the module"""

_CHUNK = 2**21  # values a register at a time


def names_of_states(recorded: Iterable[str]) -> dict[str, str]:
    """State of a program -> its name in a record: the module's, or the program's own."""
    names = list(recorded)
    known = {ours: theirs for ours, theirs in _STATE_NAMES.items() if theirs in names}
    return known or {name: name for name in names if name != "spk"}


class Forced:
    """A network whose populations are fed what the module recorded, steps side by side.

    emitted[name] (step, n) float32: sources, and the spikes that the module emitted. Relays are
    computed. before[name][state] (step, n) float32: states of the program before each step.
    """

    def __init__(
        self,
        network: Network,
        emitted: Mapping[str, F32],
        before: Mapping[str, Mapping[str, F32]],
    ) -> None:
        self.network = network
        self.before = before
        self.emitted: dict[str, F32] = dict(emitted)
        self.steps = len(next(iter(self.emitted.values())))
        self._enclosed: dict[tuple[str, bytes], Enclosure] = {}  # relays that several nodes read
        self.nodes: dict[str, Source | Population] = {node.name: node for node in network.nodes}
        missing = [p for p in network.populations if p.name not in self.emitted]
        for population in missing:
            if population.program.states:
                raise InputError(
                    f"{population.name}: the module has no neuron of that name. Verify against the "
                    "module the network was compiled from."
                )
        self.computed = {p.name for p in missing}
        self._compute(missing)

    def _compute(self, relays: list[Population]) -> None:
        """What relays emit, each after the ones it reads (with a delay it may read later ones)."""
        while relays:
            ready = [p for p in relays if self._sources(p) <= set(self.emitted)]
            if not ready:
                raise UnsupportedError(*(_on_a_cycle(relay) for relay in relays))
            for population in ready:
                self.emitted[population.name] = np.concatenate(
                    [self._emission(population, *chunk) for chunk in self.chunks(population)]
                )
            relays = [p for p in relays if p not in ready]

    def _sources(self, population: Population) -> set[str]:
        return {p.source for p in self.network.incoming(population.name)}

    def _emission(self, population: Population, first: int, last: int) -> F32:
        """What a population emits at steps first .. last - 1, (step, n) float32."""
        values = self.run(population, first, last)
        return emission(population.program, values, (last - first, population.n))

    def port(self, population: Population, port: str, first: int, last: int) -> F32:
        """The current of one port at steps first .. last - 1, in the engines' order."""
        sum_so_far: F32 | None = None
        incoming = self.network.incoming(population.name, port)
        for projection in incoming:
            part = _accumulate(projection, self._delivered(projection, first, last))
            sum_so_far = part if sum_so_far is None else sum_so_far + part
        if sum_so_far is None:
            sum_so_far = np.zeros((last - first, population.n), dtype=np.float32)
        for projection in incoming:
            if projection.bias is not None:
                on = np.arange(first, last) >= projection.bias_from_step
                sum_so_far = np.where(on[:, None], sum_so_far + projection.bias, sum_so_far)
        return sum_so_far

    def _delivered(self, projection: Projection, first: int, last: int) -> F32:
        """What the source emitted `delay` steps before each of the steps."""
        emitted = self.emitted[projection.source]
        rows = np.arange(first, last) - projection.delay
        values = emitted[np.maximum(rows, 0)]
        return np.where(rows[:, None] >= 0, values, np.float32(0))

    def chunks(self, population: Population) -> list[tuple[int, int]]:
        """Ranges of steps small enough to hold every register."""
        size = max(1, _CHUNK // max(1, population.n))
        return [(a, min(a + size, self.steps)) for a in range(0, self.steps, size)]

    def run(self, population: Population, first: int, last: int) -> dict[str, F32]:
        """Every register of a population at steps first .. last - 1."""
        registers: dict[str, NDArray[Any]] = dict(population.params)
        for port in population.program.ports:
            registers[port] = self.port(population, port, first, last)
        for state in population.program.states:
            registers[state] = self.before[population.name][state][first:last]
        return evaluate(population.program, registers)

    def enclose(self, population: Population, rows: NDArray[np.intp]) -> dict[str, Enclosure]:
        """Enclosures of every register at some steps."""
        registers = {name: exact(value) for name, value in population.params.items()}
        for port in population.program.ports:
            registers[port] = self.enclose_port(population, port, rows)
        for state in population.program.states:
            registers[state] = exact(self.before[population.name][state][rows])
        return enclose(population.program, registers)

    def enclose_port(self, population: Population, port: str, rows: NDArray[np.intp]) -> Enclosure:
        """Enclosure of one port's current at some steps."""
        inflows, biases = [], []
        for projection in self.network.incoming(population.name, port):
            source = self._delivered_enclosure(projection.source, rows - projection.delay)
            inflows.append(flow(projection.operator, source, projection.scale))
            if projection.bias is not None:
                on = (rows >= projection.bias_from_step)[:, None]
                biases.append(np.where(on, projection.bias.astype(np.float64), 0.0))
        return total(inflows, biases, (rows.size, population.n))

    def enclose_emission(self, population: Population, rows: NDArray[np.intp]) -> Enclosure:
        """What a population emits at some steps, with the rounding of its sums and operations."""
        key = (population.name, rows.tobytes())
        if key not in self._enclosed:
            registers = self.enclose(population, rows)
            if sum(e.value.size for e in self._enclosed.values()) > _CHUNK:
                self._enclosed.clear()
            shape = (rows.size, population.n)
            self._enclosed[key] = enclosed_emission(population.program, registers, shape)
        return self._enclosed[key]

    def _delivered_enclosure(self, name: str, rows: NDArray[np.intp]) -> Enclosure:
        """Recorded emissions are exact; a relay's carry the rounding of how they came about."""
        node = self.nodes[name]
        past = (rows < 0)[:, None]
        if isinstance(node, Population) and node.name in self.computed:
            inner = self.enclose_emission(node, np.maximum(rows, 0))
            return Enclosure(np.where(past, 0.0, inner.value), np.where(past, 0.0, inner.error))
        values = self.emitted[name][np.maximum(rows, 0)].astype(np.float64)
        return exact(np.where(past, 0.0, values))


def _on_a_cycle(relay: Population) -> Finding:
    return Finding(
        where=relay.name,
        what="lies on a cycle without a neuron, which cannot be verified step by step.",
        fix="Put a neuron into the cycle, or leave out the verification.",
    )


def _accumulate(projection: Projection, x: F32) -> F32:
    """One projection's contribution, float32, as the engines compute it."""
    weight = projection.operator.weight
    if weight is None or weight.dtype == np.float32:
        return np.asarray(projection.operator.reference_step(x), dtype=np.float32)
    whole = bool((x == np.rint(x)).all())
    given = x.astype(np.int64) if whole else x
    result = projection.operator.reference_step(given).astype(np.float32)
    scale = np.float32(1.0) if projection.scale is None else projection.scale
    return np.asarray(result * scale, dtype=np.float32)
