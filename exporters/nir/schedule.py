"""Which edges a reader delivers one step late, and whether that is what the network means.

nirtorch, which runs NIR graphs for Norse, SpikingJelly and snnTorch, orders the nodes of a step in
two ways of its own. Both are imitated here, so that a graph they would run out of order is named.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from neurochain.errors import InputError, UnsupportedError
from neurochain.exporters.nir.reader import Schedule
from neurochain.graph import Edge, Graph, Output
from neurochain.lowering import lower

__all__ = ["as_scheduled", "edges_for", "same_timing"]

Pair = tuple[str, str]


def edges_for(graph: Graph, schedule: Schedule) -> tuple[Edge, ...]:
    """The edges in the order to write them in: depth first, it decides what is late.

    Each node's edges go by the place of their targets in the order of execution, those that close
    a cycle first; where a depth-first walk can be an order of execution at all, this one is.
    """
    if schedule is not Schedule.DEPTH_FIRST:
        return graph.edges
    place = {name: k for k, name in enumerate(_execution(graph))}
    pairs = [(e.source, e.target) for e in graph.edges]

    def key(edge: Edge) -> tuple[bool, int]:
        closes = edge.source in _reachable(edge.target, pairs)
        return (not closes, place[edge.target])

    return tuple(sorted(graph.edges, key=key))


def as_scheduled(graph: Graph, schedule: Schedule) -> Graph | str:
    """The graph with the delays that the reader gives its edges, or why it cannot run it."""
    if schedule is Schedule.RULE:
        return replace(graph, edges=tuple(replace(e, delay_steps=None) for e in graph.edges))
    pairs = [(e.source, e.target) for e in graph.edges]
    if schedule is Schedule.DEPTH_FIRST:
        late = _late_depth_first(graph, pairs)
    else:
        late = _late_in_queue(graph, pairs)
    if isinstance(late, str):
        return late
    edges = [Edge(s, t, 1 if (s, t) in late else None) for s, t in pairs]
    return replace(graph, edges=tuple(edges))


def same_timing(graph: Graph, other: Graph) -> bool | tuple[str, ...]:
    """Whether both lower to the same projections with the same delays and first biases.

    Where only biases start at another step, the names of their projections.
    """
    try:
        here, there = _timing(graph), _timing(other)
    except (InputError, UnsupportedError):
        return False
    if [line[:-1] for line in here] != [line[:-1] for line in there]:
        return False
    return tuple(a[0] for a, b in zip(here, there, strict=True) if a != b) or True


def _timing(graph: Graph) -> list[tuple[str, str, str, int, int]]:
    return sorted(
        (p.name, p.source, p.target, p.delay, p.bias_from_step) for p in lower(graph).projections
    )


def _late_depth_first(graph: Graph, pairs: Sequence[Pair]) -> set[Pair] | str:
    """nirtorch.load: nodes run in the order in which a walk from the input first meets them.

    What a node reads from a node that has not run yet is the previous step's value; and what the
    last node of the walk emits is what the network returns.
    """
    order: list[str] = []
    stack = [graph.inputs[0]]
    while stack:
        name = stack.pop()
        if name not in order:
            order.append(name)
            stack += [t for s, t in reversed(pairs) if s == name]
    if not isinstance(graph.nodes[order[-1]], Output):
        return f"returns what {order[-1]} emits, not its output"
    place = {name: k for k, name in enumerate(order)}
    return {(s, t) for s, t in pairs if place[s] >= place[t]}


def _late_in_queue(graph: Graph, pairs: Sequence[Pair]) -> set[Pair] | str:
    """nirtorch.nir_to_torch: a queue, alphabetical as files are, from the input on and round.

    Who lacks an input goes to its end. A node with several inputs does not wait for one that lies
    on a cycle through itself.
    """
    first = graph.inputs[0]
    names = [name for name in sorted(graph.nodes) if name not in graph.outputs]
    start = names.index(first)
    queue = deque([*names[start + 1 :], *names[:start]])
    done = {first}
    late: set[Pair] = set()
    waited = 0
    while queue:
        name = queue.popleft()
        sources = [s for s, t in pairs if t == name]
        open_ones = [s for s in sources if s not in done]
        after = _reachable(name, pairs)
        if open_ones and (len(sources) == 1 or not set(open_ones) <= after):
            queue.append(name)
            waited += 1
            if waited > len(queue):
                return f"waits for {open_ones[0]} for ever"
            continue
        if open_ones and len(open_ones) == len(sources):
            return f"starts with {name} before anything reaches it"
        waited = 0
        done.add(name)
        late |= {(s, name) for s in open_ones}
    return late


def _reachable(start: str, pairs: Sequence[Pair]) -> set[str]:
    seen: set[str] = set()
    stack = [start]
    while stack:
        name = stack.pop()
        for source, target in pairs:
            if source == name and target not in seen:
                seen.add(target)
                stack.append(target)
    return seen


def _execution(graph: Graph) -> list[str]:
    """All nodes, each after those it reads inside the step, by our own rule for cycles."""
    pairs = [(e.source, e.target) for e in graph.edges]
    standing = {p.name: k for k, p in enumerate(lower(graph).populations)}
    order: list[str] = []
    left = [*graph.nodes]
    while left:
        ready = [n for n in left if all(s in order for s, t in pairs if t == n)]
        if not ready:  # a cycle: the population that runs first starts it
            known = [n for n in left if n in standing] or left
            ready = [min(known, key=lambda n: standing.get(n, 0))]
        order.append(ready[0])
        left.remove(ready[0])
    return order
