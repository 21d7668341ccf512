"""Pipelined runs on the time axis of the user: longer inputs in, aligned results out.

A population with start r does at step t + r what it does at step t in zero-delay timing. A run of T
steps therefore takes T + latency steps, without input in the last ones; of what each population
did, the steps r .. r + T - 1 are the user's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.accounting import RawCounts
from neurochain.inputs.event_frames import EventFrames
from neurochain.network import F32, Network, Population
from neurochain.simulators.types import EngineResult

__all__ = ["aligned", "lengthened"]

Given = F32 | EventFrames


def lengthened(inputs: Mapping[str, Given], latency: int) -> dict[str, Given]:
    """The inputs, and `latency` silent steps."""
    return {name: _lengthen(values, latency) for name, values in inputs.items()}


def _lengthen(values: Given, latency: int) -> Given:
    if not isinstance(values, EventFrames):
        return np.pad(values, ((0, 0), (0, latency), (0, 0)))
    frames = np.diff(values.start).reshape(values.samples, values.steps)
    longer = np.pad(frames, ((0, 0), (0, latency))).reshape(-1)
    start = np.concatenate([[0], np.cumsum(longer)]).astype(np.int64)
    return replace(values, steps=values.steps + latency, start=start)


def aligned(network: Network, result: EngineResult, steps: int) -> EngineResult:
    """The `steps` steps of every population that are the user's. The final state is the chip's."""
    starts = {n.name: n.start if isinstance(n, Population) else 0 for n in network.nodes}
    targets = {p.name: starts[p.target] for p in network.projections}

    def cut(values: NDArray[Any], start: int) -> NDArray[Any]:
        return values[:, start : start + steps]

    counts = result.counts
    return replace(
        result,
        emissions={k: cut(v, starts[k]) for k, v in result.emissions.items()},
        membranes={k: cut(v, starts[k]) for k, v in result.membranes.items()},
        overflow={k: cut(v, starts[k]) for k, v in result.overflow.items()},
        currents={k: cut(v, starts[k[0]]) for k, v in result.currents.items()},
        counts=RawCounts(
            projections={k: cut(v, targets[k]) for k, v in counts.projections.items()},
            populations={k: cut(v, starts[k]) for k, v in counts.populations.items()},
            bias_from={k: v - targets[k] for k, v in counts.bias_from.items()},
        ),
    )
