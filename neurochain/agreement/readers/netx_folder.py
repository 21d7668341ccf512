"""A folder of `export --to netx`, loaded by lava-dl and run in Lava by its own run.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from neurochain.agreement.readers._folders import constants, exported_as, need_files
from neurochain.agreement.runnable import Inputs, Reader, Reading, Runnable, Trace
from neurochain.errors import Finding, InputError, UnsupportedError
from neurochain.exporters.scripts import through_script

__all__ = ["PYTHON", "READER"]

PYTHON = "LAVA_DL_PYTHON"
"""Environment variable: the Python that has lava-dl, where this one has not."""
SAMPLE_SECONDS = 600


def _open(path: str, reading: Reading) -> Runnable:
    need_files(Path(path))
    python = os.environ.get(PYTHON, sys.executable)
    look = "from importlib.util import find_spec as f; raise SystemExit(f('lava.lib.dl') is None)"
    if subprocess.run([python, "-c", look], capture_output=True, check=False).returncode:
        raise UnsupportedError(
            Finding(
                where=path,
                what=f"is run by lava-dl, which {python} has not.",
                fix="pip install --no-deps --ignore-requires-python lava-dl==0.6.0, or name the "
                f"Python that has it in ${PYTHON}.",
            )
        )
    source, shape, late = constants(Path(path) / "run.py", "SOURCE", "SHAPE", "LATE")
    try:
        shapes = {source: tuple(int(k) for k in shape)}
        lag = {str(name): int(steps) for name, steps in late.items()}
        if type(source) is not str or min(lag.values(), default=0) < 0:
            raise ValueError(f"SOURCE {source!r}, LATE {late!r}")
    except (ValueError, AttributeError, TypeError) as error:
        what = f"says SOURCE, SHAPE or LATE in another way ({error!r})."
        fix = "Export it again."
        raise InputError(Finding(where=f"{path}/run.py", what=what, fix=fix)) from error

    def run(inputs: Inputs) -> Trace:
        samples = [_sample(Path(path), python, source, x, lag) for x in inputs[source]]
        return Trace(spikes={name: np.stack([s[name] for s in samples]) for name in samples[0]})

    return Runnable(name=path, kind="netx", inputs=shapes, run=run)


def _sample(
    folder: Path, python: str, source: str, x: np.ndarray, late: dict[str, int]
) -> dict[str, np.ndarray]:
    """x (step, n) -> layer -> (step, n), in the time of the input."""
    padded = np.concatenate([x, np.zeros((max(late.values(), default=0), *x.shape[1:]), x.dtype)])
    (held,) = through_script(folder, python, {source: padded}, SAMPLE_SECONDS)
    return {name: held[name][late.get(name, 0) :][: len(x)] for name in held}


READER = Reader(
    kind="netx",
    summary="a folder of lava-dl's netx, run by its own script",
    takes=lambda path: exported_as(path, "netx"),
    open=_open,
)
