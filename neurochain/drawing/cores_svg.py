"""Cores as a picture: how full each is, and how busy the links between the routers are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, sqrt

from neurochain.drawing.cores import Core, CoreMap, Link
from neurochain.drawing.svg import render

__all__ = ["map_svg"]

CORE = 15
GAP = 2
LINK = 30
MARGIN = 20
LEGEND = 22
WIDTH = 480
COLOURS = 10
ASIDE = 2.5
"""Lengths in pixels; LINK: length of a link between two routers; WIDTH: room for the
caption; ASIDE: from a link's middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """One core. colour: number of its largest population, None where it is empty.

    Cores that follow one another and look alike are one group of the picture, which has their
    colour; their square is drawn once and used by all.
    """

    x: float
    y: float
    colour: int | None
    opacity: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke:
    """One link: from where, "h" or "v" (along a row or a column), how far."""

    x: float
    y: float
    way: str
    length: float
    width: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The outline of a chip."""

    x: float
    y: float
    width: float
    height: float
    name: str


def map_svg(cores: CoreMap, title: str, *, alone: bool = True, order: Sequence[str] = ()) -> str:
    """The picture as SVG. alone: a document with its own style; else for a page that has it.

    A square is a core, coloured by the population that has most neurons there and the fuller the
    stronger, by the limit that is nearest to its end. A line is a link in one direction, the
    busier the thicker. Every square and line carries its numbers as a tooltip.
    order: populations that get the first colours, as other pictures of the page have them.
    """
    side = ceil(sqrt(max(core.slot for core in cores.cores) + 1))
    tile = side * CORE + (side - 1) * GAP
    pitch = tile + LINK
    known = set(cores.populations)
    populations = [*dict.fromkeys([*(n for n in order if n in known), *cores.populations])]
    colours = {name: k % COLOURS for k, name in enumerate(populations)}
    right = MARGIN + cores.width * pitch
    bottom = MARGIN + LEGEND + cores.height * pitch + GAP
    return render(
        "map.svg",
        title=title,
        width=max(right, WIDTH),
        height=bottom + LEGEND * (2 + len(populations)),
        core=CORE,
        frames=[
            _frame([c for c in cores.cores if c.chip == chip], chip, tile, pitch)
            for chip in range(cores.chips)
        ],
        runs=_runs([_square(core, side, pitch, colours) for core in cores.cores]),
        strokes=[_stroke(link, tile, pitch, cores.peak) for link in cores.links],
        legend=[(name, colours[name], bottom + LEGEND * k) for k, name in enumerate(populations)],
        caption_y=bottom + LEGEND * len(populations),
        caption=_caption(cores),
        alone=alone,
    )


def _caption(cores: CoreMap) -> tuple[str, str]:
    used = [core for core in cores.cores if core.holds]
    fullest = f"{100 * max((core.share for core in used), default=0.0):.0f} %"
    return (
        f"{len(used)} of {len(cores.cores)} cores of {cores.target}, the fullest {fullest}",
        f"busiest link {cores.peak:,} packets for {cores.weighed}",
    )


def _corner(x: int, y: int, pitch: float) -> tuple[float, float]:
    return MARGIN + LINK / 2 + x * pitch, MARGIN + LEGEND + LINK / 2 + y * pitch


def _square(core: Core, side: int, pitch: float, colours: dict[str, int]) -> Square:
    left, top = _corner(core.x, core.y, pitch)
    text = f"core {core.core}: empty"
    if core.holds:
        holds = ", ".join(f"{name} {count:,}" for name, count in core.holds)
        text = f"core {core.core}: {holds}"
        if core.limit:
            text += f"; {core.limit} {core.used:,} of {core.most:,} ({100 * core.share:.0f} %)"
    return Square(
        x=left + core.slot % side * (CORE + GAP),
        y=top + core.slot // side * (CORE + GAP),
        colour=colours[core.holds[0][0]] if core.holds else None,
        opacity=round(0.2 + 0.8 * min(core.share, 1.0), 3),
        text=text,
    )


def _runs(squares: Sequence[Square]) -> list[tuple[tuple[int | None, float], list[Square]]]:
    """(colour, opacity) and the squares that follow one another with it."""
    runs = groupby(squares, key=lambda s: (s.colour, 0.0 if s.colour is None else s.opacity))
    return [(look, list(found)) for look, found in runs]


def _stroke(link: Link, tile: float, pitch: float, peak: int) -> Stroke:
    """Beside the middle, so that the two directions of a link do not lie on each other."""
    dx, dy = link.to_x - link.x, link.to_y - link.y
    left, top = _corner(link.x, link.y, pitch)
    middle_x, middle_y = left + tile / 2 - dy * ASIDE, top + tile / 2 + dx * ASIDE
    start, end = tile / 2 + 3, tile / 2 + LINK - 3
    share = link.packets / peak
    return Stroke(
        x=middle_x + dx * start,
        y=middle_y + dy * start,
        way="h" if dx else "v",
        length=(dx + dy) * (end - start),
        width=round(0.6 + 3.4 * share, 2),
        text=f"({link.x}, {link.y}) to ({link.to_x}, {link.to_y}): {link.packets:,} packets",
    )


def _frame(cores: list[Core], chip: int, tile: float, pitch: float) -> Frame:
    left, top = _corner(min(c.x for c in cores), min(c.y for c in cores), pitch)
    right, bottom = _corner(max(c.x for c in cores), max(c.y for c in cores), pitch)
    room = LINK / 2 - 4
    return Frame(
        x=left - room,
        y=top - room,
        width=right - left + tile + 2 * room,
        height=bottom - top + tile + 2 * room,
        name=f"chip {chip}",
    )
