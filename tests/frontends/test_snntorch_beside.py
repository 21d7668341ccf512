"""A module beside a known network is read without asking for a sample."""

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

from neurochain import UnsupportedError
from neurochain.frontends.modules import read_beside, to_graph

pytestmark = pytest.mark.torch


class Loop(nn.Module):
    def __init__(self, axis):
        super().__init__()
        self.fc, self.lif, self.axis = nn.Linear(4, 4), snn.Leaky(beta=0.5), axis

    def forward(self, x):
        mem, record = self.lif.reset_mem(), []
        for frame in [x] * 5 if self.axis is None else x.unbind(self.axis):
            spk, mem = self.lif(self.fc(frame), mem)
            record.append(spk)
        return torch.stack(record)


@pytest.mark.parametrize("axis", [0, 1, None])
def test_loops(axis):
    result = read_beside(Loop(axis).eval(), {"input": (4,)}, 5, dt_s=1e-3)
    assert (result.style, result.time_axis, result.steps) == ("time_loop", axis, 5)
    assert result.input_shape == (4,)


@pytest.mark.parametrize("steps", [1, 6])
def test_one_step_modules(steps):
    module = nn.Sequential(nn.Conv2d(2, 3, 3), snn.Leaky(beta=0.5, init_hidden=True)).eval()
    result = read_beside(module, {"input": (2, 6, 6)}, steps, dt_s=1e-3)
    assert (result.style, result.input_shape) == ("sequential", (2, 6, 6))


def test_what_cannot_be_read_says_why():
    module = nn.Sequential(nn.Linear(4, 4), nn.Softmax(1), snn.Leaky(beta=0.5, init_hidden=True))
    with pytest.raises(UnsupportedError, match="(?i)softmax"):
        read_beside(module.eval(), {"input": (4,)}, 5, dt_s=1e-3)
    with pytest.raises(UnsupportedError, match="(?i)softmax"):
        to_graph(module, np.zeros((1, 4)))
