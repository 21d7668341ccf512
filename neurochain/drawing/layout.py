"""Where the boxes of a network lie: a column for every rank, neighbours at like heights."""

from __future__ import annotations

from dataclasses import dataclass

from neurochain.network import Network

__all__ = ["Spot", "spots"]

_SWEEPS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """column: most forward projections on a way from an input; row: from the top of its column."""

    column: int
    row: int


def spots(network: Network) -> dict[str, Spot]:
    """Node -> its place. Projections from a later node, or from itself, move nothing."""
    order = {node.name: k for k, node in enumerate(network.nodes)}
    before: dict[str, list[str]] = {name: [] for name in order}
    after: dict[str, list[str]] = {name: [] for name in order}
    for p in network.projections:
        if order[p.source] < order[p.target]:
            before[p.target].append(p.source)
            after[p.source].append(p.target)
    column: dict[str, int] = {}
    for name in order:
        column[name] = max((column[source] + 1 for source in before[name]), default=0)
    rows: list[list[str]] = [[] for _ in range(max(column.values(), default=-1) + 1)]
    for name in order:
        rows[column[name]].append(name)
    for sweep in range(_SWEEPS):
        _sort_by_neighbours(rows, before if sweep % 2 == 0 else after, forward=sweep % 2 == 0)
    return {
        name: Spot(column=k, row=row)
        for k, names in enumerate(rows)
        for row, name in enumerate(names)
    }


def _sort_by_neighbours(
    rows: list[list[str]], neighbours: dict[str, list[str]], *, forward: bool
) -> None:
    """Each column in the order of the mean height of its neighbours: fewer lines cross."""
    height = {name: _height(k, len(names)) for names in rows for k, name in enumerate(names)}
    for names in rows if forward else reversed(rows):
        mean = {
            name: sum(height[n] for n in neighbours[name]) / len(neighbours[name])
            if neighbours[name]
            else height[name]
            for name in names
        }
        names.sort(key=lambda name: mean[name])
        height.update((name, _height(k, len(names))) for k, name in enumerate(names))


def _height(row: int, rows: int) -> float:
    """Distance from the middle of the column, which all columns share."""
    return row - (rows - 1) / 2
