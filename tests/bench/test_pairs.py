"""Pairs of runs: they alternate, every result is checked, the budget holds."""

from __future__ import annotations

import time

import pytest

from neurochain.bench.pairs import DifferentResultError, Pairs, time_pairs


class Slow:
    """Takes `seconds` and gives one result after the other, the last one for ever."""

    def __init__(self, log: list[str], name: str, *results: int, seconds: float = 0.051) -> None:
        self.log, self.name, self.results, self.seconds = log, name, list(results), seconds

    def __call__(self) -> int:
        time.sleep(self.seconds)
        self.log.append(self.name)
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]


def test_the_order_changes_from_pair_to_pair() -> None:
    log: list[str] = []
    timed = time_pairs(Slow(log, "a", 7), Slow(log, "b", 7), pairs=3)
    assert "".join(log) == "ab" + "ab" + "ba" + "ab"
    assert timed.result == 7
    assert len(timed.mine) == len(timed.theirs) == len(timed.ratios) == 3
    assert min(*timed.mine, *timed.theirs) >= 0.05


def test_short_runs_are_repeated_within_a_pair() -> None:
    log: list[str] = []
    timed = time_pairs(Slow(log, "a", 1, seconds=0.01), Slow(log, "b", 1), pairs=1)
    assert 2 < log.count("a") <= 1 + 5
    assert log.count("b") == 2
    assert 0.01 <= timed.mine[0] < timed.theirs[0]


def test_the_budget_ends_it_after_a_pair() -> None:
    log: list[str] = []
    assert len(time_pairs(Slow(log, "a", 1), Slow(log, "b", 1), pairs=9, budget_s=0).ratios) == 1


def test_each_run_is_checked() -> None:
    log: list[str] = []
    with pytest.raises(DifferentResultError, match="theirs gave 4") as first:
        time_pairs(Slow(log, "a", 3), Slow(log, "b", 4))
    assert (first.value.who, len(log)) == ("theirs", 2)
    with pytest.raises(DifferentResultError, match="mine gave 4"):
        time_pairs(Slow(log, "a", 3, 3, 4), Slow(log, "b", 3))
    with pytest.raises(DifferentResultError, match="mine gave 3"):
        time_pairs(Slow(log, "a", 3), Slow(log, "b", 4), wanted=4)


def test_the_ratio_is_the_median_of_the_pairs() -> None:
    timed = Pairs(mine=(1.0, 2.0, 4.0), theirs=(10.0, 6.0, 16.0), result=0)
    assert timed.ratios == (10.0, 3.0, 4.0)
    assert (timed.ratio, timed.mine_s, timed.theirs_s) == (4.0, 2.0, 10.0)
