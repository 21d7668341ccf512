"""From a plan to a graph of Lava's processes, and the memory that its results are left in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.accounting import PROJECTION_COLUMNS
from neurochain.network import F32, I64, Projection
from neurochain.simulators.lava import names
from neurochain.simulators.lava.connections import LavaConnection
from neurochain.simulators.lava.ends import Counted, Feed, counter
from neurochain.simulators.lava.neurons import LavaNeurons
from neurochain.simulators.lava.pace import PACE, WATCH, Pace, PacedCfg, Watch, shared_zeros
from neurochain.simulators.lava.plan import Plan

__all__ = ["Graph", "build"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Graph:
    """A graph that is ready to start: `process` is one of its processes."""

    process: Any
    run_cfg: Any
    pace: Pace
    counted: Mapping[str, Counted]
    watched: Mapping[str, Watch]
    counts: Mapping[str, I64]


def build(
    plan: Plan,
    inputs: Mapping[str, F32],
    traced: Mapping[str, tuple[str, ...]],
    size: tuple[int, int],
) -> Graph:
    """Build the processes.

    inputs[source]  (sample, step, n)
    traced          population -> states of its program that are kept for every step
    size            samples, steps
    """
    batch, steps = size
    pace = Pace(period=steps + plan.latency, steps=steps)
    ports: dict[str, Any] = {}
    for source in plan.network.sources:
        data = inputs[source.name]
        ports[source.name] = Feed(data=data, pace=pace, name=source.name).s_out
    watched, entries = {}, {}
    for neurons in plan.neurons:
        name = neurons.population.name
        watched[name] = _watch(plan, neurons, (batch, steps), traced.get(name, ()))
        process = _neurons(neurons, pace, watched[name])
        ports[name], entries[name] = process.s_out, process.a_in
    for connection in plan.connections:
        projection = connection.projection
        _connect(connection, pace, ports[projection.source], entries[projection.target])
    counts = {
        p.name: shared_zeros((batch, steps, len(PROJECTION_COLUMNS)), np.int64)
        for p in plan.network.projections
    }
    counted = {
        node.name: _counted(plan, node.name, prod(node.shape), counts, (batch, steps))
        for node in plan.network.nodes
    }
    top = counter(counted, pace)
    for k, name in enumerate(counted):
        ports[name].connect(getattr(top, f"in_{k}"))
    return Graph(
        process=top,
        run_cfg=PacedCfg(select_tag=plan.tag),
        pace=pace,
        counted=counted,
        watched=watched,
        counts=counts,
    )


def _watch(
    plan: Plan, neurons: LavaNeurons, frames: tuple[int, int], traced: tuple[str, ...]
) -> Watch:
    population, number = neurons.population, neurons.population.program.number
    n = population.n
    started = {
        variable: np.broadcast_to(population.initial.get(state, np.zeros(())), (n,))
        for state, variable in neurons.states.items()
    }
    return Watch(
        shift=plan.shifts[population.name],
        states={"u": np.zeros(n), **started},
        late=neurons.late,
        changed=shared_zeros(frames, np.int64),
        final={v: shared_zeros((frames[0], n), number) for v in neurons.states.values()},
        traces={neurons.states[s]: shared_zeros((*frames, n), number) for s in traced},
    )


def _neurons(neurons: LavaNeurons, pace: Pace, watch: Watch) -> Any:
    population = neurons.population
    kind = getattr(names, neurons.process)
    process = kind(shape=(population.n,), name=population.name, **neurons.options)
    process.proc_params[PACE], process.proc_params[WATCH] = pace, watch
    return process


def _connect(connection: LavaConnection, pace: Pace, source: Any, target: Any) -> None:
    """Make the process of a projection and put it between its ends."""
    options = dict(connection.options)
    operator = connection.projection.operator
    if isinstance(options.get("weights"), tuple):
        options["weights"] = _sparse(options["weights"], (operator.n_out, operator.n_in))
    if "num_weight_bits" in options:
        options["sign_mode"] = names.SignMode.MIXED
    process = getattr(names, connection.process)(name=connection.projection.name, **options)
    process.proc_params[PACE] = pace
    if connection.process != "Conv":
        source.connect(process.s_in)
        process.a_out.connect(target)
        return
    width, height, channels = process.s_in.shape
    source.reshape((channels, height, width)).transpose((2, 1, 0)).connect(process.s_in)
    process.a_out.transpose((2, 1, 0)).flatten().connect(target)


def _sparse(entries: tuple[NDArray[Any], ...], shape: tuple[int, int]) -> Any:
    values, targets, sources = entries
    return names.csr_matrix((values, (targets, sources)), shape=shape)


def _counted(
    plan: Plan, name: str, n: int, counts: Mapping[str, I64], frames: tuple[int, int]
) -> Counted:
    leaving = (p for p in plan.network.projections if p.source == name)
    return Counted(
        shift=plan.shifts[name],
        emissions=shared_zeros((*frames, n), np.float32),
        projections=tuple((p.delay, _fanouts(p), counts[p.name]) for p in leaving),
    )


def _fanouts(projection: Projection) -> I64:
    """One event each, then structural, stored nonzero and trained nonzero fan-out, (4, n_in)."""
    operator = projection.operator
    effective = operator.fanout(nonzero=True)
    model = effective if projection.model_fanout is None else projection.model_fanout
    ones = np.ones(operator.n_in, dtype=np.int64)
    return np.stack([ones, operator.fanout(nonzero=False), effective, model])
