"""A live PyTorch module from a .pt or .pt2, untouched, one sample after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from neurochain.agreement.runnable import Inputs, Reader, Reading, Runnable, Trace
from neurochain.errors import InputError

__all__ = ["READER"]


def _open(path: str, reading: Reading) -> Runnable:
    from neurochain.frontends.modules import record
    from neurochain.pipeline import Options, load_source
    from neurochain.verification.forced import names_of_states

    options = Options(model=reading.model, time_axis=reading.time_axis)
    loaded = load_source(Path(path), reading.sample, options)
    module, result = loaded.module, loaded.result
    if module is None:
        raise InputError(f"{path}: {loaded.unverified}, so there is no module to run.")

    def run(inputs: Inputs) -> Trace:
        shapes = result.input_shapes
        batch, steps = next(iter(inputs.values())).shape[:2]
        spikes: dict[str, list[Any]] = {}
        states: dict[str, dict[str, list[Any]]] = {}
        for sample in range(batch):
            x = {name: inputs[name][sample].reshape(steps, *shapes[name]) for name in shapes}
            for name, found in record(module, result, x).populations.items():
                spikes.setdefault(name, []).append(found.spikes.reshape(steps, -1))
                for ours, theirs in names_of_states(found.after).items():
                    kept = states.setdefault(name, {}).setdefault(ours, [])
                    kept.append(found.after[theirs].reshape(steps, -1))
        return Trace(
            spikes={name: np.stack(rows) for name, rows in spikes.items()},
            states={
                name: {state: np.stack(rows) for state, rows in entries.items()}
                for name, entries in states.items()
            },
        )

    return Runnable(name=path, kind="module", inputs=dict(result.input_shapes), run=run)


READER = Reader(
    kind="module",
    summary=".pt or .pt2, the PyTorch module",
    takes=lambda path: Path(path).suffix in (".pt", ".pth", ".pt2"),
    open=_open,
)
