"""Event lists in .npz files: one entry per event instead of one per neuron and step.

Fields, all one-dimensional and of equal length unless said otherwise:

    step, index          time step and flat index into the input of one step (C order), or
    t, x, y, p           microseconds, pixel column, pixel row, polarity (needs `bin_us`)
    sample               number of the sample; absent: everything is one sample
    labels               optional, (sample,): class numbers
    samples, steps       optional single numbers; absent: one more than the largest `sample`,
                         and the steps of the encoding or one more than the largest `step`

Several events at the same place count as their number, or as 1 where the encoding clips.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from neurochain.errors import InputError
from neurochain.inputs.coding import InputEncoding

__all__ = ["dense_events", "is_event_list"]

Fields = dict[str, npt.NDArray[Any]]
_MAX_CELLS = 1 << 33  # elements of the dense result, one byte each


def is_event_list(fields: Fields) -> bool:
    """True where the names say that this is an event list."""
    return {"step", "index"} <= set(fields) or {"t", "x", "y", "p"} <= set(fields)


def dense_events(
    name: str,
    fields: Fields,
    shape: tuple[int, ...],
    *,
    steps: int | None = None,
    encoding: InputEncoding | None = None,
) -> npt.NDArray[np.uint8]:
    """Spikes (sample, step, *shape) uint8 of an event list.

    Events of t,x,y,p lists after the last step are left out, as in the binning of recordings;
    anything else out of range is an error. Errors: InputError for negative or fractional values,
    lengths that differ, indices out of range, more than 255 events in one place.
    """
    columns = {k: _whole(name, k, fields[k]) for k in _columns(fields)}
    lengths = {k: len(v) for k, v in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"{name}: fields differ in length: {lengths}. One entry per event each.")
    count = next(iter(lengths.values()))
    sample = columns.get("sample", np.zeros(count, np.int64))
    wanted = _number(name, fields, "steps") or steps or (encoding.steps if encoding else None)
    if "step" in columns:
        step, index = columns["step"], columns["index"]
    else:
        step, index = _addresses(name, columns, shape, encoding)
        if wanted is not None:
            kept = step < wanted
            sample, step, index = sample[kept], step[kept], index[kept]
    samples = _number(name, fields, "samples") or _after(sample, len(fields.get("labels", ())) or 1)
    total = wanted or _after(step, 1)
    _in_range(name, "sample", sample, samples)
    _in_range(name, "step", step, total)
    _in_range(name, "index", index, int(np.prod(shape)))
    return _fill(name, (sample, step, index), (samples, total, *shape), encoding)


def _columns(fields: Fields) -> list[str]:
    names = ("step", "index") if {"step", "index"} <= set(fields) else ("t", "x", "y", "p")
    return [*(("sample",) if "sample" in fields else ()), *names]


def _whole(name: str, key: str, values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The field as int64. Errors: InputError for another rank, NaN, fractions, negatives."""
    if values.ndim != 1:
        raise InputError(f"{name}: field '{key}' has shape {values.shape}; wanted is (event,).")
    with np.errstate(invalid="ignore"):
        whole = values.astype(np.int64)
    wrong = (whole != values) | (whole < 0)
    if wrong.any():
        k = int(np.argmax(wrong))
        raise InputError(
            f"{name}: field '{key}' holds {values[k]} at entry {k}; whole numbers of at least 0 "
            "are needed."
        )
    return whole


def _number(name: str, fields: Fields, key: str) -> int | None:
    if key not in fields:
        return None
    value = _whole(name, key, fields[key].reshape(-1))
    if len(value) != 1 or value[0] < 1:
        raise InputError(f"{name}: field '{key}' must be one number of at least 1.")
    return int(value[0])


def _addresses(
    name: str,
    columns: dict[str, npt.NDArray[np.int64]],
    shape: tuple[int, ...],
    encoding: InputEncoding | None,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Steps and flat indices of t,x,y,p events on a network input (channel, y, x)."""
    if encoding is None or encoding.bin_us is None:
        raise InputError(
            f"{name}: an event list in microseconds needs the length of a time bin. Give an "
            "encoding with bin_us, or store the fields step and index."
        )
    if len(shape) != 3:
        raise InputError(
            f"{name}: events with x, y, p need a network input (channel, y, x), got {shape}."
        )
    place = (columns["p"], columns["y"], columns["x"])
    for key, values, size in zip("pyx", place, shape, strict=True):
        _in_range(name, key, values, size)
    channel = 1 - place[0] if encoding.polarity == "inverted" else place[0]
    index = (channel * shape[1] + place[1]) * shape[2] + place[2]
    return columns["t"] // encoding.bin_us, index


def _after(values: npt.NDArray[np.int64], least: int) -> int:
    return max(int(values.max()) + 1 if len(values) else 0, least)


def _in_range(name: str, key: str, values: npt.NDArray[np.int64], size: int) -> None:
    if len(values) and values.max() >= size:
        raise InputError(
            f"{name}: field '{key}' reaches {values.max()}; allowed are 0..{size - 1}."
        )


def _fill(
    name: str,
    place: tuple[npt.NDArray[np.int64], ...],
    shape: tuple[int, ...],
    encoding: InputEncoding | None,
) -> npt.NDArray[np.uint8]:
    samples, steps = shape[:2]
    size = int(np.prod(shape[2:]))
    if samples * steps * size > _MAX_CELLS:
        raise InputError(
            f"{name}: {samples} samples x {steps} steps x {size} inputs exceed {_MAX_CELLS} cells. "
            "Split the list."
        )
    spikes = np.zeros((samples, steps, size), np.uint8)
    if encoding is not None and encoding.clip:
        spikes[place] = 1
        return spikes.reshape(shape)
    flat = (place[0] * steps + place[1]) * size + place[2]
    cells, counts = np.unique(flat, return_counts=True)
    if len(counts) and counts.max() > np.iinfo(np.uint8).max:
        raise InputError(f"{name}: {counts.max()} events in one place and step; the limit is 255.")
    spikes.reshape(-1)[cells] = counts
    return spikes.reshape(shape)
