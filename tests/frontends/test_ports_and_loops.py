"""Neurons of one's own that several layers enter by different ways, and loops of many populations.

Compared spike by spike, and value by value, with the live module.
"""

import pytest
import snntorch as snn
import torch
from live_module import N, agree, dyadic, leaky
from torch import nn

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def layers(count):
    return nn.ModuleList(nn.Linear(N, N) for _ in range(count))


def entering(art, population):
    """(port, delay) of what enters a population, in order."""
    return [(p.port, p.delay) for p in art.network.incoming(population)]


class Neuron(nn.Module):
    """One population of a neuron written by hand: `update` makes its membrane from three layers."""

    def __init__(self, update):
        super().__init__()
        self.fc, self.update, self.mem = layers(3), update, None

    def forward(self, x):
        mem = torch.zeros(x.size(0), N) if self.mem is None else self.mem
        mem = self.update(mem, *(fc(x) for fc in self.fc))
        spikes = (mem > 1).float()
        self.mem = mem - spikes
        return spikes


UPDATES = {
    "a gate opens for one and holds back the other": lambda v, a, b, c: (
        v * 0.5 + a * (b > 0.25).float() - c * (1 - (b > 0.25).float())
    ),
    "the larger of two": lambda v, a, b, c: torch.maximum(v * 0.5 + a, b.abs()) + c,
    "a quotient": lambda v, a, b, c: v * 0.5 + a / (1 + b.abs()) + c,
    "chosen by where": lambda v, a, b, c: torch.where(c > 0, v * 0.5 + a, v - b),
    "one of them twice": lambda v, a, b, c: v * 0.5 + a * b + a.clamp(-1, 1) * c,
}


@pytest.mark.parametrize("name", UPDATES)
def test_layers_enter_by_ports(name):
    art = agree(lambda: dyadic(Neuron(UPDATES[name])), seeds=1)
    (population,) = (p for p in art.network.populations if p.program.states)
    assert len(population.program.ports) == 3
    assert {port for port, _ in entering(art, population.name)} == set(population.program.ports)


class Inhibited(nn.Module):
    """Spikes of two known populations enter one written by hand: one drives, one divides."""

    def __init__(self):
        super().__init__()
        self.fc, self.mem = layers(4), None
        self.excite, self.inhibit = leaky(), leaky()

    def forward(self, x):
        mem = torch.zeros(x.size(0), N) if self.mem is None else self.mem
        drive, shunt = self.excite(self.fc[0](x)), self.inhibit(self.fc[1](x))
        mem = (mem * 0.5 + self.fc[2](drive)) / (1 + self.fc[3](shunt).abs())
        spikes = (mem > 0.25).float()
        self.mem = mem - spikes * 0.25
        return spikes


def test_spikes_of_two_populations_enter_by_two_ports():
    art = agree(lambda: dyadic(Inhibited()))
    assert [p.name for p in art.network.populations][:2] == ["excite", "inhibit"]
    (own,) = (p for p in art.network.populations[2:] if p.program.states)
    assert len({port for port, _ in entering(art, own.name)}) == 2


class Gated(nn.Module):
    """Its own spikes of the step before close the gate of the layer that enters."""

    def __init__(self):
        super().__init__()
        self.fc = layers(2)

    def forward(self, x):
        mem, spikes, out = torch.zeros(x.size(1), N), torch.zeros(x.size(1), N), []
        for frame in x:
            mem = mem * 0.5 + self.fc[0](frame) * (self.fc[1](spikes) < 0.5).float()
            spikes = (mem > 1).float()
            mem = mem - spikes
            out.append(spikes)
        return torch.stack(out)


def test_a_loop_enters_by_a_port_of_its_own():
    art = agree(lambda: dyadic(Gated()), loops=True)
    (own,) = (p for p in art.network.populations if p.program.states)
    assert sorted(delay for _, delay in entering(art, own.name)) == [0, 1]
    assert len({port for port, _ in entering(art, own.name)}) == 2


class Round(nn.Module):
    """A chain of known neurons; the last one's spikes enter the first, one step later."""

    def __init__(self, size):
        super().__init__()
        self.inp, self.fc = nn.Linear(N, N), layers(size)
        self.lif = nn.ModuleList(snn.Leaky(beta=0.5, threshold=0.25) for _ in range(size))

    def forward(self, x):
        mems = [torch.zeros(x.size(1), N) for _ in self.lif]
        spikes, out = torch.zeros(x.size(1), N), []
        for frame in x:
            current = self.inp(frame) + self.fc[0](spikes)
            for k, lif in enumerate(self.lif):
                current = self.fc[k](spikes) if k else current
                spikes, mems[k] = lif(current, mems[k])
            out.append(spikes)
        return torch.stack(out)


class RoundHidden(nn.Module):
    """The same, one step a call; neurons keep their states, the module the last spikes."""

    def __init__(self, size):
        super().__init__()
        self.inp, self.fc, self.last = nn.Linear(N, N), layers(size), None
        self.lif = nn.ModuleList(leaky(threshold=0.25) for _ in range(size))

    def forward(self, x):
        last = torch.zeros(x.size(0), N) if self.last is None else self.last
        spikes = self.lif[0](self.inp(x) + self.fc[0](last))
        for fc, lif in zip(self.fc[1:], self.lif[1:], strict=True):
            spikes = lif(fc(spikes))
        self.last = spikes
        return spikes


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("kind", [Round, RoundHidden])
def test_a_loop_through_many_populations(kind, size):
    art = agree(lambda: dyadic(kind(size)), loops=kind is Round, seeds=1)
    names = [f"lif.{k}" for k in range(size)]
    assert [p.name for p in art.network.populations] == names
    delays = [sorted(delay for _, delay in entering(art, name)) for name in names]
    assert delays == [[0, 1], *[[0]] * (size - 1)]  # cut once, where the module cuts it


class Chain(nn.Module):
    """Neurons written by hand; what the last one emitted holds back every one of them."""

    def __init__(self, size=4):
        super().__init__()
        self.fc, self.back = layers(size), layers(size)

    def forward(self, x):
        mems = [torch.zeros(x.size(1), N) for _ in self.fc]
        last, out = torch.zeros(x.size(1), N), []
        for frame in x:
            z = frame
            for k, (fc, back) in enumerate(zip(self.fc, self.back, strict=True)):
                mems[k] = mems[k] * 0.5 + fc(z) - back(last) * 0.25
                z = (mems[k] > 0.25).float()
                mems[k] = mems[k] - z * 0.25
            last = z
            out.append(z)
        return torch.stack(out)


def test_a_loop_that_enters_every_population():
    art = agree(lambda: dyadic(Chain()), loops=True)
    own = [p for p in art.network.populations if p.program.states]
    assert len(own) == 4
    for population in own:
        delays = [delay for _, delay in entering(art, population.name)]
        assert sorted(delays) == [0, 1]
        assert len(population.program.ports) == 2


class Ring(nn.Module):
    """Three populations that all read one another's past."""

    def __init__(self):
        super().__init__()
        self.inp, self.fc = nn.Linear(N, N), layers(9)
        self.lif = nn.ModuleList(snn.Leaky(beta=0.5) for _ in range(3))

    def forward(self, x):
        mems = [torch.zeros(x.size(1), N) for _ in range(3)]
        spikes, out = [torch.zeros(x.size(1), N)] * 3, []
        for frame in x:
            now = []
            for k, lif in enumerate(self.lif):
                parts = [self.fc[3 * k + j](spikes[j]) for j in range(3)]
                current = parts[0] + parts[1] + parts[2]
                z, mems[k] = lif(current + self.inp(frame) if k == 0 else current, mems[k])
                now.append(z)
            spikes = now
            out.append(torch.cat(now, 1))
        return torch.stack(out)


def test_populations_that_all_read_the_past():
    art = agree(lambda: dyadic(Ring()), loops=True)
    assert {name: sorted(d for _, d in entering(art, name)) for name in ("lif.0", "lif.1")} == {
        "lif.0": [0, 1, 1, 1],
        "lif.1": [1, 1, 1],
    }


class Nested(nn.Module):
    """A loop of two inside a loop of three, and one of one."""

    def __init__(self):
        super().__init__()
        self.fc = layers(6)
        self.lif = nn.ModuleList(snn.Leaky(beta=0.5, threshold=0.5) for _ in range(3))

    def forward(self, x):
        mems = [torch.zeros(x.size(1), N) for _ in range(3)]
        b = c = torch.zeros(x.size(1), N)
        out = []
        for frame in x:
            a, mems[0] = self.lif[0](self.fc[0](frame) + self.fc[1](b) + self.fc[2](c), mems[0])
            b, mems[1] = self.lif[1](self.fc[3](a), mems[1])
            c, mems[2] = self.lif[2](self.fc[4](b) + self.fc[5](c), mems[2])
            out.append(c)
        return torch.stack(out)


def test_loops_inside_a_loop():
    art = agree(lambda: dyadic(Nested()), loops=True)
    found = {f"lif.{k}": sorted(d for _, d in entering(art, f"lif.{k}")) for k in range(3)}
    assert found == {"lif.0": [0, 1, 1], "lif.1": [0], "lif.2": [0, 1]}


class Analog(nn.Module):
    """Values, not spikes, go round three integrators; kept on a grid, so no sum is rounded."""

    def __init__(self):
        super().__init__()
        self.inp, self.fc = nn.Linear(N, N), layers(3)

    def forward(self, x):
        a = b = c = torch.zeros(x.size(1), N)
        out = []
        for frame in x:
            a = self.kept(a * 0.5 + self.inp(frame) - self.fc[0](c))
            b = self.kept(b * 0.5 + self.fc[1](a))
            c = self.kept(c * 0.5 + self.fc[2](b))
            out.append((c > 0.25).float())
        return torch.stack(out)

    @staticmethod
    def kept(value):
        return torch.floor(value.clamp(-2, 2) * 8) / 8


def test_a_loop_of_values():
    agree(lambda: dyadic(Analog(), seed=1), loops=True)
