"""Spikes and membranes of some neurons in the first sample, for the pictures of a report."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.artifact import Artifact
from neurochain.network import Network, Population
from neurochain.reporting.trace_records import MembraneTrace, PopulationTrace, Traces
from neurochain.session import Session

__all__ = ["record_traces", "shown_neurons"]

STEPS = 2_000
NEURONS = 64
BITS = 640_000
"""Neurons are left out until their spikes take no more bits, but MIN_NEURONS stay."""
MIN_NEURONS = 8
MEMBRANES = 2
BINS = 200
CHUNK_BYTES = 32 * 2**20


@dataclass(slots=True)
class _Seen:
    """What was recorded of a population's shown neurons, (step, shown) pieces."""

    shown: NDArray[np.int64]
    spikes: list[NDArray[np.bool_]] = field(default_factory=list)
    membrane: list[NDArray[np.float32]] = field(default_factory=list)


def record_traces(artifact: Artifact, x: NDArray[Any], engine: str = "event") -> Traces | None:
    """Run the first sample once more, x (1, step, *shape), chunk by chunk in bounded memory.

    None for networks without a population that fires.
    """
    network = artifact.network
    firing = [p for p in network.populations if p.fires]
    if not firing:
        return None
    steps = min(STEPS, x.shape[1])
    count = shown_neurons(len(firing), steps)
    seen = {p.name: _Seen(_spaced(p.n, count)) for p in firing}
    with_membrane = tuple(p.name for p in firing if p.program.membrane)
    session = Session(artifact, engine=engine, record="all", membranes=with_membrane)
    state = None
    for part in _chunks(network, x[:, :steps]):
        run = session.run(part, initial_state=state)
        state = run.final_state
        for name, item in seen.items():
            item.spikes.append(_picked(run.spikes[name], item.shown) != 0)
            if name in with_membrane:
                item.membrane.append(_picked(run.membranes[name], item.shown))
    bin_steps = ceil(steps / BINS)
    return Traces(
        sample=0,
        steps=steps,
        of_steps=x.shape[1],
        bin_steps=bin_steps,
        populations=[_trace(p, seen[p.name], bin_steps) for p in firing],
    )


def shown_neurons(populations: int, steps: int) -> int:
    """How many neurons of each population are shown, where it has so many."""
    return max(MIN_NEURONS, min(NEURONS, BITS // (populations * steps)))


def _spaced(n: int, count: int) -> NDArray[np.int64]:
    """At most `count` of n indices, evenly spaced."""
    return np.arange(n) if n <= count else np.arange(count) * n // count


def _chunks(network: Network, x: NDArray[Any]) -> Iterator[NDArray[Any]]:
    size = sum(5 * p.n for p in network.populations) + 4 * prod(x.shape[2:])
    length = max(1, CHUNK_BYTES // size)
    for start in range(0, x.shape[1], length):
        yield x[:, start : start + length]


def _picked(values: NDArray[Any], shown: NDArray[np.int64]) -> NDArray[Any]:
    """(1, step, *shape) -> (step, shown), a copy."""
    return np.ascontiguousarray(values.reshape(values.shape[1], -1)[:, shown])


def _trace(population: Population, seen: _Seen, bin_steps: int) -> PopulationTrace:
    spikes = np.concatenate(seen.spikes)  # (step, shown)
    packed = np.packbits(spikes.T, axis=1)
    theta = _theta(population)
    return PopulationTrace(
        population=population.name,
        neurons=population.n,
        shown=seen.shown.tolist(),
        spikes=[base64.b64encode(row.tobytes()).decode() for row in packed],
        membranes=_membranes(seen, spikes, bin_steps),
        threshold=None if theta is None else _short(theta),
    )


def _theta(population: Population) -> float | None:
    """The threshold on the scale of the membrane, where all neurons have the same."""
    register = population.program.threshold
    mantissa = register is not None and register[1] == "vth_full"  # Loihi: 2^6 times its mantissa
    theta = population.params.get("vth" if mantissa else "theta")
    if theta is None or theta.ndim:
        return None
    return float(theta) * (64 if mantissa else 1)


def _membranes(seen: _Seen, spikes: NDArray[np.bool_], bin_steps: int) -> list[MembraneTrace]:
    """The busiest neurons, ties by index."""
    if not seen.membrane:
        return []
    values = np.concatenate(seen.membrane)  # (step, shown)
    busiest = np.argsort(-spikes.sum(axis=0), kind="stable")[:MEMBRANES]
    starts = np.arange(0, len(values), bin_steps)
    return [
        MembraneTrace(
            neuron=int(seen.shown[k]),
            low=[_short(v) for v in np.minimum.reduceat(values[:, k], starts)],
            high=[_short(v) for v in np.maximum.reduceat(values[:, k], starts)],
        )
        for k in busiest
    ]


def _short(value: float) -> float:
    """Four digits are as many as a picture shows."""
    return float(f"{value:.4g}")
