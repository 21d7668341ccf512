"""What populations that are no neuron modules do: the module runs, and its arithmetic is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from neurochain.frontends.modules._build import Builder
from neurochain.frontends.modules._calls import Trace, follow
from neurochain.frontends.modules._operations import Operations
from neurochain.frontends.modules._reading import Reading
from neurochain.frontends.modules._sample import Sample
from neurochain.frontends.modules._values import OpValue
from neurochain.frontends.result import FrontendResult, Style

__all__ = ["Replayed", "replay"]

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replayed:
    """One population, each (step, n) float32.

    emitted is None where it is computed for all steps at once, and so belongs to no step.
    """

    emitted: F32 | None
    before: dict[str, F32]
    after: dict[str, F32]


def replay(
    module: nn.Module,
    result: FrontendResult,
    frames: list[dict[str, torch.Tensor]],
    arguments: dict[str, torch.Tensor | None],
    batch: int,
    spikes: list[torch.Tensor],
) -> dict[str, Replayed]:
    """Run `module`, which is at rest, on every frame (on one sequence where it loops over time).

    frames hold `batch` times the same sample; spikes are what an encoder returns, a tensor a call.
    """
    one_step = result.style is not Style.TIME_LOOP
    names = [name for name, _ in result.threaded]
    trace = follow(
        module,
        frames,
        arguments,
        one_step,
        names,
        live=True,
        inside=result.inside,
        spikes=spikes if result.encoder is not None else None,
    )
    if trace.failure is not None:
        raise trace.failure
    sample = Sample(x=frames[0][""], arguments={}, was_training=False)
    reading = Reading(module, sample, trace, result.graph.dt_s)
    reading.result()
    builder = reading.builder
    if builder is None:
        return {}
    return {name: _replayed(builder, trace, name, batch) for name in builder.regions}


def _replayed(builder: Builder, trace: Trace, name: str, batch: int) -> Replayed:
    expression, region = builder.regions[name]
    operations = builder.expressions.operations
    value = builder.expressions.values[expression]
    place = operations.place(value) if isinstance(value, OpValue) else None
    emitted = None
    if place is not None:
        emitted = _kept(operations, trace, (place.site, place.place), batch)
    before, after = {}, {}
    for state, where in region.states.items():
        made = _kept(operations, trace, where, batch)
        start = region.initial.get(state, np.zeros((), dtype=np.float32))
        first = np.broadcast_to(start.reshape(1, -1), (1, made.shape[1]))
        before[state] = np.concatenate([first, made[:-1]])
        after[state] = made
    return Replayed(emitted=emitted, before=before, after=after)


def _kept(operations: Operations, trace: Trace, where: tuple[int, int], batch: int) -> F32:
    """What an operation gave in every step for the first sample, (step, n)."""
    made = operations.made[where]
    shape = made[operations.steps - 1].shape
    size = int(np.prod(shape)) // (batch if shape[:1] == (batch,) else 1)
    rows: list[Any] = []
    for step in range(operations.steps):
        call = made[step].call if step in made else None
        if call is None:
            raise KeyError(where)
        kept = trace.tracer.kept[call.site][call.visit].to(torch.float32)
        if batch > 1 and kept.shape[:1] == (batch,):
            kept = kept[:1]
        row = kept.reshape(-1)
        rows.append(row if len(row) == size else row.expand(size))
    return torch.stack(rows).numpy()
