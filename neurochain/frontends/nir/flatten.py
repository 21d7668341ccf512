"""Nested NIRGraphs -> one level. A graph inside another is unpacked in place.

Inner nodes are called "outer.inner". What arrives at the graph goes to the readers of its Input;
what its Output collects goes to the readers of the graph. With several, edges name the port. Edges
mean identity and several edges mean a sum, so taking Input and Output out changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from neurochain.errors import Finding
from neurochain.frontends.nir.fields import Problems
from neurochain.frontends.nir.nodes import Declared
from neurochain.frontends.nir.structure import Level, Pair, edge_label, ports_of
from neurochain.graph import Input, Output

__all__ = ["Flat", "flatten_levels"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flat:
    """Leaves only. Shapes have been checked where both ends of an edge state theirs."""

    nodes: dict[str, Declared]
    edges: tuple[Pair, ...]


def flatten_levels(root: Level, problems: Problems) -> Flat:
    """Unpack every nested graph; what cannot be unpacked is a finding."""
    nodes, edges, junctions = _unpack(root, "", problems)
    _check_shapes(nodes, edges, problems)
    for junction in junctions:
        edges = _bypass(junction, edges, problems)
        nodes.pop(junction, None)
    return Flat(nodes=nodes, edges=tuple(edges))


def _unpack(
    level: Level, path: str, problems: Problems
) -> tuple[dict[str, Declared], list[Pair], list[str]]:
    """Nodes and edges with full names, and the inner Inputs and Outputs still among them."""
    nodes: dict[str, Declared] = {}
    junctions: list[str] = []
    inner_edges: list[Pair] = []
    entry: dict[str, str] = {}
    leave: dict[str, str] = {}
    for name, node in level.nodes.items():
        full = f"{path}{name}"
        if isinstance(node, Declared):
            _add(nodes, {full: node}, problems)
            continue
        inside, more, inner_junctions = _unpack(node, f"{full}.", problems)
        ways_in = _ends(node, Input)
        ways_out = _ends(node, Output)
        if not _can_be_joined(level, name, ways_in, ways_out):
            problems.unsupported.append(
                Finding(
                    where=f"{full} (NIRGraph)",
                    what=f"has {len(ways_in)} inputs and {len(ways_out)} outputs; an edge that "
                    "names the graph alone needs one of each.",
                    fix=f"Name the port in the edge ('{name}.PORT'), or write its nodes into the "
                    "outer graph.",
                )
            )
            continue
        _check_joined(level, name, path, problems)
        if ways_in:
            entry[name] = f"{full}.{ways_in[0]}"
        if ways_out:
            leave[name] = f"{full}.{ways_out[0]}"
        _add(nodes, inside, problems)
        inner_edges += more
        junctions += [*inner_junctions, *(f"{full}.{port}" for port in (*ways_in, *ways_out))]
    edges = [(leave.get(s, f"{path}{s}"), entry.get(t, f"{path}{t}")) for s, t in level.edges]
    return nodes, [*edges, *inner_edges], junctions


def _can_be_joined(level: Level, name: str, ways_in: list[str], ways_out: list[str]) -> bool:
    """Whether it is clear which ports of an inner graph the edges mean that name it alone."""
    entered = any(target == name for _, target in level.edges)
    left = any(source == name for source, _ in level.edges)
    return (len(ways_in) == 1 or not entered) and (len(ways_out) == 1 or not left)


def _check_joined(level: Level, name: str, path: str, problems: Problems) -> None:
    """Every port of an inner graph is joined to something."""
    for kind, end, what in ((Input, 1, "has no incoming edge."), (Output, 0, "is not read.")):
        ports = [port for port, graph in ports_of(level, kind).items() if graph == name]
        ends = {edge[end] for edge in level.edges}
        problems.bad.extend(
            Finding(where=f"{path}{port} ({kind.__name__})", what=what, fix="Connect or remove it.")
            for port in ports
            if port not in ends and name not in ends
        )


def _ends(level: Level, kind: type[Input] | type[Output]) -> list[str]:
    return [
        name
        for name, node in level.nodes.items()
        if isinstance(node, Declared) and isinstance(node.node, kind)
    ]


def _add(nodes: dict[str, Declared], more: dict[str, Declared], problems: Problems) -> None:
    for name, node in more.items():
        if name in nodes:
            problems.bad.append(
                Finding(
                    where=name,
                    what="names two nodes once nested graphs are unpacked.",
                    fix="Rename one.",
                )
            )
        nodes[name] = node


def _check_shapes(nodes: dict[str, Declared], edges: list[Pair], problems: Problems) -> None:
    """Shapes that the file states at both ends of an edge are equal; NIR does not broadcast."""
    for source, target in edges:
        ends = nodes.get(source), nodes.get(target)
        if ends[0] is None or ends[1] is None:
            continue
        got, want = ends[0].gives, ends[1].takes
        if got is not None and want is not None and got != want:
            problems.bad.append(
                Finding(
                    where=edge_label((source, target)),
                    what=f"carries {got}, but {target} takes {want}.",
                    fix="Correct the shapes, or put a Flatten between.",
                )
            )


def _bypass(junction: str, edges: list[Pair], problems: Problems) -> list[Pair]:
    """Join every source of `junction` to every target of it."""
    sources = [s for s, t in edges if t == junction]
    result: dict[Pair, None] = {}
    for edge in edges:
        if edge[1] == junction:
            continue
        new = [(s, edge[1]) for s in sources] if edge[0] == junction else [edge]
        for pair in new:
            if pair in result:
                problems.unsupported.append(
                    Finding(
                        where=edge_label(pair),
                        what="appears twice once nested graphs are unpacked.",
                        fix="Put a Scale of 1 on one of the two ways.",
                    )
                )
                continue
            result[pair] = None
    return list(result)
