"""Comparing what a file holds to the bit, and files changed by someone who knows the format."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurochain.artifact import load_artifact
from neurochain.errors import InputError


def same(a: Any, b: Any, where: str = "") -> None:
    """Equal to the bit, arrays with dtype and shape."""
    if isinstance(a, np.ndarray | np.generic):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), where
        assert a.tobytes() == b.tobytes(), where
    elif is_dataclass(a):
        assert type(a) is type(b), where
        for field in fields(a):
            same(getattr(a, field.name), getattr(b, field.name), f"{where}.{field.name}")
    elif isinstance(a, tuple | list):
        assert len(a) == len(b), where
        for k, (x, y) in enumerate(zip(a, b, strict=True)):
            same(x, y, f"{where}[{k}]")
    elif hasattr(a, "items"):
        assert list(a) == list(b), where
        for key, value in a.items():
            same(value, b[key], f"{where}[{key}]")
    else:
        assert a == b, where
        assert type(a) is type(b), where


def refused(file: Path, data: bytes, *words: str) -> None:
    file.write_bytes(data)
    with pytest.raises(InputError) as caught:
        load_artifact(file)
    assert str(caught.value).startswith(f"{file}: ")
    for word in words:
        assert word in str(caught.value)


def reseal(data: bytes, change: Any, tensors: dict[str, np.ndarray] | None = None) -> bytes:
    """The artefact with its manifest changed by someone who also corrects the digests."""
    from safetensors.numpy import load, save

    (size,) = struct.unpack("<Q", data[:8])
    manifest = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["manifest"])
    text = json.dumps(change(manifest) or manifest)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return save(load(data) | (tensors or {}), {"manifest": text, "sha256": digest})


def put(path: str, value: Any) -> Any:
    def change(manifest: dict[str, Any]) -> None:
        *most, last = path.split("/")
        at: Any = manifest
        for key in most:
            at = at[int(key) if isinstance(at, list) else key]
        at[int(last) if isinstance(at, list) else last] = value

    return change
