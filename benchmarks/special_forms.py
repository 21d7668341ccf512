"""Forms beside the plainest one: how much slower an event is with them.

    python benchmarks/special_forms.py [--rounds 5] [--json FILE]

Soft delayed reset (subtract, one step later), a decay and a threshold for every neuron, sizes that
fill no vector (777 -> 1013), a delay of 5 steps, and all of them together; each against the same
network without, in alternating rounds. They fire differently, so the cost is taken by event.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from engine_runs import finish, measure, ratio, ready, table

from neurochain.bench.networks import build_network, input_arrays
from neurochain.bench.peer import DEFAULT_VARIANT
from neurochain.bench.workloads import Workload, conv, mlp, rnn, sparse
from neurochain.graph import Reset, ResetKind, ResetTiming
from neurochain.network import Network, Population
from neurochain.programs import cuba_lif_program, lif_program

Change = Callable[[Network], Network]
SOFT = Reset(kind=ResetKind.SUBTRACT, timing=ResetTiming.NEXT_STEP)


def each(network: Network, change: Callable[[Population], Population]) -> Network:
    """Every spiking population changed."""
    populations = tuple(change(p) if p.fires else p for p in network.populations)
    return replace(network, populations=populations)


def soft(network: Network) -> Network:
    """v -= theta one step after the spike."""

    def change(p: Population) -> Population:
        leak = "leak" in p.params
        make = partial(cuba_lif_program if "alpha" in p.params else lif_program, leak=leak)
        return replace(p, program=make(SOFT))

    return each(network, change)


def own_parameters(network: Network) -> Network:
    """Decays and thresholds that differ by up to 1 % from neuron to neuron."""
    rng = np.random.default_rng(0)

    def change(p: Population) -> Population:
        own = {
            name: (p.params[name] * rng.uniform(0.99, 1.0, p.n)).astype(np.float32)
            for name in ("beta", "theta")
        }
        return replace(p, params={**p.params, **own})

    return each(network, change)


def delayed(network: Network) -> Network:
    """What has weights delivers 5 steps later."""
    projections = tuple(
        replace(p, delay=5) if p.operator.weight is not None else p for p in network.projections
    )
    return replace(network, projections=projections)


FORMS: dict[str, tuple[Change, ...]] = {
    "plain": (),
    "soft delayed reset": (soft,),
    "own beta, theta": (own_parameters,),
    "delay 5": (delayed,),
}


def workloads() -> Iterator[tuple[str, Workload, Workload]]:
    """Family, in the sizes of the benchmark, in odd sizes."""
    thresholds = (546.5, 467.5, 410.5)
    dense = partial(mlp, "mlp", rate=0.05, thresholds=thresholds)
    yield "mlp", dense(), dense(sizes=(777, 1013, 1013, 11))
    yield "conv", conv("conv"), conv("conv", size=33, channels=(3, 15, 31))
    recurrent = partial(rnn, "rnn", density=0.02)
    yield "rnn", recurrent(n=4000), recurrent(n=3989)
    random = partial(sparse, "sparse", rate=0.01, threshold=203.5)
    yield "sparse", random(), random(sizes=(65521, 4093))


def forms(rounds: int) -> Iterator[tuple[object, ...]]:
    """Every form of every family."""
    for family, even, odd in workloads():
        runs = {}
        plain = build_network(even, DEFAULT_VARIANT[even.kind])
        for form, changes in FORMS.items():
            network = plain
            for change in changes:
                network = change(network)
            runs[form] = ready(network, input_arrays(even, plain))
        uneven = build_network(odd, DEFAULT_VARIANT[odd.kind])
        runs["odd sizes"] = ready(uneven, input_arrays(odd, uneven))
        everything = delayed(own_parameters(soft(uneven)))
        runs["all of them"] = ready(everything, input_arrays(odd, uneven))
        timed = measure(runs, rounds)
        for form, t in timed.items():
            cost = t.median_s / t.totals.events * 1e9
            relative = ratio(t, timed["plain"], per=lambda totals: totals.events)
            step = ratio(t, timed["plain"])
            yield family, f"{form:>18}", t.totals.events, cost, relative, step


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    head = ("family", "              form", "events", "ns/event", "by event", "by run")
    finish({"forms": table(head, forms(options.rounds))}, options.json)


if __name__ == "__main__":
    main()
