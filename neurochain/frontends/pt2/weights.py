"""Parameters, buffers and constants of a `.pt2`: raw bytes under checked sizes and strides."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, TypeVar

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from neurochain.errors import Finding, InputError
from neurochain.frontends.pt2.archive import Archive
from neurochain.frontends.pt2.schema import PayloadConfig, PayloadMeta, TensorMeta

T = TypeVar("T")

__all__ = ["DTYPES", "STRIDED", "decode_json", "read_tensors", "sizes_of"]

DTYPES: dict[int, torch.dtype] = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
}
"""torch's ScalarType numbers; complex, bfloat16 and 8-bit floats have no meaning further on."""
STRIDED = 7

_NUMPY: dict[torch.dtype, np.dtype[Any]] = {
    torch.uint8: np.dtype("u1"),
    torch.int8: np.dtype("i1"),
    torch.int16: np.dtype("<i2"),
    torch.int32: np.dtype("<i4"),
    torch.int64: np.dtype("<i8"),
    torch.float16: np.dtype("<f2"),
    torch.float32: np.dtype("<f4"),
    torch.float64: np.dtype("<f8"),
    torch.bool: np.dtype("?"),
}
MAX_AXES = 8
_FOLDERS = (
    ("data/weights/", "data/weights/model_weights_config.json"),
    ("data/constants/", "data/constants/model_constants_config.json"),
)
_AGAIN = "Export the network again."


class _FaultError(Exception):
    """Why one tensor cannot be read, and what to do."""

    def __init__(self, what: str, fix: str = _AGAIN) -> None:
        super().__init__(what)
        self.fix = fix


def decode_json(archive: Archive, name: str, kind: type[T]) -> T:
    """A JSON member as a record. Errors: InputError naming the place in it."""
    try:
        return msgspec.json.decode(archive.read_json(name), type=kind)
    except RecursionError as error:
        raise InputError(f"{archive.path}: {name} is nested too deeply. {_AGAIN}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{archive.path}: {name} is not what torch.export writes ({error}). {_AGAIN}"
        ) from error


def read_tensors(archive: Archive) -> dict[str, torch.Tensor]:
    """Every stored tensor by its qualified name. Errors: InputError with one finding a tensor."""
    findings: list[Finding] = []
    tensors: dict[str, torch.Tensor] = {}
    for folder, config in _FOLDERS:
        if config not in archive.members:
            if folder == "data/weights/":
                archive.read(config)  # raises: it is missing
            continue
        entries = decode_json(archive, config, PayloadConfig).config
        for name, meta in entries.items():
            try:
                if name in tensors:
                    raise _FaultError("is stored both as a weight and as a constant.")
                tensors[name] = _read(archive, folder, meta)
            except _FaultError as fault:
                where = f"{archive.path}: tensor {name[:120]}"
                findings.append(Finding(where=where, what=str(fault), fix=fault.fix))
    if findings:
        raise InputError(*findings)
    return tensors


def _read(archive: Archive, folder: str, entry: PayloadMeta) -> torch.Tensor:
    if entry.use_pickle or entry.tensor_meta is None:
        raise _FaultError(
            "is stored as a pickle, which would run code when loaded.",
            "Export a network of plain tensors: no tensor subclasses, no custom objects.",
        )
    path = entry.path_name
    if "/" in path or folder + path not in archive.members:
        raise _FaultError(f"names the member {path[:80]!r}, which is not in the archive.")
    dtype, sizes, strides, offset = _layout(entry.tensor_meta)
    item = _NUMPY[dtype].itemsize
    stored = archive.members[folder + path].file_size
    if stored % item:
        raise _FaultError(f"has {stored:,} bytes, no multiple of the {item} of a {dtype}.")
    last = offset + sum((size - 1) * step for size, step in zip(sizes, strides, strict=True))
    if 0 not in sizes and (last + 1) * item > stored:
        raise _FaultError(
            f"reaches to byte {(last + 1) * item:,} (sizes {sizes}, strides {strides}, offset "
            f"{offset}), but {stored:,} are stored."
        )
    if prod(sizes) * item > stored:
        raise _FaultError(f"of sizes {sizes} would unfold {stored:,} stored bytes into more.")
    values = np.frombuffer(archive.read(folder + path), dtype=_NUMPY[dtype]).copy()
    _check_values(values, dtype)
    if 0 in sizes:
        return torch.empty(sizes, dtype=dtype)
    return torch.from_numpy(values).as_strided(sizes, strides, offset)


def _check_values(values: NDArray[np.generic], dtype: torch.dtype) -> None:
    if dtype.is_floating_point and not np.isfinite(values).all():
        raise _FaultError("holds values that are not finite.", "Repair the weights.")
    if dtype is torch.bool and values.view(np.uint8).max(initial=0) > 1:
        raise _FaultError("holds truth values that are neither 0 nor 1.")


def _layout(meta: TensorMeta) -> tuple[torch.dtype, list[int], list[int], int]:
    dtype = DTYPES.get(meta.dtype)
    if dtype is None:
        raise _FaultError(f"has torch's dtype number {meta.dtype}; {_known()} are read.", _PLAIN)
    if meta.layout != STRIDED:
        raise _FaultError("is a sparse tensor.", _PLAIN)
    sizes = sizes_of(meta)
    strides = [s.as_int for s in meta.strides if isinstance(s.as_int, int)]
    offset = meta.storage_offset.as_int
    if sizes is None or len(strides) != len(meta.sizes) or not isinstance(offset, int):
        raise _FaultError("has a size that is not fixed.")
    if len(sizes) > MAX_AXES or min([0, offset, *sizes, *strides]) < 0:
        raise _FaultError(f"has sizes {sizes[:9]}, strides {strides[:9]}, offset {offset}.")
    return dtype, sizes, strides, offset


_PLAIN = "Convert it before exporting: net.float(), dense weights."


def _known() -> str:
    names: Iterator[str] = (str(dtype).removeprefix("torch.") for dtype in DTYPES.values())
    return ", ".join(names)


def sizes_of(meta: TensorMeta) -> list[int] | None:
    """Sizes of a tensor, None where one is not fixed."""
    sizes = [size.as_int for size in meta.sizes if isinstance(size.as_int, int)]
    return sizes if len(sizes) == len(meta.sizes) else None
