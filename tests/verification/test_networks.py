"""Networks beyond the cells: each is read, lowered and verified against its live module."""

import numpy as np
import pytest
import snntorch as snn
import torch
from snntorch_nets import set_weights, spikes
from torch import nn
from torch.nn import functional

from neurochain import simulate
from neurochain.frontends.modules import to_graph
from neurochain.graph import Affine, Conv, Flatten, MaxPool, Scale
from neurochain.lowering import lower
from neurochain.verification import verify_network

pytestmark = pytest.mark.torch

STEPS = 40


def leaky(**options):
    return snn.Leaky(**{"beta": 0.75, "init_hidden": True, **options})


def prepared(net, seed=0, dyadic=True):
    set_weights(net, dyadic=dyadic, seed=seed)
    return net.eval()


def check(net, sample, x, *, exercised=True, **options):
    """Read, lower, verify; returns the front end's result."""
    result = to_graph(net, sample, dt_s=1e-3, **options)
    report = verify_network(lower(result.graph), result, net, x)
    assert report.equal, report
    assert report.ties == ()
    assert not report.not_compared
    if exercised:
        assert not report.not_exercised, report.not_exercised
    return result


def sequential(*layers):
    return prepared(nn.Sequential(*layers))


IMAGE = {
    "conv": lambda: [nn.Conv2d(2, 3, 3, padding=1), leaky()],
    "conv_same": lambda: [nn.Conv2d(2, 3, (3, 5), padding="same", dilation=(2, 1)), leaky()],
    "conv_valid_stride": lambda: [nn.Conv2d(2, 4, 3, stride=2, padding="valid"), leaky()],
    "conv_groups": lambda: [nn.Conv2d(2, 4, 3, groups=2, bias=False), leaky()],
    "pool_before": lambda: [nn.Conv2d(2, 3, 3), nn.MaxPool2d(2), leaky()],
    "pool_after": lambda: [
        nn.Conv2d(2, 3, 3),
        leaky(),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 2, 2),
        leaky(),
    ],
    "pool_overlapping": lambda: [nn.MaxPool2d(3, stride=1, padding=1), nn.Conv2d(2, 2, 3), leaky()],
    "average": lambda: [nn.AvgPool2d(2), nn.Conv2d(2, 3, 2), leaky()],
    "average_padded": lambda: [nn.AvgPool2d(2, stride=2, padding=1), nn.Conv2d(2, 3, 2), leaky()],
    "sum": lambda: [nn.AvgPool2d(2, divisor_override=1), nn.Conv2d(2, 3, 2), leaky()],
    "ceil_that_changes_nothing": lambda: [nn.MaxPool2d(2, ceil_mode=True), leaky(threshold=0.5)],
    "flatten_some": lambda: [nn.Flatten(2), nn.Conv1d(2, 3, 5, stride=3), leaky()],
    "chain_without_neuron": lambda: [nn.Conv2d(2, 2, 3), nn.Conv2d(2, 2, 3), leaky()],
    "starts_with_a_neuron": lambda: [leaky(threshold=0.9), nn.Conv2d(2, 2, 3), leaky()],
    "identity_and_dropout": lambda: [nn.Identity(), nn.Conv2d(2, 2, 3), nn.Dropout(0.5), leaky()],
    "nested": lambda: [nn.Sequential(nn.Conv2d(2, 2, 3), leaky()), nn.MaxPool2d(2), leaky()],
}


@pytest.mark.parametrize("name", IMAGE)
def test_images(name):
    net = sequential(*IMAGE[name]())
    x = spikes((0.3,), STEPS, (2, 8, 8), seed=2)
    check(net, np.zeros((1, 2, 8, 8)), x)


def test_image_classifier():
    net = sequential(
        nn.Conv2d(2, 4, 3), leaky(reset_mechanism="zero"), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(36, 5), leaky(),
    )  # fmt: skip
    result = check(net, torch.zeros(2, 2, 8, 8), spikes((0.3, 0.5), STEPS, (2, 8, 8), seed=1))
    assert isinstance(result.graph.nodes["3"], Flatten)
    assert isinstance(result.graph.nodes["2"], MaxPool)
    assert result.input_shape == (2, 8, 8)


def test_one_axis():
    net = sequential(
        nn.Conv1d(2, 4, 3, padding=1), leaky(), nn.AvgPool1d(2), nn.Conv1d(4, 3, 2), leaky(),
        nn.MaxPool1d(2), nn.Flatten(), nn.Linear(9, 4), leaky(),
    )  # fmt: skip
    check(net, np.zeros((1, 2, 16)), spikes((0.4,), STEPS, (2, 16), seed=1))


def test_unbatched_sample():
    net = sequential(nn.Linear(6, 5), leaky(), nn.Linear(5, 3), leaky())
    result = check(net, np.zeros(6), spikes((0.5,), STEPS, (6,), seed=1))
    assert not result.batched


class Skip(nn.Module):
    def __init__(self, double=False):
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(8, 8), leaky()
        self.fc2, self.lif2 = nn.Linear(8, 8), leaky()
        self.double = double

    def forward(self, x):
        first = self.lif1(self.fc1(x))
        total = torch.add(self.fc2(first), first)
        if self.double:
            total = total + first
        return self.lif2(total)


@pytest.mark.parametrize("double", [False, True])
def test_skip_connections(double):
    result = check(prepared(Skip(double)), np.zeros((1, 8)), spikes((0.4,), STEPS, (8,), seed=3))
    sources = [e.source for e in result.graph.edges if e.target == "lif2"]
    assert sources[:2] == ["fc2", "lif1"]


class Functional(nn.Module):
    """As the tutorials write it."""

    def __init__(self):
        super().__init__()
        self.conv1, self.lif1 = nn.Conv2d(1, 3, 3), snn.Leaky(beta=0.5)
        self.conv2, self.lif2 = nn.Conv2d(3, 4, 2), snn.Leaky(beta=0.5)
        self.fc1, self.lif3 = nn.Linear(16, 3), snn.Leaky(beta=0.5)

    def forward(self, x):
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        mem3 = self.lif3.reset_mem()
        record, membranes = [], []
        for _ in range(STEPS):
            spk1, mem1 = self.lif1(functional.max_pool2d(self.conv1(x), 2), mem1)
            spk2, mem2 = self.lif2(functional.avg_pool2d(self.conv2(spk1), 1), mem2)
            spk3, mem3 = self.lif3(self.fc1(spk2.view(x.size(0), -1)), mem3)
            record.append(spk3)
            membranes.append(mem3)
        return torch.stack(record), torch.stack(membranes)


def test_tutorial_network_with_a_static_image():
    net = prepared(Functional(), seed=4)
    image = np.random.default_rng(0).random((1, 1, 9, 9)).astype(np.float32)
    image = np.round(image * 16) / 16
    x = np.repeat(image, STEPS, axis=0)
    result = check(net, image, x, exercised=False)
    assert (result.static_input, result.steps, result.time_axis) == (True, STEPS, None)
    assert {"max_pool2d", "avg_pool2d", "flatten"} <= set(result.graph.nodes)
    assert [o.signal for o in result.outputs] == ["spike", "membrane"]


class OwnRecurrence(nn.Module):
    """The user's own feedback: last step's spikes through a layer."""

    def __init__(self):
        super().__init__()
        self.fc, self.back = nn.Linear(6, 8), nn.Linear(8, 8)
        self.lif = snn.Leaky(beta=0.75)

    def forward(self, x):
        spk, mem = torch.zeros(x.shape[1], 8), torch.zeros(x.shape[1], 8)
        record = []
        for frame in x:
            spk, mem = self.lif(self.fc(frame) + self.back(spk), mem)
            record.append(spk)
        return torch.stack(record)


def test_own_recurrence():
    result = check(
        prepared(OwnRecurrence()), np.zeros((3, 1, 6)), spikes((0.4,), STEPS, (6,), seed=3)
    )
    assert [e.delay_steps for e in result.graph.edges if e.target == "back"] == [1]


RECURRENT = {
    "scalar": {"all_to_all": False, "V": -0.5},
    "vector": {"all_to_all": False, "V": torch.linspace(-1, 1, 9)[:8].clone()},
    "fixed": {"all_to_all": False, "V": -0.25, "learn_recurrent": False},
    "dense": {"linear_features": 8},
}


@pytest.mark.parametrize("kind", ["RLeaky", "RSynaptic"])
@pytest.mark.parametrize("name", RECURRENT)
def test_recurrence(kind, name):
    options = {"alpha": 0.5} if kind == "RSynaptic" else {}
    neuron = getattr(snn, kind)(
        beta=0.75, threshold=1.5, init_hidden=True, **options, **RECURRENT[name]
    )
    net = nn.Sequential(nn.Linear(6, 8), neuron)
    set_weights(net[0], dyadic=True, seed=1)
    if name == "dense":
        set_weights(neuron.recurrent, dyadic=True, seed=2)
    result = check(net.eval(), np.zeros((1, 6)), spikes((0.4,), STEPS, (6,), seed=3))
    node = result.graph.nodes["1.recurrent"]
    assert type(node) is (Affine if name == "dense" else Scale)


@pytest.mark.parametrize("kind", ["RLeaky", "RSynaptic"])
def test_convolutional_recurrence(kind):
    options = {"alpha": 0.5} if kind == "RSynaptic" else {}
    neuron = getattr(snn, kind)(
        beta=0.75, conv2d_channels=3, kernel_size=3, init_hidden=True, threshold=1.5, **options
    )
    net = sequential(nn.Conv2d(2, 3, 3, padding=1), neuron)
    result = check(net, np.zeros((1, 2, 5, 5)), spikes((0.3,), STEPS, (2, 5, 5), seed=3))
    assert isinstance(result.graph.nodes["1.recurrent"], Conv)


def test_parameters_of_each_neuron_and_learnt_ones():
    generator = torch.Generator().manual_seed(0)
    net = sequential(
        nn.Linear(6, 8),
        snn.Synaptic(
            alpha=torch.rand(8, generator=generator),
            beta=torch.rand(1, 8, generator=generator) * 1.4 - 0.2,  # forward clamps to [0, 1]
            threshold=torch.rand(8, generator=generator) + 0.5,
            learn_alpha=True, learn_beta=True, learn_threshold=True, init_hidden=True,
        ),
    )  # fmt: skip
    with torch.no_grad():
        net[1].beta.copy_(torch.linspace(-0.2, 1.2, 8)[None])
        net[1].threshold.copy_(torch.linspace(0.5, 1.5, 8))
        net[1].alpha.copy_(torch.linspace(0.1, 0.9, 8))
    result = check(net.eval(), np.zeros((1, 6)), spikes((0.4,), STEPS, (6,), seed=3))
    assert result.graph.nodes["1"].v_threshold.shape == (8,)


def test_parameters_of_each_channel():
    net = sequential(
        nn.Conv2d(2, 3, 3), leaky(beta=torch.tensor([0.25, 0.5, 0.75]).reshape(3, 1, 1))
    )
    result = check(net, np.zeros((1, 2, 6, 6)), spikes((0.4,), STEPS, (2, 6, 6), seed=3))
    assert result.graph.nodes["1"].tau.shape == (3, 4, 4)


@pytest.mark.parametrize("beta", [0.0, 1e-6, 0.5, 0.999, 1 - 2**-24, 1.0])
def test_every_beta_is_kept_to_the_bit(beta):
    net = nn.Sequential(nn.Linear(3, 3), leaky(beta=beta, reset_mechanism="subtract"))
    network = lower(to_graph(net.eval(), np.zeros((1, 3)), dt_s=1e-4).graph)
    assert network.node("1").params["beta"] == np.float32(beta)
    assert "gain" not in network.node("1").params


class SharedNeuron(nn.Module):
    """One neuron module serves two places, each with its own membrane."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.lif = nn.Linear(6, 6), nn.Linear(6, 6), snn.Leaky(beta=0.75)

    def forward(self, x, mem1, mem2):
        spk1, mem1 = self.lif(self.fc1(x), mem1)
        spk2, mem2 = self.lif(self.fc2(spk1), mem2)
        return spk2, mem1, mem2


def test_a_neuron_that_serves_twice_becomes_two_populations():
    result = check(prepared(SharedNeuron()), np.zeros((1, 6)), spikes((0.5,), STEPS, (6,), seed=3))
    assert [fact.node for fact in result.populations] == ["lif@1", "lif@2"]


class OptionalStates(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.lif = nn.Linear(6, 6), snn.Leaky(beta=0.75)

    def forward(self, x, mem=None):
        if mem is None:
            mem = self.lif.reset_mem()
        return self.lif(self.fc(x), mem)


def test_optional_states_are_threaded():
    result = check(
        prepared(OptionalStates()), np.zeros((1, 6)), spikes((0.5,), STEPS, (6,), seed=3)
    )
    assert [a.argument for a in result.state_arguments] == ["mem"]
    assert [o.signal for o in result.outputs] == ["spike", "membrane"]


class OwnAttribute(nn.Module):
    """Keeps its membrane on itself."""

    def __init__(self):
        super().__init__()
        self.fc, self.lif = nn.Linear(6, 6), snn.Leaky(beta=0.75)
        self.mem = torch.zeros(1, 6)

    def forward(self, x):
        spk, self.mem = self.lif(self.fc(x), self.mem)
        return spk


def test_states_kept_as_attributes():
    net = prepared(OwnAttribute())
    check(net, np.zeros((1, 6)), spikes((0.5,), STEPS, (6,), seed=3))
    assert not net.mem.any()


def test_a_layer_behind_the_last_neuron_is_compared():
    net = sequential(nn.Linear(6, 8), leaky(), nn.Linear(8, 3))
    x = spikes((0.5,), STEPS, (6,), seed=3)
    result = check(net, np.zeros((1, 6)), x)
    with torch.no_grad():
        net[2].bias += 0.5
    report = verify_network(lower(result.graph), result, net, x)
    assert not report.equal
    assert report.first_divergence.node == "2"


def test_names_of_the_users_modules_win():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.input, self.output = nn.Linear(4, 4), leaky()

        def forward(self, x):
            return self.output(self.input(x))

    result = check(prepared(Named()), np.zeros((1, 4)), spikes((0.5,), STEPS, (4,), seed=3))
    assert isinstance(result.graph.nodes["input"], Affine)
    run = simulate(lower(result.graph), spikes((0.5,), STEPS, (4,), seed=3))
    assert "output" in run.spikes
