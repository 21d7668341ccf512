"""What sharing weights between samples could gain on a matrix beyond all caches.

    python benchmarks/large_batches.py [--neurons 16384] [--rounds 3] [--json FILE]

Equally many steps, cut into ever more and shorter samples. The engine goes through blocks of
columns and takes all steps of a sample in each, so that one long sample shares weights as well as
samples could.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from engine_runs import finish, measure, ready, table

from neurochain.graph import Reset
from neurochain.network import Network, Population, Projection, Source
from neurochain.operators import Dense
from neurochain.programs import lif_program

STEPS = 256
RATES = (0.002, 0.01, 0.05)


def large_network(n: int, rng: np.random.Generator) -> Network:
    """n inputs, a dense int8 matrix, n neurons that never fire."""
    weights = rng.integers(-5, 6, (n, n), dtype=np.int8)
    params = {"beta": np.float32(0.875), "theta": np.float32(1e6)}
    return Network(
        sources=(Source(name="s", shape=(n,)),),
        populations=(
            Population(name="p", shape=(n,), program=lif_program(Reset()), params=params),
        ),
        projections=(
            Projection(
                name="e", source="s", target="p", scale=np.float32(1),
                operator=Dense(in_shape=(n,), out_shape=(n,), weights=weights),
            ),
        ),
        outputs=(), dt_s=1e-3, arithmetic="int8",
    )  # fmt: skip


def by_samples(n: int, rounds: int) -> Iterator[tuple[object, ...]]:
    """us a step, and the ratio to one sample of all steps."""
    rng = np.random.default_rng(0)
    network = large_network(n, rng)
    for rate in RATES:
        x = (rng.random((1, STEPS, n)) < rate).astype(np.float32)
        for samples in (1, 16, 64, 256):
            cut = x.reshape(samples, STEPS // samples, n)
            runs = {"long": ready(network, {"s": x}), "cut": ready(network, {"s": cut})}
            timed = measure(runs, rounds)
            long, short = (timed[name].median_s / STEPS * 1e6 for name in ("long", "cut"))
            yield rate, samples, STEPS // samples, short, short / long


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--neurons", type=int, default=16384)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    head = ("  input rate", "samples", "steps each", "us/step", "to one sample")
    rows = table(head, by_samples(options.neurons, options.rounds))
    finish({"samples": rows}, options.json)


if __name__ == "__main__":
    main()
