"""What counting costs: the engine against a copy of itself that does not count.

    python benchmarks/counting.py [--starts 5] [--rounds 5] [--json FILE] [WORKLOAD]...

The engine cannot be told not to count, so a second kernel is built (a C compiler is needed) where
the functions of HOLLOW do nothing. They sum the fan-outs of events and find out which neurons are
reached; that a state has changed is seen in the neurons' own loops, and stays. Each kernel runs in
a process of its own, in alternating order; spikes must be equal. Where a process's memory lies
decides several percent for as long as it lives, so the processes are started anew several times.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from engine_runs import finish, ready, table

from neurochain.bench.networks import build_network, input_arrays
from neurochain.bench.peer import DEFAULT_VARIANT
from neurochain.bench.workloads import choose, make

CSRC = Path(__file__).resolve().parent.parent / "simulators" / "csrc"
KERNEL = "neurochain.simulators._kernel"
HOLLOW = {
    "nc_count_events": "(void)tables, (void)idx, (void)val, (void)count, (void)row;",
    "nc_count_u8": "(void)n, (void)flags; return 0;",
    "nc_dense_reached": "(void)d, (void)block, (void)span, (void)spans; return ~(uint64_t)0;",
    "NC_WIDE(nc_reached_frames)": "(void)d, (void)first, (void)end, (void)span, (void)spans;"
    " (void)frames, (void)hit, (void)stride, (void)counts; return NC_REACHED_COUNTED;",
    "nc_count_stored": "(void)tables, (void)stored, (void)idx, (void)count, (void)fan, (void)row;",
    "mark_always": "(void)w, (void)p, (void)now, (void)range, (void)touched, (void)mark;"
    " *all = 1; *some = 0;",
    "always_updated": "(void)w, (void)p, (void)now; return EVERYBODY;",
}
"""Function of the kernel -> what it does in the copy. `mark_always`, `nc_dense_reached`,
`nc_reached_frames` and `always_updated` say that whom the events reach is known, so that nobody
traces it; the other three count nothing. What the loops of convolutions read off their own sums
stays."""

LEAST_S = 0.2  # in one round


def hollow(folder: Path) -> None:
    """Replace the bodies of HOLLOW in a copy of the sources."""
    left = dict(HOLLOW)
    for path in folder.glob("nc_*.[ch]"):
        text = path.read_text(encoding="utf-8")
        for name in list(left):
            pattern = rf"(^[^\n;{{}}]*\b{re.escape(name)}\([^;{{}}]*\)\s*)\{{\n.*?^\}}"
            text, found = re.subn(
                pattern, lambda m, name=name: f"{m[1]}{{ {HOLLOW[name]} }}", text, flags=re.M | re.S
            )
            if found:
                del left[name]
        path.write_text(text, encoding="utf-8")
    if left:
        raise SystemExit(f"the kernel has no functions {sorted(left)} any more: mend HOLLOW")


def build(folder: Path) -> Path:
    """A kernel without counting, under `folder`."""
    shutil.copytree(CSRC, folder / "csrc", ignore=shutil.ignore_patterns("__pycache__"))
    hollow(folder / "csrc")
    code = "import runpy; runpy.run_path('csrc/build_kernel.py')['ffibuilder'].compile()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"the kernel without counting was not built:\n{done.stdout}{done.stderr}")
    (built,) = folder.rglob("_kernel*.so")
    return built


def work(name: str, kernel: str) -> None:
    """A worker: prints its spikes, then for each line it reads the seconds of a run."""
    if kernel:
        spec = spec_from_file_location(KERNEL, kernel)
        sys.modules[KERNEL] = module_from_spec(spec)
    workload = make(name)
    network = build_network(workload, DEFAULT_VARIANT[workload.kind])
    run = ready(network, input_arrays(workload, network))
    first = run().kept()
    print(first.totals.spikes, first.totals.events, workload.T, flush=True)
    for _ in sys.stdin:
        total, runs = 0.0, 0
        while total < LEAST_S:
            start = time.perf_counter()
            outcome = run()
            total += time.perf_counter() - start
            runs += 1
            if outcome != first:
                raise SystemExit(f"{name}: a run gave {outcome}, the first {first}")
        print(total / runs, flush=True)


class Worker:
    """A process that runs one workload with one kernel."""

    def __init__(self, stack: ExitStack, name: str, kernel: str) -> None:
        command = [sys.executable, __file__, "--worker", kernel, name]
        self.process = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        stack.callback(self.process.stdin.close)
        self.spikes, self.events, self.steps = (int(word) for word in self._line().split())

    def _line(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the worker ended with {self.process.wait()}")
        return line

    def seconds(self) -> float:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self._line())


def rounds_of(name: str, kernel: Path, rounds: int) -> list[tuple[float, float]]:
    """us a step with and without counting, of two processes, round by round."""
    with ExitStack() as stack:
        counting, silent = (Worker(stack, name, path) for path in ("", str(kernel)))
        if counting.spikes != silent.spikes or not counting.events or silent.events:
            raise SystemExit(f"{name}: the kernels differ in more than counting")
        pairs = []
        for k in range(rounds):
            order = (counting, silent) if k % 2 else (silent, counting)
            took = {worker: worker.seconds() / worker.steps * 1e6 for worker in order}
            pairs.append((took[counting], took[silent]))
        return pairs


def compared(
    names: tuple[str, ...], kernel: Path, starts: int, rounds: int
) -> Iterator[tuple[object, ...]]:
    """us a step with and without counting, the median of all rounds' ratios, and how far the
    medians of the starts are apart."""
    for name in names:
        started = [rounds_of(name, kernel, rounds) for _ in range(starts)]
        pairs = [pair for each in started for pair in each]
        on, off = (statistics.median(side) for side in zip(*pairs, strict=True))
        medians = [statistics.median(a / b for a, b in each) for each in started]
        yield name, on, off, statistics.median(a / b for a, b in pairs), min(medians), max(medians)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workload", nargs="*")
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--worker", metavar="KERNEL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        work(options.workload[0], options.worker)
        return
    with tempfile.TemporaryDirectory() as folder:
        kernel = build(Path(folder))
        head = ("      workload", "counting us", "without us", "ratio", "least", "most")
        names = choose(tuple(options.workload))
        rows = table(head, compared(names, kernel, options.starts, options.rounds))
    finish({"counting": rows}, options.json)


if __name__ == "__main__":
    main()
