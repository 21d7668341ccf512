"""Folders that `neurochain export` wrote: their format, and what their scripts say."""

from __future__ import annotations

import ast
import json
import zipfile
from pathlib import Path
from typing import Any

from neurochain.errors import Finding, InputError

__all__ = ["constants", "exported_as", "need_files"]

_MOST = 1 << 26
_SAMPLES = ("input.npz", "expected.npz")
"""What was recorded with an export, for scripts that are given no input."""


def exported_as(path: str, form: str) -> bool:
    """Whether `path` is a folder whose manifest names this format."""
    manifest = Path(path) / "manifest.json"
    try:
        if not manifest.is_file() or manifest.stat().st_size > _MOST:
            return False
        found = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("format") == form


def need_files(folder: Path) -> None:
    """What the script of a folder would read; better here than in its traceback.

    Errors: InputError with every file that the manifest names and is not there, or that is cut.
    """
    found = json.loads((folder / "manifest.json").read_text(encoding="utf-8")).get("files", [])
    names = [n for n in found if isinstance(n, str)] if isinstance(found, list) else []
    wrong = {name: _fault(folder / name) for name in names if name not in _SAMPLES}
    fix = "Export it again."
    faults = [
        Finding(where=str(folder), what=f"lacks {name}, which its manifest names.", fix=fix)
        if fault == "lacks"
        else Finding(where=str(folder / name), what=fault, fix=fix)
        for name, fault in wrong.items()
        if fault
    ]
    if faults:
        raise InputError(*faults)


def _fault(path: Path) -> str:
    """Why the file is not what its name says, "lacks" where there is none; "" for a good one."""
    if not path.is_file():
        return "lacks"
    if path.suffix == ".npz" and not zipfile.is_zipfile(path):
        return f"is no archive of arrays ({path.stat().st_size:,} bytes)."
    if path.suffix == ".net":
        import h5py

        try:
            h5py.File(path, "r").close()
        except OSError as error:
            return f"is no whole HDF5 file ({error})."
    return ""


def constants(path: Path, *names: str) -> list[Any]:
    """Values that a script gives these names, read without running it.

    Errors: InputError where it cannot be read or does not give them.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = {
            ast.unparse(node.targets[0]): node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
        }
        return [ast.literal_eval(found[name]) for name in names]
    except (OSError, ValueError, SyntaxError, KeyError, RecursionError) as error:
        what = f"does not say its {', '.join(names)} ({error!r})."
        raise InputError(Finding(where=str(path), what=what, fix="Export it again.")) from error
