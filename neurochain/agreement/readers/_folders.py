"""Folders that `neurochain export` wrote: their format, and running the scripts in them."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from neurochain.errors import ExecutionError, Finding, InputError

__all__ = ["constants", "exported_as", "run_script"]

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


def run_script(folder: Path, python: str, arguments: list[str], seconds: float) -> None:
    """Run its run.py; whatever that has forked ends with it. Errors: ExecutionError."""
    command = [python, str(folder.resolve() / "run.py"), *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as script:
        try:
            _, errors = script.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            what = f"did not end within {seconds} s."
            raise ExecutionError(Finding(where=str(folder), what=what)) from error
        finally:
            with suppress(ProcessLookupError):
                os.killpg(script.pid, signal.SIGKILL)
    if script.returncode:
        what = f"failed: {errors.strip()[-500:]}"
        raise ExecutionError(Finding(where=str(folder), what=what))
