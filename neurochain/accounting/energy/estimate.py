"""An estimate: its terms by layer and population, and what is in it and what is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from neurochain.accounting.energy.ranges import ZERO, Range
from neurochain.accounting.energy.sums import RunSums
from neurochain.accounting.prices import PriceList

__all__ = ["RESET", "TERMS", "Cell", "Estimate", "Latency", "Part", "Term", "estimate"]

Part = Literal["layer", "population", "chip"]

TERMS = {
    1: "synaptic arithmetic",
    2: "weight and index fetch",
    3: "membrane read and write",
    4: "leak or neuron update of every neuron in every step",
    5: "spike generation and packet injection for each destination core",
    6: "hops on the chip's network, links between chips",
    7: "barrier and control",
    8: "static power times time",
    9: "input encoding and I/O",
    10: "off-chip memory where weights do not fit",
}
"""What an energy report carries or names as missing."""

RESET = "reset between samples"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One term of one row: what `count` operations (or bytes) cost.

    part   "layer", "population" or "chip": a layer and a population may share a name
    """

    part: Part
    row: str
    term: str
    count: int
    joules: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One term summed over all rows."""

    name: str
    count: int
    joules: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Seconds of one step of one sample, as a list's times have it.

    serial   all operations one after the other: one core does everything
    floor    the same work shared out evenly over `cores`: less is not possible
    barrier  what agreeing on the end of a step takes, with the least and the most tiles
    busiest  of a placed network: all that the core with the most work does, in an average step
    route    and the hops of the longest way that a packet took; None where nothing is placed
    """

    serial_s: float
    floor_s: float
    cores: int
    barrier_low_s: float
    barrier_high_s: float
    uncertainty_percent: float
    busiest_s: float | None = None
    route_s: float | None = None

    @property
    def placed_s(self) -> tuple[float, float] | None:
        """An average step of a placed network, with the shortest and the longest barrier."""
        if self.busiest_s is None or self.route_s is None:
            return None
        work = self.busiest_s + self.route_s
        return work + self.barrier_low_s, work + self.barrier_high_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Energy of a run by one model and one price list.

    rows      (part, name) of layers and populations, in order
    included  numbers of TERMS; `partial` says of which only a part is in, and which
    missing   the other numbers of TERMS
    unpriced  operations that were counted and have no price here, with their number
    """

    model: str
    prices: PriceList
    counting: str
    samples: int
    steps: int
    rows: tuple[tuple[Part, str], ...]
    cells: tuple[Cell, ...]
    included: tuple[int, ...]
    partial: Mapping[int, str]
    missing: tuple[int, ...]
    unpriced: Mapping[str, int]
    notes: tuple[str, ...] = ()
    latency: Latency | None = None

    @property
    def total(self) -> Range:
        """Joules of the whole run."""
        return _added(cell.joules for cell in self.cells)

    @property
    def terms(self) -> tuple[Term, ...]:
        """Each term over all rows, in the order in which it first occurs."""
        names = dict.fromkeys(cell.term for cell in self.cells)
        return tuple(self._term(name) for name in names)

    def _term(self, name: str) -> Term:
        own = [cell for cell in self.cells if cell.term == name]
        return Term(
            name=name, count=sum(c.count for c in own), joules=_added(c.joules for c in own)
        )

    def row(self, part: Part, name: str) -> Range:
        """Joules of one layer or population."""
        return _added(c.joules for c in self.cells if (c.part, c.row) == (part, name))


def estimate(
    model: str,
    prices: PriceList,
    run: RunSums,
    cells: Sequence[Cell],
    *,
    included: Sequence[int],
    partial: Mapping[int, str] | None = None,
    unpriced: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
    latency: Latency | None = None,
) -> Estimate:
    """Put an estimate together; what is neither included nor partial is missing."""
    parts = dict(partial or {})
    widened = [
        Cell(
            part=cell.part,
            row=cell.row,
            term=cell.term,
            count=cell.count,
            joules=cell.joules.widened(prices.energy_uncertainty_percent),
        )
        for cell in cells
    ]
    return Estimate(
        model=model,
        prices=prices,
        counting=run.counting,
        samples=run.samples,
        steps=run.steps,
        rows=tuple(dict.fromkeys((cell.part, cell.row) for cell in widened)),
        cells=tuple(widened),
        included=tuple(included),
        partial=parts,
        missing=tuple(k for k in TERMS if k not in included and k not in parts),
        unpriced={name: n for name, n in (unpriced or {}).items() if n},
        notes=tuple(notes),
        latency=latency,
    )


def _added(ranges: Iterable[Range]) -> Range:
    total = ZERO
    for item in ranges:
        total = total + item
    return total
