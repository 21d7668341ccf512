"""Where SANA-FE finds our cores, and what each of them has to hold.

Tile k of its mesh lies at column k // height, row k % height. Inputs that come from outside the
mesh get a core of their own, `host`, on every tile that they reach: its packets pass no hop and
cost nothing. Inputs that are placed lie on the cores that the mapper chose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from neurochain.mapping import Placement
from neurochain.network import I64

__all__ = ["Group", "Layout", "layout_of", "safe_names"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """Neurons that are written as one group.

    neurons  (n,) their numbers in the node
    tile, offset  (n,) the core of each
    train    of inputs, (step, n) bool: when they spike; None for populations
    """

    name: str
    node: str
    neurons: I64
    tile: I64
    offset: I64
    train: np.ndarray[tuple[int, int], np.dtype[np.bool_]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """SANA-FE's mesh.

    tile, offset  (cores of the chips,) the address of each core
    """

    width: int
    height: int
    tile: I64
    offset: I64

    @property
    def host(self) -> int:
        """Offset of a host core: behind the tile's own."""
        return int(self.offset.max()) + 1

    def place(self, cores: I64) -> tuple[I64, I64]:
        """Addresses of cores."""
        return self.tile[cores], self.offset[cores]


def layout_of(placement: Placement) -> Layout:
    """SANA-FE's addresses of every core."""
    mesh = placement.mesh
    tile = mesh.x * mesh.height + mesh.y
    order = np.argsort(tile, kind="stable")  # cores of a tile in the order of their numbers
    first = np.searchsorted(tile[order], tile[order])
    offset = np.empty_like(tile)
    offset[order] = np.arange(len(tile)) - first
    return Layout(width=mesh.width, height=mesh.height, tile=tile, offset=offset)


def safe_names(names: tuple[str, ...]) -> dict[str, str]:
    """Names without dots and blanks, which are punctuation in SANA-FE's files; no two the same.

    Nor the same as NAME_tileN and start_NAME_tileN, which groups beside the layers are called.
    """
    found: dict[str, str] = {}
    for name in names:
        plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
        if plain.startswith("start_"):
            plain = f"_{plain}"
        while plain in found.values() or re.search(r"_tile\d+$", plain):
            plain += "_"
        found[name] = plain
    return found
