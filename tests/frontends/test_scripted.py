"""TorchScript modules are refused by name before they are run; scripted functions are read."""

import io

import pytest
import torch
from live_module import N, agree, dyadic, frames, leaky
from torch import nn

import neurochain
from neurochain import UnsupportedError
from neurochain.frontends.modules import to_graph

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(N, N), nn.ReLU())

    def forward(self, x: torch.Tensor, mem: torch.Tensor):
        mem = 0.75 * mem + self.inner(x)
        spikes = (mem > 1.0).float()
        return spikes, mem - spikes


class Whole(nn.Module):
    """A loop over time, TorchScript altogether."""

    def __init__(self):
        super().__init__()
        self.cell = Cell()

    def forward(self, x: torch.Tensor):
        mem, out = torch.zeros(x.size(1), 4), []
        for t in range(x.size(0)):
            spikes, mem = self.cell(x[t], mem)
            out.append(spikes)
        return torch.stack(out)


class Around(nn.Module):
    """A Python loop around a cell, which may be scripted, and a layer behind it."""

    def __init__(self, cell, last):
        super().__init__()
        self.cell, self.last = cell, last

    def forward(self, x):
        mem, out = torch.zeros(x.size(1), N), []
        for frame in x:
            spikes, mem = self.cell(frame, mem)
            out.append(self.last(spikes))
        return torch.stack(out)


def loaded(module):
    file = io.BytesIO()
    torch.jit.save(module, file)
    file.seek(0)
    return torch.jit.load(file)


def traced(cell):
    return torch.jit.trace(cell, (torch.zeros(2, N), torch.zeros(2, N)))


WHOLE = {
    "scripted": torch.jit.script,
    "loaded": lambda net: loaded(torch.jit.script(net)),
    "frozen": lambda net: torch.jit.freeze(torch.jit.script(net)),
    "traced": lambda net: torch.jit.trace(net, torch.zeros(5, 2, N)),
}
PART = {"scripted": torch.jit.script, "traced": traced, "loaded": lambda c: loaded(traced(c))}


def refused(module):
    with pytest.raises(UnsupportedError) as caught:
        neurochain.compile(module, frames(0, steps=5))
    findings = caught.value.findings
    assert all("is TorchScript" in f.what and "Python module" in f.fix for f in findings)
    return [f.where.split(" ")[0] for f in findings]


@pytest.mark.parametrize("how", WHOLE)
def test_a_module_that_is_torchscript(how):
    assert refused(WHOLE[how](dyadic(Whole()))) == ["the"]  # the module itself


@pytest.mark.parametrize("how", PART)
def test_parts_that_are_torchscript(how):
    net = Around(PART[how](dyadic(Cell())), torch.jit.script(dyadic(nn.Linear(N, N))))
    assert refused(net.eval()) == ["cell", "last"]


def test_the_modes_of_its_parts_stay_as_they_were():
    net = Around(torch.jit.script(dyadic(Cell())), dyadic(nn.Linear(N, N))).train()
    assert refused(net) == ["cell"]
    assert all(part.training for part in net.modules())


def test_a_scripted_layer_in_a_sequence():
    net = nn.Sequential(torch.jit.script(dyadic(nn.Linear(N, N))), leaky())
    with pytest.raises(UnsupportedError, match=r"^0 \(RecursiveScriptModule\): is TorchScript"):
        to_graph(net.eval(), frames(0)[0])


def test_the_python_that_it_was_made_from_is_exact():
    agree(lambda: dyadic(Whole()), loops=True)
    agree(lambda: dyadic(Around(Cell(), nn.Linear(N, N))), loops=True)


def fire(mem: torch.Tensor, theta: float):
    spikes = (mem > theta).float()
    return spikes, mem - spikes * theta


def test_scripted_functions_are_read_as_their_python():
    scripted = torch.jit.script(fire)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.mem = nn.Linear(N, N), None

        def forward(self, x):
            mem = torch.zeros(x.size(0), N) if self.mem is None else self.mem
            spikes, self.mem = scripted(mem * 0.5 + self.fc(x), 0.75)
            return spikes

    agree(lambda: dyadic(Net()))
