"""The order of what forward returns, modules made by torch.compile, and memory at 10^7 weights."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from live_module import leaky
from torch import nn

import neurochain
from neurochain.errors import UnsupportedError

pytestmark = pytest.mark.torch


class Returns(nn.Module):
    """Returns what `of(current, spikes)` makes of a neuron that keeps its own state.

    inside   the neuron is driven by another one's membrane, so that both are looked into
    """

    def __init__(self, of, inside):
        super().__init__()
        self.fc, self.first, self.lif = nn.Linear(4, 3), leaky(), leaky()
        self.of, self.inside = of, inside

    def forward(self, x):
        current = self.fc(x)
        if self.inside:
            self.first(current)
            current = self.first.mem
        return self.of(current, self.lif(current))


SPIKES_AND = {
    "a comparison": lambda current, spikes: (spikes, (current > 0.25).float()),
    "a comparison first": lambda current, spikes: ((current > 0.25).float(), spikes),
    "a comparison doubled": lambda current, spikes: (spikes, (current > 0.25).float() * 2),
    "a comparison as bool": lambda _, spikes: (spikes, spikes > 0),
}


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("name", SPIKES_AND)
def test_outputs_come_in_the_order_returned(name, inside):
    torch.manual_seed(3)
    module = Returns(SPIKES_AND[name], inside).eval()
    x = torch.randn(30, 1, 4) * 4
    art = neurochain.compile(module, x[0])
    run = neurochain.simulate(art, x.numpy(), time_axis=0)
    found = [np.asarray(run.outputs[port.name])[0] for port in art.network.outputs]
    module.first.reset_mem()
    module.lif.reset_mem()
    with torch.no_grad():
        wanted = [[np.float32(v[0].numpy()) for v in module(step)] for step in x]
    for place, column in enumerate(zip(*wanted, strict=True)):
        assert len(np.unique(column)) > 1
        np.testing.assert_array_equal(found[place], np.stack(column))


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch's own
def test_what_torch_compiled_is_refused_by_name():
    inner = nn.Sequential(nn.Linear(4, 3), leaky())
    inner.add_module("last", torch.compile(nn.Linear(3, 3)))
    with pytest.raises(UnsupportedError, match=r"last .OptimizedModule.: .*_orig_mod"):
        neurochain.compile(inner, torch.zeros(1, 4))
    with pytest.raises(UnsupportedError, match=r"the module itself .OptimizedModule."):
        neurochain.compile(torch.compile(inner), torch.zeros(1, 4))


MEMORY = """
import snntorch, torch, neurochain

def memory(of):  # bytes; getrusage would tell the peak of the process that started this one
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(of))

net = torch.nn.Sequential()
for k in range(2):
    net.append(torch.nn.Linear(2236, 2236, bias=False))
    net.append(snntorch.Leaky(beta=0.9, init_hidden=True))
before = memory("VmRSS")
art = neurochain.compile(net, torch.zeros(1, 2236), verify=False)
print((memory("VmHWM") - before) / sum(4 * w.numel() for w in net.parameters()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
def test_ten_million_weights_take_less_than_three_times_their_memory():
    """All of it, what a first trace imports included."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, timeout=300
    )
    assert 0 < float(done.stdout) < 3
