"""Timing two programs against each other: pairs of runs in alternating order, medians, ratios.

A machine that others use as well speeds up and slows down within seconds. Two runs side by side see
the same machine, so their ratio holds where times of different minutes cannot be compared.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["DifferentResultError", "Pairs", "time_pairs", "time_rounds"]

T = TypeVar("T")

LEAST_S = 0.05
"""A time slice of the scheduler must not decide a measurement."""


class DifferentResultError(Exception):
    """A run did not give the result that was wanted; its time does not count."""

    def __init__(self, who: str, got: object) -> None:
        super().__init__(f"{who} gave {got}")
        self.who, self.got = who, got


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs(Generic[T]):
    """Seconds of each pair: mine[k] and theirs[k] were measured one after the other."""

    mine: tuple[float, ...]
    theirs: tuple[float, ...]
    result: T

    @property
    def ratios(self) -> tuple[float, ...]:
        """theirs / mine of each pair: above 1, mine was faster."""
        return tuple(b / a for a, b in zip(self.mine, self.theirs, strict=True))

    @property
    def ratio(self) -> float:
        """Median of the ratios."""
        return statistics.median(self.ratios)

    @property
    def mine_s(self) -> float:
        """Median of my seconds."""
        return statistics.median(self.mine)

    @property
    def theirs_s(self) -> float:
        """Median of their seconds."""
        return statistics.median(self.theirs)


def time_pairs(
    mine: Callable[[], T],
    theirs: Callable[[], T],
    *,
    pairs: int = 5,
    budget_s: float = 60.0,
    wanted: T | None = None,
) -> Pairs[T]:
    """Run both once to warm up, then `pairs` times each, the order changing from pair to pair.

    A side that takes less than LEAST_S is repeated within the pair, and its mean time taken. Every
    result must equal `wanted`, or the first result of `mine` where that is None. No further pair is
    begun when it would end after `budget_s` seconds; one pair always is.

    Errors: DifferentResultError.
    """
    result = mine()
    wanted = result if wanted is None else wanted
    for who, got in (("mine", result), ("theirs", theirs())):
        if got != wanted:
            raise DifferentResultError(who, got)
    timed = time_rounds(
        {"mine": mine, "theirs": theirs},
        {"mine": wanted, "theirs": wanted},
        rounds=pairs,
        budget_s=budget_s,
    )
    return Pairs(mine=timed["mine"], theirs=timed["theirs"], result=wanted)


def time_rounds(
    runs: Mapping[str, Callable[[], T]],
    wanted: Mapping[str, T],
    *,
    rounds: int = 5,
    budget_s: float = 60.0,
) -> dict[str, tuple[float, ...]]:
    """Seconds of each run in each round; the order is reversed from round to round.

    What `time_pairs` says of pairs holds for rounds; the runs should be warm already.

    Errors: DifferentResultError.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    order = list(runs.items())
    start = time.perf_counter()
    for done in range(rounds):
        spent = time.perf_counter() - start
        if done and spent * (done + 1) / done > budget_s:
            break
        for who, run in order:
            seconds[who].append(_seconds(who, run, wanted[who]))
        order.reverse()
    return {name: tuple(values) for name, values in seconds.items()}


def _seconds(who: str, run: Callable[[], T], wanted: T) -> float:
    """Mean time of one run, over as many as fill LEAST_S. Errors: DifferentResultError."""
    total, runs = 0.0, 0
    while total < LEAST_S:
        before = time.perf_counter()
        got = run()
        total += time.perf_counter() - before
        runs += 1
        if got != wanted:
            raise DifferentResultError(who, got)
    return total / runs
