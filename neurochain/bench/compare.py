"""The event engine against each opponent on one workload."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from neurochain.bench.opponents import Opponent, Spikes
from neurochain.bench.pairs import DifferentResultError, Pairs, time_pairs
from neurochain.bench.peer import peer_runner, variant_of
from neurochain.bench.workloads import Workload
from neurochain.errors import Finding, VerifyError

__all__ = ["Row", "compare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. Where `skipped` says why, there are no times."""

    workload: str
    variant: str
    against: str
    version: str
    steps: int
    batch: int
    skipped: str = ""
    pairs: Pairs[list[int]] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data. Times are microseconds a step of the whole batch, medians over pairs."""
        data: dict[str, Any] = {
            "workload": self.workload,
            "variant": self.variant,
            "against": self.against,
            "version": self.version,
            "steps": self.steps,
            "batch": self.batch,
            "skipped": self.skipped,
        }
        if self.pairs is None:
            return data
        return {
            **data,
            "spikes": list(self.pairs.result),
            "ratio": self.pairs.ratio,
            "ratios": list(self.pairs.ratios),
            "us_per_step": self.pairs.mine_s / self.steps * 1e6,
            "us_per_step_against": self.pairs.theirs_s / self.steps * 1e6,
            "seconds": list(self.pairs.mine),
            "seconds_against": list(self.pairs.theirs),
        }


def compare(
    workload: Workload,
    opponents: tuple[Opponent, ...],
    *,
    threads: int = 1,
    variant: str | None = None,
    pairs: int = 5,
    budget_s: float = 60.0,
) -> Iterator[Row]:
    """A Row for each opponent, as it is measured.

    Both run in pairs, in alternating order, and every run must give the same number of spikes in
    every layer; an opponent whose spikes differ gets no time.

    Errors: VerifyError where the event engine's spikes differ from one run to the next, or from an
    opponent's that is exact; what `peer_runner` raises.
    """
    outcome = peer_runner(workload, threads, variant)
    fixed: dict[str, Any] = {
        "workload": workload.name,
        "variant": variant_of(workload, variant),
        "steps": workload.T,
        "batch": workload.batch,
    }

    def mine() -> list[int]:
        return outcome()["spikes"]

    for opponent in opponents:
        version = opponent.version()
        row = {**fixed, "against": opponent.name, "version": version or ""}
        if workload.kind not in opponent.kinds:
            yield Row(**row, skipped=opponent.why_not)
        elif version is None:
            yield Row(**row, skipped=f"{opponent.package} is not installed")
        else:
            theirs = opponent.build(workload, threads, variant)
            yield _measured(row, mine, theirs, opponent, pairs, budget_s)


def _measured(
    row: dict[str, Any],
    mine: Spikes,
    theirs: Spikes,
    opponent: Opponent,
    pairs: int,
    budget_s: float,
) -> Row:
    try:
        timed = time_pairs(mine, theirs, pairs=pairs, budget_s=budget_s)
    except DifferentResultError as error:
        if error.who == "mine" or opponent.exact:
            raise VerifyError(_difference(row, opponent, error, mine())) from error
        return Row(**row, skipped=f"its spikes differ: {error.got}, not {mine()}")
    return Row(**row, pairs=timed)


def _difference(
    row: dict[str, Any], opponent: Opponent, error: DifferentResultError, again: list[int]
) -> Finding:
    who = "a run of the event engine" if error.who == "mine" else opponent.name
    return Finding(
        where=row["workload"],
        what=f"{who} gave {error.got} spikes a layer, the event engine {again}.",
        fix="Please report it.",
    )
