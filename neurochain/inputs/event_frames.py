"""Input as event lists: what fires in each step of each sample, silence costs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from neurochain.errors import Finding, InputError

__all__ = ["EventFrames"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EventFrames:
    """Events of samples x steps frames over n elements, in compressed rows.

    start  (samples steps + 1,) int64: frame sample * steps + step has the events from start[frame]
           to start[frame + 1]
    index  (events,) uint32, below n, ascending within a frame
    value  (events,) float32, finite and nonzero, or None: every value is 1

    Errors: InputError where that does not hold.
    """

    samples: int
    steps: int
    n: int
    start: npt.NDArray[np.int64]
    index: npt.NDArray[np.uint32]
    value: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        faults = list(_size_faults(self)) or list(_event_faults(self))
        if faults:
            raise InputError(*(Finding(where="event frames", what=fault) for fault in faults))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the same as an array."""
        return self.samples, self.steps, self.n

    def dense(self) -> npt.NDArray[np.float32]:
        """The same as an array (sample, step, n)."""
        array = np.zeros((self.samples * self.steps, self.n), dtype=np.float32)
        frame = np.repeat(np.arange(len(array)), np.diff(self.start))
        array[frame, self.index] = 1 if self.value is None else self.value
        return array.reshape(self.shape)


def _size_faults(given: EventFrames) -> list[str]:
    """Dtypes and lengths."""
    wanted: tuple[tuple[str, Any, Any, int | None], ...] = (
        ("start", given.start, np.int64, given.samples * given.steps + 1),
        ("index", given.index, np.uint32, None),
        ("value", given.value, np.float32, np.size(given.index)),
    )
    faults = [] if min(given.shape) > 0 else [f"have the shape {given.shape}: nothing in it."]
    for name, array, dtype, length in wanted:
        if array is None and name == "value":
            continue
        if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != 1:
            faults.append(f"{name} is no one-dimensional array of {np.dtype(dtype)}.")
        elif length is not None and array.size != length:
            faults.append(f"{name} has {array.size} entries; wanted are {length}.")
    return faults


def _event_faults(given: EventFrames) -> list[str]:
    """Frames follow one another; indices exist and ascend; values are events."""
    start, index, value = given.start, given.index, given.value
    if start[0] != 0 or start[-1] != index.size or (start[1:] < start[:-1]).any():
        return [f"start does not cut the {index.size} events into frames."]
    faults = []
    if index.size and int(index.max()) >= given.n:
        faults.append(f"index reaches {int(index.max())}; allowed are 0..{given.n - 1}.")
    falls = np.flatnonzero(index[1:] <= index[:-1]) + 1  # allowed only where a frame begins
    if not (start[np.searchsorted(start, falls)] == falls).all():
        faults.append("the indices of a frame do not ascend.")
    if value is not None and not (np.isfinite(value) & (value != 0)).all():
        faults.append("a value is 0, NaN or infinite.")
    return faults
