"""Zero-delay timing -> pipelined timing, in which every projection takes at least one step.

A population p runs r(p) steps late (its `start`). A projection e that delivers after d(e) steps in
zero-delay time then delivers after

    d(e) + r(target) - r(source)

which must be at least 1 and at most what the target's delay lines hold; sources have r = 0. These
are difference constraints: the least solution (Bellman-Ford) has the smallest latency for every
population at once, and a cycle without solution is named. Spikes are those of zero-delay timing,
r(p) steps later, provided that nothing happens to a population before its start: biases begin
there (`bias_from_step`). Where a state moves without input the neuron has to clear it at its start
by itself, as Loihi's do (Lava's LIFReset); other networks with such states are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from neurochain.errors import Finding, UnsupportedError
from neurochain.network import Network, Population, Projection
from neurochain.programs import evaluate

__all__ = ["lateness", "moves_alone", "retime"]


def retime(network: Network, *, most_delay: int | None = None, cleared: bool = False) -> Network:
    """The same network in pipelined timing.

    most_delay  the longest delay of a projection in steps, the one that every projection takes
                included; None: no limit
    cleared     populations clear their state at their start by themselves, if they need to

    Errors: UnsupportedError where a cycle has less delay than projections, where delays of
    different length cannot be made equal within `most_delay`, and, unless `cleared`, where a
    population that starts late changes or fires without input.
    """
    late = lateness(network, most_delay=most_delay)
    populations = tuple(replace(p, start=late[p.name]) for p in network.populations)
    moving = [] if cleared else [p for p in populations if p.start and moves_alone(p)]
    if moving:
        raise UnsupportedError(
            *(
                Finding(
                    where=p.name,
                    what=f"changes or fires without input, and has to wait for step {p.start}.",
                    fix="Start from rest, with a leak towards 0; or use zero-delay timing.",
                )
                for p in moving
            )
        )
    projections = tuple(
        replace(
            p,
            delay=p.delay + late[p.target] - late[p.source],
            bias_from_step=p.bias_from_step + (0 if cleared or p.bias is None else late[p.target]),
        )
        for p in network.projections
    )
    return replace(network, populations=populations, projections=projections)


def moves_alone(population: Population) -> bool:
    """Whether a step without input changes its state, or makes it emit anything."""
    program = population.program
    zero = np.zeros((1, population.n), dtype=program.number)
    states = {
        name: np.broadcast_to(population.initial.get(name, zero), zero.shape)
        for name in program.states
    }
    registers = {**population.params, **dict.fromkeys(program.ports, zero), **states}
    if program.clock:
        registers[program.clock] = zero + 1
    values = evaluate(program, registers)
    changed = any((values[new] != states[name]).any() for name, new in program.next_state)
    return changed or bool((values[program.emit] != 0).any())


@dataclass(frozen=True, slots=True)
class _Edge:
    """r(head) >= r(tail) + weight, because of a projection."""

    tail: str
    head: str
    weight: int
    projection: Projection
    is_limit: bool


def lateness(network: Network, *, most_delay: int | None = None) -> Mapping[str, int]:
    """r of every node: the least that is possible. Errors: UnsupportedError, as of `retime`."""
    late = {node.name: 0 for node in network.nodes}
    sources = {source.name for source in network.sources}
    edges = [_Edge(p.source, p.target, 1 - p.delay, p, False) for p in network.projections]
    if most_delay is not None:
        edges += [
            _Edge(p.target, p.source, p.delay - most_delay, p, True) for p in network.projections
        ]
    via: dict[str, _Edge] = {}
    for _ in range(len(late) + 1):
        raised = ""
        for edge in edges:
            wanted = late[edge.tail] + edge.weight
            if wanted <= late[edge.head]:
                continue
            via[edge.head] = edge
            if edge.head in sources:
                raise UnsupportedError(_limit_finding(via, edge, most_delay))
            late[edge.head] = wanted
            raised = edge.head
        if not raised:
            return late
    raise UnsupportedError(_cycle_finding(_cycle(via, raised), most_delay))


def _cycle(via: Mapping[str, _Edge], name: str) -> list[_Edge]:
    """The edges of the cycle that raised `name` last, in the order of the arrows."""
    for _ in via:  # however far the cycle lies back
        name = via[name].tail
    cycle = [via[name]]
    while cycle[0].tail != name:
        cycle.insert(0, via[cycle[0].tail])
    return cycle


def _cycle_finding(cycle: list[_Edge], most_delay: int | None) -> Finding:
    if any(edge.is_limit for edge in cycle):
        return _paths_finding([edge.projection for edge in cycle], most_delay)
    delay = sum(edge.projection.delay for edge in cycle)
    names = " -> ".join([*(edge.tail for edge in cycle), cycle[-1].head])
    return Finding(
        where=names,
        what=f"a cycle of {len(cycle)} projections with {delay} steps of delay in all "
        f"({', '.join(edge.projection.name for edge in cycle)}); on the chip every projection "
        "takes at least one step.",
        fix=f"Give it {len(cycle)} steps of delay, or take a projection out of it.",
    )


def _limit_finding(via: Mapping[str, _Edge], edge: _Edge, most_delay: int | None) -> Finding:
    """A delay from an input is too long: the path that keeps its end waiting is to blame."""
    path, name = [edge.projection], edge.tail
    while name in via and via[name].projection not in path:
        path.append(via[name].projection)
        name = via[name].tail
    return _paths_finding(path, most_delay)


def _paths_finding(path: list[Projection], most_delay: int | None) -> Finding:
    return Finding(
        where=", ".join(dict.fromkeys(p.name for p in path)),
        what=f"would need a delay of more than {most_delay} steps to keep its spikes in time with "
        "the others.",
        fix="Shorten the delay, or the longer of the two paths.",
    )
