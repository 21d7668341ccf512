"""Reading a class number from what the output population did."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from neurochain.errors import InputError
from neurochain.inputs.coding import OutputDecoding

__all__ = ["class_scores", "decode", "first_spike_steps"]


def decode(values: npt.NDArray[Any], decoding: OutputDecoding) -> npt.NDArray[np.int64]:
    """Class numbers (sample,) int64 from spikes or membranes (sample, step, classes).

    Ties go to the lowest class number. Errors: InputError for a wrong shape.
    """
    return np.asarray(np.argmax(class_scores(values, decoding), axis=1), dtype=np.int64)


def class_scores(values: npt.NDArray[Any], decoding: OutputDecoding) -> npt.NDArray[Any]:
    """The number per class of which the largest wins: (sample, classes).

    Integer kinds stay integers: counts, and for "first_spike" minus the step of the first spike
    (minus the number of steps where there was none). Membranes are summed in float64.
    """
    if values.ndim != 3 or values.shape[2] != decoding.classes or values.shape[1] == 0:
        raise InputError(
            f"output decoding: the output has shape {values.shape}; wanted "
            f"(sample, step, {decoding.classes}) with at least one step."
        )
    match decoding.kind:
        case "count":
            return np.asarray(values.sum(axis=1, dtype=np.int64))
        case "first_spike":
            return -first_spike_steps(values)
        case "membrane_max":
            return np.asarray(values.max(axis=1))
        case "membrane_last":
            return np.asarray(values[:, -1])
        case "membrane_sum":
            return np.asarray(values.sum(axis=1, dtype=np.float64))


def first_spike_steps(spikes: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Step of the first non-zero entry along axis 1; the number of steps where there is none."""
    fired = spikes != 0
    first = np.where(fired.any(axis=1), fired.argmax(axis=1), spikes.shape[1])
    return np.asarray(first, np.int64)
