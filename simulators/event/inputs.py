"""The input of a run as the kernel reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neurochain.inputs.event_frames import EventFrames
from neurochain.network import F32, Network
from neurochain.operators import MaxPool
from neurochain.simulators.event.frames import Frames
from neurochain.simulators.plain import plain_arithmetic
from neurochain.simulators.types import check_whole, run_size

__all__ = ["PackedInputs", "pack_inputs"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackedInputs:
    """The input of a run: frames[source], batch x steps event lists."""

    batch: int
    steps: int
    frames: Mapping[str, Frames]

    def array(self, source: str, n: int, first: int = 0) -> F32:
        """What a source emits from step `first` on, (batch, step, n)."""
        steps = np.arange(first, self.steps)
        frames = np.arange(self.batch)[:, None] * self.steps + steps
        return self.frames[source].array(frames.reshape(-1), n).reshape(*frames.shape, n)


@plain_arithmetic()
def pack_inputs(
    network: Network,
    inputs: Mapping[str, F32 | EventFrames],
    *,
    batch: int | None = None,
    steps: int | None = None,
) -> PackedInputs:
    """Convert inputs[source], (batch, step, n) float32 or EventFrames, to the kernel's event lists.

    batch, steps   are needed where the network has no source

    Errors: InputError where a source is missing, shapes disagree with it or with each other, or an
    integer network is fed fractions.
    """
    samples, length = run_size(network, inputs, batch=batch, steps=steps)
    check_whole(network, inputs)
    maxima = {p.source for p in network.projections if isinstance(p.operator, MaxPool)}
    frames = {}
    for source in network.sources:
        given = inputs[source.name]
        if isinstance(given, EventFrames):
            frames[source.name] = Frames.given(given, dense=source.name in maxima)
        else:
            frames[source.name] = Frames.of(np.ascontiguousarray(given, dtype=np.float32))
    return PackedInputs(batch=samples, steps=length, frames=frames)
