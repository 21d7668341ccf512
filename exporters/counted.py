"""Counting where two runs of a population differ; batch by batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.exporters.manifest import Divergence

__all__ = ["add_spikes", "add_state", "uncounted"]

_FARTHEST = float(np.finfo(np.float64).max)
"""Between a number and what is none."""


def uncounted(name: str) -> Divergence:
    """A population of which nothing was compared yet."""
    return Divergence(
        name=name, spikes_here=0, spikes_there=0, differing=0, compared=0, first_step=None
    )


def add_spikes(so_far: Divergence, here: NDArray[Any], there: NDArray[Any]) -> Divergence:
    """With what was emitted here and there, (sample, step, neuron)."""
    differ = here != there
    steps = np.flatnonzero(differ.any(axis=(0, 2)))
    first = [s for s in (so_far.first_step, *(int(s) for s in steps[:1])) if s is not None]
    return replace(
        so_far,
        spikes_here=so_far.spikes_here + int(np.count_nonzero(here)),
        spikes_there=so_far.spikes_there + int(np.count_nonzero(there)),
        differing=so_far.differing + int(np.count_nonzero(differ)),
        compared=so_far.compared + differ.size,
        first_step=min(first, default=None),
    )


def add_state(so_far: Divergence, here: NDArray[Any], there: NDArray[Any]) -> Divergence:
    """With a state, or values that are no spikes; what is nan on both sides is the same.

    What is masked there (numpy.ma) is not shown.
    """
    x, y = here.astype(np.float64), np.ma.getdata(there).astype(np.float64).reshape(here.shape)
    same = (x == y) | (np.isnan(x) & np.isnan(y)) | np.ma.getmaskarray(there).reshape(here.shape)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.where(same, 0.0, np.nan_to_num(np.abs(x - y), nan=_FARTHEST))
    most = float(apart.max(initial=0.0))
    return replace(so_far, state_difference=max(most, so_far.state_difference or 0.0))
