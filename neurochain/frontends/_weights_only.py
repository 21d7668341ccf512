"""Reading a `.pt`: plain data and dense tensors only, checked before and after torch reads it.

torch.load(weights_only=True) runs no code, but it inflates compressed members, makes views that
unfold four bytes into terabytes, and shares objects so that a walk over them never ends. Those
files are refused here, by what is wrong with them.
"""

from __future__ import annotations

import io
import os
import pickletools
import warnings
import zipfile
from contextlib import suppress
from typing import Any

import torch

from neurochain.errors import InputError
from neurochain.frontends._zip import DAMAGE, open_zip, read_regular

__all__ = ["load_plain"]

MAX_PICKLE_BYTES = 1 << 28
MAX_DEPTH = 64
MAX_VISITS = 1_000_000
"""Items met on a walk that does not remember where it has been."""

_ADVICE = "Save the network again: neurochain.save(net, path, sample)."
_ZIP = b"PK\x03\x04"
_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_PICKLE = b"\x80"
_GLOBALS = frozenset(
    {
        "collections OrderedDict",
        "torch Size",
        "torch._utils _rebuild_parameter",
        "torch._utils _rebuild_tensor_v2",
    }
)
_DTYPES = frozenset(
    f"torch {name}" for name in vars(torch) if isinstance(getattr(torch, name), torch.dtype)
)
_PICKLE_FAULTS = (ValueError, KeyError, IndexError, UnicodeDecodeError, OverflowError)


def load_plain(path: str | os.PathLike[str]) -> Any:
    """What a `.pt` holds. Errors: InputError for anything but plain data and dense tensors."""
    data = read_regular(path)
    if data[:4] != _ZIP:
        raise InputError(_no_zip(path, data))
    _check_pickle(path, open_zip(path, data, ".pt", _ADVICE))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for damaged and for unsafe files
        raise InputError(_why_unreadable(path, error)) from error
    _check_content(path, content)
    return content


def _no_zip(path: str | os.PathLike[str], data: bytes) -> str:
    if data.startswith(_LEGACY):
        return (
            f"{path}: is in torch's format from before 1.6. Load it with torch and save it again: "
            "torch.save(torch.load(path, weights_only=True), path)."
        )
    if data[:1] == _PICKLE:
        with suppress(*_PICKLE_FAULTS):
            if found := _imports(data[:MAX_PICKLE_BYTES]):
                return _runs_code(path, found)
    return (
        f"{path}: is no readable .pt file: truncated, damaged or of another kind. Save the network "
        "again."
    )


def _check_pickle(path: str | os.PathLike[str], archive: zipfile.ZipFile) -> None:
    """Look at what the pickle would import, without running it."""
    names = {info.filename.partition("/")[2]: info for info in archive.infolist()}
    if "constants.pkl" in names or any(name.startswith("code/") for name in names):
        raise InputError(
            f"{path}: is a TorchScript archive, which holds code. Save the module itself: "
            "neurochain.save(net, path, sample)."
        )
    info = names.get("data.pkl")
    if info is None or info.file_size > MAX_PICKLE_BYTES:
        what = "has no data.pkl" if info is None else f"has {info.file_size:,} bytes of pickle"
        raise InputError(f"{path}: is no readable .pt file: {what}. {_ADVICE}")
    try:
        found = _imports(archive.read(info))
    except (*DAMAGE, *_PICKLE_FAULTS) as error:
        raise InputError(f"{path}: is damaged ({error}). {_ADVICE}") from error
    if found:
        raise InputError(_runs_code(path, found))


def _runs_code(path: str | os.PathLike[str], found: set[str]) -> str:
    return (
        f"{path}: holds Python objects ({', '.join(sorted(found)[:5])}: a pickled module?), which "
        "would run code when loaded. Save with neurochain.save(net, path, sample), or "
        "torch.save(net.state_dict(), path)."
    )


def _imports(data: bytes) -> set[str]:
    """Names that a pickle imports beside those of plain tensors."""
    found: set[str] = set()
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in ("STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"):
            found.add(f"by {opcode.name}" if argument is None else str(argument)[:80])
        elif opcode.name == "GLOBAL" and not _plain(str(argument)):
            found.add(".".join(str(argument).split(" "))[:80])
    return found


def _plain(name: str) -> bool:
    if name in _GLOBALS or name in _DTYPES:
        return True
    return name.startswith("torch ") and name.endswith("Storage") and name.count(" ") == 1


def _check_content(path: str | os.PathLike[str], content: Any) -> None:
    """Every tensor dense, real and inside its storage; containers small when walked."""
    stack: list[tuple[Any, int]] = [(content, 0)]
    visits = 0
    while stack:
        item, depth = stack.pop()
        visits += 1
        if visits > MAX_VISITS or depth > MAX_DEPTH:
            raise InputError(
                f"{path}: its content is nested {MAX_DEPTH} deep or unfolds into more than "
                f"{MAX_VISITS:,} items. {_ADVICE}"
            )
        if isinstance(item, torch.Tensor):
            _check_tensor(path, item)
        elif isinstance(item, dict):
            stack += [(value, depth + 1) for pair in item.items() for value in pair]
        elif isinstance(item, list | tuple | set):
            stack += [(value, depth + 1) for value in item]


def _check_tensor(path: str | os.PathLike[str], tensor: torch.Tensor) -> None:
    what = ""
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_nested:
        what = "is no dense tensor of numbers"
    elif tensor.device.type != "cpu" or tensor.is_complex():
        what = f"is of {tensor.dtype} on {tensor.device}"
    elif tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        what = f"unfolds {tensor.untyped_storage().nbytes():,} stored bytes into more"
    if what:
        raise InputError(f"{path}: a tensor of shape {tuple(tensor.shape)} {what}. {_ADVICE}")


def _why_unreadable(path: str | os.PathLike[str], error: Exception) -> str:
    # torch's own advice is to load the file without protection: not repeated here
    text = " ".join(str(error).split())
    detail = "" if "weights_only" in text else f" ({type(error).__name__}: {text[:160]})"
    return (
        f"{path}: is no readable .pt file: truncated, damaged or of another kind{detail}. Save the "
        "network again."
    )
