"""A file is read as the same network in every process: no order of a set decides anything."""

import itertools
import os
import subprocess
import sys
import warnings
from collections import Counter

import numpy as np
import pt2_nets
import pytest
import torch
from torch import nn

import neurochain
from neurochain.frontends.modules._operations import steps_by_visits
from neurochain.frontends.modules._values import OpCall, OpValue

pytestmark = pytest.mark.torch

READ = """
import hashlib, sys
import neurochain
from neurochain.artifact import to_bytes
art = neurochain.compile(sys.argv[1], dt=1e-3)
sources = [(source.name, source.shape) for source in art.network.sources]
print(sources, hashlib.sha256(to_bytes(art)).hexdigest())
"""
SEEDS = ("0", "1", "3")
"""Where the order of a set decided, these three read the file below in two ways."""


def operation(site, visit=0):
    call = OpCall(site=site, visit=visit, owner="", kind="")
    return OpValue(shape=(1,), op="add", args=(), call=call)


def steps(counts):
    """What is counted for sites of these names and numbers of visits."""
    visits = Counter({(name,): count for name, count in counts.items()})
    return steps_by_visits([operation(site) for site in visits], visits)


def test_visits_of_most_sites_are_the_steps():
    assert steps({"a": 5, "b": 5, "c": 2}) == 5
    assert steps({"a": 1, "b": 1, "c": 4}) == 4  # what happens once does not count
    assert steps({"a": 1}) == steps({}) == 1
    twice = [operation(("a",), visit) for visit in range(7)] + [
        operation(("b",)),
        operation(("c",)),
    ]
    assert steps_by_visits(twice, Counter({("a",): 7, ("b",): 2, ("c",): 2})) == 2
    assert steps_by_visits([OpValue(shape=(1,), op="add", args=())], Counter()) == 1


def test_of_equally_many_the_smaller_whatever_the_names_hash_to():
    """Names that are drawn differ in their hashes, and so does the order of a set of them."""
    rng = np.random.default_rng(12)
    orders = set()
    for _ in range(40):
        names = [str(number) for number in rng.integers(0, 10**9, 4)]
        orders.add(tuple(names.index(name) for (name,) in {(name,) for name in names}))
        for counts in itertools.permutations((2, 2, 3, 3)):
            assert steps(dict(zip(names, counts, strict=True))) == 2
    assert len(orders) > 1


def test_lapicque_in_processes_that_hash_otherwise(tmp_path):
    """Its membrane was a second input of the network, in some processes."""
    net, given = pt2_nets.cases()["lapicque"]
    path = tmp_path / "net.pt2"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(net, given), path)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", READ, str(path)],
            env={**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in SEEDS
    ]
    ended = [process.communicate(timeout=200) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], ended
    said = {out for out, _ in ended}
    assert len(said) == 1
    assert said.pop().rpartition(" ")[0] == "[('input', (6,))]"


class ByHand(nn.Module):
    """One step a call, a neuron of one's own; `half` stands in two places, so it is visited twice.

    As a loop over two steps its state would be an input.
    """

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        with torch.no_grad():
            self.fc.weight.copy_(torch.eye(4) * 2)
            self.fc.bias.zero_()

    @staticmethod
    def half(value):
        return value * 0.5

    def forward(self, x, mem):
        mem = self.half(mem) + self.half(self.fc(x))
        spikes = (mem > 0.75).float()
        return spikes, mem - spikes


def test_a_live_neuron_that_repeats_within_a_step_keeps_its_state():
    art = neurochain.compile(ByHand().eval(), (torch.zeros(1, 4), torch.zeros(1, 4)))
    assert [source.name for source in art.network.sources] == ["input"]
    assert art.provenance["verification"]["equal"] is True
    x = np.random.default_rng(0).integers(0, 4, (40, 1, 4)).astype(np.float32) / 4
    net, mem, wanted = ByHand().eval(), torch.zeros(1, 4), []
    with torch.no_grad():
        for step in torch.from_numpy(x):
            spikes, mem = net(step, mem)
            wanted.append(spikes[0].numpy())
    run = neurochain.simulate(art, x[:, 0])
    found = next(iter(run.outputs.values()))[0]
    assert np.array_equal(found, np.array(wanted))
    assert 0 < np.mean(wanted) < 1
