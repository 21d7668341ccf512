"""Reading a module that stands beside a known network: its sample is made, not asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import nn

from neurochain.errors import InputError, NeurochainError
from neurochain.frontends.modules.to_graph import to_graph
from neurochain.frontends.result import FrontendResult

__all__ = ["read_beside"]


def read_beside(
    module: nn.Module,
    shapes: Mapping[str, tuple[int, ...]],
    steps: int,
    *,
    dt_s: float,
    time_axis: int | None = None,
) -> FrontendResult:
    """Read `module`, as it takes one call of `steps` steps.

    shapes  of every input at one step by name, the first argument of forward first

    Tried in turn: one step at batch 1, the sequence with time first, the sequence with the batch
    first, and both without a batch axis. The first that reads and has these input shapes is taken;
    a sequence read along the wrong axis has a single step and is refused. Errors: those of the
    first trial.
    """
    if time_axis not in (None, 0, 1):
        raise InputError(f"time_axis={time_axis}: give 0 (time first) or 1 (batch first).")
    length = max(steps, 2)
    first_batch: tuple[int, ...] = (1,)
    sequences = [(length, 1), (1, length)]
    leads = [
        first_batch,
        *(sequences if time_axis is None else [sequences[time_axis]]),
        (),
        (length,),
    ]
    failure: NeurochainError | None = None
    for lead in leads:
        try:
            result = to_graph(module, _zeros(shapes, lead), dt_s=dt_s)
        except NeurochainError as error:
            failure = failure or error
            continue
        if list(result.input_shapes.values()) == list(shapes.values()):
            return result
    if failure is None:
        return to_graph(module, _zeros(shapes, leads[0]), dt_s=dt_s)
    raise failure


def _zeros(shapes: Mapping[str, tuple[int, ...]], lead: tuple[int, ...]) -> Any:
    """A sample of every input."""
    made = [np.zeros((*lead, *shape), dtype=np.float32) for shape in shapes.values()]
    return made[0] if len(made) == 1 else tuple(made)
