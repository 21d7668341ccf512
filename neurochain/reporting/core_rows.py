"""The cores of a placed network as a table: what the picture says to a mouse, for everyone."""

from __future__ import annotations

from dataclasses import dataclass

from neurochain.reporting.mapped_records import CoreRecord
from neurochain.reporting.placed import PlacedCore, PlacementRecord
from neurochain.reporting.records import CountSet

__all__ = ["MOST_CORES", "CoreLine", "CoreTable", "core_table"]

MOST_CORES = 64
_MOST_NAMES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreLine:
    """One core in use. share: part of the limit that is nearest to its end, in percent.

    counts   packets out and in and synaptic events of the whole run; None where none were counted
    """

    core: int
    chip: int
    holds: str
    limit: str
    used: int
    most: int
    share: float
    counts: tuple[int, int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreTable:
    """The lines in order of their cores; of more than 64 cores the fullest 64. in_use: of all."""

    lines: tuple[CoreLine, ...]
    in_use: int
    chips: int
    counted: bool


def core_table(placement: PlacementRecord, counts: CountSet) -> CoreTable:
    """A line for each core that holds something."""
    mapped = {} if counts.mapped is None else {core.core: core for core in counts.mapped.cores}
    used = [core for core in placement.cores if core.holds]
    fullest = sorted(used, key=lambda core: (-_share(core), core.core))[:MOST_CORES]
    return CoreTable(
        lines=tuple(
            _line(core, mapped.get(core.core)) for core in sorted(fullest, key=lambda c: c.core)
        ),
        in_use=len(used),
        chips=placement.chips,
        counted=bool(mapped),
    )


def _share(core: PlacedCore) -> float:
    return 100 * core.used / core.most if core.most else 0.0


def _line(core: PlacedCore, work: CoreRecord | None) -> CoreLine:
    names = [f"{name} {n:,}" for name, n in core.holds.items()]
    more = len(names) - _MOST_NAMES
    return CoreLine(
        core=core.core,
        chip=core.chip,
        holds=", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else ""),
        limit=core.limit,
        used=core.used,
        most=core.most,
        share=_share(core),
        counts=None if work is None else (work.packets_out, work.packets_in, work.synaptic_events),
    )
