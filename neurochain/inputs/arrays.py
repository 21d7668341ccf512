"""Whatever the user names as input, as arrays (sample, step, ...) of the network's input shape."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurochain.errors import InputError
from neurochain.inputs.coding import InputEncoding
from neurochain.inputs.encode import direct_current, encode_static
from neurochain.inputs.eventlist import dense_events, is_event_list
from neurochain.inputs.idx import mnist_file, read_idx
from neurochain.inputs.nmnist import bin_events
from neurochain.inputs.npy import read_npy, read_npz
from neurochain.inputs.recordings import open_recordings

__all__ = ["InputSource", "load_input", "open_input"]

_EXACT = 1 << 24  # whole numbers beyond this magnitude are not all float32
_DENSE_FIELDS = ("spikes", "x", "input", "data")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InputSource:
    """Input that is read in pieces, so that a large data set never lies in memory expanded.

    samples  number of samples
    labels   (sample,) int64 class numbers, or None
    axes     how the data was understood, for the user to read: "(sample, step, 784), dense"
    notes    changes that were made, such as rounding to float32
    """

    samples: int
    labels: npt.NDArray[np.int64] | None
    axes: str
    notes: tuple[str, ...] = ()
    _make: Callable[[int, int], npt.NDArray[Any]]

    def read(self, start: int = 0, stop: int | None = None) -> npt.NDArray[Any]:
        """Samples start..stop-1 as (sample, step, ...): uint8 spikes or float32 currents."""
        first, last, _ = slice(start, stop).indices(self.samples)
        return self._make(first, max(first, last))

    def batches(self, size: int) -> Iterator[npt.NDArray[Any]]:
        """All samples in order, at most `size` at once."""
        for start in range(0, self.samples, size):
            yield self.read(start, start + size)


def load_input(
    path: str | os.PathLike[str],
    shape: tuple[int, ...],
    *,
    steps: int | None = None,
    encoding: InputEncoding | None = None,
    part: str | None = None,
) -> npt.NDArray[Any]:
    """All samples of `open_input` at once: (sample, step, *shape)."""
    return open_input(path, shape, steps=steps, encoding=encoding, part=part).read()


def open_input(
    path: str | os.PathLike[str],
    shape: tuple[int, ...],
    *,
    steps: int | None = None,
    encoding: InputEncoding | None = None,
    part: str | None = None,
) -> InputSource:
    """Open a file or folder as input of a network whose one step has `shape`.

    .npy            dense, by rank: (sample, step, *shape) or (step, *shape). With `steps` the data
                    is static, (sample, *shape) or `shape`, and presented at every step.
    .npz            an event list (`eventlist`), or one dense array called spikes, x, input or data;
                    `labels` beside it
    .bin .bs2 .zip  N-MNIST recordings, binned as the encoding says; also a folder of them, or a
    folder          list file in it ("nmnist.zip/test100.txt"); `part` picks a list by name
    IDX images      encoded as the encoding says, labels from the file beside it; also a folder
                    with the MNIST files, of which `part` names "train" or "test" (default)

    Errors: InputError for files that are missing, empty, damaged, of the wrong type or shape, or
    hold NaN or infinite values.
    """
    file = Path(path)
    if file.suffix == ".npy":
        return _dense(str(file), read_npy(file), None, shape, steps)
    if file.suffix == ".npz":
        return _npz(file, shape, steps, encoding)
    if _is_idx(file):
        return _idx(file, shape, encoding, part)
    return _recordings(file, shape, encoding, part)


def _dense(
    name: str,
    values: npt.NDArray[Any],
    labels: npt.NDArray[np.int64] | None,
    shape: tuple[int, ...],
    steps: int | None,
) -> InputSource:
    inner = ", ".join(map(str, shape))
    lead = ("sample",) if steps is not None else ("sample", "step")
    if values.ndim == len(shape) + len(lead) - 1:
        values, axes = values[None], ", ".join((*lead[1:], inner))
    else:
        axes = ", ".join((*lead, inner))
    if values.ndim != len(shape) + len(lead) or values.shape[len(lead) :] != shape:
        raise InputError(_shape_message(name, values, shape, steps))
    if 0 in values.shape:
        raise InputError(f"{name}: shape {values.shape} holds no data.")
    numbers, notes = _numbers(name, values)
    kind = "dense" if steps is None else f"static, presented at each of {steps} steps"

    def make(start: int, stop: int) -> npt.NDArray[Any]:
        chosen = numbers[start:stop]
        return chosen if steps is None else direct_current(chosen, steps=steps)

    source = InputSource(
        samples=len(numbers), labels=labels, axes=f"({axes}), {kind}", notes=notes, _make=make
    )
    return _with_labels(name, source)


def _shape_message(
    name: str, values: npt.NDArray[Any], shape: tuple[int, ...], steps: int | None
) -> str:
    inner = ", ".join(map(str, shape))
    wanted = f"(sample, step, {inner}) or (step, {inner})"
    advice = "A static input (the same at every step) needs the number of steps."
    if steps is not None:
        wanted, advice = f"(sample, {inner}) or ({inner})", "With a number of steps data is static."
    return f"{name}: shape {values.shape}; the network wants {wanted}. {advice}"


def _numbers(name: str, values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """uint8 for bool and uint8, float32 for the rest, with a note where that rounded."""
    if values.dtype.kind == "b" or values.dtype == np.uint8:
        return values.astype(np.uint8, copy=False), ()
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        place = tuple(int(k) for k in np.argwhere(~np.isfinite(values))[0])
        raise InputError(f"{name}: holds {values[place]} at {place}; finite numbers are needed.")
    if values.dtype.kind in "iu" and (values.max() > _EXACT or values.min() < -_EXACT):
        raise InputError(
            f"{name}: whole numbers from {values.min()} to {values.max()}; up to {_EXACT} in "
            "magnitude are exact in float32."
        )
    if values.max() > np.finfo(np.float32).max or values.min() < np.finfo(np.float32).min:
        raise InputError(f"{name}: values up to {values.max()} do not fit in float32.")
    result = values.astype(np.float32)
    rounded = int(np.count_nonzero(result != values))
    note = (f"{rounded} values were rounded from {values.dtype} to float32",) if rounded else ()
    return result, note


def _npz(
    file: Path, shape: tuple[int, ...], steps: int | None, encoding: InputEncoding | None
) -> InputSource:
    fields = read_npz(file)
    labels = _labels(str(file), fields.get("labels"))
    if is_event_list(fields):
        spikes = dense_events(str(file), fields, shape, steps=steps, encoding=encoding)
        source = InputSource(
            samples=len(spikes),
            labels=labels,
            axes=f"{('sample', 'step', *shape)}, event list".replace("'", ""),
            _make=lambda start, stop: spikes[start:stop],
        )
        return _with_labels(str(file), source)
    found = [k for k in _DENSE_FIELDS if k in fields]
    if len(found) != 1:
        raise InputError(
            f"{file}: fields {sorted(fields)}; wanted is an event list (step, index or t, x, y, p) "
            f"or one dense array called {', '.join(_DENSE_FIELDS)}."
        )
    return _dense(f"{file}/{found[0]}", fields[found[0]], labels, shape, steps)


def _labels(name: str, values: npt.NDArray[Any] | None) -> npt.NDArray[np.int64] | None:
    if values is None:
        return None
    if values.ndim != 1 or values.dtype.kind not in "iu" or (len(values) and values.min() < 0):
        raise InputError(
            f"{name}: labels have shape {values.shape} and type {values.dtype}; wanted are class "
            "numbers of at least 0, (sample,)."
        )
    return values.astype(np.int64)


def _with_labels(name: str, source: InputSource) -> InputSource:
    if source.labels is not None and len(source.labels) != source.samples:
        raise InputError(f"{name}: {source.samples} samples but {len(source.labels)} labels.")
    return source


def _is_idx(file: Path) -> bool:
    if file.is_dir():
        return any(file.glob("*-idx3-ubyte*"))
    return "-idx" in file.name and file.is_file()


def _idx(
    file: Path, shape: tuple[int, ...], encoding: InputEncoding | None, part: str | None
) -> InputSource:
    if encoding is None or encoding.kind not in ("rate", "direct", "latency"):
        raise InputError(
            f"{file}: images need an encoding of kind rate, direct or latency. "
            "On the command line: --encode rate --steps N --seed N, --encode direct --steps N."
        )
    if file.is_dir():
        prefix = {"train": "train", "test": "t10k", None: "t10k"}.get(part, part)
        file = mnist_file(file, f"{prefix}-images-idx3-ubyte")
    images = read_idx(file)
    _same_shape(file, encoding, shape)
    labels = _labels_beside(file)

    def make(start: int, stop: int) -> npt.NDArray[Any]:
        return encode_static(images[start:stop], encoding, range(start, stop))

    inner = ", ".join(map(str, shape))
    axes = f"(sample, step, {inner}), images, code '{encoding.kind}' over {encoding.steps} steps"
    source = InputSource(samples=len(images), labels=labels, axes=axes, _make=make)
    return _with_labels(str(file), source)


def _labels_beside(images: Path) -> npt.NDArray[np.int64] | None:
    """The labels file of the same part, plain or packed; None where there is none."""
    name = images.name.removesuffix(".gz").replace("images-idx3", "labels-idx1")
    plain = images.with_name(name)
    found = [p for p in (plain, images.with_name(f"{name}.gz")) if p.is_file() and p != images]
    return read_idx(found[0]).astype(np.int64) if found else None


def _recordings(
    file: Path, shape: tuple[int, ...], encoding: InputEncoding | None, part: str | None
) -> InputSource:
    found = open_recordings(file, part)
    if encoding is None or encoding.kind != "events" or encoding.bin_us is None:
        raise InputError(
            f"{file}: recordings need an encoding of kind events with the number of steps and the "
            "length of a bin in microseconds. On the command line: --steps N --bin-us N."
        )
    _same_shape(file, encoding, shape)
    steps, bin_us = encoding.steps, encoding.bin_us
    inverted = encoding.polarity == "inverted"

    def make(start: int, stop: int) -> npt.NDArray[Any]:
        spikes = [
            bin_events(e, steps=steps, bin_us=bin_us, clip=encoding.clip, inverted=inverted)
            for e in found.read(start, stop)
        ]
        return np.stack(spikes) if spikes else np.zeros((0, steps, *shape), np.uint8)

    inner = ", ".join(map(str, shape))
    axes = f"(sample, step, {inner}), recordings in {steps} bins of {bin_us} us"
    return InputSource(samples=len(found), labels=found.labels, axes=axes, _make=make)


def _same_shape(file: Path, encoding: InputEncoding, shape: tuple[int, ...]) -> None:
    if encoding.shape != tuple(shape):
        raise InputError(
            f"{file}: the encoding makes {encoding.shape} per step, the network wants {shape}."
        )
