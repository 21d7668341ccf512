"""Lists with one entry a step, as forward returns them, are the sequence over time."""

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

import neurochain

pytestmark = pytest.mark.torch

T, B, N, H = 6, 2, 4, 3


class Loop(nn.Module):
    """fc - lif over time; `end` makes what is returned of the lists of spikes and membranes."""

    def __init__(self, end):
        super().__init__()
        self.fc, self.lif = nn.Linear(N, H), snn.Leaky(beta=0.5)
        self.end = end
        with torch.no_grad():
            self.fc.weight.copy_(torch.arange(H * N).reshape(H, N) / 16)
            self.fc.bias.zero_()

    def forward(self, x):
        mem = self.lif.init_leaky()
        spikes, membranes = [], []
        for frame in x:
            spk, mem = self.lif(self.fc(frame), mem)
            spikes.append(spk)
            membranes.append(mem)
        return self.end(spikes, membranes)


ENDS = {
    "list": (lambda s, m: s, ["spike"]),
    "tuple": (lambda s, m: tuple(s), ["spike"]),
    "two_lists": (lambda s, m: (s, m), ["spike", "membrane"]),
    "list_of_pairs": (lambda s, m: list(zip(s, m, strict=True)), ["spike", "membrane"]),
    "lists_in_a_dict": (lambda s, m: {"spk": s, "mem": m}, ["spike", "membrane"]),
    "a_list_beside_a_stack": (lambda s, m: (s, torch.stack(m)), ["spike", "membrane"]),
}


def frames(seed, steps=T):
    return (np.random.default_rng(seed).random((steps, B, N)) < 0.5).astype(np.float32)


@pytest.mark.parametrize("name", ENDS)
def test_a_list_of_steps_is_the_sequence(name):
    end, signals = ENDS[name]
    art = neurochain.compile(Loop(end).eval(), frames(0))
    assert [o.signal for o in art.network.outputs] == signals
    assert art.provenance["verification"]["equal"] is True
    x = frames(1, steps=9)  # another length than the sample's
    with torch.no_grad():
        spikes, membranes = Loop(lambda s, m: (torch.stack(s), torch.stack(m)))(torch.from_numpy(x))
    ran = neurochain.simulate(art, x.swapaxes(0, 1))
    wanted = {"spike": spikes, "membrane": membranes}
    assert 0 < spikes.mean() < 1
    for output in art.network.outputs:
        got = np.asarray(ran.outputs[output.name], dtype=np.float32)
        np.testing.assert_array_equal(got.swapaxes(0, 1), wanted[output.signal].numpy())


def test_two_values_of_the_last_step_are_two_outputs_where_there_are_two_steps():
    art = neurochain.compile(Loop(lambda s, m: (s[-1], m[-1])).eval(), frames(0, steps=2))
    assert [o.signal for o in art.network.outputs] == ["spike", "membrane"]


@pytest.mark.parametrize("which", [0, 2, -2])
def test_the_value_of_another_step_than_the_last_is_refused(which):
    with pytest.raises(neurochain.UnsupportedError, match="before the last"):
        neurochain.compile(Loop(lambda s, m: s[which]).eval(), frames(0))


def test_a_list_that_leaves_out_a_step_is_refused():
    with pytest.raises(neurochain.UnsupportedError, match="before the last"):
        neurochain.compile(Loop(lambda s, m: s[1:]).eval(), frames(0))
