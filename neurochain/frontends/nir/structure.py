"""Graphs as they stand in a file: nodes, edges and nested graphs, each level checked by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurochain.errors import Finding, InputError
from neurochain.frontends.nir.fields import Fields, Problems
from neurochain.frontends.nir.hdf5 import Tree
from neurochain.frontends.nir.nodes import NODE_TYPES, Declared, read_node
from neurochain.graph import Input, Output

__all__ = ["GRAPH_TYPE", "Level", "ports_of", "read_level", "without_batch"]

MAX_NODES = 1_000
"""In all levels together."""
GRAPH_TYPE = "NIRGraph"

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Level:
    """One NIRGraph: its nodes (leaves or graphs) and edges, names as in the file."""

    nodes: dict[str, Declared | Level]
    edges: tuple[Pair, ...]


def read_level(tree: Tree, path: str, problems: Problems) -> Level:
    """Read the NIRGraph in `tree`; `path` is "" for the root, else "outer.inner."."""
    fields = Fields(f"{path[:-1]} ({GRAPH_TYPE})" if path else GRAPH_TYPE, tree, problems)
    raw = tree.get("nodes")
    if not isinstance(raw, dict) or not raw:
        fields.bad("has no nodes.", "Export it again.")
        raw = {}
    problems.nodes += len(raw)
    if problems.nodes > MAX_NODES:
        raise InputError(f"{fields.where}: has {len(raw)} nodes; at most {MAX_NODES} are read.")
    fields.done(("nodes", "edges"))
    nodes = {}
    for name, entry in raw.items():
        node = _read_entry(entry, path, name, problems)
        if node is not None:
            nodes[name] = node
    edges = _edges(fields)
    _check_repeats(edges, path, problems)
    level = Level(nodes=nodes, edges=tuple(dict.fromkeys(edges)))
    ends = (set(raw) | set(ports_of(level, Output)), set(raw) | set(ports_of(level, Input)))
    for edge in level.edges:
        _check_edge(edge, level, ends, path, problems)
    if len(nodes) == len(raw):
        _check_ends(level, path, problems)
    return level


def ports_of(level: Level, kind: type[Input] | type[Output]) -> dict[str, str]:
    """Full names (graph.port) of the Inputs or Outputs inside a level's graphs -> the graph.

    An edge may name such a port; nir.write never does, as nir 1.0.8 cannot say it.
    """
    return {
        f"{name}.{port}": name
        for name, inner in level.nodes.items()
        if isinstance(inner, Level)
        for port, node in inner.nodes.items()
        if isinstance(node, Declared) and isinstance(node.node, kind)
    }


def _read_entry(entry: Any, path: str, name: str, problems: Problems) -> Declared | Level | None:
    """A leaf, a nested graph, or None where the entry is neither."""
    full = f"{path}{name}"
    kind = entry.get("type") if isinstance(entry, dict) else None
    if not isinstance(kind, str):
        problems.bad.append(
            Finding(
                where=full,
                what="has no type.",
                fix="Every node needs one; a name with '/' splits a node: rename it.",
            )
        )
        return None
    if kind == GRAPH_TYPE:
        return read_level(entry, f"{full}.", problems)
    if kind not in NODE_TYPES:
        problems.unsupported.append(
            Finding(
                where=full,
                what=f"has the unknown type '{kind[:80]}'.",
                fix=f"Known types: {', '.join([*NODE_TYPES, GRAPH_TYPE])}.",
            )
        )
        return None
    return read_node(full, kind, entry, problems)


def _edges(fields: Fields) -> tuple[Pair, ...]:
    """The edges of one level, (n, 2) text."""
    if not fields.has("edges"):
        fields.bad("has no edges.", "Export it again.")
        return ()
    value = fields.raw["edges"]
    if isinstance(value, np.ndarray) and value.size == 0:
        return ()
    if not isinstance(value, np.ndarray) or value.dtype.kind != "O" or value.shape[1:] != (2,):
        got = f"shape {value.shape}" if isinstance(value, np.ndarray) else "no table"
        fields.bad(f"edges have {got}; a table of two names a row is expected.")
        return ()
    return tuple((str(source), str(target)) for source, target in value)


def _check_edge(
    edge: Pair,
    level: Level,
    known: tuple[set[str], set[str]],
    path: str,
    problems: Problems,
) -> None:
    """Both ends exist; nothing enters an Input or leaves an Output."""
    where = edge_label(edge, path)
    for end, names in zip(edge, known, strict=True):
        if end not in names:
            place = f" in {path[:-1]}" if path else ""
            problems.bad.append(
                Finding(
                    where=where,
                    what=f"names a node '{end[:80]}' that does not exist{place}.",
                    fix=f"Known nodes: {', '.join(sorted(names)[:20])}.",
                )
            )
    source, target = (level.nodes.get(end) for end in edge)
    if isinstance(target, Declared) and isinstance(target.node, Input):
        problems.bad.append(Finding(where=where, what="enters an Input node.", fix="Remove it."))
    if isinstance(source, Declared) and isinstance(source.node, Output):
        problems.bad.append(Finding(where=where, what="leaves an Output node.", fix="Remove it."))


def edge_label(edge: Pair, path: str = "") -> str:
    """How a finding names an edge."""
    return f"edge {path}{edge[0][:80]} -> {path}{edge[1][:80]}"


def _check_repeats(edges: tuple[Pair, ...], path: str, problems: Problems) -> None:
    seen: set[Pair] = set()
    for edge in edges:
        if edge in seen:
            problems.bad.append(
                Finding(
                    where=edge_label(edge, path),
                    what="appears twice; edges are a set.",
                    fix="Remove one, or put a Scale of 2 between them.",
                )
            )
        seen.add(edge)


def _check_ends(level: Level, path: str, problems: Problems) -> None:
    """There is a way in and out, and nothing hangs loose (`nir` adopts such nodes as inputs)."""
    nodes = level.nodes
    outside, inside = ports_of(level, Output), ports_of(level, Input)
    sources = {end for s, _ in level.edges for end in (s, outside.get(s, s))}
    targets = {end for _, t in level.edges for end in (t, inside.get(t, t))}
    for kind in (Input, Output):
        if not any(isinstance(n, Declared) and isinstance(n.node, kind) for n in nodes.values()):
            problems.bad.append(
                Finding(
                    where=path[:-1], what=f"the graph has no {kind.__name__} node.", fix="Add one."
                )
            )
    for name, node in nodes.items():
        leaf = node.node if isinstance(node, Declared) else None
        label = f"{path}{name} ({type(leaf).__name__ if leaf else GRAPH_TYPE})"
        for kind, ends, what in ((Input, targets, "incoming"), (Output, sources, "outgoing")):
            if not isinstance(leaf, kind) and name not in ends:
                problems.bad.append(
                    Finding(where=label, what=f"has no {what} edge.", fix="Connect or remove it.")
                )


def without_batch(level: Level) -> Level:
    """The level with leading axes taken off Inputs and Outputs, where their neighbours lack them.

    Some exporters write the shape of a whole batch; the shapes of NIR have neither batch nor time.
    """
    nodes = dict(level.nodes)
    for source, target in level.edges:
        ends = nodes.get(source), nodes.get(target)
        if not isinstance(ends[0], Declared) or not isinstance(ends[1], Declared):
            continue
        if isinstance(ends[0].node, Input):
            nodes[source] = _shortened(ends[0], ends[1].takes)
        if isinstance(ends[1].node, Output):
            nodes[target] = _shortened(ends[1], ends[0].gives)
    return Level(nodes=nodes, edges=level.edges)


def _shortened(port: Declared, wanted: tuple[int, ...] | None) -> Declared:
    stated = port.gives
    if not wanted or stated is None or len(stated) <= len(wanted):
        return port
    if stated[len(stated) - len(wanted) :] != wanted:
        return port
    node = Input(shape=wanted) if isinstance(port.node, Input) else Output(shape=wanted)
    return Declared(node=node, takes=wanted, gives=wanted)
