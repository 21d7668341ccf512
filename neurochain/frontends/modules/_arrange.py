"""Arranging elements within every sample of a batch: which index each part contributes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

__all__ = ["Arranged", "Part", "arrange"]

Shape = tuple[int, ...]
Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Part:
    """Something that elements are taken from: number of its expression, shape.

    number is None for the sample of the argument `source`.
    """

    number: int | None
    shape: Shape
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arranged:
    """One part's contribution to one sample: shapes before and after, index[j] or -1."""

    before: Shape
    after: Shape
    index: Index

    @property
    def ordered(self) -> bool:
        """True where every element keeps its flat position."""
        size = prod(self.before)
        return self.index.size == size and bool((self.index == np.arange(size)).all())

    @property
    def unchanged(self) -> bool:
        """True where nothing happens."""
        return self.ordered and self.before == self.after


def arrange(
    parts: list[Shape], shape: Shape, index: Index | None, batched: bool
) -> list[Arranged | None] | None:
    """What each part contributes; None for parts that do not, None in all where samples mix.

    parts  shapes of what is arranged, batch included; `index` counts through all of them
    """
    if index is None:
        index = np.arange(sum(prod(part) for part in parts))
    after = shape
    batch = 1
    if batched:
        batch = parts[0][0] if parts[0] else 1
        if shape[:1] == (batch,):
            after = shape[1:]
        elif batch != 1:
            return None
    rows = index.reshape(batch, -1)
    found: list[Arranged | None] = []
    start = 0
    for part in parts:
        size = prod(part)
        if batched and part[:1] != (batch,):
            return None
        before = part[1:] if batched else part
        one = _of_samples(rows - start, size, size // batch)
        if one is None:
            return None
        found.append(
            Arranged(before=before, after=after, index=one) if bool((one >= 0).any()) else None
        )
        start += size
    return found


def _of_samples(rows: Index, size: int, width: int) -> Index | None:
    """The index within a sample, the same for every sample; None where it is not."""
    inside = (rows >= 0) & (rows < size)
    local = np.where(inside, rows - np.arange(len(rows))[:, None] * width, -1)
    if not bool(((local >= -1) & (local < width)).all()) or not bool((local == local[:1]).all()):
        return None
    if bool((inside & (local < 0)).any()):
        return None
    return np.ascontiguousarray(local[0])
