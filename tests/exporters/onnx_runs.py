"""Running exported ONNX models in ONNX Runtime, and what the reference engine makes of the same."""

import json
from pathlib import Path

import numpy as np

from neurochain.simulators.types import rest_state


def session(path: Path):
    """ONNX Runtime on a model, with all that it does to graphs by default."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def rest_of(network, batch):
    """States at rest by input name, (batch, ...)."""
    return {
        f"{node}.{name}": value
        for node, entries in rest_state(network, batch).items()
        for name, value in entries.items()
    }


def run_steps(folder, network, inputs, state=None):
    """step.onnx, step by step: (outputs (batch, step, ...), states at the end)."""
    model = session(folder / "step.onnx")
    names = [o.name for o in model.get_outputs()]
    batch, steps = next(iter(inputs.values())).shape[:2]
    state = dict(state or rest_of(network, batch))
    shapes = {s.name: s.shape for s in network.sources}
    gathered = {n: [] for n in names if not n.endswith(".next")}
    for t in range(steps):
        fed = {n: x[:, t].reshape(batch, *shapes[n]) for n, x in inputs.items()}
        out = dict(zip(names, model.run(names, {**fed, **state}), strict=True))
        for name, values in gathered.items():
            values.append(out[name].reshape(batch, -1))
        state = {n.removesuffix(".next"): v for n, v in out.items() if n.endswith(".next")}
    return {n: np.stack(v, axis=1) for n, v in gathered.items()}, state


def run_sequence(folder, network, inputs, state=None):
    """sequence.onnx, at once: the same."""
    model = session(folder / "sequence.onnx")
    names = [o.name for o in model.get_outputs()]
    batch, steps = next(iter(inputs.values())).shape[:2]
    shapes = {s.name: s.shape for s in network.sources}
    fed = {
        n: np.ascontiguousarray(x.swapaxes(0, 1)).reshape(steps, batch, *shapes[n])
        for n, x in inputs.items()
    }
    state = state or rest_of(network, batch)
    out = dict(zip(names, model.run(names, {**fed, **state}), strict=True))
    gathered = {
        n: v.reshape(steps, batch, -1).swapaxes(0, 1)
        for n, v in out.items()
        if not n.endswith(".next")
    }
    return gathered, {n.removesuffix(".next"): v for n, v in out.items() if n.endswith(".next")}


def differing(result, gathered, state):
    """Names of emissions, membranes and states that differ from an EngineResult in any value."""
    found = []
    for name, want in result.emissions.items():
        if f"{name}.emitted" not in gathered:
            continue  # a source
        got = gathered[f"{name}.emitted"]
        if not np.array_equal(got, want.astype(np.float32), equal_nan=True):
            found.append(f"{name}: {np.count_nonzero(got != want)} of {want.size} emissions")
    for name, want in result.membranes.items():
        if f"{name}.membrane" in gathered and not np.array_equal(
            gathered[f"{name}.membrane"], want, equal_nan=True
        ):
            found.append(f"{name}: membranes")
    for node, entries in result.final_state.items():
        for name, want in entries.items():
            if f"{node}.{name}" in state:
                got = state[f"{node}.{name}"]
                if not np.array_equal(got.reshape(want.shape), want, equal_nan=True):
                    found.append(f"{node}.{name}: {np.abs(got.reshape(want.shape) - want).max()}")
    return found


def facts(path: Path):
    """What the model says of itself."""
    import onnx

    (entry,) = onnx.load(path).metadata_props
    return json.loads(entry.value)


__all__ = ["differing", "facts", "rest_of", "run_sequence", "run_steps", "session"]


def compare_shipped(model, weights, folder, samples):
    """Export a shipped model and compare all it emits on its demo, both forms; spikes that are."""
    from neurochain.cli.data import open_data
    from neurochain.cli.options import CompileOptions, InputOptions
    from neurochain.cli.sources import open_source
    from neurochain.exporters.job import Job
    from neurochain.exporters.run import export
    from neurochain.quantize import quantize_weights
    from neurochain.simulators.event import run_event
    from neurochain.simulators.types import Record

    opened = open_source(model, CompileOptions())
    network = opened.artifact.network
    if weights != "float32":
        network, _ = quantize_weights(network, weights)
    data = open_data(opened, InputOptions(input="demo", limit=samples))
    x = next(iter(data.batches()))
    inputs = {network.sources[0].name: x.reshape(*x.shape[:2], -1).astype(np.float32)}
    neurons = [p.name for p in network.populations if not p.is_relay]
    want = run_event(network, inputs, record=Record(emissions=tuple(neurons))).emissions
    export(Job(network=network, name=model), "onnx", folder)
    for run in (run_steps, run_sequence):
        got, _ = run(folder, network, inputs)
        for name, spikes in want.items():
            assert np.array_equal(got[f"{name}.emitted"], spikes), name
    assert all(spikes.any() for spikes in want.values())
    return sum(int(np.count_nonzero(spikes)) for spikes in want.values())
