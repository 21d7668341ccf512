"""Scalar arithmetic of any kind becomes a program that gives the numbers of the live module."""

import pytest
import torch
from live_module import BATCH, N, agree, dyadic, frames, leaky
from torch import nn
from torch.nn import functional

import neurochain
from neurochain import UnsupportedError
from neurochain.frontends.modules import to_graph
from neurochain.frontends.modules._ops import OPS
from neurochain.graph import Custom

pytestmark = pytest.mark.torch


class Between(nn.Module):
    """fc - `middle` - fc2 - neuron; the middle's value is returned beside the spikes."""

    def __init__(self, middle):
        super().__init__()
        self.fc, self.fc2, self.lif = nn.Linear(N, N), nn.Linear(N, N), leaky()
        self.middle = middle

    def forward(self, x):
        return self.lif(self.fc2(self.middle(self.fc(x))))


def on(middle):
    return lambda: dyadic(Between(middle))


TERNARY = {
    "where": lambda f, x: torch.where(x > 0.5, x, -x),
    "maximum": lambda f, x: f(x, x.flip(1)),
    "minimum": lambda f, x: f(x, x.flip(1)),
    "masked_fill": lambda f, x: f(x, x > 1, 0.25),
    "masked_fill_": lambda f, x: f(x.clone(), x > 1, 0.25),
    "threshold": lambda f, x: f(x, 0.5, -1.0),
    "threshold_": lambda f, x: f(x.clone(), 0.5, -1.0),
    "heaviside": lambda f, x: f(x, torch.full((N,), 0.5)),
    "leaky_relu": lambda f, x: f(x, 0.25),
    "leaky_relu_": lambda f, x: f(x.clone(), 0.25),
    "hardtanh": lambda f, x: f(x, -0.5, 0.75),
    "hardtanh_": lambda f, x: f(x.clone(), -0.5, 0.75),
    **dict.fromkeys(("clamp", "clip"), lambda f, x: f(x, -0.5, 0.75)),
    **dict.fromkeys(("clamp_", "clip_"), lambda f, x: f(x.clone(), -0.5, 0.75)),
    **dict.fromkeys(("clamp_min", "clamp_max"), lambda f, x: f(x, 0.5)),
    **dict.fromkeys(("clamp_min_", "clamp_max_"), lambda f, x: f(x.clone(), 0.5)),
}
LOGIC = ("logical_and", "__and__", "logical_or", "__or__")
NOT = ("logical_not", "__invert__", "bitwise_not")
ONE = (
    "neg", "__neg__", "negative", "abs", "__abs__", "absolute", "floor", "square", "relu", "relu_",
    "relu6", "trunc", "fix", "sign", "sgn", "reciprocal",
)  # fmt: skip


def function(name):
    """The function of this name, wherever torch keeps it."""
    for place in (torch.Tensor, torch, functional):
        if hasattr(place, name):
            return getattr(place, name)
    return None


def applied(name, x):
    """One call of an entry of OPS on x."""
    call = function(name)
    if name in TERNARY:
        return TERNARY[name](call, x)
    if name in LOGIC:
        return call(x > 0, x < 1).float()
    if name in NOT:
        return call(x > 0.5).float()
    if name == "reciprocal":
        return call(x.abs() + 1).clamp(0.25, 1)
    given = x.clone() if name.endswith("_") and not name.startswith("__") else x * 1
    if name in ONE:
        return call(given)
    divides = "div" in name
    return call(given, 0.5 if divides or "eq" not in name else 0.25) * 1.0


EXISTING = sorted(name for name in OPS if function(name) is not None)


def test_names_that_torch_does_not_have_are_aliases():
    assert len(set(OPS) - set(EXISTING)) < 12


@pytest.mark.parametrize("name", EXISTING)
def test_every_operation(name):
    agree(on(lambda x: applied(name, x)), seeds=2, busy=False)


FORMS = {
    "scaled": lambda x: x * 2,
    "shifted": lambda x: x + 0.125,
    "each_its_own": lambda x: x * torch.tensor([1, 0.5, 2, -1]) + torch.arange(4.0) / 4,
    "compared_with_itself": lambda x: (x > x.flip(1)).float(),
    "truncated_quotient": lambda x: torch.div(x, 0.5, rounding_mode="trunc"),
    "two_parts": lambda x: torch.maximum(x, x.roll(1, 1)) - x.clamp(max=0.5),
    "scaled_sum": lambda x: torch.add(x, x.abs(), alpha=0.5),
    "square_of_a_sum": lambda x: (x + 0.5) * (x + 0.5),
    "several_lines": lambda x: torch.where(x > 0, x - 0.25, x * 0.5).clamp(-1, 1) + x.abs(),
    "comparison": lambda x: (x > 0).float(),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms(name):
    agree(on(FORMS[name]))


@pytest.mark.parametrize("layer", [nn.ReLU, nn.ReLU6, nn.Hardtanh, lambda: nn.LeakyReLU(0.25)])
def test_activations(layer):
    agree(lambda: dyadic(Between(layer())))


def test_one_call_is_one_program():
    graph = to_graph(on(FORMS["several_lines"])(), frames(0)[0]).graph
    assert [type(node) for node in graph.nodes.values()].count(Custom) == 1


def test_a_constant_of_its_own_for_every_sample_is_refused():
    rows = torch.arange(float(BATCH * N)).reshape(BATCH, N)
    with pytest.raises(UnsupportedError, match="differs between samples of the batch"):
        neurochain.compile(on(lambda x: x + rows)(), frames(0)[0])


def test_an_addition_with_two_roundings_is_not_taken_for_torchs_one():
    with pytest.raises(UnsupportedError, match="no exact counterpart"):
        neurochain.compile(on(lambda x: torch.add(x, x.abs(), alpha=0.3))(), frames(0)[0])
