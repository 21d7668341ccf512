"""The engine in alternating rounds beside other simulators, each in a process of its own.

    python benchmarks/beside_peers.py HARNESS w1-b1-p0.01 neurochain/i8 ceiling/i8 \\
        spyx/layers=/venv/bin/python [--rounds 9] [--threads 1] [--json FILE]

HARNESS is a folder of peers: `peer_NAME.py` with `build(workload, threads, variant)` that gives a
callable, `common.py` and `workloads.py`. A side is NAME[/VARIANT][*THREADS][=PYTHON]. Everything
that may be done once is done before the first round. A round runs each side for at least LEAST_S,
one after the other and every second time in the opposite order; the median of the rounds' ratios to
the first side counts. A side must give the same spikes in all its runs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

LEAST_S = 0.06  # of one side in a round
SIDE = re.compile(
    r"(?P<peer>\w+)(/(?P<variant>\w+))?(\*(?P<threads>[0-9]+))?(=(?P<python>.+))?", re.ASCII
)


@dataclass(frozen=True)
class Side:
    """One peer of the harness, and how it is run."""

    peer: str
    variant: str
    threads: int
    python: str

    @property
    def label(self) -> str:
        return "/".join(filter(None, (self.peer, self.variant))) + f"*{self.threads}"


def parse_side(text: str, threads: int) -> Side:
    """NAME[/VARIANT][*THREADS][=PYTHON]."""
    found = SIDE.fullmatch(text)
    if found is None:
        raise SystemExit(f"side {text!r}: wanted NAME[/VARIANT][*THREADS][=PYTHON]")
    return Side(
        found["peer"],
        found["variant"] or "",
        int(found["threads"] or threads),
        found["python"] or sys.executable,
    )


def work(harness: str, workload: str, peer: str, variant: str, threads: int) -> None:
    """A worker: for each line it reads, the seconds of a run, the number of runs, the spikes."""
    sys.path.insert(0, harness)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a peer prints must not stand between the answers
    import_module("common").set_threads_env(threads)
    w = import_module("workloads").by_tag(workload)
    named = {"variant": variant} if variant else {}
    run = import_module(f"peer_{peer}").build(w, threads, **named)
    first = run()["spikes"]
    print(json.dumps({"steps": w.T}), file=answers, flush=True)
    for _ in sys.stdin:
        total, runs = 0.0, 0
        while total < LEAST_S:
            start = time.perf_counter()
            outcome = run()
            total += outcome.get("seconds") or time.perf_counter() - start
            runs += 1
            if outcome["spikes"] != first:
                raise SystemExit(f"{peer}: spikes {outcome['spikes']}, in the first run {first}")
        answer = {"seconds": total / runs, "runs": runs, "spikes": first}
        print(json.dumps(answer), file=answers, flush=True)


class Worker:
    """The process of a side."""

    def __init__(self, stack: ExitStack, harness: Path, workload: str, side: Side) -> None:
        self.side = side
        parts = (str(harness), workload, side.peer, side.variant, str(side.threads))
        self.process = stack.enter_context(
            subprocess.Popen(
                [side.python, __file__, "--worker", *parts],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=harness,
                # Waiting threads of OpenMP would have the core of the side whose turn it is.
                env={**os.environ, "OMP_WAIT_POLICY": "passive"},
            )
        )
        stack.callback(self.process.stdin.close)
        self.steps: int = self._answer()["steps"]

    def _answer(self) -> Mapping[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.side.label} ended with {self.process.wait()}")
        return json.loads(line)

    def round(self) -> Mapping[str, Any]:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._answer()


def compare(harness: Path, workload: str, sides: list[Side], rounds: int) -> list[dict[str, Any]]:
    """One row for each side: its us a step, and the ratios to the first one's."""
    with ExitStack() as stack:
        workers = [Worker(stack, harness, workload, side) for side in sides]
        took: list[list[float]] = [[] for _ in workers]
        spikes: list[list[int]] = [[] for _ in workers]
        for k in range(rounds):
            order = range(len(workers)) if k % 2 == 0 else reversed(range(len(workers)))
            for i in order:
                answer = workers[i].round()
                took[i].append(answer["seconds"] / workers[i].steps * 1e6)
                spikes[i] = answer["spikes"]
    rows = []
    for side, mine, counted in zip(sides, took, spikes, strict=True):
        ratios = [value / first for value, first in zip(mine, took[0], strict=True)]
        rows.append(
            {
                "side": side.label,
                "us_per_step": statistics.median(mine),
                "ratio": statistics.median(ratios),
                "least": min(ratios),
                "most": max(ratios),
                "spikes": counted,
                "same_spikes": counted == spikes[0],
            }
        )
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("harness", type=Path)
    parser.add_argument("workload", help="a tag of the harness")
    parser.add_argument("side", nargs="+")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="a line is added to it")
    options = parser.parse_args()
    sides = [parse_side(text, options.threads) for text in options.side]
    rows = compare(options.harness.resolve(), options.workload, sides, options.rounds)
    print(f"{options.workload}, {options.rounds} rounds, load {os.getloadavg()[0]:.1f}")
    for row in rows:
        print(
            f"  {row['side']:<24} {row['us_per_step']:10.2f} us a step   {row['ratio']:8.3f}"
            f"  ({row['least']:.3f} .. {row['most']:.3f})"
            f"   spikes {'the same' if row['same_spikes'] else row['spikes']}"
        )
    if options.json is not None:
        with options.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"workload": options.workload, "sides": rows}) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        *texts, count = sys.argv[2:]
        work(*texts, int(count))
    else:
        main()
