"""A folder of `export --to c`, built in a copy of it and fed through a pipe. Runs its code."""

from __future__ import annotations

import json
import shutil
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from neurochain.agreement.readers._folders import exported_as, need_files
from neurochain.agreement.runnable import Inputs, Reader, Reading, Runnable, Trace
from neurochain.errors import ExecutionError, Finding, InputError, UnsupportedError
from neurochain.exporters.guarded import run_guarded

__all__ = ["READER"]

BUILD_SECONDS = 600
RUN_SECONDS = 600
_LATEST = 1 << 20
_MOST_ELEMENTS = 1 << 28
_ITEMS = ("uint8", "int32", "float32")
"""Numbers that projects give out."""
_OWN = ("kernel", "runtime", "test", "network.c", "network.h", "Makefile", "build")
"""Copied with their times, so that what was built already is not built again."""


def _open(path: str, reading: Reading) -> Runnable:
    for tool in ("cc", "make"):
        if shutil.which(tool) is None:
            raise UnsupportedError(Finding(where=path, what=f"needs {tool} to be built."))
    need_files(Path(path))
    try:
        facts = json.loads((Path(path) / "network.json").read_text(encoding="utf-8"))
        inputs = {_text(s["name"]): _shape(s["shape"]) for s in facts["sources"]}
        _outputs(facts["outputs"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        fix = "Export it again."
        raise InputError(
            Finding(where=f"{path}/network.json", what=f"cannot be read ({error!r}).", fix=fix)
        ) from error

    def run(given: Inputs) -> Trace:
        with tempfile.TemporaryDirectory() as folder:
            _built(Path(path), Path(folder))
            return _trace(Path(folder), facts, given, path)

    return Runnable(name=path, kind="c", inputs=inputs, run=run)


def _built(project: Path, folder: Path) -> None:
    """The program. Errors: InputError, ExecutionError where the project does not build."""
    try:
        for name in _OWN:
            source = project / name
            if source.is_dir():
                shutil.copytree(source, folder / name)
            elif name != "build":
                shutil.copy2(source, folder / name)
    except OSError as error:
        raise InputError(f"{project}: cannot be copied ({error}).") from error
    command = ["make", "-j2", "OPT=-O0", "build/pipe"]  # the build takes longer than the run
    run_guarded(command, folder, BUILD_SECONDS, where=f"{project}: the build", cwd=folder)


def _text(value: Any) -> str:
    """Errors: ValueError."""
    if type(value) is not str:
        raise ValueError(f"{value!r} is no name")
    return value


def _shape(value: Any) -> tuple[int, ...]:
    """Errors: ValueError, TypeError."""
    if not all(type(size) is int and 0 < size <= _MOST_ELEMENTS for size in value):
        raise ValueError(f"shape {value!r}")
    return tuple(value)


def _outputs(outputs: Any) -> None:
    """Errors: ValueError, KeyError, TypeError where one is not as projects write them."""
    if not outputs:
        raise ValueError("no output")
    for output in outputs:
        _text(output["node"])
        _shape([output["n"]])
        _start(output)
        said = output["item"], output["signal"]
        if said[0] not in _ITEMS or said[1] not in ("spike", "membrane"):
            raise ValueError(f"an output of {said[0]!r}, {said[1]!r}")
    _shape([sum(output["n"] for output in outputs)])


def _start(output: dict[str, Any]) -> int:
    """By how many steps it runs late; projects of before do not say it, and are taken as they are.

    Errors: ValueError.
    """
    start = output.get("start", 0)
    if type(start) is not int or not 0 <= start <= _LATEST:
        raise ValueError(f"start {start!r}")
    return start


def _trace(folder: Path, facts: dict[str, Any], inputs: Inputs, where: str) -> Trace:
    """Run as long as the latest output needs; each is cut to the time of the input.

    Input and output are files, as a guarded command has no stdin of its own.
    """
    sources, outputs = facts["sources"], facts["outputs"]
    batch, asked = next(iter(inputs.values())).shape[:2]
    steps = asked + max(map(_start, outputs), default=0)
    with (folder / "fed").open("wb") as stream:
        stream.writelines(_packed(sources, inputs, batch, steps))
    command = ["sh", "-c", "exec build/pipe <fed >made"]
    run_guarded(command, folder, RUN_SECONDS, where=where, cwd=folder)
    made = (folder / "made").read_bytes()
    fields = [(str(k), o["item"], (int(o["n"]),)) for k, o in enumerate(outputs)]
    row = np.dtype(fields)
    if len(made) != batch * steps * row.itemsize:
        what = f"gave {len(made):,} bytes instead of {batch * steps * row.itemsize:,}."
        raise ExecutionError(Finding(where=where, what=what))
    rows = np.frombuffer(made, dtype=row).reshape(batch, steps)
    spikes, states = {}, {}
    for k, output in enumerate(outputs):
        start = _start(output)
        values = np.ascontiguousarray(rows[str(k)][:, start : start + asked])
        if output["signal"] == "spike":
            spikes[output["node"]] = values
        else:
            states[output["node"]] = {"v": values}
    return Trace(spikes=spikes, states=states)


def _packed(sources: Any, inputs: Inputs, batch: int, steps: int) -> Iterator[bytes]:
    """Samples as runtime/pipe_main.c takes them."""
    for sample in range(batch):
        yield struct.pack("=I", steps)
        for t in range(steps):
            for source in sources:
                given = inputs[source["name"]][sample]
                x = given[t] if t < len(given) else np.zeros_like(given[0])
                idx = np.flatnonzero(x).astype(np.uint32)
                yield struct.pack("=II", len(idx), bool(source["values"])) + idx.tobytes()
                if source["values"]:
                    yield x[idx].astype(np.float32).tobytes()
    yield struct.pack("=I", 0)


READER = Reader(
    kind="c",
    summary="a folder of C, built and run",
    takes=lambda path: exported_as(path, "c"),
    open=_open,
)
