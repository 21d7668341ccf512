"""Reading and driving leave the user's module, process and random generators as they were."""

import random
import subprocess
import sys

import numpy as np
import pytest
import snntorch as snn
import torch
from snntorch import utils
from snntorch._neurons.neurons import SpikingNeuron
from torch import nn

from neurochain import UnsupportedError
from neurochain.frontends.modules import record, to_graph

pytestmark = pytest.mark.torch


class Net(nn.Module):
    """Has states, buffers, attributes that change, and resets every neuron of the process."""

    def __init__(self):
        super().__init__()
        self.fc, self.drop = nn.Linear(4, 4), nn.Dropout(0.5)
        self.lif = snn.RSynaptic(alpha=0.5, beta=0.5, linear_features=4, init_hidden=True)
        self.register_buffer("calls", torch.zeros(1))
        self.history, self.last, self.count = [], None, 0

    def forward(self, x):
        utils.reset(self)
        self.calls += 1
        self.count += 1
        record = []
        for frame in x:
            spk = self.lif(self.drop(self.fc(frame)))
            record.append(spk)
            self.history.append(spk)
        self.last = spk
        torch.rand(1)
        return torch.stack(record)


def look(module):
    """Everything about a module that can be looked at."""
    tensors = {}
    for name, part in module.named_modules():
        for key, value in {**vars(part), **part._parameters, **part._buffers}.items():
            if isinstance(value, torch.Tensor):
                tensors[name, key] = (id(value), value.detach().clone(), value._version)
        tensors[name, "mode"] = part.training
        tensors[name, "hooks"] = [
            len(part._forward_hooks), len(part._forward_pre_hooks), len(part._backward_hooks),
        ]  # fmt: skip
        tensors[name, "names"] = sorted(vars(part))
    return tensors


def same(a, b):
    assert a.keys() == b.keys()
    for key in a:
        if isinstance(a[key], tuple):
            assert a[key][0] == b[key][0], key
            assert torch.equal(a[key][1], b[key][1]), key
        else:
            assert a[key] == b[key], key


@pytest.fixture
def used():
    """A network that has been trained a step: states with gradients, other neurons beside it."""
    torch.manual_seed(3)
    module, other = Net(), snn.Leaky(beta=0.5, init_hidden=True)
    other(torch.ones(2, 3))
    module(torch.ones(3, 2, 4)).sum()
    return module, other


@pytest.mark.parametrize("ends", ["read", "recorded", "refused"])
def test_nothing_is_left_behind(used, ends):
    module, other = used
    before, beside = look(module), look(other)
    listed, history = list(SpikingNeuron.instances), list(module.history)
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    call = nn.Module.__call__

    result = to_graph(module, np.zeros((3, 1, 4)))
    if ends == "recorded":
        record(module, result, np.ones((6, 4), np.float32))
    if ends == "refused":
        module.lif.state_quant = torch.round
        with pytest.raises(UnsupportedError):
            to_graph(module, np.zeros((3, 1, 4)))
        module.lif.state_quant = False

    same(before, look(module))
    same(beside, look(other))
    assert all(a is b for a, b in zip(listed, SpikingNeuron.instances, strict=True))
    assert all(a is b for a, b in zip(history, module.history, strict=True))
    assert module.training
    assert nn.Module.__call__ is call
    assert torch.equal(states[0], torch.get_rng_state())
    assert np.array_equal(states[1], np.random.get_state()[1])  # noqa: NPY002
    assert states[2] == random.getstate()
    assert module.last.grad_fn is not None


def test_the_sample_is_left_as_it_was():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.lif = nn.Linear(4, 4), snn.Leaky(beta=0.5, init_hidden=True)

        def forward(self, x):
            x += 0
            return self.lif(self.fc(x))

    sample = torch.ones(1, 4)
    to_graph(InPlace().eval(), sample)
    assert vars(sample) == {}
    assert torch.equal(sample, torch.ones(1, 4))


def test_a_record_says_what_the_module_does():
    module = Net().eval()
    result = to_graph(module, np.zeros((3, 1, 4)))
    x = (np.random.default_rng(0).random((20, 4)) < 0.5).astype(np.float32)
    recording = record(module, result, x)
    with torch.no_grad():
        wanted = module(torch.from_numpy(x)[:, None])[:, 0].numpy()
    population = recording.populations["lif"]
    np.testing.assert_array_equal(population.spikes, wanted)
    np.testing.assert_array_equal(population.before["spk"][1:], wanted[:-1])
    np.testing.assert_array_equal(population.before["mem"][1:], population.after["mem"][:-1])
    assert not population.before["syn"][0].any()
    assert population.recurrent.shape == population.current.shape == (20, 4)


def test_importing_the_front_ends_needs_no_torch():
    code = (
        "import sys, neurochain, neurochain.frontends, neurochain.verification; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
