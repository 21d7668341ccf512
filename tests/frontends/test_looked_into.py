"""Neurons that are no plain snnTorch layer: their own arithmetic is the program that runs."""

import pytest
import snntorch as snn
import torch
from live_module import N, agree, dyadic, frames, leaky
from torch import nn

import neurochain
from neurochain import UnsupportedError

pytestmark = pytest.mark.torch


class Step(nn.Module):
    """fc - `middle` - lif, one step a call."""

    def __init__(self, middle, **options):
        super().__init__()
        self.fc, self.lif, self.middle = nn.Linear(N, N), leaky(**options), middle

    def forward(self, x):
        return self.lif(self.middle(self.fc(x)))


OPTIONS = {
    "graded": {"graded_spikes_factor": 2.0},
    "spike_grad_that_is_no_step": {"spike_grad": lambda x: x.clamp(0, 1)},
    "tiny_beta": {"beta": 1e-12},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options(name):
    agree(lambda: dyadic(Step(nn.Identity(), **OPTIONS[name])))


MIDDLES = {
    "lapicque": lambda: snn.Lapicque(beta=0.5, init_hidden=True),
    "alpha": lambda: snn.Alpha(alpha=0.9, beta=0.5, init_hidden=True),
    "batch_norm": lambda: nn.BatchNorm1d(N),
}


@pytest.mark.parametrize("name", MIDDLES)
def test_layers_in_the_middle(name):
    agree(lambda: dyadic(Step(MIDDLES[name]())))


def test_a_method_replaced_on_a_neuron():
    def make():
        net = Step(nn.Identity())
        net.lif.fire = lambda mem: (mem >= 1).float()
        return dyadic(net)

    agree(make)


class Heaviside(torch.autograd.Function):
    @staticmethod
    def forward(ctx, mem):
        ctx.save_for_backward(mem)
        return (mem > 0).float()


class Split(torch.autograd.Function):
    @staticmethod
    def forward(mem):
        return (mem >= 0).float()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)


class Own(nn.Module):
    """A neuron written by hand; starts at `start`, `reset` sets it back."""

    def __init__(self, fire, start=0.0, decay=0.5):
        super().__init__()
        self.fire, self.start, self.decay = fire, start, decay
        self.reset()

    def reset(self):
        self.mem = None

    def forward(self, current):
        if self.mem is None:
            self.mem = torch.full_like(current, self.start)
        self.mem = self.mem * self.decay + current
        spikes = self.fire(self.mem - 1.0)
        self.mem = self.mem - spikes
        return spikes


class Net(nn.Module):
    """Two hand-written neurons that share their code, in a list; a method sets them back."""

    def __init__(self, fire, start, container):
        super().__init__()
        self.fc, self.fc2 = nn.Linear(N, N), nn.Linear(N, N)
        neurons = {"a": Own(fire, start), "b": Own(fire, start, 0.75)}
        is_list = container is nn.ModuleList
        self.neurons = nn.ModuleList(neurons.values()) if is_list else nn.ModuleDict(neurons)
        self.keys = (0, 1) if is_list else ("a", "b")

    def forward(self, x):
        for key in self.keys:
            self.neurons[key].reset()
        record = []
        for frame in x:
            first = self.neurons[self.keys[0]](self.fc(frame))
            record.append(self.neurons[self.keys[1]](self.fc2(first)))
        return torch.stack(record)


def plain(mem):
    return (mem > 0).float()


@pytest.mark.parametrize("container", [nn.ModuleList, nn.ModuleDict])
@pytest.mark.parametrize("start", [0.0, 0.75])
@pytest.mark.parametrize("fire", [plain, Heaviside.apply, Split.apply], ids=["plain", "ctx", "two"])
def test_neurons_written_by_hand(fire, start, container):
    agree(lambda: dyadic(Net(fire, start, container)), loops=True)


class Looped(nn.Module):
    """A neuron whose state `body` is free to change."""

    def __init__(self, body):
        super().__init__()
        self.fc, self.lif, self.body = nn.Linear(N, N), snn.Leaky(beta=0.5), body

    def forward(self, x):
        mem, record = self.lif.init_leaky(), []
        for t in range(x.size(0)):
            spk, mem = self.lif(self.fc(x[t]), self.body(self, x, t, mem))
            record.append(spk)
        return torch.stack(record)


STATES = {
    "reset_every_step": lambda net, x, t, mem: net.lif.reset_mem(),
    "scaled": lambda net, x, t, mem: mem * 0.5,
    "starts_from_ones": lambda net, x, t, mem: mem if t else torch.ones(x.shape[1], N),
    "starts_from_its_own": lambda net, x, t, mem: (
        mem if t else torch.tensor([0.5, 1, 2, -1]).expand(x.shape[1], N)
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_states_that_forward_changes(name):
    agree(lambda: dyadic(Looped(STATES[name])), loops=True)


def test_first_states_that_differ_between_samples_are_refused():
    def body(net, x, t, mem):
        return mem if t else torch.arange(2.0 * N).reshape(2, N) / 4

    with pytest.raises(UnsupportedError, match=r"first state|differ between samples"):
        neurochain.compile(dyadic(Looped(body)), frames(0, steps=5), verify=False)


def test_membranes_feed_layers_and_spikes_are_compared():
    class Feeds(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.fc2 = nn.Linear(N, N), nn.Linear(N, N)
            self.first, self.lif = leaky(output=True), leaky()

        def forward(self, x):
            spikes, mem = self.first(self.fc(x))
            return self.lif(self.fc2(mem)), spikes > 0

    agree(lambda: dyadic(Feeds()))


def test_one_neuron_called_twice_a_step_keeps_one_state():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.lif = nn.Linear(N, N), leaky(graded_spikes_factor=1.0)

        def forward(self, x):
            return self.lif(self.lif(self.fc(x)))

    make = lambda: dyadic(Twice())  # noqa: E731
    art = neurochain.compile(make(), frames(99)[0])
    assert art.provenance["verification"]["equal"] is True
    live, x = make(), frames(0)
    with torch.no_grad():
        wanted = torch.stack([live(torch.from_numpy(now)).clone() for now in x]).numpy()
    run = neurochain.simulate(art, x, time_axis=0)
    assert (next(iter(run.outputs.values())).swapaxes(0, 1) == wanted).all()
