"""Modules made to be read wrongly: each is refused by name, and left as it was."""

import collections
import itertools
import types

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

from neurochain import UnsupportedError
from neurochain.frontends.modules import to_graph

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

TURNS = {"at": 0}


class Net(nn.Module):
    """fc and a membrane; `threshold(net)` is asked at every call."""

    turns = 0

    def __init__(self, threshold=lambda net: 1.0, **attributes):
        super().__init__()
        self.fc, self.v, self.threshold = nn.Linear(4, 6), torch.zeros(1, 6), threshold
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, x):
        limit = self.threshold(self)
        self.v = self.v * 0.5 + self.current(x)
        spikes = (self.v >= limit).float()
        self.v = self.v - spikes
        return spikes

    def current(self, x):
        return self.fc(x)


def private(net):
    net._turns += 1
    return 1.0 if net._turns < 20 else 2.0


def class_attribute(net):
    type(net).turns += 1
    return 1.0 if net.turns < 20 else 2.0


def global_variable(net):
    TURNS["at"] += 1
    return 1.0 if TURNS["at"] < 20 else 2.0


def in_an_object(net):
    net.box.turns += 1
    return 1.0 if net.box.turns < 20 else 2.0


def in_an_array(net):
    net.table += 1
    return 1.0 if net.table[0] < 20 else 2.0


def in_a_deque(net):
    net.line.append(net.line.popleft() + 1)
    return 1.0 if net.line[0] < 20 else 2.0


def of_an_iterator(net):
    return 1.0 if next(net.count) < 20 else 2.0


def of_a_list(net):
    net.record.append(net.v)
    return 1.0 if len(net.record) < 20 else 2.0


def in_a_closure():
    turns = 0

    def threshold(net):
        nonlocal turns
        turns += 1
        return 1.0 if turns < 20 else 2.0

    return threshold


COUNTERS = {
    "private": (lambda: Net(private, _turns=0), lambda net: net._turns),
    "class": (lambda: Net(class_attribute), lambda net: type(net).turns),
    "global": (lambda: Net(global_variable), lambda net: TURNS["at"]),
    "object": (
        lambda: Net(in_an_object, box=types.SimpleNamespace(turns=0)),
        lambda net: net.box.turns,
    ),
    "array": (lambda: Net(in_an_array, table=np.zeros(1)), lambda net: net.table[0]),
    "deque": (lambda: Net(in_a_deque, line=collections.deque([0])), lambda net: net.line[0]),
    "iterator": (lambda: Net(of_an_iterator, count=itertools.count()), lambda net: 0),
    "list": (lambda: Net(of_a_list, record=[]), lambda net: len(net.record)),
    "closure": (
        lambda: Net(in_a_closure()),
        lambda net: net.threshold.__closure__[0].cell_contents,
    ),
}


@pytest.mark.parametrize("name", COUNTERS)
def test_a_counter_that_acts_at_a_later_step_is_refused_and_put_back(name):
    make, count = COUNTERS[name]
    net = make().eval()
    with pytest.raises(UnsupportedError, match="at every call"):
        to_graph(net, torch.ones(2, 4))
    assert count(net) == 0


def test_a_hook_that_counts_is_refused():
    net, turns = Net().eval(), []

    def hook(layer, given, made):
        turns.append(1)
        return made if len(turns) < 20 else made * 0

    net.fc.register_forward_hook(hook)
    with pytest.raises(UnsupportedError, match="at every call"):
        to_graph(net, torch.ones(2, 4))
    assert turns == []


def test_a_state_that_starts_differently_for_each_sample_is_refused():
    net = Net().eval()
    net.v = torch.tensor([[0.75], [0.0]]).expand(2, 6).clone()
    with pytest.raises(UnsupportedError, match="differ between samples"):
        to_graph(net, torch.ones(2, 4))


PRODUCTS = {
    "with_itself": lambda c: c @ c.t() @ c,
    "linear": lambda c: (
        nn.functional.linear(c, nn.functional.linear(c, c)[:, :1].expand(2, 6))
        .sum(1, keepdim=True)
        .expand(2, 6)
    ),
    "einsum": lambda c: torch.einsum("ab,bc->ac", torch.einsum("ab,cb->ac", c, c), c),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_of_two_values_of_the_network_is_refused(name):
    net = Net().eval()
    net.current = lambda x: PRODUCTS[name](net.fc(x))
    with pytest.raises(UnsupportedError):
        to_graph(net, torch.ones(2, 4))


class Shared(nn.Module):
    """Two neurons of snnTorch; `body` is forward."""

    def __init__(self, body):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(4, 6), nn.Linear(6, 6)
        self.lif1, self.lif2 = snn.Leaky(beta=0.5), snn.Leaky(beta=0.5)
        self.a = self.b = torch.zeros(2, 6)
        self.body = body

    def forward(self, x):
        return self.body(self, x)


def one_state(net, x):
    first, net.a = net.lif1(net.fc1(x), net.a)
    second, net.a = net.lif2(net.fc2(first), net.a)
    return second


def swapped(net, x):
    first, a = net.lif1(net.fc1(x), net.a)
    second, net.a = net.lif2(net.fc2(first), net.b)
    net.b = a
    return first, second


@pytest.mark.parametrize("body", [one_state, swapped])
def test_neurons_that_share_a_state_within_a_step_are_refused(body):
    with pytest.raises(UnsupportedError, match="state"):
        to_graph(Shared(body).eval(), torch.ones(2, 4))


def warmed(thresholds):
    """A loop whose threshold is another one from the tenth step on."""

    class Warm(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x):
            mem, record = torch.zeros(x.shape[1], 4), []
            for t in range(x.shape[0]):
                mem = 0.5 * mem + self.fc(x[t])
                record.append((mem > thresholds(t, x.shape[0])).float())
            return torch.stack(record)

    return Warm().eval()


@pytest.mark.parametrize(
    "thresholds", [lambda t, steps: 0.25 if t < 10 else 0.5, lambda t, steps: 1.0 / steps]
)
def test_a_loop_that_depends_on_the_step_or_the_length_is_refused(thresholds):
    with pytest.raises(UnsupportedError):
        to_graph(warmed(thresholds), torch.zeros(6, 1, 4))
    assert to_graph(warmed(lambda t, steps: 0.25), torch.zeros(6, 1, 4)).steps == 6
