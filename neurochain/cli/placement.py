"""The resource table of a placed network, for a terminal and as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from neurochain.mapping import CoreRow, Placement

__all__ = ["placement_lines", "plain_placement"]

_MOST_ROWS = 64
_OBJECTIVES = {
    "energy": "hop energy",
    "packets": "packets",
    "peak_link": "load of the busiest link",
    "imbalance": "imbalance",
}


def plain_placement(placement: Placement | None) -> dict[str, Any]:
    """{"placement": ...}, or {} where there is none."""
    if placement is None:
        return {}
    from dataclasses import asdict

    rows = [
        {
            "core": row.core,
            "chip": row.chip,
            "neurons_of": dict(row.nodes),
            "used": dict(row.used),
            "most": dict(row.most),
            "binds": row.binds,
        }
        for row in placement.rows()
    ]
    return {
        "placement": {
            "target": placement.target,
            "method": placement.method,
            "objective": placement.objective,
            "seed": placement.seed,
            "spikes": placement.weighed,
            "chips": placement.chips,
            "costs": {**asdict(placement.costs), "energy_unit": placement.unit},
            "cores": rows,
        }
    }


def placement_lines(placement: Placement | None) -> list[str]:
    """What every core uses of every limit, and what binds; [] where nothing is placed.

    Of more than 64 cores, the fullest of each set of layers.
    """
    if placement is None:
        return []
    rows = placement.rows()
    chips = f"{placement.chips} chip{'s' if placement.chips > 1 else ''}"
    how = f"{placement.method}, least {_OBJECTIVES[placement.objective]}"
    if placement.method in ("sequential", "random"):  # which compare nothing
        how = placement.method
    head = f"placed on {len(rows)} cores of {chips} of {placement.target} ({how}):"
    shown = [(str(row.core), row) for row in rows]
    if len(rows) > _MOST_ROWS:
        shown = _fullest(rows)
        head = head[:-1] + ", the fullest core of each kind, how many there are:"
    return [head, *_table(shown), _cost_line(placement)]


def _fullest(rows: Iterable[CoreRow]) -> list[tuple[str, CoreRow]]:
    kinds: dict[tuple[str, ...], list[CoreRow]] = {}
    for row in rows:
        kinds.setdefault(tuple(row.nodes), []).append(row)
    return [(f"x{len(some)}", max(some, key=_share)) for some in kinds.values()]


def _share(row: CoreRow) -> float:
    most = row.most.get(row.binds)
    return row.used[row.binds] / most if most else 0.0


def _table(shown: list[tuple[str, CoreRow]]) -> list[str]:
    names = list(shown[0][1].used)
    lines = [("core", "holds", *names, "binds")]
    for label, row in shown:
        holds = ", ".join(f"{node} {count}" for node, count in row.nodes.items())
        cells = [
            f"{row.used[name]}/{'-' if row.most[name] is None else row.most[name]}"
            for name in names
        ]
        binds = f"{row.binds} {100 * _share(row):.0f} %" if row.binds else "nothing"
        lines.append((label, holds, *cells, binds))
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    return [
        "  ".join(v.ljust(w) for v, w in zip(line, widths, strict=True)).rstrip() for line in lines
    ]


def _cost_line(placement: Placement) -> str:
    costs = placement.costs
    energy = f"{costs.energy:,} {placement.unit}" if placement.unit != "hops" else ""
    spikes = "the calibration's spikes" if placement.weighed == "recorded" else "a spike a neuron"
    return (
        f"for {spikes}: {costs.packets:,} packets between cores, "
        f"{costs.hops_x + costs.hops_y:,} hops{f' ({energy})' if energy else ''}, busiest link "
        f"{costs.peak_link:,}, busiest core {costs.imbalance:.2f} times the mean"
    )
