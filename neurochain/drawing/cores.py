"""What a picture of the cores shows, as plain numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from neurochain.mapping import CoreRow, Placement
from neurochain.network import I64

__all__ = ["Core", "CoreMap", "Link", "core_map", "links"]

Loads = tuple[Iterable[Iterable[int]], ...] | tuple[I64, I64, I64, I64]
"""East and west (height, width - 1), south and north (height - 1, width)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """One core of a chip. holds: population and neurons, most neurons first; () where it is empty.

    x, y     its router; slot: which of the router's cores it is
    limit    the limit nearest to its end, "" where the target limits nothing or nothing lies here
    used, most   of that limit
    """

    core: int
    chip: int
    x: int
    y: int
    slot: int
    holds: tuple[tuple[str, int], ...] = ()
    limit: str = ""
    used: int = 0
    most: int = 0

    @property
    def share(self) -> float:
        """Part of the limit that is used, 0 to 1."""
        return self.used / self.most if self.most else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Packets from a router to its neighbour."""

    x: int
    y: int
    to_x: int
    to_y: int
    packets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreMap:
    """All cores of the chips in use, and the links that carry packets.

    width, height in routers; weighed: the spikes that the packets are of.
    """

    target: str
    chips: int
    width: int
    height: int
    cores: tuple[Core, ...]
    links: tuple[Link, ...]
    weighed: str

    @property
    def populations(self) -> tuple[str, ...]:
        """In the order in which cores hold them."""
        return tuple(dict.fromkeys(name for core in self.cores for name, _ in core.holds))

    @property
    def peak(self) -> int:
        """Packets over the busiest link."""
        return max((link.packets for link in self.links), default=0)


def core_map(
    placement: Placement, loads: Loads | None = None, weighed: str | None = None
) -> CoreMap:
    """The map of a placement. loads: of a run; without, of the spikes it was placed for."""
    mesh = placement.mesh
    rows = {row.core: row for row in placement.rows()}
    seen: dict[tuple[int, int], int] = {}
    cores = []
    for core in range(placement.chips * placement.cores_per_chip):
        x, y = int(mesh.x[core]), int(mesh.y[core])
        slot = seen[x, y] = seen.get((x, y), -1) + 1
        empty = Core(core=core, chip=core // placement.cores_per_chip, x=x, y=y, slot=slot)
        cores.append(_filled(empty, rows[core]) if core in rows else empty)
    said = {
        "recorded": "the calibration's spikes",
        "assumed": "one spike of every neuron",
    }
    return CoreMap(
        target=placement.target,
        chips=placement.chips,
        width=mesh.width,
        height=mesh.height,
        cores=tuple(cores),
        links=tuple(links(placement.link_loads() if loads is None else loads)),
        weighed=said[placement.weighed] if weighed is None else weighed,
    )


def _filled(core: Core, row: CoreRow) -> Core:
    return replace(
        core,
        holds=tuple(sorted(row.nodes.items(), key=lambda item: -item[1])),
        limit=row.binds,
        used=row.used.get(row.binds, 0),
        most=row.most.get(row.binds) or 0,
    )


def links(loads: Loads) -> Iterator[Link]:
    """Those with packets. loads: as `Placement.link_loads` gives them, arrays or lists."""
    steps = ((1, 0), (-1, 0), (0, 1), (0, -1))
    for (dx, dy), rows in zip(steps, loads, strict=True):
        for y, row in enumerate(rows):
            for x, packets in enumerate(row):
                if packets:
                    start_x, start_y = x + int(dx < 0), y + int(dy < 0)
                    yield Link(
                        x=start_x,
                        y=start_y,
                        to_x=start_x + dx,
                        to_y=start_y + dy,
                        packets=int(packets),
                    )
