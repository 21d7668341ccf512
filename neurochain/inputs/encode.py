"""Turning static values into spikes or currents over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from neurochain.errors import InputError
from neurochain.inputs.coding import InputEncoding

__all__ = ["direct_current", "encode_static", "latency_code", "rate_code"]

_LEVELS = 256  # the rate code compares one random byte with a threshold of 0..256


def rate_code(
    intensity: npt.NDArray[Any],
    *,
    steps: int,
    seed: int,
    indices: Sequence[int] | npt.NDArray[np.integer[Any]] | None = None,
    stream: int = 0,
) -> npt.NDArray[np.uint8]:
    """One Bernoulli spike per step and element, probability = intensity.

    intensity: (sample, ...) in [0, 1]; result: (sample, steps, ...) uint8, C order.

    A spike at sample i, step t, element e means ``byte[t, e] < rint(256 * intensity)``, where the
    bytes are the little-endian raw output of NumPy's Philox with key (seed, stream) and counter
    (0, 0, i, 0). The probability is therefore rounded to 1/256; 0 never fires and 1 always does.
    `indices` are the numbers i of the samples in their data set (default 0, 1, ...), so that the
    spikes of a sample do not depend on the batch it is in. `stream` separates uses of one seed:
    0 is evaluation, training takes 1 + epoch.

    Errors: InputError for intensities outside [0, 1], NaN, or a wrong number of indices.
    """
    levels = _levels(intensity)  # (sample, n)
    numbers = range(len(levels)) if indices is None else indices
    if len(numbers) != len(levels):
        raise InputError(f"rate code: {len(levels)} samples but {len(numbers)} sample numbers.")
    size = levels.shape[1]
    spikes = np.empty((len(levels), steps, size), np.uint8)
    for row, (level, number) in enumerate(zip(levels, numbers, strict=True)):
        draws = _bytes(steps * size, seed, stream, int(number)).reshape(steps, size)
        np.less(draws, level, out=spikes[row].view(np.bool_))
    return spikes.reshape(len(levels), steps, *intensity.shape[1:])


def direct_current(
    values: npt.NDArray[Any], *, steps: int, scale: float = 1.0
) -> npt.NDArray[np.float32]:
    """The same current at every step: (sample, ...) -> (sample, steps, ...) float32, read-only.

    `scale` divides the values (255 for 8-bit images). The division is done in float32.
    """
    current = np.asarray(values, np.float32) / np.float32(scale)
    shape = (len(current), steps, *current.shape[1:])
    return np.broadcast_to(current[:, None], shape)


def latency_code(intensity: npt.NDArray[Any], *, steps: int) -> npt.NDArray[np.uint8]:
    """One spike per element at step rint((1 - intensity) * (steps - 1)); none where it is 0.

    intensity: (sample, ...) in [0, 1]; result: (sample, steps, ...) uint8. Linear in time.
    Errors: InputError for intensities outside [0, 1] or NaN.
    """
    value = _checked(intensity)
    first = np.rint((1.0 - value) * (steps - 1)).astype(np.int64)  # (sample, ...)
    spikes = np.zeros((len(value), steps, *value.shape[1:]), np.uint8)
    np.put_along_axis(spikes, first[:, None], (value > 0)[:, None].astype(np.uint8), axis=1)
    return spikes


def encode_static(
    values: npt.NDArray[Any],
    encoding: InputEncoding,
    indices: Sequence[int] | npt.NDArray[np.integer[Any]] | None = None,
) -> npt.NDArray[Any]:
    """Static values (sample, ...) -> (sample, step, *encoding.shape) as the record says.

    The elements of a sample are reshaped to `encoding.shape` (28 x 28 images feed 784 inputs).
    Errors: InputError where the sizes differ or the kind does not take static values.
    """
    size = int(np.prod(encoding.shape))
    if int(np.prod(values.shape[1:])) != size:
        raise InputError(
            f"static input: a sample has shape {values.shape[1:]}, the encoding wants "
            f"{encoding.shape}. Crop or resize the data to {size} values per sample."
        )
    flat = np.asarray(values).reshape(len(values), *encoding.shape)
    if encoding.kind == "direct":
        return direct_current(flat, steps=encoding.steps, scale=encoding.max_value)
    if encoding.kind == "rate":
        seed = encoding.seed or 0
        intensity = flat / encoding.max_value
        return rate_code(intensity, steps=encoding.steps, seed=seed, indices=indices)
    if encoding.kind == "latency":
        return latency_code(flat / encoding.max_value, steps=encoding.steps)
    raise InputError(
        f"static input: encoding kind '{encoding.kind}' does not take static values. "
        "Use 'rate', 'latency' or 'direct'."
    )


def _levels(intensity: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    value = _checked(intensity)
    levels: npt.NDArray[np.uint16] = np.rint(value * _LEVELS).astype(np.uint16)
    return levels.reshape(len(value), -1)


def _checked(intensity: npt.NDArray[Any]) -> npt.NDArray[Any]:
    value = np.asarray(intensity)
    if value.size and not (value.min() >= 0 and value.max() <= 1):  # False for NaN too
        raise InputError(
            f"encoding: intensities span {value.min()} .. {value.max()}; allowed are 0 .. 1. "
            "Set max_value to the largest value of the data (255 for 8-bit images)."
        )
    return value


def _bytes(count: int, seed: int, stream: int, number: int) -> npt.NDArray[np.uint8]:
    """`count` random bytes. NumPy guarantees the raw stream of a bit generator across versions."""
    generator = np.random.Philox(key=[seed, stream], counter=[0, 0, number, 0])
    words = np.asarray(generator.random_raw(-(-count // 8)), dtype="<u8")
    return words.view(np.uint8)[:count]
