"""The untrained models: what they promise for hardware, and that importing them is light."""

import subprocess
import sys

import pytest

from neurochain import models

FACTORIES = {
    "mnist-mlp": models.mnist_mlp,
    "mnist-mlp-subtract": models.mnist_mlp_subtract,
    "nmnist-conv": models.nmnist_conv,
}

PROBE = """
import sys
import neurochain.inputs, neurochain.learning, neurochain.models
neurochain.models.zoo()
sys.exit("torch" in sys.modules)
"""


def test_importing_needs_no_torch():
    assert subprocess.run([sys.executable, "-c", PROBE], check=False).returncode == 0


@pytest.mark.torch
@pytest.mark.parametrize("name", FACTORIES)
def test_one_beta_and_one_threshold_per_layer(name):
    import snntorch

    neurons = [m for m in FACTORIES[name]().modules() if isinstance(m, snntorch.Leaky)]
    assert len(neurons) >= 2
    reset = "subtract" if name.endswith("subtract") else "zero"
    for neuron in neurons:
        assert neuron.beta.ndim == neuron.threshold.ndim == 0
        assert not neuron.beta.requires_grad
        assert neuron.reset_mechanism == reset
        assert neuron.init_hidden


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "shape"),
    [("mnist-mlp", (784,)), ("mnist-mlp-subtract", (784,)), ("nmnist-conv", (2, 34, 34))],
)
def test_one_call_is_one_step(name, shape):
    import torch

    spikes = FACTORIES[name]()(torch.ones(3, *shape))
    assert spikes.shape == (3, 10)
    assert set(spikes.unique().tolist()) <= {0.0, 1.0}
