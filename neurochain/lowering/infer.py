"""Shape inference over a whole Graph, cycles included; every mismatch is a finding."""

from __future__ import annotations

from collections.abc import Mapping

from neurochain.errors import Finding
from neurochain.graph import Custom, Edge, Node, Output
from neurochain.lowering.shapes import Shape, ShapeError, emitted_shape

__all__ = ["infer_shapes"]


def infer_shapes(
    nodes: Mapping[str, Node], edges: tuple[Edge, ...]
) -> tuple[dict[str, Shape], list[Finding]]:
    """Emitted shape of every node, and what does not fit together.

    A node takes the shape of the first of its sources that is known, so cycles resolve from the
    inputs; afterwards every edge is checked against it.
    """
    incoming: dict[str, list[str]] = {name: [] for name in nodes}
    for edge in edges:
        incoming[edge.target].append(edge.source)
    emitted: dict[str, Shape] = {}
    arriving: dict[str, Shape] = {}
    findings: list[Finding] = []
    failed: set[str] = set()
    progress = True
    while progress:
        progress = False
        for name, node in nodes.items():
            known = [emitted[s] for s in incoming[name] if s in emitted]
            if name in emitted or name in failed or (incoming[name] and not known):
                continue
            progress = True
            arriving[name] = node.shape if isinstance(node, Custom) else known[0] if known else ()
            try:
                shape = emitted_shape(node, arriving[name])
                if min(shape, default=1) < 1:
                    raise ShapeError(f"has shape {shape}: nothing is in it.")
                emitted[name] = shape
            except ShapeError as error:
                failed.add(name)
                findings.append(error.finding(f"{name} ({type(node).__name__})"))
    findings += _edge_findings(nodes, edges, emitted, arriving)
    if not findings:
        findings += [
            Finding(
                where=f"{name} ({type(node).__name__})",
                what="cannot be reached from any input.",
                fix="Connect or remove it.",
            )
            for name, node in nodes.items()
            if name not in emitted
        ]
    return emitted, findings


def _edge_findings(
    nodes: Mapping[str, Node],
    edges: tuple[Edge, ...],
    emitted: Mapping[str, Shape],
    arriving: Mapping[str, Shape],
) -> list[Finding]:
    findings = []
    for edge in edges:
        if edge.source not in emitted or edge.target not in arriving:
            continue
        got, want = emitted[edge.source], arriving[edge.target]
        node = nodes[edge.target]
        if isinstance(node, Output):
            want = node.shape
        if got != want:
            findings.append(
                Finding(
                    where=f"edge {edge.source} -> {edge.target}",
                    what=f"carries {got}, but {edge.target} takes {want}.",
                    fix="Correct the shapes, or put a Flatten between.",
                )
            )
    return findings
