"""A folder of `export --to lava`, run by its own run.py. Runs its code."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from neurochain.agreement.readers._folders import exported_as
from neurochain.agreement.runnable import Inputs, Reader, Reading, Runnable, Trace
from neurochain.errors import ExecutionError, Finding, InputError, UnsupportedError

__all__ = ["READER"]

SAMPLE_SECONDS = 600
"""Lava by itself waits for ever where one of its processes fails."""


def _open(path: str, reading: Reading) -> Runnable:
    from neurochain.simulators.lava.compat import missing

    findings = missing()
    if findings:
        raise UnsupportedError(*findings)
    shapes = _shapes(Path(path) / "network.py")

    def run(inputs: Inputs) -> Trace:
        return _trace(Path(path), inputs)

    return Runnable(name=path, kind="lava", inputs=shapes, run=run)


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """INPUTS of network.py, read without running it."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found: Any = next(
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "INPUTS"
        )
        return {str(name): tuple(int(k) for k in shape) for name, shape in found.items()}
    except (OSError, ValueError, SyntaxError, StopIteration, AttributeError, TypeError) as error:
        what = f"does not say its INPUTS ({error!r})."
        raise InputError(Finding(where=str(path), what=what, fix="Export it again.")) from error


def _trace(folder: Path, inputs: Inputs) -> Trace:
    batch = next(iter(inputs.values())).shape[0]
    with tempfile.TemporaryDirectory() as place:
        given, found = Path(place) / "input.npz", Path(place) / "output.npz"
        np.savez(given, **inputs)  # type: ignore[arg-type]
        _run(folder, [str(given), str(found)], SAMPLE_SECONDS * batch)
        with np.load(found, allow_pickle=False) as held:
            return Trace(spikes=dict(held))


def _run(folder: Path, arguments: list[str], seconds: float) -> None:
    """Run the script; whatever it has forked ends with it. Errors: ExecutionError."""
    command = [sys.executable, str(folder.resolve() / "run.py"), *arguments]
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


READER = Reader(
    kind="lava",
    summary="a folder of Lava processes, run by its own script",
    takes=lambda path: exported_as(path, "lava"),
    open=_open,
)
