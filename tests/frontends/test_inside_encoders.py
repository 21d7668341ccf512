"""Encoders inside forward: the network takes their spikes, and the module is driven with them."""

import random

import numpy as np
import pytest
import snntorch as snn
import torch
from snntorch import spikegen
from snntorch.spikegen import delta, latency, rate
from torch import nn

import neurochain
from neurochain import Severity, UnsupportedError
from neurochain.frontends.modules import record, to_graph

pytestmark = pytest.mark.torch

T, B, N, H = 7, 2, 6, 4


class Net(nn.Module):
    """fc - lif on what `encode` makes of the input: a sequence, or a function of one step."""

    def __init__(self, encode, besides=None):
        super().__init__()
        self.fc, self.lif = nn.Linear(N, H), snn.Leaky(beta=0.5)
        self.encode, self.besides = encode, besides
        with torch.no_grad():
            self.fc.weight.copy_(torch.arange(H * N).reshape(H, N) / 16)
            self.fc.bias.zero_()

    def forward(self, x):
        spikes, mem, out = self.encode(x), self.lif.init_leaky(), []
        for t in range(T if callable(spikes) else len(spikes)):
            now = spikes(t) if callable(spikes) else spikes[t]
            current = self.fc(now)
            if self.besides is not None:
                current = self.besides(self, current, x)
            spk, mem = self.lif(current, mem)
            out.append(spk)
        return torch.stack(out)


ENCODERS = {
    "rate": (lambda x: spikegen.rate(x, num_steps=T), "rate"),
    "rate_by_name": (lambda x: rate(x, T), "rate"),
    "rate_after_a_step": (lambda x: rate(x, T, first_spike_time=2), "rate"),
    "bernoulli": (lambda x: lambda t: torch.bernoulli(x), "bernoulli"),
    "method": (lambda x: lambda t: x.clamp(0, 1).bernoulli(), "bernoulli"),
    "in_place": (lambda x: lambda t: torch.empty_like(x).bernoulli_(x), "bernoulli"),
    "all_at_once": (lambda x: torch.bernoulli(x.expand(T, *x.shape)), "bernoulli"),
    "compared": (lambda x: lambda t: (torch.rand_like(x) < x).float(), "compare"),
    "compared_from_the_other_side": (
        lambda x: lambda t: (x * 0.5 > torch.rand(x.shape)).float(),
        "compare",
    ),
    "compared_at_once": (lambda x: (torch.rand(T, *x.shape) <= x).float(), "compare"),
    "compared_with_expanded": (
        lambda x: (torch.rand(T, 1, 1).expand(T, *x.shape) < x).float(),
        "compare",
    ),
    "poisson": (lambda x: lambda t: torch.poisson(x), "poisson"),
    "latency": (lambda x: spikegen.latency(x, num_steps=T, tau=3, normalize=True), "latency"),
    "latency_by_name": (lambda x: latency(x, num_steps=T, normalize=True, linear=True), "latency"),
}


def image(seed=0):
    return np.random.default_rng(seed).random((B, N)).astype(np.float32)


def spikes(seed=1, steps=T):
    return (np.random.default_rng(seed).random((steps, N)) < 0.4).astype(np.float32)


def by_hand(x):
    """fc - lif on spikes (step, n), as the module does it."""
    net = Net(lambda given: given)
    with torch.no_grad():
        return net(torch.from_numpy(x[:, None])).numpy()[:, 0]


@pytest.mark.parametrize("name", ENCODERS)
def test_the_network_begins_behind_the_encoder(name):
    encode, function = ENCODERS[name]
    module = Net(encode).eval()
    art = neurochain.compile(module, image())
    assert art.provenance["verification"]["equal"] is True
    assert [(s.name, s.shape) for s in art.network.sources] == [("input", (N,))]
    said = [f for f in art.findings if "encodes the input" in f.what]
    assert [f.severity for f in said] == [Severity.WARNING]
    assert "<lambda>" in said[0].where
    fact = to_graph(module, image()).encoder
    assert (fact.function, fact.time_axis) == (function, None)
    ran = neurochain.simulate(art, spikes()[None])
    np.testing.assert_array_equal(ran.outputs["output"][0], by_hand(spikes()))


@pytest.mark.parametrize("name", ENCODERS)
def test_the_module_is_driven_with_the_spikes_it_is_given(name):
    encode, _ = ENCODERS[name]
    module = Net(encode).eval()
    state = torch.random.get_rng_state()
    code = rate.__code__
    found = record(module, to_graph(module, image()), spikes())
    assert torch.equal(state, torch.random.get_rng_state())
    np.testing.assert_array_equal(found.populations["lif"].spikes, by_hand(spikes()))
    assert 0 < found.populations["lif"].spikes.mean() < 1
    assert rate.__code__ is code
    assert rate(torch.ones(3), 2).tolist() == [[1, 1, 1], [1, 1, 1]]


def test_deltas_of_a_sequence():
    module = Net(lambda x: delta(x, threshold=0.25, off_spike=True)).eval()
    x = np.random.default_rng(0).random((5, B, N)).astype(np.float32)
    art = neurochain.compile(module, x)
    assert art.provenance["verification"]["equal"] is True
    result = to_graph(module, x)
    assert (result.encoder.function, result.encoder.time_axis) == ("delta", 0)
    longer = spikes(steps=11)
    np.testing.assert_array_equal(
        record(module, result, longer).populations["lif"].spikes, by_hand(longer)
    )


def test_draws_from_every_frame_of_a_sequence():
    module = Net(lambda x: [torch.bernoulli(frame) for frame in x]).eval()
    x = np.random.default_rng(0).random((T, B, N)).astype(np.float32)
    result = to_graph(module, x)
    assert (result.encoder.each_step, result.encoder.time_axis) == (True, 0)
    assert neurochain.compile(module, x).provenance["verification"]["equal"] is True


def test_one_step_a_call():
    class Step(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.lif = nn.Linear(N, H), snn.Leaky(beta=0.5, init_hidden=True)

        def forward(self, x):
            return self.lif(self.fc(torch.bernoulli(x)))

    art = neurochain.compile(Step().eval(), image())
    assert art.provenance["verification"]["equal"] is True
    assert dict(art.encoding) == {}


def test_hand_written_neurons_behind_an_encoder():
    class ByHand(Net):
        def forward(self, x):
            spikes, mem, out = rate(x, T), torch.zeros(x.shape[0], H), []
            for t in range(T):
                mem = 0.5 * mem + self.fc(spikes[t])
                spk = (mem > 1).float()
                mem = mem - spk
                out.append(spk)
            return torch.stack(out)

    art = neurochain.compile(ByHand(None).eval(), image())
    assert art.provenance["verification"]["equal"] is True


@pytest.mark.parametrize(
    ("encode", "kind"),
    [
        (lambda x: rate(x, num_steps=T), "rate"),
        (lambda x: lambda t: torch.bernoulli(x), "rate"),
        (lambda x: rate(x, num_steps=T, gain=0.5), None),
        (lambda x: lambda t: torch.bernoulli(x * 0.5), None),
        (lambda x: latency(x, num_steps=T, normalize=True), None),
    ],
)
def test_the_artefact_says_rate_where_the_sample_is_the_probability(encode, kind):
    art = neurochain.compile(Net(encode).eval(), image())
    assert art.encoding.get("kind") == kind
    if kind:
        assert art.encoding["steps"] == T


def _noise(net, current, x):
    return current + torch.randn(current.shape)


REFUSED = {
    "noise": (lambda x: [x] * T, _noise, "randn"),
    "noise_drawn_once": (lambda x: [x + torch.rand(N)] * T, None, "rand"),
    "noise_behind_an_encoder": (lambda x: rate(x, T), _noise, "randn"),
    "raw_input_besides": (lambda x: rate(x, T), lambda net, c, x: c + net.fc(x), "besides"),
    "drawn_from_constants": (lambda x: [x * torch.bernoulli(torch.full((N,), 0.5))] * T, None,
                             "bernoulli"),
    "numpy": (lambda x: [x + float(np.random.rand())] * T, None, "numpy.random"),  # noqa: NPY002
    "python": (lambda x: [x + random.random()] * T, None, "from random"),
    "rate_of_constants_besides": (
        lambda x: rate(x, T) * rate(torch.full((N,), 0.5), T).view(T, 1, N), None, "rate"
    ),
    "two_encoders": (lambda x: rate(x, T) + rate(x, T), None, "random"),
    "drawn_from_a_layer": (
        lambda x: rate(x, T),
        lambda net, c, x: torch.bernoulli(c.clamp(0, 1)),
        "bernoulli",
    ),
    "twice_a_step": (
        lambda x: lambda t: sum(torch.bernoulli(x) for _ in range(2)),
        None,
        "14 times in a call",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_random_numbers_that_are_no_encoder_are_refused(name):
    encode, besides, word = REFUSED[name]
    with pytest.raises(UnsupportedError, match=word):
        neurochain.compile(Net(encode, besides).eval(), image())
