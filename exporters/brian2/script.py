"""A network -> a Brian2 script and the arrays beside it.

Brian2 runs a step slot by slot: each population has a slot in which its neurons are updated, one in
which what is not 0 fires, and one in which that travels along synapses, into one variable for each
projection. So populations follow one another inside a step, sums have the order of the network's
float arithmetic, and the program's operations are executed one by one in float32.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.exporters.job import Job
from neurochain.network import Network, Op, Population, PortKind, Projection
from neurochain.operators import MaxPool, Pool

__all__ = ["FUNCTIONS", "arrived_early", "connections", "script_facts"]

FUNCTIONS = {op: f"nc_{op.value}" for op in Op}
"""Functions of the script's own, so that every operation rounds to float32."""


def arrived_early(network: Network, projection: Projection) -> bool:
    """Whether the target is updated before the source's emission travels in the same step."""
    order = {node.name: k for k, node in enumerate(network.nodes)}
    return order[projection.target] <= order[projection.source]


def connections(
    projection: Projection,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
    """(source, target, weight) of every connection, sources ascending; scales are not in it."""
    operator = projection.operator
    sources, targets, values = [], [], []
    for i in range(operator.n_in):
        one = np.zeros((1, operator.n_in), dtype=np.float32)
        one[0, i] = 1
        if operator.accumulates:
            row = _sum_of(operator, one)
        else:
            row = operator.touch(one != 0)[0].astype(np.float32)
        live = np.flatnonzero(row)
        sources.append(np.full(live.size, i, dtype=np.int64))
        targets.append(live.astype(np.int64))
        values.append(row[live].astype(np.float32))
    return np.concatenate(sources), np.concatenate(targets), np.concatenate(values)


def _sum_of(operator: Any, one: NDArray[np.float32]) -> NDArray[Any]:
    """What one event adds, before a mean is divided."""
    if isinstance(operator, Pool):
        return np.asarray(operator.reference_step(one).reshape(-1) != 0, dtype=np.float32)
    row: NDArray[Any] = operator.reference_step(one)[0]
    return row


def script_facts(job: Job) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """(what the template needs, arrays of weights.npz)."""
    network = job.network
    arrays: dict[str, NDArray[Any]] = {}
    slots = {node.name: f"s{k}" for k, node in enumerate(network.nodes)}
    variables = {p.name: f"sum{k}" for k, p in enumerate(network.projections)}
    sources = [
        {"name": s.name, "key": repr(s.name), "shape": s.shape, "n": prod(s.shape),
         "slot": slots[s.name]}
        for s in network.sources
    ]  # fmt: skip
    populations = [
        _population(network, p, slots[p.name], variables, arrays) for p in network.populations
    ]
    projections = [
        {
            "key": repr(p.name),
            "slot": slots[p.source],
            "source": repr(p.source),
            "target": repr(p.target),
            "variable": variables[p.name],
            "delay": p.delay - 1 if arrived_early(network, p) else p.delay,
            "how": _how(network, p),
        }
        for p in network.projections
    ]
    for projection in network.projections:
        i, j, w = connections(projection)
        arrays |= {f"{projection.name}.i": i, f"{projection.name}.j": j}
        if projection.operator.weight is not None:
            arrays[f"{projection.name}.w"] = w
    facts = {
        "title": job.name,
        "dt_s": repr(float(network.dt_s)),
        "sources": sources,
        "populations": populations,
        "projections": projections,
    }
    return facts, arrays


def _how(network: Network, projection: Projection) -> str:
    """A key of the script's ON_PRE."""
    if isinstance(projection.operator, MaxPool):
        return "any"
    spikes = network.node(projection.source).emits is PortKind.EVENT
    if projection.operator.weight is None:
        return "one" if spikes else "z"
    return "w" if spikes else "w z"


def _population(
    network: Network,
    population: Population,
    slot: str,
    variables: dict[str, str],
    arrays: dict[str, NDArray[Any]],
) -> dict[str, Any]:
    """Variables, code lines and arrays of a group; every register is a float32 variable."""
    program = population.program
    registers = {
        name: f"r{k}"
        for k, name in enumerate(
            [
                *program.ports, *program.states, *program.params,
                *(name for name, _ in program.constants), *(step.out for step in program.body),
            ]
        )
    }  # fmt: skip
    given: dict[str, str] = {}  # variable -> key in weights.npz
    lines: list[str] = []
    for port in program.ports:
        lines += _port_lines(network, population, port, registers[port], variables, given, arrays)
    for step in program.body:
        args = ", ".join(registers[a] for a in step.args)
        lines.append(f"{registers[step.out]} = {FUNCTIONS[step.op]}({args})")
    lines.append(f"z = {registers[program.emit]}")
    new = [(registers[s], registers[r]) for s, r in program.next_state if s != r]
    # all old states have been read by now; one state may become another's old value
    lines += [f"n{k} = {value}" for k, (_, value) in enumerate(new)]
    lines += [f"{state} = n{k}" for k, (state, _) in enumerate(new)]
    incoming = [variables[p.name] for p in network.incoming(population.name)]
    lines += [f"{variable} = 0" for variable in incoming]
    values: dict[str, Any] = {**dict(program.constants), **population.params, **population.initial}
    for name, value in values.items():
        key = f"{population.name}:{name}"
        arrays[key] = np.broadcast_to(np.asarray(value, dtype=np.float32), (population.n,))
        given[registers[name]] = key
    extra = [v for v in given if v not in registers.values()]
    return {
        "name": population.name,
        "key": repr(population.name),
        "shape": population.shape,
        "n": population.n,
        "program": program.name,
        "slot": slot,
        "variables": [*registers.values(), *(f"n{k}" for k in range(len(new))), *incoming, *extra],
        "code": [repr(line) for line in lines],
        "arrays": [(variable, repr(key)) for variable, key in given.items()],
        "states": {state: registers[state] for state in program.states},
    }


def _port_lines(
    network: Network,
    population: Population,
    port: str,
    register: str,
    variables: dict[str, str],
    given: dict[str, str],
    arrays: dict[str, NDArray[Any]],
) -> list[str]:
    """The port's sum: projections in declared order, then their biases."""
    lines = []
    incoming = network.incoming(population.name, port)
    for k, projection in enumerate(incoming):
        variable = variables[projection.name]
        operator = projection.operator
        if isinstance(operator, Pool) and operator.average:
            sizes = np.broadcast_to(operator.size, (operator.in_shape[0], *operator.size.shape))
            if not operator.size.shape:
                sizes = np.broadcast_to(operator.size, (operator.n_out,))
            given[f"size_{variable}"] = key = f"{projection.name}:sizes"
            arrays[key] = np.ascontiguousarray(sizes).reshape(-1)
            lines.append(f"{variable} = nc_div({variable}, size_{variable})")
        if projection.scale is not None and operator.weight is not None:
            given[f"scale_{variable}"] = key = f"{projection.name}:scale"
            arrays[key] = np.full(population.n, projection.scale, dtype=np.float32)
            lines.append(f"{variable} = nc_mul({variable}, scale_{variable})")
        lines.append(
            f"{register} = {variable}" if k == 0 else f"{register} = nc_add({register}, {variable})"
        )
    if not incoming:
        lines.append(f"{register} = 0")
    for projection in incoming:
        if projection.bias is not None:
            name = f"bias_{variables[projection.name]}"
            given[name] = key = f"{projection.name}:bias"
            arrays[key] = projection.bias
            summed = f"nc_add({register}, {name})"
            if projection.bias_from_step:
                due = f"nc_ge(t_in_timesteps, {projection.bias_from_step})"
                summed = f"nc_select({due}, {summed}, {register})"
            lines.append(f"{register} = {summed}")
    return lines
