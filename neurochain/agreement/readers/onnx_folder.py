"""A folder of `export --to onnx` in ONNX Runtime, step by step, put in the time of the input."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurochain.agreement.readers._folders import exported_as
from neurochain.agreement.runnable import Inputs, Reader, Reading, Runnable, Trace
from neurochain.errors import Finding, InputError, UnsupportedError
from neurochain.exporters.onnx.runtime import CONSUMER, Model, run_model

__all__ = ["READER"]


def _open(path: str, reading: Reading) -> Runnable:
    try:
        model = Model(Path(path))
    except ImportError as error:
        fix = f"Run: {CONSUMER.install}"
        raise UnsupportedError(Finding(where=path, what="needs ONNX Runtime.", fix=fix)) from error
    except Exception as error:  # whatever the runtime raises on a damaged file
        raise InputError(f"{path}: cannot be opened ({type(error).__name__}: {error}).") from error

    def run(inputs: Inputs) -> Trace:
        late = max(model.starts.values(), default=0)
        asked = next(iter(inputs.values())).shape[1]
        fed = {name: np.pad(x, ((0, 0), (0, late), (0, 0))) for name, x in inputs.items()}
        spikes, states = {}, {}
        for name, values in run_model(model, fed).items():
            node, _, what = name.rpartition(".")
            start = model.starts.get(node, 0)
            own = values[:, start : start + asked]
            if what == "emitted":
                spikes[node] = own
            else:
                states[node] = {"v": own}
        return Trace(spikes=spikes, states=states)

    return Runnable(name=path, kind="onnx", inputs=model.inputs, run=run)


READER = Reader(
    kind="onnx",
    summary="a folder, in ONNX Runtime",
    takes=lambda path: exported_as(path, "onnx"),
    open=_open,
)
