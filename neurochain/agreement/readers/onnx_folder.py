"""A folder of `export --to onnx` in ONNX Runtime, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from neurochain.agreement.readers._folders import exported_as
from neurochain.agreement.runnable import Inputs, Reader, Reading, Runnable, Trace
from neurochain.errors import Finding, InputError, UnsupportedError

__all__ = ["READER"]


def _open(path: str, reading: Reading) -> Runnable:
    try:
        import onnxruntime
    except ImportError as error:
        fix = "Run: pip install onnxruntime"
        raise UnsupportedError(Finding(where=path, what="needs ONNX Runtime.", fix=fix)) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            str(Path(path) / "step.onnx"), options, providers=["CPUExecutionProvider"]
        )
        with np.load(Path(path) / "rest.npz", allow_pickle=False) as held:
            rest = dict(held)
    except Exception as error:  # whatever the runtime raises on a damaged file
        raise InputError(f"{path}: cannot be opened ({type(error).__name__}: {error}).") from error
    sources = {i.name: i.shape[1:] for i in session.get_inputs() if i.name not in rest}

    def run(inputs: Inputs) -> Trace:
        return _trace(session, rest, {n: (inputs[n], shape) for n, shape in sources.items()})

    shapes = {name: tuple(int(k) for k in shape) for name, shape in sources.items()}
    return Runnable(name=path, kind="onnx", inputs=shapes, run=run)


def _trace(session: Any, rest: dict[str, Any], inputs: dict[str, tuple[Any, Any]]) -> Trace:
    names = [o.name for o in session.get_outputs()]
    batch, steps = next(iter(inputs.values()))[0].shape[:2]
    state = {name: np.repeat(value, batch, axis=0) for name, value in rest.items()}
    kept: dict[str, list[Any]] = {name: [] for name in names}
    for t in range(steps):
        fed = {name: x[:, t].reshape(batch, *shape) for name, (x, shape) in inputs.items()}
        out = dict(zip(names, session.run(names, {**fed, **state}), strict=True))
        for name, values in out.items():
            kept[name].append(values.reshape(batch, -1))
        state = {name: out[f"{name}.next"] for name in state}
    stacked = {name: np.stack(rows, axis=1) for name, rows in kept.items()}
    emitted = {n.removesuffix(".emitted"): v for n, v in stacked.items() if n.endswith(".emitted")}
    membranes = {
        n.removesuffix(".membrane"): v for n, v in stacked.items() if n.endswith(".membrane")
    }
    return Trace(spikes=emitted, states={name: {"v": v} for name, v in membranes.items()})


READER = Reader(
    kind="onnx",
    summary="a folder, in ONNX Runtime",
    takes=lambda path: exported_as(path, "onnx"),
    open=_open,
)
