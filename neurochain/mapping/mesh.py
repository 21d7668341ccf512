"""Where cores lie: tiles of a few cores with one router each, tiles in a grid, chips side by side.

Chips form a grid themselves, as near to a square of tiles as their number divides; the mesh goes on
from chip to chip. Within a chip tile k lies at column k // rows, row k % rows, and core c in tile
c // cores_per_tile. A spike travels along its row first, then along the column (XY routing).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurochain.mapping.hilbert import hilbert_index
from neurochain.mapping.limits import Limits
from neurochain.network import I64

__all__ = ["Mesh", "curve", "link_loads", "mesh_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """x, y (cores,) router of each core; width and height in routers; prices of a hop."""

    x: I64
    y: I64
    width: int
    height: int
    east_west: int
    north_south: int

    @property
    def cores(self) -> int:
        """Cores of all chips."""
        return len(self.x)


def mesh_of(limits: Limits, chips: int) -> Mesh:
    """The mesh of so many chips."""
    down = _down(chips, limits)
    across = chips // down
    core = np.arange(chips * limits.cores_per_chip, dtype=np.int64)
    chip, within = np.divmod(core, limits.cores_per_chip)
    tile = within // limits.cores_per_tile
    return Mesh(
        x=chip % across * limits.columns + tile // limits.rows,
        y=chip // across * limits.rows + tile % limits.rows,
        width=across * limits.columns,
        height=down * limits.rows,
        east_west=limits.hop_east_west,
        north_south=limits.hop_north_south,
    )


def _down(chips: int, limits: Limits) -> int:
    """Chips from north to south: the divisor that makes the mesh most nearly square."""
    divisors = [d for d in range(1, chips + 1) if chips % d == 0]
    return min(divisors, key=lambda d: abs(d * limits.rows - chips // d * limits.columns))


def curve(mesh: Mesh) -> I64:
    """All cores, along a Hilbert curve over the routers."""
    along = hilbert_index(mesh.x, mesh.y, max(mesh.width, mesh.height))
    return np.argsort(along, kind="stable").astype(np.int64)


def link_loads(mesh: Mesh, source: I64, target: I64, packets: I64) -> tuple[I64, I64, I64, I64]:
    """Packets over every link under XY routing: east, west (height, width - 1); south, north.

    source, target, packets (pairs,): cores, and packets between them. Link k of a row joins columns
    k and k + 1; south and north are (height - 1, width), south towards larger y.
    """
    x0, y0, x1, y1 = mesh.x[source], mesh.y[source], mesh.x[target], mesh.y[target]
    east, west = (_spans(a, b, y0, packets, mesh.width, mesh.height) for a, b in _both(x0, x1))
    south, north = (_spans(a, b, x1, packets, mesh.height, mesh.width) for a, b in _both(y0, y1))
    return east, west, south.T, north.T


def _both(start: I64, end: I64) -> tuple[tuple[I64, I64], tuple[I64, I64]]:
    """Spans that go up, and spans that go down read upwards; the others are empty."""
    return (start, np.maximum(start, end)), (np.minimum(start, end), start)


def _spans(begin: I64, end: I64, line: I64, packets: I64, length: int, lines: int) -> I64:
    """How many packets cross each of length - 1 links of each line, going from begin to end."""
    change = np.zeros((lines, length), dtype=np.int64)
    np.add.at(change, (line, begin), packets)
    np.add.at(change, (line, end), -packets)
    return np.cumsum(change, axis=1)[:, :-1]
