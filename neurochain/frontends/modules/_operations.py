"""Scalar operations of a trace by step: the n-th visit of a site belongs to step n."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from neurochain.frontends.modules._values import OpValue, Value

__all__ = ["Operations", "Place", "steps_by_visits"]


@dataclass(frozen=True, slots=True)
class Place:
    """Number of the site, which visit of it in a step, and the step."""

    site: int
    place: int
    step: int


class Operations:
    """Every scalar operation that was visited as often in each step; others belong to no step."""

    def __init__(
        self, values: Iterable[Value], visits: Mapping[tuple[Any, ...], int], steps: int
    ) -> None:
        self.steps = steps
        self.visits = visits
        self.numbers: dict[tuple[Any, ...], int] = {}
        self.made: dict[tuple[int, int], dict[int, OpValue]] = {}
        for value in values:
            place = self.place(value) if isinstance(value, OpValue) else None
            if place is not None and isinstance(value, OpValue):
                self.made.setdefault((place.site, place.place), {})[place.step] = value

    def place(self, value: OpValue) -> Place | None:
        """Where in time an operation stands; None where it stands for no step."""
        call = value.call
        if call is None:
            return None
        count = self.visits[call.site]
        if self.steps < 1 or count % self.steps:
            return None
        step, place = divmod(call.visit, count // self.steps)
        return Place(self.numbers.setdefault(call.site, len(self.numbers)), place, step)


def steps_by_visits(values: Iterable[Value], visits: Mapping[tuple[Any, ...], int]) -> int:
    """Steps of a loop, by how often most of its operations were visited; 1 where none repeats."""
    sites = {value.call.site for value in values if isinstance(value, OpValue) and value.call}
    counts = Counter(visits[site] for site in sites if visits[site] > 1)
    # the smaller of equally frequent numbers: sites come in no order of their own
    return max(counts, key=lambda count: (counts[count], -count)) if counts else 1
