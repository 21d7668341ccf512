"""Training data: raw bytes in memory, spikes made batch by batch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from neurochain.errors import InputError
from neurochain.inputs import (
    SENSOR,
    Events,
    InputEncoding,
    bin_events,
    encode_static,
    open_recordings,
    parse_events,
    rate_code,
    read_mnist,
)
from neurochain.learning.augment import sample_generator, shift_image, warp_events
from neurochain.learning.recipes import Augmentation, Recipe

__all__ = ["TrainingData", "load_data"]

Indices = npt.NDArray[np.int64]


class TrainingData(Protocol):
    """Samples of one part, or of both parts one after the other."""

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Class numbers (sample,)."""

    @property
    def md5(self) -> dict[str, str]:
        """Digests of the data, by name."""

    def clean(self, indices: Indices) -> npt.NDArray[Any]:
        """Inputs (sample, step, ...) exactly as the stored encoding makes them."""

    def augmented(self, indices: Indices, seed: int, epoch: int) -> npt.NDArray[Any]:
        """Inputs for training: augmented, encoded with the training seed's stream of the epoch."""


def load_data(
    recipe: Recipe,
    path: str | os.PathLike[str],
    part: Literal["train", "test"],
    *,
    check_md5: bool = True,
) -> TrainingData:
    """Load one part of the recipe's data set from a folder, or a zip file for N-MNIST.

    `path` is the data set's own folder or one that holds it. Errors: InputError for missing,
    damaged or, with `check_md5`, other data than the recipe names.
    """
    if recipe.dataset == "mnist":
        return _digits(recipe, Path(path), part, check_md5)
    return _events(recipe, Path(path), part, check_md5)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Digits:
    images: npt.NDArray[np.uint8]  # (sample, height, width)
    labels: npt.NDArray[np.int64]
    md5: dict[str, str]
    encoding: InputEncoding
    augmentation: Augmentation

    def clean(self, indices: Indices) -> npt.NDArray[Any]:
        return encode_static(self.images[indices], self.encoding, indices)

    def augmented(self, indices: Indices, seed: int, epoch: int) -> npt.NDArray[Any]:
        moved = np.stack(
            [
                shift_image(self.images[i], self.augmentation, sample_generator(seed, epoch, i))
                for i in indices.tolist()
            ]
        )
        if self.encoding.kind != "rate":
            return encode_static(moved, self.encoding, indices)
        flat = moved.reshape(len(moved), *self.encoding.shape) / self.encoding.max_value
        steps = self.encoding.steps
        return rate_code(flat, steps=steps, seed=seed, indices=indices, stream=1 + epoch)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Recordings:
    files: tuple[bytes, ...]
    labels: npt.NDArray[np.int64]
    md5: dict[str, str]
    encoding: InputEncoding
    augmentation: Augmentation

    def clean(self, indices: Indices) -> npt.NDArray[Any]:
        return np.stack([self._bin(self._events(i)) for i in indices.tolist()])

    def augmented(self, indices: Indices, seed: int, epoch: int) -> npt.NDArray[Any]:
        return np.stack([self._bin(self._warped(i, seed, epoch)) for i in indices.tolist()])

    def _warped(self, index: int, seed: int, epoch: int) -> Events:
        rng = sample_generator(seed, epoch, index)
        return warp_events(self._events(index), self.augmentation, rng, SENSOR)

    def _events(self, index: int) -> Events:
        return parse_events(self.files[index], f"recording {index}")

    def _bin(self, events: Events) -> npt.NDArray[np.uint8]:
        how = self.encoding
        return bin_events(
            events,
            steps=how.steps,
            bin_us=how.bin_us or 1,
            clip=how.clip,
            inverted=how.polarity == "inverted",
        )


def _digits(recipe: Recipe, path: Path, part: Literal["train", "test"], check: bool) -> _Digits:
    inner = path / "mnist"
    digits = read_mnist(inner if inner.is_dir() else path, part, check_md5=check)
    return _Digits(
        images=digits.images,
        labels=digits.labels.astype(np.int64),
        md5=dict(digits.md5),
        encoding=recipe.encoding,
        augmentation=recipe.augmentation,
    )


def _events(recipe: Recipe, path: Path, part: Literal["train", "test"], check: bool) -> _Recordings:
    inside = [path / "nmnist.zip", path / "nmnist"]
    found = next((p for p in inside if p.exists()), path) if path.is_dir() else path
    recordings = open_recordings(found, part)
    if recordings.labels is None:
        raise InputError(f"{found}: no list of classes (a text file called like '{part}').")
    key, digest = f"nmnist-{part}", recordings.md5()
    wanted = dict(recipe.md5).get(key)
    if check and digest != wanted:
        raise InputError(
            f"{found}: the {part} recordings have digest {digest}, the recipe's have {wanted}. "
            "Fetch the original files, or switch the check off for other data (--any-data)."
        )
    return _Recordings(
        files=tuple(recordings.read_bytes()),
        labels=recordings.labels,
        md5={key: digest},
        encoding=recipe.encoding,
        augmentation=recipe.augmentation,
    )
