"""MNIST's IDX files, plain or gzip: big-endian header, then raw bytes."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from neurochain.errors import InputError

__all__ = ["MNIST_MD5", "Digits", "mnist_file", "read_idx", "read_mnist"]

_MAX_BYTES = 1 << 31  # larger than any IDX file in use; stops a gzip bomb
_CHUNK = 1 << 20

MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
_PREFIX = {"train": "train", "test": "t10k"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Digits:
    """images (sample, 28, 28) uint8, labels (sample,) uint8, MD5 of the unpacked files."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    md5: tuple[tuple[str, str], ...]


def read_idx(path: str | os.PathLike[str]) -> npt.NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes; the array has the rank and sizes of its header.

    Errors: InputError for a damaged gzip stream, a wrong magic number, another element type than
    unsigned byte, or a length that differs from the header.
    """
    return _parse(Path(path), _unpacked(Path(path)))


def read_mnist(
    folder: str | os.PathLike[str], part: Literal["train", "test"], *, check_md5: bool = True
) -> Digits:
    """Read images and labels of one part from a folder with the four canonical files.

    Errors: InputError for a missing or damaged file, another MD5 than the canonical one (unless
    `check_md5` is False), or image and label counts that differ.
    """
    data = {}
    for kind in ("images-idx3", "labels-idx1"):
        name = f"{_PREFIX[part]}-{kind}-ubyte"
        data[name] = _unpacked(mnist_file(folder, name))
    md5 = tuple((name, _md5(blob)) for name, blob in data.items())
    for name, found in md5:
        if check_md5 and found != MNIST_MD5[name]:
            raise InputError(
                f"{Path(folder) / name}: MD5 of the unpacked file is {found}, the canonical file "
                f"has {MNIST_MD5[name]}. Fetch the original file, or switch the check off for "
                "other data."
            )
    images, labels = (_parse(mnist_file(folder, name), blob) for name, blob in data.items())
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise InputError(
            f"{folder}: images {images.shape} and labels {labels.shape} do not belong together. "
            "Wanted are (n, height, width) and (n,)."
        )
    return Digits(images=images, labels=labels, md5=md5)


def mnist_file(folder: str | os.PathLike[str], name: str) -> Path:
    """Path of the canonical file `name`, plain or with .gz. Errors: InputError where neither is."""
    for path in (Path(folder) / name, Path(folder) / f"{name}.gz"):
        if path.is_file():
            return path
    raise InputError(
        f"{folder}: neither {name} nor {name}.gz is there. Give the folder that holds the four "
        "MNIST IDX files."
    )


def _md5(blob: bytes) -> str:
    return hashlib.md5(blob, usedforsecurity=False).hexdigest()


def _unpacked(path: Path) -> bytes:
    """The bytes of the file, unpacked where it starts with the gzip magic."""
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == b"\x1f\x8b"
        if not packed:
            return path.read_bytes()
        with gzip.open(path) as unpacker:
            return _limited(path, unpacker)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({error}). Fetch the file again.") from error


def _limited(path: Path, stream: gzip.GzipFile) -> bytes:
    parts: list[bytes] = []
    total = 0
    while part := stream.read(_CHUNK):
        total += len(part)
        if total > _MAX_BYTES:
            raise InputError(f"{path}: unpacks to more than {_MAX_BYTES} bytes; refused.")
        parts.append(part)
    return b"".join(parts)


def _parse(path: Path, blob: bytes) -> npt.NDArray[np.uint8]:
    if len(blob) < 4 or blob[:2] != b"\x00\x00":
        raise InputError(
            f"{path}: no IDX magic number at the start (got {blob[:4].hex() or 'an empty file'}). "
            "Wanted is 0000 08 RANK."
        )
    if blob[2] != 0x08:
        raise InputError(f"{path}: element type 0x{blob[2]:02x}; only 0x08 (uint8) is read.")
    rank = blob[3]
    start = 4 + 4 * rank
    if not 1 <= rank <= 4 or len(blob) < start:
        raise InputError(f"{path}: rank {rank} with a header of {len(blob)} bytes is not IDX.")
    sizes = [int.from_bytes(blob[4 + 4 * k : 8 + 4 * k], "big") for k in range(rank)]
    count = 1
    for size in sizes:
        count *= size
    if count != len(blob) - start:
        raise InputError(
            f"{path}: the header announces {count} bytes of data {tuple(sizes)}, the file holds "
            f"{len(blob) - start}. It is truncated or damaged: fetch it again."
        )
    return np.frombuffer(blob, np.uint8, offset=start).reshape(sizes)
