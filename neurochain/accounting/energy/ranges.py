"""A figure with its bounds."""

from __future__ import annotations

from dataclasses import dataclass

from neurochain.accounting.prices import MemoryPrice, Price
from neurochain.accounting.prices.records import Dram

__all__ = ["ZERO", "Range", "price_range", "time_range"]

PJ, NS = 1e-12, 1e-9


@dataclass(frozen=True, slots=True)
class Range:
    """low <= nominal <= high; high is None where nothing bounds it from above."""

    low: float
    nominal: float
    high: float | None

    def __add__(self, other: Range) -> Range:
        high = None if self.high is None or other.high is None else self.high + other.high
        return Range(self.low + other.low, self.nominal + other.nominal, high)

    def times(self, factor: float) -> Range:
        """Each bound times a number that is not negative; nothing at all costs nothing."""
        if not factor:
            return ZERO
        high = None if self.high is None else self.high * factor
        return Range(self.low * factor, self.nominal * factor, high)

    def widened(self, percent: float) -> Range:
        """By the error that a source states of itself."""
        part = percent / 100.0
        high = None if self.high is None else self.high * (1.0 + part)
        return Range(self.low * max(0.0, 1.0 - part), self.nominal, high)


ZERO = Range(0.0, 0.0, 0.0)


def price_range(price: Price | MemoryPrice | Dram) -> Range:
    """Joules for one operation (or one 32-bit access)."""
    bound = price.bound if isinstance(price, Price) else "nominal"
    low = price.energy_pj if price.low_pj is None else price.low_pj
    high: float | None = price.energy_pj if price.high_pj is None else price.high_pj
    if bound == "minimum" and price.high_pj is None:
        high = None
    if bound == "maximum" and price.low_pj is None:
        low = 0.0
    return Range(low * PJ, price.energy_pj * PJ, None if high is None else high * PJ)


def time_range(price: Price) -> Range | None:
    """Seconds for one operation, None where the list has no time for it."""
    if price.time_ns is None:
        return None
    seconds = price.time_ns * NS
    low = 0.0 if price.time_bound == "maximum" else seconds
    return Range(low, seconds, None if price.time_bound == "minimum" else seconds)
