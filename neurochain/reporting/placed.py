"""Where a placed network lies, as a record, and the map of cores that a page draws from it."""

from __future__ import annotations

import msgspec

from neurochain.drawing import CoreMap, core_map
from neurochain.drawing.cores import Core, Link, links
from neurochain.mapping import Placement
from neurochain.reporting.mapped_records import MappedRecord
from neurochain.reporting.record import Record

__all__ = ["PlacedCore", "PlacedLink", "PlacementRecord", "map_of", "placement_record"]


class PlacedCore(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One core of a chip in use; with its number alone where nothing lies there.

    x, y, slot   its router, and which of the router's cores it is
    holds        neurons of each population, most first
    limit, used, most   the limit that is nearest to its end
    """

    core: int
    chip: int
    x: int
    y: int
    slot: int = 0
    holds: dict[str, int] = msgspec.field(default_factory=dict)
    limit: str = ""
    used: int = 0
    most: int = 0


class PlacedLink(Record, frozen=True, kw_only=True):
    """Packets from router (x, y) to its neighbour, for the spikes it was placed with."""

    x: int
    y: int
    to_x: int
    to_y: int
    packets: int


class PlacementRecord(Record, frozen=True, kw_only=True):
    """All cores of the chips in use. width, height in routers; weighed: the links' spikes."""

    target: str
    method: str
    chips: int
    width: int
    height: int
    weighed: str
    cores: list[PlacedCore]
    links: list[PlacedLink]


def placement_record(placement: Placement | None) -> PlacementRecord | None:
    """The record of a placement."""
    if placement is None:
        return None
    found = core_map(placement)
    return PlacementRecord(
        target=found.target,
        method=placement.method,
        chips=found.chips,
        width=found.width,
        height=found.height,
        weighed=found.weighed,
        cores=[
            PlacedCore(
                core=c.core, chip=c.chip, x=c.x, y=c.y, slot=c.slot, holds=dict(c.holds),
                limit=c.limit, used=c.used, most=c.most,
            )
            for c in found.cores
        ],
        links=[
            PlacedLink(x=k.x, y=k.y, to_x=k.to_x, to_y=k.to_y, packets=k.packets)
            for k in found.links
        ],
    )  # fmt: skip


def map_of(record: PlacementRecord, mapped: MappedRecord | None) -> CoreMap:
    """The map to draw: links carry the packets of the run where they were counted."""
    if mapped is None:
        drawn = [
            Link(x=k.x, y=k.y, to_x=k.to_x, to_y=k.to_y, packets=k.packets) for k in record.links
        ]
    else:
        loads = mapped.links
        drawn = list(links((loads.east, loads.west, loads.south, loads.north)))
    return CoreMap(
        target=record.target,
        chips=record.chips,
        width=record.width,
        height=record.height,
        cores=tuple(
            Core(
                core=c.core, chip=c.chip, x=c.x, y=c.y, slot=c.slot, holds=tuple(c.holds.items()),
                limit=c.limit, used=c.used, most=c.most,
            )
            for c in record.cores
        ),
        links=tuple(drawn),
        weighed=record.weighed if mapped is None else "this run",
    )  # fmt: skip
