"""What the benchmarks of the event engine share: prepared runs, alternating rounds, ratios.

Everything is packed and allocated once; a run goes through all steps of all samples from rest,
counts all operations and records nothing. Every run must give the counts of the first one.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurochain.bench.pairs import time_rounds
from neurochain.network import Network
from neurochain.simulators.event import pack, pack_inputs, prepare
from neurochain.simulators.types import Record

NOTHING = Record(emissions=())


@dataclass(frozen=True)
class Totals:
    """Sums over a run: `events` are weights added (structural fan-outs), `spikes` emissions."""

    events: int
    spikes: int


class Outcome:
    """All counts of a run or of runs at once, until the next one writes over them, and the totals
    of one.

    Outcomes are compared by every count, outside the time that is measured.
    """

    __hash__ = None

    def __init__(self, counted: Iterable[np.ndarray], totals: Totals) -> None:
        self.counted, self.totals = tuple(counted), totals

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Outcome):
            return NotImplemented
        pairs = zip(self.counted, other.counted, strict=True)
        return all(np.array_equal(mine, theirs) for mine, theirs in pairs)

    def __repr__(self) -> str:
        return f"counts that sum up to {[int(counted.sum()) for counted in self.counted]}"

    def kept(self) -> Outcome:
        """A copy that stays."""
        return Outcome((counted.copy() for counted in self.counted), self.totals)


Run = Callable[[], Outcome]


def ready(network: Network, inputs: Mapping[str, np.ndarray], threads: int = 1) -> Run:
    """Pack and allocate everything; inputs[source] (batch, step, n) float32.

    The totals are the first run's: adding them up in Python costs more than a short run.
    """
    prepared = prepare(pack(network), pack_inputs(network, inputs), record=NOTHING, threads=threads)
    weighted = [p.name for p in network.projections if p.operator.weight is not None]
    prepared.advance()
    first, counts = Outcome([prepared.counted], Totals(0, 0)).kept(), prepared.counts()
    totals = Totals(
        events=sum(int(counts.projections[name][..., 2:4].sum()) for name in weighted),
        spikes=sum(int(c[..., 0].sum()) for c in counts.populations.values()),
    )

    def run() -> Outcome:
        prepared.rewind()
        prepared.advance()
        return Outcome([prepared.counted], totals)

    if (again := run()) != first:
        raise SystemExit(f"a rewound run gave {again}, the first {first}")
    return run


@dataclass(frozen=True)
class Timed:
    """Seconds of each round, and what every run gave."""

    seconds: tuple[float, ...]
    totals: Totals

    @property
    def median_s(self) -> float:
        return statistics.median(self.seconds)


def measure(runs: Mapping[str, Run], rounds: int, budget_s: float = 120.0) -> dict[str, Timed]:
    """Warm up, then run in alternating rounds."""
    wanted = {name: run().kept() for name, run in runs.items()}
    seconds = time_rounds(runs, wanted, rounds=rounds, budget_s=budget_s)
    return {name: Timed(values, wanted[name].totals) for name, values in seconds.items()}


def ratio(a: Timed, b: Timed, per: Callable[[Totals], float] = lambda totals: 1.0) -> float:
    """Median over rounds of a's cost to b's, each divided by `per` of its totals."""
    pairs = zip(a.seconds, b.seconds, strict=True)
    scale = per(b.totals) / per(a.totals)
    return statistics.median(x / y * scale for x, y in pairs)


def machine() -> dict[str, Any]:
    """The machine, as far as it matters."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return {
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "load": round(load, 2),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Print rows as they come; return them as dictionaries."""
    widths = [max(len(word), 12) for word in head]
    print("  ".join(f"{word:>{width}}" for word, width in zip(head, widths, strict=True)))
    kept = []
    for row in rows:
        cells = [f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in row]
        line = (f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        print("  ".join(line), flush=True)
        kept.append(dict(zip(head, row, strict=True)))
    return kept


def finish(tables: Mapping[str, Any], path: Path | None) -> None:
    """Say on which machine; write everything as JSON where a path is given."""
    print("machine   " + ", ".join(f"{k} {v}" for k, v in machine().items()))
    if path is not None:
        text = json.dumps({"machine": machine(), "tables": tables}, indent=1)
        path.write_text(text + "\n", encoding="utf-8")
