"""`make judges`: ONNX Runtime is there, and equals the reference on many more networks."""

import sys
from pathlib import Path

import numpy as np
import pytest

from neurochain.exporters.job import Job
from neurochain.exporters.run import export
from neurochain.simulators.reference import run_reference

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "simulators"))

import engine_cases as cases
import onnx_runs as ort


@pytest.mark.judge
def test_a_thousand_networks(tmp_path, record_property):
    """Fails, not skips, without ONNX Runtime."""
    from test_onnx import _drawn

    for seed in range(100, 1100):
        with np.errstate(all="ignore"):
            network, inputs = _drawn(seed)
            want = run_reference(network, inputs, record=cases.everything(network))
        folder = tmp_path / str(seed)
        export(Job(network=network, name="drawn"), "onnx", folder)
        assert not ort.differing(want, *ort.run_steps(folder, network, inputs)), seed
        assert not ort.differing(want, *ort.run_sequence(folder, network, inputs)), seed
    record_property("judged", "ONNX: 1,000 networks, every value the same in ONNX Runtime")


@pytest.mark.judge
def test_three_hundred_integer_networks(tmp_path, record_property):
    """Fails, not skips, without ONNX Runtime: a chip's integers, spikes, values and states."""
    from test_onnx_integers import drawn

    for seed in range(100, 400):
        network, inputs, want = drawn(seed)
        folder = tmp_path / str(seed)
        export(Job(network=network, name="drawn"), "onnx", folder)
        assert not ort.differing(want, *ort.run_steps(folder, network, inputs)), seed
        assert not ort.differing(want, *ort.run_sequence(folder, network, inputs)), seed
    record_property("judged", "ONNX: 300 integer networks, every value and state the same")


@pytest.mark.judge
@pytest.mark.parametrize("weights", ["float32", "int8"])
@pytest.mark.parametrize("model", ["mnist-mlp", "nmnist-conv"])
def test_shipped_models(model, weights, tmp_path, record_property):
    """Fails, not skips, without ONNX Runtime: every neuron's spikes, step by step and at once."""
    spikes = ort.compare_shipped(model, weights, tmp_path / "out", samples=10)
    said = f"ONNX: {model}, {weights}, {spikes:,} spikes, every one the same in ONNX Runtime"
    record_property("judged", said)
