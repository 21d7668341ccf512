"""A network as a picture: a box for every input and population, a line for every projection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurochain.drawing.layout import Spot, spots
from neurochain.drawing.svg import render
from neurochain.network import Network, Population, Projection, Source

__all__ = ["graph_svg"]

BOX_WIDTH = 176
BOX_HEIGHT = 62
COLUMN = 356
ROW = 106
MARGIN = 24
LOOP = 34
"""Lengths in pixels; LOOP: how far a line that goes back is led around the boxes."""
_SHOWN = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One node: lines of text in a rectangle with its upper left corner at x, y."""

    name: str
    kind: str
    x: float
    y: float
    lines: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One projection: a path, and its text at x, y."""

    name: str
    path: str
    back: bool
    x: float
    y: float
    lines: tuple[str, ...]


def graph_svg(network: Network, title: str) -> str:
    """The picture as one SVG document, UTF-8, that needs nothing beside it.

    Data flows from left to right; projections that go back (or to the node itself) are dashed and
    run below. Every projection states its operator, synapses (structural connections) and delay.
    """
    where = spots(network)
    columns = max((s.column for s in where.values()), default=0) + 1
    tallest = max((s.row for s in where.values()), default=0) + 1
    boxes = {node.name: _box(network, node, where, tallest) for node in network.nodes}
    lines: list[Line] = []
    depth = MARGIN + tallest * ROW
    for shared, p in _counted(network.projections):
        lines.append(_line(p, boxes, shared, depth))
        if lines[-1].back:
            depth += LOOP
    return render(
        "graph.svg",
        title=title,
        width=2 * MARGIN + (columns - 1) * COLUMN + BOX_WIDTH,
        height=depth + MARGIN,
        boxes=boxes.values(),
        lines=lines,
        box_width=BOX_WIDTH,
        box_height=BOX_HEIGHT,
        summary=_summary(network),
    )


def _box(network: Network, node: Source | Population, where: dict[str, Spot], tallest: int) -> Box:
    spot = where[node.name]
    rows = sum(1 for s in where.values() if s.column == spot.column)
    shape = "x".join(map(str, node.shape)) or "1"
    if isinstance(node, Source):
        kind, text = "input", f"input, {node.emits.value}"
    else:
        kind = "relay" if node.is_relay else "neurons"
        text = node.program.name
    return Box(
        name=node.name,
        kind=kind,
        x=MARGIN + spot.column * COLUMN,
        y=MARGIN + (spot.row + (tallest - rows) / 2) * ROW,
        lines=(_short(node.name), _short(text), shape),
        outputs=tuple(o.name for o in network.outputs if o.node == node.name),
    )


def _counted(projections: tuple[Projection, ...]) -> list[tuple[int, Projection]]:
    """Each projection with how many of the same two nodes came before it."""
    seen: dict[tuple[str, str], int] = {}
    counted = []
    for p in projections:
        key = (p.source, p.target)
        counted.append((seen.get(key, 0), p))
        seen[key] = seen.get(key, 0) + 1
    return counted


def _line(p: Projection, boxes: dict[str, Box], shared: int, depth: float) -> Line:
    source, target = boxes[p.source], boxes[p.target]
    x0, y0 = source.x + BOX_WIDTH, source.y + BOX_HEIGHT / 2
    x1, y1 = target.x, target.y + BOX_HEIGHT / 2
    if target.x > source.x:
        shift = 30 * shared
        middle = (x0 + x1) / 2
        path = f"M{x0:g} {y0:g}C{middle:g} {y0 + shift:g} {middle:g} {y1 + shift:g} {x1:g} {y1:g}"
        y = (y0 + y1) / 2 + 0.75 * shift
        return Line(name=p.name, path=path, back=False, x=middle, y=y, lines=_texts(p))
    x0, x1 = source.x + 0.7 * BOX_WIDTH, target.x + 0.3 * BOX_WIDTH
    y0, y1 = source.y + BOX_HEIGHT, target.y + BOX_HEIGHT
    path = f"M{x0:g} {y0:g}V{depth:g}H{x1:g}V{y1:g}"
    return Line(name=p.name, path=path, back=True, x=(x0 + x1) / 2, y=depth - 4, lines=_texts(p))


def _texts(p: Projection) -> tuple[str, ...]:
    """Operator and name; synapses, weights' type, port and delay."""
    parts = [f"{int(np.sum(p.operator.fanout(nonzero=False))):,} synapses"]
    weights = p.operator.weight
    if weights is not None:
        parts.append(weights.dtype.name)
    if p.port != "x":
        parts.append(f"to {p.port}")
    if p.delay:
        parts.append(f"delay {p.delay}")
    return _short(f"{p.operator.kind} {p.name}"), ", ".join(parts)


def _summary(network: Network) -> str:
    neurons = sum(p.n for p in network.populations if not p.is_relay)
    synapses = sum(
        int(np.sum(p.operator.fanout(nonzero=False)))
        for p in network.projections
        if p.operator.weight is not None
    )
    return (
        f"{neurons:,} neurons, {synapses:,} synapses, {network.arithmetic}, dt {network.dt_s:g} s"
    )


def _short(text: str) -> str:
    """Middle of long names left out; the whole name is the tooltip."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]}…{text[1 - _SHOWN // 2 :]}"
