"""Engine "lava": the compiled network in the real Lava runtime, one process for every layer."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.accounting import RawCounts
from neurochain.errors import Finding, InputError, UnsupportedError
from neurochain.inputs.event_frames import EventFrames
from neurochain.network import B8, F32, I64, Network, Population
from neurochain.simulators.lava.plan import Plan, plan
from neurochain.simulators.types import (
    EVERY_STEP,
    HISTORY,
    EngineResult,
    Record,
    State,
    check_whole,
    emission_dtype,
    grow_old,
    initial_state_of,
    run_size,
)

__all__ = ["membrane_states", "prepare_lava", "run_plan", "traced_states"]


def prepare_lava(network: Network) -> Callable[..., EngineResult]:
    """A function that runs the network as `simulators.run` does.

    Errors: UnsupportedError for what stock Lava cannot express, or where it is not installed.
    """
    from neurochain.simulators.lava.compat import load_lava

    planned = plan(network)
    load_lava()

    def run(inputs: Mapping[str, F32 | EventFrames], **options: Any) -> EngineResult:
        return run_plan(planned, inputs, **options)

    return run


def run_plan(
    planned: Plan,
    inputs: Mapping[str, F32 | EventFrames],
    *,
    initial_state: State | None = None,
    record: Record | None = None,
    batch: int | None = None,
    steps: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> EngineResult:
    """Run every step of every sample; as `run_reference`, but every sample starts at rest.

    Errors: ExecutionError where a process of Lava fails; UnsupportedError for an initial state or
    recorded currents; InputError.
    """
    record = record or Record()
    _check(planned.network, initial_state, record)
    traced = {name: _membrane_states(planned.network, name) for name in record.membranes}
    result, traces = _run(planned, inputs, record, traced, (batch, steps), progress)
    membranes = {name: traces[name, states[0]] for name, states in traced.items()}
    return replace(result, membranes=membranes)


def traced_states(
    network: Network, inputs: Mapping[str, F32 | EventFrames]
) -> tuple[EngineResult, dict[tuple[str, str], NDArray[Any]]]:
    """Emissions, and every state after every step: (population, state) -> (sample, step, n)."""
    from neurochain.simulators.lava.compat import load_lava

    planned = plan(network)
    load_lava()
    everything = {n.population.name: tuple(n.states) for n in planned.neurons}
    record = Record(emissions=tuple(p.name for p in network.populations))
    return _run(planned, inputs, record, everything, (None, None), None)


def _check(network: Network, initial_state: State | None, record: Record) -> None:
    findings = []
    if initial_state:
        fix = "Use the event engine."
        findings.append(Finding(where="engine lava", what="starts every sample at rest.", fix=fix))
    if record.inputs:
        findings.append(Finding(where="engine lava", what="does not record summed currents."))
    if findings:
        raise UnsupportedError(*findings)
    known = {node.name for node in network.nodes}
    unknown = [name for name in record.emissions or () if name not in known]
    if unknown:
        raise InputError(f"record: unknown nodes {unknown}.")


def membrane_states(network: Network, name: str) -> tuple[str, ...]:
    """The state of a population that its membrane is, () where it is none of them."""
    population = network.node(name)
    if not isinstance(population, Population):
        raise InputError(f"record: {name} has no membrane.")
    register = population.program.membrane
    return tuple(s for s, new in population.program.next_state if new == register)[:1]


def _membrane_states(network: Network, name: str) -> tuple[str, ...]:
    """The same. Errors: UnsupportedError where there is none."""
    found = membrane_states(network, name)
    if not found:
        population: Any = network.node(name)
        register = population.program.membrane
        raise UnsupportedError(
            Finding(where=name, what=f"membrane {register!r} is no state of its program.")
        )
    return found


def _run(
    planned: Plan,
    inputs: Mapping[str, F32 | EventFrames],
    record: Record,
    traced: Mapping[str, tuple[str, ...]],
    given_size: tuple[int | None, int | None],
    progress: Callable[[int], None] | None,
) -> tuple[EngineResult, dict[tuple[str, str], NDArray[Any]]]:
    from neurochain.simulators.lava.graph import build
    from neurochain.simulators.lava.names import RunSteps
    from neurochain.simulators.lava.supervise import start, stopped

    network = planned.network
    batch, steps = run_size(network, inputs, batch=given_size[0], steps=given_size[1])
    check_whole(network, inputs)
    arrays = {k: v.dense() if isinstance(v, EventFrames) else v for k, v in inputs.items()}
    graph = build(planned, arrays, traced, (batch, steps))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its delayed sparse connections build matrices slowly
        started = start(graph.process, graph.run_cfg)
    with stopped(started):
        for _ in range(batch):
            graph.process.run(condition=RunSteps(num_steps=graph.pace.period))
            if progress is not None:
                progress(steps)
    emitted = {name: counted.emissions for name, counted in graph.counted.items()}
    variables = {n.population.name: n.states for n in planned.neurons}
    traces = {
        (name, state): graph.watched[name].traces[variables[name][state]]
        for name, states in traced.items()
        for state in states
    }
    names = record.emissions
    if names is None:
        names = tuple(p.name for p in network.populations if p.fires)
    number = "int32" if network.arithmetic == "loihi" else "float32"
    result = EngineResult(
        emissions={
            name: emitted[name].astype(emission_dtype(network.node(name).emits, number))
            for name in names
        },
        membranes={},
        final_state=_final_state(planned, graph, emitted, steps),
        counts=_counts(network, graph, emitted),
    )
    return result, traces


def _final_state(
    planned: Plan, graph: Any, emitted: Mapping[str, F32], steps: int
) -> dict[str, dict[str, NDArray[Any]]]:
    """The states after the last step, as every engine gives them."""
    batch = next(iter(emitted.values())).shape[0]
    state = initial_state_of(planned.network, batch, None)
    for neurons in planned.neurons:
        name = neurons.population.name
        for own, variable in neurons.states.items():
            state[name][own] = graph.watched[name].final[variable].copy()
    for name, entries in state.items():
        if HISTORY in entries:
            depth = entries[HISTORY].shape[1]
            past = np.concatenate([entries[HISTORY], emitted[name]], axis=1)
            entries[HISTORY] = np.ascontiguousarray(past[:, -depth:])
    grow_old(planned.network, state, steps)
    return state


def _counts(network: Network, graph: Any, emitted: Mapping[str, F32]) -> RawCounts:
    """What the counting process has counted, and the neurons that its events have reached."""
    populations = {}
    for population in network.populations:
        fired = np.count_nonzero(emitted[population.name], axis=2)
        reached = _reached(network, population, emitted)
        changed = graph.watched[population.name].changed
        populations[population.name] = np.stack([fired, reached, changed], axis=2).astype(np.int64)
    return RawCounts(
        projections={name: counts.copy() for name, counts in graph.counts.items()},
        populations=populations,
        bias_from={},
    )


def _reached(network: Network, population: Population, emitted: Mapping[str, F32]) -> I64:
    """(sample, step): neurons that an event reaches, or that have something to add every step."""
    batch, steps = emitted[population.name].shape[:2]
    always: B8 = np.zeros(population.n, dtype=np.bool_)
    constant = population.params.get(EVERY_STEP[population.program.number])
    if constant is not None:
        always = always | (constant != 0)
    incoming = network.incoming(population.name)
    for projection in incoming:
        if projection.bias is not None:
            always = always | (projection.bias != 0)
    counts = np.zeros((batch, steps), dtype=np.int64)
    for sample in range(batch):
        touched = np.broadcast_to(always, (steps, population.n)).copy()
        for projection in incoming:
            active = emitted[projection.source][sample, : max(steps - projection.delay, 0)] != 0
            if active.size:
                touched[projection.delay :] |= projection.operator.touch(active)
        counts[sample] = np.count_nonzero(touched, axis=1)
    return counts
