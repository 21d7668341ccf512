"""How a run scales with samples and with threads.

    python benchmarks/batches.py [--threads 1,2] [--rounds 5] [--json FILE]

Batch: the cost of a sample among 2, 4, ... 64 to that of a sample alone. Threads: the speed of n to
that of one, for 64 samples and for one large recurrent network; beside it what this machine gives
in the same minute to n runs of one thread each that share nothing but the processor and its memory.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from engine_runs import Outcome, Run, finish, measure, ratio, ready, table

from neurochain.bench.networks import build_network, input_arrays
from neurochain.bench.peer import DEFAULT_VARIANT
from neurochain.bench.workloads import make

BATCHES = (1, 2, 4, 8, 16, 64)


def by_batch(rounds: int) -> Iterator[tuple[object, ...]]:
    """The first samples of the batch of 64 (or 16), as many as are asked for."""
    for name in ("mlp-b64-p0.01", "mlp-b64-p0.05", "mlp-b64-p0.2", "conv-b16"):
        work = make(name)
        network = build_network(work, DEFAULT_VARIANT[work.kind])
        inputs = input_arrays(work, network)
        sizes = [b for b in BATCHES if b <= work.batch]
        runs = {f"{b}": ready(network, {k: v[:b] for k, v in inputs.items()}) for b in sizes}
        timed = measure(runs, rounds)
        for b in sizes:
            cost = timed[f"{b}"].median_s / b / work.T * 1e6
            alone = ratio(timed[f"{b}"], timed["1"]) / b
            yield name, b, cost, alone, timed[f"{b}"].totals.events / timed[f"{b}"].median_s / 1e6


def side_by_side(runs: list[Run], pool: ThreadPoolExecutor) -> Run:
    """All runs at once, each in a thread of its own."""

    def all_of_them() -> Outcome:
        outcomes = list(pool.map(lambda run: run(), runs))
        return Outcome((c for o in outcomes for c in o.counted), outcomes[0].totals)

    first = all_of_them().counted
    if not all(np.array_equal(counted, first[0]) for counted in first):
        raise SystemExit("runs side by side differ")

    return all_of_them


def by_threads(threads: list[int], rounds: int) -> Iterator[tuple[object, ...]]:
    """Speed-up, spikes and counts being equal, and that of independent runs."""
    pool = ThreadPoolExecutor(max(threads))
    for name in ("mlp-b64-p0.05", "conv-b16", "rnn-n20000", "sparse-p0.1"):
        work = make(name)
        network = build_network(work, DEFAULT_VARIANT[work.kind])
        inputs = input_arrays(work, network)
        runs = {f"{n}": ready(network, inputs, n) for n in threads}
        alone = [ready(network, inputs) for _ in range(max(threads))]
        runs |= {f"{n} apart": side_by_side(alone[:n], pool) for n in threads}
        timed = measure(runs, rounds)
        if len({t.totals for t in timed.values()}) != 1:
            raise SystemExit(f"{name}: threads change the result: {timed}")
        first, few = timed[f"{threads[0]}"], timed[f"{threads[0]} apart"]
        for n in threads:
            mine = timed[f"{n}"]
            apart = ratio(few, timed[f"{n} apart"]) * n / threads[0]
            yield name, n, mine.median_s / work.T * 1e6, ratio(first, mine), apart


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--threads", default="1,2", help="numbers of threads, the first is the base"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    head = ("workload", "batch", "us/step, sample", "to batch 1", "Mevents/s")
    tables = {"batch": table(head, by_batch(options.rounds))}
    threads = [int(n) for n in options.threads.split(",")]
    head = ("workload", "threads", "us/step", "speed-up", "apart")
    tables["threads"] = table(head, by_threads(threads, options.rounds))
    finish(tables, options.json)


if __name__ == "__main__":
    main()
