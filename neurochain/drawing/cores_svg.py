"""Cores as a picture: how full each is, and how busy the links between the routers are."""

from __future__ import annotations

from dataclasses import dataclass
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
    """One core. colour: number of its largest population, None where it is empty."""

    x: float
    y: float
    colour: int | None
    opacity: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke:
    """One link; share of the busiest one's packets."""

    x1: float
    y1: float
    x2: float
    y2: float
    width: float
    share: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The outline of a chip."""

    x: float
    y: float
    width: float
    height: float
    name: str


def map_svg(cores: CoreMap, title: str, *, alone: bool = True) -> str:
    """The picture as SVG. alone: a document with its own style; else for a page that has it.

    A square is a core, coloured by the population that has most neurons there and the fuller the
    stronger, by the limit that is nearest to its end. A line is a link in one direction, the
    busier the thicker. Every square and line carries its numbers as a tooltip.
    """
    side = ceil(sqrt(max(core.slot for core in cores.cores) + 1))
    tile = side * CORE + (side - 1) * GAP
    pitch = tile + LINK
    populations = cores.populations
    colours = {name: k % COLOURS for k, name in enumerate(populations)}
    right, bottom = MARGIN + cores.width * pitch, MARGIN + LEGEND + cores.height * pitch
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
        squares=[_square(core, side, pitch, colours) for core in cores.cores],
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


def _stroke(link: Link, tile: float, pitch: float, peak: int) -> Stroke:
    """Beside the middle, so that the two directions of a link do not lie on each other."""
    dx, dy = link.to_x - link.x, link.to_y - link.y
    left, top = _corner(link.x, link.y, pitch)
    middle_x, middle_y = left + tile / 2 - dy * ASIDE, top + tile / 2 + dx * ASIDE
    start, end = tile / 2 + 3, tile / 2 + LINK - 3
    share = link.packets / peak
    return Stroke(
        x1=middle_x + dx * start,
        y1=middle_y + dy * start,
        x2=middle_x + dx * end,
        y2=middle_y + dy * end,
        width=round(0.6 + 3.4 * share, 2),
        share=round(share, 4),
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
