"""What people write around and instead of known neurons: compiled, and equal to the module."""

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn
from torch.nn import functional

import neurochain

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

STEPS = 60
FORWARDS = {
    "relu": lambda s, x: s.lif(functional.relu(s.fc(x))),
    "scaled": lambda s, x: s.lif(s.fc(x) * 2),
    "constant": lambda s, x: s.lif(s.fc(x) + 0.125),
    "divided": lambda s, x: s.lif(1.5 / (2 + s.fc(x).abs())),
    "clamped": lambda s, x: s.lif(s.fc(x).clamp(-0.25, 0.75)),
    "membrane feeds a layer": lambda s, x: s.lif(s.fc(s.out(s.fc2(x))[1])),
    "comparison": lambda s, x: s.lif(s.fc((x > 0).float())),
    "reordered": lambda s, x: s.lif(s.fc(x.flip(1))),
    "a part": lambda s, x: s.lif(s.fc(x)[:, :2]),
    "twice in a step": lambda s, x: s.lif(s.lif(s.fc(x))),
    "where": lambda s, x: s.lif(torch.where(s.fc(x) > 0, s.fc(x), s.fc2(x))),
    "joined": lambda s, x: s.lif(torch.cat([s.fc(x)[:, 2:], s.fc2(x)[:, :2]], 1)),
    "mean over features": lambda s, x: s.lif(s.fc(x) - s.fc2(x).mean(1, keepdim=True)),
    "matrix": lambda s, x: s.lif(x @ s.fc.weight.t()),
}
OPTIONS = {
    "graded": {"graded_spikes_factor": 2.0},
    "surrogate": {"spike_grad": lambda x: x.clamp(0, 1)},
    "tiny beta": {"beta": 1e-12},
}
LAYERS = {
    "batch norm": lambda: nn.BatchNorm1d(4),
    "relu": nn.ReLU,
    "lapicque": lambda: snn.Lapicque(beta=0.5, init_hidden=True, threshold=0.25),
    "alpha": lambda: snn.Alpha(alpha=0.875, beta=0.5, init_hidden=True, threshold=0.25),
}
LOOPS = {
    "reset inside": lambda s, x, t, m: s.lif(s.fc(x[t]), s.lif.reset_mem()),
    "scaled state": lambda s, x, t, m: s.lif(s.fc(x[t]), m * 0.5),
    "start": lambda s, x, t, m: s.lif(s.fc(x[t]), m if t else torch.full((1, 4), 0.375)),
}


def dyadic(module, seed=1):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim():
                parameter.copy_(torch.randint(-12, 21, parameter.shape, generator=generator) / 16)
    return module.eval()


def leaky(**options):
    return snn.Leaky(**{"beta": 0.5, "init_hidden": True, "threshold": 0.5, **options})


class Any(nn.Module):
    def __init__(self, run):
        super().__init__()
        self.fc, self.fc2, self.lif = nn.Linear(4, 4), nn.Linear(4, 4), leaky()
        self.out, self.run = leaky(output=True), run

    def forward(self, x):
        return self.run(self, x)


class Looped(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.fc, self.lif, self.body = nn.Linear(4, 4), snn.Leaky(beta=0.5, threshold=0.5), body

    def forward(self, x):
        mem, record = self.lif.init_leaky(), []
        for t in range(x.size(0)):
            spikes, mem = self.body(self, x, t, mem)
            record.append(spikes)
        return torch.stack(record)


def spikes(seed):
    return (np.random.default_rng(seed).random((STEPS, 1, 4)) < 0.4).astype(np.float32)


def stepped(module, x):
    """What the module returns, step by step, from rest."""
    for part in module.modules():
        if hasattr(part, "reset_mem"):
            part.reset_mem()
    with torch.no_grad():
        return np.stack([module(torch.from_numpy(frame)).numpy() for frame in x])


def same(module, sample, x, expected):
    art = neurochain.compile(module, sample)
    run = neurochain.simulate(art, x[:, 0])
    got = next(iter(run.outputs.values()))[0]
    assert np.array_equal(got.reshape(STEPS, -1), expected.reshape(STEPS, -1))
    return expected


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", FORWARDS)
def test_forward(name, seed):
    module, x = dyadic(Any(FORWARDS[name]), seed), spikes(seed)
    expected = same(module, torch.zeros(1, 4), x, stepped(module, x))
    assert 0 < expected.mean() < 1 or name == "divided"


@pytest.mark.parametrize("name", OPTIONS)
def test_neuron_options(name):
    module, x = dyadic(nn.Sequential(nn.Linear(4, 4), leaky(**OPTIONS[name]))), spikes(3)
    assert same(module, torch.zeros(1, 4), x, stepped(module, x)).any()


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    module, x = dyadic(nn.Sequential(nn.Linear(4, 4), LAYERS[name](), leaky())), spikes(4)
    expected = stepped(module, x)
    if name == "batch norm":  # scales that are no powers of two: judged by the verification
        assert neurochain.compile(module, torch.zeros(1, 4)).provenance["verification"]["equal"]
        return
    assert same(module, torch.zeros(1, 4), x, expected).any()


@pytest.mark.parametrize("name", LOOPS)
def test_loops(name):
    module, x = dyadic(Looped(LOOPS[name])), spikes(5)
    with torch.no_grad():
        expected = module(torch.from_numpy(x)).numpy()
    assert same(module, torch.zeros(STEPS, 1, 4), x, expected).any()


def test_the_last_step_may_be_reordered():
    class Last(Looped):
        def forward(self, x):
            return super().forward(x)[-1].flip(-1)

    module, x = dyadic(Last(lambda s, x, t, m: s.lif(s.fc(x[t]), m))), spikes(6)
    art = neurochain.compile(module, torch.zeros(STEPS, 1, 4))
    run = neurochain.simulate(art, x[:, 0])
    with torch.no_grad():
        expected = module(torch.from_numpy(x)).numpy()
    assert np.array_equal(next(iter(run.outputs.values()))[0, -1], expected[0])
