"""Folders that `neurochain export` wrote: their manifest says which format they are."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["exported_as"]

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
