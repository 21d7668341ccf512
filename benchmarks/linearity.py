"""Cost against the number of synaptic events: a straight line, or where it bends.

    python benchmarks/linearity.py [--up-to 1e10] [--rounds 5] [--json FILE]

Two curves, of runs made ready once. By length: the same network at the same activity for more and
more steps, to 10^10 events; runs beyond a block of steps are blocks that carry the state on. By
activity: equally many steps with ever more input spikes. Given are nanoseconds an event and the
ratio to the middle of the curve; at low activity the neurons' own updates are what costs.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from engine_runs import NOTHING, finish, measure, ready, table

from neurochain.bench.networks import build_network, input_arrays
from neurochain.bench.workloads import Workload, mlp, sparse
from neurochain.simulators.event import PreparedRun, pack, pack_inputs, prepare

MAKE = {
    "dense": lambda rate, steps: mlp(
        "dense", rate=rate, thresholds=(20000.5,), steps=steps, sizes=(1024, 1024)
    ),
    "csr": lambda rate, steps: sparse("csr", rate=rate, threshold=20000.5, steps=steps),
}
RATE = {"dense": 0.05, "csr": 0.01}
BLOCK_BYTES = 400e6  # of float32 input


def blocks(work: Workload, events: int, rounds: int) -> tuple[float, int]:
    """Median seconds of a run from rest, and its events: as many blocks as are nearest to so many.

    What is fed decides the events, so each block has as many as the first.
    """
    network = build_network(work, "i8")
    run = prepare(pack(network), pack_inputs(network, input_arrays(work, network)), record=NOTHING)
    (name,) = (p.name for p in network.projections)
    run.advance()
    each = counted(run, name)
    count = max(1, round(events / each))
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        run.rewind()
        run.advance()
        for _ in range(count - 1):
            run.counted.fill(0)
            run.start_over()
            run.advance()
        seconds.append(time.perf_counter() - start)
        if counted(run, name) != each:
            raise SystemExit(f"a block had {counted(run, name)} events, the first {each}")
    return statistics.median(seconds), count * each


def counted(run: PreparedRun, name: str) -> int:
    """Weights added for events, of the projection `name`."""
    return int(run.counts().projections[name][..., 2:4].sum())


def by_length(kind: str, up_to: float, rounds: int) -> Iterator[tuple[object, ...]]:
    """ns an event for 10^5, 10^6, ... events."""
    probe = MAKE[kind](RATE[kind], 2)
    n = probe.sizes[0]
    fan = probe.sizes[1] if kind == "dense" else probe.csr.data.size / n
    per_step = RATE[kind] * n * fan
    longest = max(2, int(BLOCK_BYTES / 4 / n))
    targets = [10**k for k in range(5, 11) if 10**k <= up_to]
    found = {}
    for events in targets:
        work = MAKE[kind](RATE[kind], int(min(longest, max(1, round(events / per_step)))))
        found[events] = blocks(work, events, rounds if events < 1e9 else 3)
    middle = found[targets[len(targets) // 2]]
    for events, (seconds, reached) in found.items():
        cost = seconds / reached
        yield kind, f"{events:.0e}", reached, seconds, cost * 1e9, cost * middle[1] / middle[0]


def by_activity(kind: str, rounds: int) -> Iterator[tuple[object, ...]]:
    """ns an event, and us a step, for input rates from 0.1 % to 50 %."""
    steps = 100
    runs = {}
    for rate in (0.001, 0.003, 0.01, 0.03, 0.1, 0.5):
        work = MAKE[kind](rate, steps)
        network = build_network(work, "i8")
        runs[f"{rate:g}"] = ready(network, input_arrays(work, network))
    timed = measure(runs, rounds)
    costs = {rate: t.median_s / t.totals.events for rate, t in timed.items()}
    for rate, t in timed.items():
        per_step = t.median_s / steps * 1e6
        yield kind, rate, t.totals.events, per_step, costs[rate] * 1e9, costs[rate] / costs["0.1"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--up-to", type=float, default=1e10, help="most events of the dense curve")
    parser.add_argument("--up-to-csr", type=float, default=1e9, help="most events of the CSR curve")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    tables = {}
    head = ("layer", "aim", "events", "seconds", "ns/event", "to the middle")
    limits = {"dense": options.up_to, "csr": options.up_to_csr}
    for kind, limit in limits.items():
        tables[f"length {kind}"] = table(head, by_length(kind, limit, options.rounds))
    head = ("layer", "input rate", "events", "us/step", "ns/event", "to 10 %")
    for kind in MAKE:
        tables[f"activity {kind}"] = table(head, by_activity(kind, options.rounds))
    finish(tables, options.json)


if __name__ == "__main__":
    main()
