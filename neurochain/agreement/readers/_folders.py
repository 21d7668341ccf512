"""Folders that `neurochain export` wrote: their format, and what their scripts say."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

from neurochain.errors import Finding, InputError

__all__ = ["constants", "exported_as"]

_MOST = 1 << 26


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
