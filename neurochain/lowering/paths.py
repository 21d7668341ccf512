"""From edges to paths: which nodes become populations, and what lies between them.

Inputs and neurons stand. A linear map, pool or scale stands as a relay only where its result is
needed by itself: several readers, another map, or an output behind it; otherwise it becomes the
operator of one projection. Flatten and Delay never stand: they change a path's shape or delay.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from itertools import count

import numpy as np

from neurochain.errors import Finding, UnsupportedError
from neurochain.graph import (
    AvgPool,
    Conv,
    Delay,
    Edge,
    Flatten,
    Graph,
    Input,
    MaxPool,
    NeuronNode,
    Node,
    Output,
    SumPool,
)

__all__ = ["MAX_DELAY", "Path", "Plan", "Sum", "free_name", "make_plan"]

MAX_DELAY = 65_535
"""Steps: each delayed node keeps its emissions of that many."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sum(Node):
    """Adds up what several edges bring to a node that is no neuron."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """source -> (map) -> target between standing nodes.

    `via` names the map whose operator the projection gets ("" for none); `before` and `after` are
    the steps of delay in front of and behind it; `port` is that of a Custom target.
    """

    source: str
    target: str
    via: str
    before: int
    after: int
    port: str | None = None

    @property
    def delay(self) -> int:
        """Total delay in steps."""
        return self.before + self.after


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """Nodes and edges with sums made explicit, the names that stand, and the paths between."""

    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    standing: tuple[str, ...]
    paths: tuple[Path, ...]


_WINDOWED = (Conv, SumPool, AvgPool, MaxPool, Flatten)


def make_plan(graph: Graph) -> Plan:
    """Decide what stands. Errors: UnsupportedError for delays that are no whole number of steps."""
    nodes, edges = _with_sums(graph)
    _refuse_empty_loops(nodes, edges)
    delays = _delay_steps(nodes, graph.dt_s)
    standing = tuple(name for name in nodes if _stands(name, nodes, edges))
    index = {edge.target: edge for edge in edges if not _adds(nodes[edge.target])}
    paths = tuple(
        _trace(edge, nodes, index, delays, set(standing))
        for edge in edges
        if edge.target in standing
    )
    _refuse_long_delays(paths)
    return Plan(nodes=nodes, edges=edges, standing=standing, paths=paths)


def _adds(node: Node) -> bool:
    """Nodes that may have several incoming edges."""
    return isinstance(node, NeuronNode | Sum)


def _with_sums(graph: Graph) -> tuple[dict[str, Node], tuple[Edge, ...]]:
    """Put a Sum in front of every node that is no neuron and has several incoming edges.

    An Output behind a delay gets one too: something has to stand there that is late.
    """
    arriving: dict[str, int] = {}
    for edge in graph.edges:
        late = isinstance(graph.nodes[edge.target], Output) and _is_late(graph, edge)
        arriving[edge.target] = arriving.get(edge.target, 0) + (2 if late else 1)
    nodes: dict[str, Node] = {}
    renamed: dict[str, str] = {}
    extra: list[Edge] = []
    for name, node in graph.nodes.items():
        if arriving.get(name, 0) > 1 and not _adds(node):
            renamed[name] = free_name(f"{name}.sum", {*graph.nodes, *nodes})
            nodes[renamed[name]] = Sum()
            extra.append(Edge(renamed[name], name))
        nodes[name] = node
    edges = [
        Edge(e.source, renamed.get(e.target, e.target), e.delay_steps, e.port) for e in graph.edges
    ]
    return nodes, (*edges, *extra)


def _refuse_long_delays(paths: tuple[Path, ...]) -> None:
    """Several delays on one path add up."""
    findings = [
        Finding(
            where=path.via or f"{path.source} -> {path.target}",
            what=f"is {path.delay} steps late; at most {MAX_DELAY} are supported.",
            fix="Shorten the delays, or choose a larger dt.",
        )
        for path in paths
        if path.delay > MAX_DELAY
    ]
    if findings:
        raise UnsupportedError(*findings)


def free_name(wanted: str, taken: Container[str]) -> str:
    """`wanted`, with a number where another node has that name."""
    if wanted not in taken:
        return wanted
    return next(name for k in count(2) if (name := f"{wanted}#{k}") not in taken)


def _is_late(graph: Graph, edge: Edge) -> bool:
    """Whether only delays and reshapes, at least one of them a delay, lie before this edge."""
    seen: set[str] = set()
    while not edge.delay_steps:
        node = graph.nodes[edge.source]
        if isinstance(node, Delay):
            return True
        if not isinstance(node, Flatten) or edge.source in seen:
            return False
        seen.add(edge.source)
        edge = next(e for e in graph.edges if e.target == edge.source)
    return True


def _refuse_empty_loops(nodes: Mapping[str, Node], edges: tuple[Edge, ...]) -> None:
    """Delays and reshapes that only read each other carry nothing."""
    source = {e.target: e.source for e in edges if isinstance(nodes[e.target], Delay | Flatten)}
    ends: set[str] = set()  # names known to lead to something
    for name in source:
        walk: dict[str, None] = {}
        at = name
        while at in source and at not in ends and at not in walk:
            walk[at] = None
            at = source[at]
        if at in walk:
            loop = list(walk)[list(walk).index(at) :]
            raise UnsupportedError(
                Finding(
                    where=" -> ".join([*reversed(loop), loop[-1]]),
                    what="is a cycle of delays and reshapes: nothing ever enters it.",
                    fix="Connect it to an input, or remove it.",
                )
            )
        ends.update(walk)


def _delay_steps(nodes: Mapping[str, Node], dt_s: float) -> dict[str, int]:
    """Whole steps of every Delay node."""
    steps, findings = {}, []
    for name, node in nodes.items():
        if not isinstance(node, Delay):
            continue
        values = np.unique(np.asarray(node.delay, dtype=np.float64))
        with np.errstate(all="ignore"):
            steps_of = values / dt_s
            whole = np.rint(steps_of)
            whole_number = np.abs(steps_of - whole).max(initial=0.0) <= 1e-6  # false for NaN
        if values.size != 1 or values[0] < 0 or not whole_number or whole[0] > MAX_DELAY:
            findings.append(
                Finding(
                    where=f"{name} (Delay)",
                    what=f"delays {values[:4].tolist()} s are {steps_of[:4].tolist()} steps of "
                    f"{dt_s:g} s; one whole number from 0 to {MAX_DELAY} is supported.",
                    fix="Choose dt so that it divides the delay; split elements of unequal delay.",
                )
            )
        else:
            steps[name] = int(whole[0])
    if findings:
        raise UnsupportedError(*findings)
    return steps


def _stands(name: str, nodes: Mapping[str, Node], edges: tuple[Edge, ...]) -> bool:
    node = nodes[name]
    if isinstance(node, Input | NeuronNode | Sum):
        return True
    if isinstance(node, Output | Delay):
        return False
    readers = _readers(name, nodes, edges)
    if isinstance(node, Flatten):  # a window needs the new shape; a matrix reads flat indices
        return any(isinstance(nodes[reader], _WINDOWED) for reader in readers)
    return len(readers) != 1 or not _adds(nodes[readers[0]])


def _readers(name: str, nodes: Mapping[str, Node], edges: tuple[Edge, ...]) -> list[str]:
    """Nodes that read `name`, looking through delays (a Flatten changes the shape: it counts)."""
    readers, left = [], [name]
    while left:
        at = left.pop()
        targets = [edge.target for edge in edges if edge.source == at]
        left += [target for target in targets if isinstance(nodes[target], Delay)]
        readers += [target for target in targets if not isinstance(nodes[target], Delay)]
    return readers


def _trace(
    edge: Edge,
    nodes: Mapping[str, Node],
    index: Mapping[str, Edge],
    delays: Mapping[str, int],
    standing: set[str],
) -> Path:
    """Walk back from a standing target to a standing source."""
    via, before, after = "", 0, edge.delay_steps or 0
    source = edge.source
    while source not in standing:
        if source in delays:
            steps = delays[source]
        else:
            steps = 0
            via = source if not isinstance(nodes[source], Flatten) else via
        back = index[source]
        steps += back.delay_steps or 0
        before, after = (before + steps, after) if via else (before, after + steps)
        source = back.source
    return Path(
        source=source, target=edge.target, via=via, before=before, after=after, port=edge.port
    )
