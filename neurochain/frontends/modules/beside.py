"""Reading a module that stands beside a known network: its sample is made, not asked for."""

from __future__ import annotations

import numpy as np
from torch import nn

from neurochain.errors import InputError, NeurochainError
from neurochain.frontends.modules.to_graph import to_graph
from neurochain.frontends.result import FrontendResult

__all__ = ["read_beside"]


def read_beside(
    module: nn.Module,
    shape: tuple[int, ...],
    steps: int,
    *,
    dt_s: float,
    time_axis: int | None = None,
) -> FrontendResult:
    """Read `module`, whose input at one step has `shape`, as it takes one call of `steps` steps.

    Tried in turn: one step at batch 1, the sequence with time first, the sequence with the batch
    first, and both without a batch axis. The first that reads and has this input shape is taken;
    a sequence read along the wrong axis has a single step and is refused. Errors: those of the
    first trial.
    """
    if time_axis not in (None, 0, 1):
        raise InputError(f"time_axis={time_axis}: give 0 (time first) or 1 (batch first).")
    length = max(steps, 2)
    step, no_batch = [(1, *shape)], [shape, (length, *shape)]
    sequences = [(length, 1, *shape), (1, length, *shape)]
    trials = [*step, *(sequences if time_axis is None else [sequences[time_axis]]), *no_batch]
    failure: NeurochainError | None = None
    for trial in trials:
        try:
            result = to_graph(module, np.zeros(trial, dtype=np.float32), dt_s=dt_s)
        except NeurochainError as error:
            failure = failure or error
            continue
        if result.input_shape == shape:
            return result
    if failure is None:
        return to_graph(module, np.zeros(trials[0], dtype=np.float32), dt_s=dt_s)
    raise failure
