"""Reading .npy and .npz files of strangers: no pickles, no sizes taken on trust."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from neurochain.errors import InputError

__all__ = ["read_npy", "read_npz"]

_MAX_BYTES = 8 << 30  # of one array; more than that is streamed from event files instead
_NUMBERS = "biuf"
_DAMAGE = (OSError, ValueError, EOFError, SyntaxError, zlib.error, zipfile.BadZipFile, MemoryError)


def read_npy(path: str | os.PathLike[str]) -> npt.NDArray[Any]:
    """One array of numbers from a .npy file.

    Errors: InputError for an empty, truncated or foreign file, an array of objects, strings or
    complex numbers, or a size above 8 GiB.
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            return _read(str(file), stream, file.stat().st_size)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}).") from error


def read_npz(path: str | os.PathLike[str]) -> dict[str, npt.NDArray[Any]]:
    """All arrays of a .npz file by name. Errors: as `read_npy`, for the archive and each member."""
    file = Path(path)
    try:
        with zipfile.ZipFile(file) as archive:
            members = [m for m in archive.infolist() if m.filename.endswith(".npy")]
            if sum(m.file_size for m in members) > _MAX_BYTES:
                raise InputError(f"{file}: unpacks to more than {_MAX_BYTES} bytes; refused.")
            return {
                m.filename.removesuffix(".npy"): _read(
                    f"{file}/{m.filename}", io.BytesIO(archive.read(m)), m.file_size
                )
                for m in members
            }
    except (*_DAMAGE, RuntimeError, NotImplementedError) as error:
        raise InputError(f"{file}: not a readable .npz file ({error}). Write it again.") from error


def _read(name: str, stream: BinaryIO, size: int) -> npt.NDArray[Any]:
    if size == 0:
        raise InputError(f"{name}: the file is empty.")
    try:
        version = np.lib.format.read_magic(stream)
        header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if header is None:
            raise InputError(f"{name}: .npy version {version} is not read; write it as 1.0 or 2.0.")
        shape, _, dtype = header(stream)
        _check_dtype(name, dtype)
        wanted = dtype.itemsize
        for extent in shape:
            wanted *= extent
        held = size - stream.tell()
        if wanted != held or wanted > _MAX_BYTES:
            raise InputError(
                f"{name}: the header announces {wanted} bytes {shape}, the file holds {held} "
                f"(limit {_MAX_BYTES}). It is truncated or damaged: write it again."
            )
        stream.seek(0)
        return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))
    except _DAMAGE as error:
        raise InputError(f"{name}: not a readable .npy file ({error}). Write it again.") from error


def _check_dtype(name: str, dtype: np.dtype[Any]) -> None:
    if dtype.kind not in _NUMBERS:
        raise InputError(
            f"{name}: holds elements of type {dtype}; wanted are numbers (bool, integer or float). "
            "Save a plain numeric array; pickled objects are never loaded."
        )
