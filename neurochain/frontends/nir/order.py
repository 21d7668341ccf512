"""The canonical order of nodes and edges: by topology, ties by name, never by position in the file.

HDF5 lists groups alphabetically and several exporters write edges from a set, so the order in a
file means nothing; but the order of additions shows in the last bit of float32 sums. Here it
follows from the graph alone: inputs, then whatever has all its sources, names in natural order
(lif2 before lif10), outputs last. Edges are listed by target, then by source.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush

from neurochain.graph import Input, NeuronNode, Node, Output
from neurochain.graph.components import strong_components

__all__ = ["canonical_edges", "canonical_names", "natural_key"]

Pair = tuple[str, str]


def canonical_names(nodes: Mapping[str, Node], edges: Sequence[Pair]) -> tuple[str, ...]:
    """Node names in canonical order."""
    component = strong_components(list(nodes), edges)
    missing: dict[str, set[str]] = {name: set() for name in nodes}
    readers: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in edges:
        missing[target].add(source)
        readers[source].append(target)
    fed: set[str] = set()
    left = dict.fromkeys(sorted(nodes, key=natural_key))
    ready = [(natural_key(name), name) for name in left if not missing[name]]
    done: list[str] = []
    while left:
        if not ready:
            start = _start_of_cycle(nodes, list(left), missing, component, fed)
            missing[start].clear()
            ready.append((natural_key(start), start))
        _, name = heappop(ready)
        del left[name]
        done.append(name)
        for target in readers[name]:
            fed.add(target)
            if name in missing[target]:
                missing[target].discard(name)
                if not missing[target]:
                    heappush(ready, (natural_key(target), target))
    return tuple(sorted(done, key=lambda name: _rank(nodes[name])))


def _rank(node: Node) -> int:
    return 0 if isinstance(node, Input) else 2 if isinstance(node, Output) else 1


def _start_of_cycle(
    nodes: Mapping[str, Node],
    left: list[str],
    missing: Mapping[str, set[str]],
    component: Mapping[str, int],
    fed: set[str],
) -> str:
    """The node to begin a cycle with: one that waits for its own cycle only.

    Fed from before comes first (nearest to the input), then neurons, then names.
    """
    candidates = [n for n in left if all(component[s] == component[n] for s in missing[n])]
    return min(
        candidates,
        key=lambda n: (n not in fed, not isinstance(nodes[n], NeuronNode), natural_key(n)),
    )


def canonical_edges(names: Sequence[str], edges: Sequence[Pair]) -> tuple[Pair, ...]:
    """Edges by position of their target, then of their source."""
    position = {name: k for k, name in enumerate(names)}
    return tuple(sorted(edges, key=lambda edge: (position[edge[1]], position[edge[0]])))


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key under which numbers in names count as numbers; distinct names differ."""
    parts = re.split(r"([0-9]+)", name)
    key = [(0, int(p), p) if k % 2 else (1, 0, p) for k, p in enumerate(parts)]
    return tuple(key)
