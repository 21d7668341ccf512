"""A folder of `export --to lava`, run by its own run.py. Runs its code."""

from __future__ import annotations

import sys
from pathlib import Path

from neurochain.agreement.readers._folders import constants, exported_as, need_files
from neurochain.agreement.runnable import Inputs, Reader, Reading, Runnable, Trace
from neurochain.errors import Finding, InputError, UnsupportedError
from neurochain.exporters.scripts import through_script

__all__ = ["READER"]

SAMPLE_SECONDS = 600
"""Lava by itself waits for ever where one of its processes fails."""


def _open(path: str, reading: Reading) -> Runnable:
    from neurochain.simulators.lava.compat import missing

    need_files(Path(path))
    findings = missing()
    if findings:
        raise UnsupportedError(*findings)
    shapes = _shapes(Path(path) / "network.py")

    def run(inputs: Inputs) -> Trace:
        return _trace(Path(path), inputs)

    return Runnable(name=path, kind="lava", inputs=shapes, run=run)


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    (found,) = constants(path, "INPUTS")
    try:
        return {str(name): tuple(int(k) for k in shape) for name, shape in found.items()}
    except (ValueError, AttributeError, TypeError) as error:
        what = f"INPUTS are no shapes ({error!r})."
        raise InputError(Finding(where=str(path), what=what, fix="Export it again.")) from error


def _trace(folder: Path, inputs: Inputs) -> Trace:
    batch = next(iter(inputs.values())).shape[0]
    (found,) = through_script(folder, sys.executable, inputs, SAMPLE_SECONDS * batch)
    return Trace(spikes=found)


READER = Reader(
    kind="lava",
    summary="a folder of Lava processes, run by its own script",
    takes=lambda path: exported_as(path, "lava"),
    open=_open,
)
