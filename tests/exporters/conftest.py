"""Shared by the exporters' tests; the networks and the real readers lie beside them."""

import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest

HERE = str(Path(__file__).resolve().parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)


def _differences(a, b, path):
    if type(a) is not type(b):
        yield f"{path}: {type(a).__name__} and {type(b).__name__}"
    elif isinstance(a, np.ndarray | np.generic):
        if (a.dtype, a.shape) != (b.dtype, b.shape) or a.tobytes() != b.tobytes():
            yield f"{path}: {a!r} and {b!r}"
    elif is_dataclass(a):
        for field in fields(a):
            name = field.name
            yield from _differences(getattr(a, name), getattr(b, name), f"{path}.{name}")
    elif isinstance(a, Mapping):
        if list(a) != list(b):
            yield f"{path}: keys {list(a)} and {list(b)}"
            return
        for key in a:
            yield from _differences(a[key], b[key], f"{path}[{key}]")
    elif isinstance(a, tuple | list):
        if len(a) != len(b):
            yield f"{path}: {len(a)} and {len(b)} items"
            return
        for k, pair in enumerate(zip(a, b, strict=True)):
            yield from _differences(*pair, f"{path}[{k}]")
    elif a != b:
        yield f"{path}: {a!r} and {b!r}"


@pytest.fixture(scope="session")
def differences():
    """All differences of two networks, down to the bytes of every array and the order of names."""
    return lambda a, b: list(_differences(a, b, "network"))


@pytest.fixture
def invoke_cli():
    """invoke_cli("export", path, ...) -> Result, in this process."""
    from click.testing import CliRunner

    from neurochain.cli import cli

    return lambda *args: CliRunner().invoke(cli, [str(a) for a in args])
