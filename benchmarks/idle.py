"""What a step without spikes costs, and whether subnormal membranes slow a run down.

    python benchmarks/idle.py [--rounds 5] [--json FILE]

Silence: no input from rest; the cost of a step is taken from two lengths, so the start of a run
does not count. Subnormal: every membrane stands at a number below float32's normal range and stays
there (0.875 times the fourth smallest number is rounded up to itself), against membranes at 1/2
that decay as slowly as float32 allows; both are nonzero in every step.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from engine_runs import finish, measure, ratio, ready, table

from neurochain.bench.networks import build_network
from neurochain.bench.workloads import make
from neurochain.network import Network

SHORT, LONG = 10, 2000


def silent(network: Network, steps: int) -> dict[str, np.ndarray]:
    """No input."""
    return {
        s.name: np.zeros((1, steps, int(np.prod(s.shape))), np.float32) for s in network.sources
    }


def at_rest(rounds: int) -> Iterator[tuple[object, ...]]:
    """ns a step, and for 16 neurons, in silence."""
    for name in ("mlp-b1-p0.05", "conv-b1", "sparse-p0.01"):
        network = build_network(make(name), "i8")
        neurons = sum(p.n for p in network.populations)
        runs = {f"{n}": ready(network, silent(network, n)) for n in (SHORT, LONG)}
        timed = measure(runs, rounds)
        pairs = zip(timed[f"{LONG}"].seconds, timed[f"{SHORT}"].seconds, strict=True)
        step = statistics.median((b - a) / (LONG - SHORT) for b, a in pairs)
        yield name, neurons, step * 1e9, step * 1e9 / neurons * 16


def with_membranes(network: Network, v: float, beta: float) -> Network:
    """Every membrane starts at v and decays by beta."""
    populations = tuple(
        replace(
            p,
            initial={"v": np.asarray(np.float32(v))},
            params={**p.params, "beta": np.asarray(np.float32(beta))},
        )
        for p in network.populations
    )
    return replace(network, populations=populations)


def subnormal(rounds: int) -> Iterator[tuple[object, ...]]:
    """Time with subnormal membranes to time with normal ones."""
    smallest = float(np.finfo(np.float32).smallest_subnormal)
    for name in ("mlp-b1-p0.05", "sparse-p0.01"):
        network = build_network(make(name), "i8")
        quiet = silent(network, LONG)
        runs = {
            "subnormal": ready(with_membranes(network, 4 * smallest, 0.875), quiet),
            "normal": ready(with_membranes(network, 0.5, 1 - 2**-24), quiet),
        }
        timed = measure(runs, rounds)
        us = [timed[k].median_s / LONG * 1e6 for k in runs]
        yield name, *us, ratio(timed["subnormal"], timed["normal"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    tables = {
        "silence": table(("network", "neurons", "ns/step", "ns per 16"), at_rest(options.rounds)),
        "subnormal": table(
            ("network", "subnormal us", "normal us", "ratio"), subnormal(options.rounds)
        ),
    }
    finish(tables, options.json)


if __name__ == "__main__":
    main()
