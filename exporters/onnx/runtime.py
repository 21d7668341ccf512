"""An exported folder in ONNX Runtime, step by step."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neurochain.exporters.consumer import Consumer, Inputs, Trace
from neurochain.network import Network

__all__ = ["CONSUMER", "Model", "run_model"]

_LATEST = 1 << 20


class Model:
    """step.onnx, loaded. Errors: ImportError without ONNX Runtime; what that raises on a bad file.

    inputs  source -> shape of an element
    rest    state -> its value at rest, (1, ...)
    starts  population -> by how many steps it runs late; models of before do not say it
    """

    def __init__(self, folder: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self.session: Any = onnxruntime.InferenceSession(
            str(folder / "step.onnx"), options, providers=["CPUExecutionProvider"]
        )
        with np.load(folder / "rest.npz", allow_pickle=False) as held:
            self.rest = dict(held)
        self.inputs = {
            i.name: tuple(int(k) for k in i.shape[1:])
            for i in self.session.get_inputs()
            if i.name not in self.rest
        }
        self.starts = _starts(self.session.get_modelmeta().custom_metadata_map)


def _starts(properties: Mapping[str, str]) -> dict[str, int]:
    """Errors: ValueError where it is no number of steps by name."""
    facts = json.loads(properties.get("neurochain", "{}"))
    starts = facts.get("starts", {}) if isinstance(facts, dict) else None
    if not isinstance(starts, dict):
        raise ValueError("step.onnx: its neurochain property says no starts by name")
    for name, start in starts.items():
        if type(start) is not int or not 0 <= start <= _LATEST:
            raise ValueError(f"step.onnx: start {start!r} of {name}")
    return starts


def run_model(
    model: Model, inputs: Inputs, *, states: bool = False, seconds: float = float("inf")
) -> dict[str, np.ndarray[Any, Any]]:
    """Output -> (sample, step, n): `NODE.emitted`, `NODE.membrane`, and `NODE.STATE.next` if asked.

    Errors: TimeoutError after so many seconds.
    """
    end = time.monotonic() + seconds
    names = [o.name for o in model.session.get_outputs()]
    batch, steps = next(iter(inputs.values())).shape[:2]
    state = {name: np.repeat(value, batch, axis=0) for name, value in model.rest.items()}
    kept: dict[str, list[Any]] = {n: [] for n in names if states or not n.endswith(".next")}
    for t in range(steps):
        fed = {name: inputs[name][:, t].reshape(batch, *s) for name, s in model.inputs.items()}
        out = dict(zip(names, model.session.run(names, {**fed, **state}), strict=True))
        for name, rows in kept.items():
            rows.append(out[name].reshape(batch, -1))
        state = {name: out[f"{name}.next"] for name in state}
        if time.monotonic() > end:
            raise TimeoutError(f"{t + 1} of {steps} steps took longer than {seconds:.3g} s.")
    return {name: np.stack(rows, axis=1) for name, rows in kept.items()}


def _traces(
    folder: Path, python: str, network: Network, inputs: Inputs, seconds: float
) -> Iterator[Trace]:
    end = time.monotonic() + seconds
    model = Model(folder)
    samples = next(iter(inputs.values())).shape[0]
    for k in range(samples):
        one = {name: x[k : k + 1] for name, x in inputs.items()}
        values = run_model(model, one, states=True, seconds=end - time.monotonic())
        emitted = _under(values, ".emitted")
        yield Trace(spikes=emitted, states=_states(values, emitted))


def _under(values: Mapping[str, Any], ending: str) -> dict[str, Any]:
    return {n.removesuffix(ending): v for n, v in values.items() if n.endswith(ending)}


def _states(values: Mapping[str, Any], emitted: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Node -> state -> values; nodes' names may hold dots."""
    found: dict[str, dict[str, Any]] = {node: {} for node in emitted}
    for name, value in _under(values, ".next").items():
        node, _, state = name.rpartition(".")
        if node in found:
            found[node][state] = value
    return found


CONSUMER = Consumer(
    name="ONNX Runtime",
    distributions=("onnxruntime",),
    install="pip install onnxruntime",
    run=_traces,
    late=True,
)
