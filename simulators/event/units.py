"""Which populations must be run step by step together: those that read each other in a loop."""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import TopologicalSorter

from neurochain.network import Network

__all__ = ["Unit", "units_of"]


@dataclass(frozen=True, slots=True)
class Unit:
    """Populations by index, in execution order; `loops`: they read their own emissions."""

    members: tuple[int, ...]
    loops: bool


def units_of(network: Network) -> tuple[Unit, ...]:
    """The strongly connected components of the populations, each after all that it reads."""
    names = [population.name for population in network.populations]
    index = {name: k for k, name in enumerate(names)}
    reads: list[set[int]] = [set() for _ in names]
    for projection in network.projections:
        if projection.source in index:
            reads[index[projection.target]].add(index[projection.source])
    component = _components(reads)
    members: dict[int, list[int]] = {}
    for k, number in enumerate(component):
        members.setdefault(number, []).append(k)
    before = {
        number: {component[source] for k in unit for source in reads[k]} - {number}
        for number, unit in members.items()
    }
    return tuple(
        Unit(tuple(members[number]), any(set(members[number]) & reads[k] for k in members[number]))
        for number in TopologicalSorter(before).static_order()
    )


def _components(reads: list[set[int]]) -> list[int]:
    """Number of each node's strongly connected component (Tarjan 1972, without recursion)."""
    number = [-1] * len(reads)  # in order of discovery
    low, component = number.copy(), number.copy()
    path: list[int] = []
    found = 0
    for root in range(len(reads)):
        if number[root] >= 0:
            continue
        number[root] = low[root] = found
        found += 1
        path.append(root)
        work = [(root, iter(sorted(reads[root])))]
        while work:
            node, rest = work[-1]
            for other in rest:
                if number[other] < 0:
                    number[other] = low[other] = found
                    found += 1
                    path.append(other)
                    work.append((other, iter(sorted(reads[other]))))
                    break
                if component[other] < 0:
                    low[node] = min(low[node], number[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == number[node]:
                    while component[node] < 0:
                        component[path.pop()] = number[node]
    return component
