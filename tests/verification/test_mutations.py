"""A change of any parameter is seen, and what lies inside the rounding bound is a tie."""

import numpy as np
import pytest
import snntorch as snn
import torch
from snntorch_nets import set_weights, spikes
from torch import nn

from neurochain import InputError
from neurochain.frontends.modules import to_graph
from neurochain.graph import Edge, Graph
from neurochain.lowering import lower
from neurochain.verification import verify_network

pytestmark = pytest.mark.torch

X = spikes((0.3,), 60, (2, 7, 7), seed=4)


class Net(nn.Module):
    def __init__(self, **changed):
        super().__init__()
        given = {
            "beta": 0.75, "alpha": 0.5, "threshold": 1.0, "reset_mechanism": "subtract",
            "reset_delay": True, "stride": 2, **changed,
        }  # fmt: skip
        reset = {k: given[k] for k in ("reset_mechanism", "reset_delay")}
        self.conv = nn.Conv2d(2, 3, 3, stride=given["stride"], padding=0)
        self.lif1 = snn.Synaptic(
            alpha=given["alpha"], beta=given["beta"], threshold=given["threshold"],
            init_hidden=True, **reset,
        )  # fmt: skip
        self.flat, self.fc = nn.Flatten(), nn.Linear(27, 6)
        self.lif2 = snn.RLeaky(beta=given["beta"], linear_features=6, init_hidden=True, **reset)

    def forward(self, x):
        return self.lif2(self.fc(self.flat(self.lif1(self.conv(x)))))


def net(**changed):
    made = Net(**changed)
    set_weights(made, dyadic=True, seed=1)
    return made.eval()


def read(module):
    return to_graph(module, np.zeros((1, 2, 7, 7)), dt_s=1e-3)


def compare(ours, theirs):
    """The network of one module against another module."""
    return verify_network(lower(read(ours).graph), read(theirs), theirs, X)


def changed_weight(name, index, by):
    module = net()
    with torch.no_grad():
        dict(module.named_parameters())[name][index] += by
    return module


MUTATIONS = {
    "weight": lambda: changed_weight("fc.weight", (2, 5), 0.25),
    "convolution": lambda: changed_weight("conv.weight", (0, 1, 2, 2), 0.25),
    "recurrent_weight": lambda: changed_weight("lif2.recurrent.weight", (1, 3), 0.25),
    "bias": lambda: changed_weight("fc.bias", 3, 0.125),
    "convolution_bias": lambda: changed_weight("conv.bias", 1, 0.125),
    "recurrent_bias": lambda: changed_weight("lif2.recurrent.bias", 0, 0.125),
    "beta": lambda: net(beta=0.8125),
    "alpha": lambda: net(alpha=0.5625),
    "threshold": lambda: net(threshold=1.0625),
    "reset_zero": lambda: net(reset_mechanism="zero"),
    "reset_none": lambda: net(reset_mechanism="none"),
    "reset_delay": lambda: net(reset_delay=False),
}


def test_the_unchanged_network_is_equal():
    report = compare(net(), net())
    assert report.equal
    assert report.ties == ()
    assert report.not_exercised == ()
    assert report.first_divergence is None
    assert "equal over 1 samples of 60 steps" in str(report)


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_kind_of_parameter(name):
    report = compare(MUTATIONS[name](), net())
    assert not report.equal
    assert report.mismatches
    first = report.first_divergence
    assert first.node in ("lif1", "lif2")
    assert 0 <= first.step < 60
    assert first.expected != first.got
    assert f"step {first.step}, {first.node}[{first.neuron}]" in str(report)


def test_stride():
    """Another stride with a map of the same size: 7 -> 3 by stride 2, or by a crop and stride 1."""
    right = nn.Sequential(nn.Conv2d(2, 3, 3, stride=2), snn.Leaky(beta=0.5, init_hidden=True))
    set_weights(right, dyadic=True, seed=1)
    wrong = nn.Sequential(
        nn.Conv2d(2, 3, 3, stride=1, dilation=2), snn.Leaky(beta=0.5, init_hidden=True)
    )
    wrong.load_state_dict(right.state_dict())
    assert not compare(wrong.eval(), right.eval()).equal


def test_delay():
    module = net()
    graph = read(module).graph
    edges = tuple(
        Edge(e.source, e.target, 1) if (e.source, e.target) == ("lif1", "flat") else e
        for e in graph.edges
    )
    late = Graph(nodes=graph.nodes, edges=edges, dt_s=graph.dt_s)
    report = verify_network(lower(late), read(module), module, X)
    assert not report.equal
    assert report.first_divergence.node == "lif2"


def lone_neuron(weights, threshold):
    """One neuron that reads many sources; float weights that do not sum exactly."""
    module = nn.Sequential(
        nn.Linear(len(weights), 1, bias=False),
        snn.Leaky(beta=0.5, threshold=threshold, init_hidden=True),
    )
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor(weights)[None])
    return module.eval()


WEIGHTS = (np.random.default_rng(7).random(64) * 0.1 + 0.01).astype(np.float32)


@pytest.mark.parametrize(("times", "tie"), [(0.4, True), (2.0, False)])
def test_a_divergence_at_twice_the_bound_is_a_mismatch_and_one_inside_is_a_tie(times, tie):
    """The module's threshold is above v by less or more than the bound, the network's below."""
    x = np.ones((1, 64), np.float32)
    exact = float(WEIGHTS.astype(np.float64).sum())
    gamma = 64 * 2.0**-24 / (1 - 64 * 2.0**-24)
    bound = gamma * exact  # of the sum; v = beta 0 + sum adds one rounding
    module = lone_neuron(WEIGHTS, exact + times * bound)
    other = lone_neuron(WEIGHTS, exact + times * bound)
    with torch.no_grad():  # the seeded fault: the sum is moved by a little more than that
        other[0].weight[0, 0] += 2 * times * bound
    read_other = to_graph(other, np.zeros((1, 64)), dt_s=1e-3)
    result = to_graph(module, np.zeros((1, 64)), dt_s=1e-3)
    report = verify_network(lower(read_other.graph), result, module, x)
    spike = module(torch.from_numpy(x)).item()
    assert spike == 0
    assert report.equal is tie
    if tie:
        assert {t.kind for t in report.ties} == {"teacher-forced", "free-running"}
        one = report.ties[0]
        assert abs(one.v - one.theta) <= one.bound <= 1.2 * bound
        assert "tie at sample 0, step 0, 1[0]" in str(one)
        assert report.free_running[0].equal_steps == 0
        assert report.free_running[0].tie is not None
    else:
        assert report.ties == ()
        assert report.first_divergence.what == "spike"
        assert report.first_divergence.bound <= 1.2 * bound


def test_a_membrane_exactly_on_the_threshold_is_no_tie():
    """Nothing is rounded: 1 > 1 is no spike, whatever the module with a lower threshold says."""
    weights = np.full(4, 0.25, np.float32)
    module, other = lone_neuron(weights, 0.875), lone_neuron(weights, 1.0)
    ours = lower(to_graph(other, np.zeros((1, 4)), dt_s=1e-3).graph)
    theirs = to_graph(module, np.zeros((1, 4)), dt_s=1e-3)
    report = verify_network(ours, theirs, module, np.ones((1, 4), np.float32))
    assert not report.equal
    assert report.ties == ()
    assert report.first_divergence.bound == 0


def test_a_wrong_state_is_seen_where_no_spike_tells():
    """Leaky "zero" with and without delay spike alike; the membranes they keep differ."""
    late = nn.Sequential(nn.Linear(4, 4), snn.Leaky(beta=0.5, init_hidden=True))
    soon = nn.Sequential(nn.Linear(4, 4), snn.Leaky(beta=0.5, init_hidden=True, reset_delay=False))
    for module in (late, soon):
        set_weights(module, dyadic=True, seed=1)
        module.eval()
    x = spikes((0.5,), 3, (4,), seed=0)
    result = to_graph(soon, np.zeros((1, 4)), dt_s=1e-3)
    network = lower(to_graph(late, np.zeros((1, 4)), dt_s=1e-3).graph)
    report = verify_network(network, result, soon, x)
    assert not report.equal


def test_quiet_and_busy_populations_are_named():
    module = nn.Sequential(
        nn.Linear(3, 3), snn.Leaky(beta=0.5, init_hidden=True, threshold=100.0),
        nn.Linear(3, 3), snn.Leaky(beta=0.5, init_hidden=True, threshold=-100.0),
    )  # fmt: skip
    result = to_graph(module.eval(), np.zeros((1, 3)), dt_s=1e-3)
    x = spikes((0.5,), 20, (3,), seed=0)
    report = verify_network(lower(result.graph), result, module, x)
    assert report.equal
    assert report.not_exercised == ("1", "3")


def test_input_and_module_must_fit():
    module = net()
    result = read(module)
    network = lower(result.graph)
    with pytest.raises(InputError, match=r"the module takes \(sample, step"):
        verify_network(network, result, module, np.zeros((5, 3)))
    with pytest.raises(InputError, match="not finite"):
        verify_network(network, result, module, np.full((5, 2, 7, 7), np.nan))
    other = nn.Sequential(nn.Linear(3, 3), snn.Leaky(beta=0.5, init_hidden=True)).eval()
    with pytest.raises(InputError, match="compiled from"):
        verify_network(network, result, other, X)
