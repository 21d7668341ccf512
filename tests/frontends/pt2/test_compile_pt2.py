"""From a `.pt2` to spikes: those of the live network that was exported."""

import warnings

import numpy as np
import pt2_nets
import pytest
import torch

import neurochain
from neurochain import InputError, UnsupportedError

pytestmark = pytest.mark.torch

STEPS = 40


def exported(name, path, *, decomposed):
    net, given = pt2_nets.cases()[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(net, given)
        if decomposed:
            program = program.run_decompositions()
        torch.export.save(program, path)
    fresh, _ = pt2_nets.cases()[name]  # the exported one holds tensors without values
    return fresh, given


@pytest.mark.parametrize("decomposed", [False, True], ids=["training", "decomposed"])
@pytest.mark.parametrize(
    "name", ["leaky-subtract", "leaky-zero", "leaky-none", "synaptic", "lapicque"]
)
def test_one_step_networks(name, decomposed, tmp_path):
    net, given = exported(name, tmp_path / "net.pt2", decomposed=decomposed)
    art = neurochain.compile(tmp_path / "net.pt2", dt=1e-3)
    found = art.provenance["verification"]
    assert found["equal"] is None
    assert "interpreter of its own graph" in found["reason"]
    assert any("not verified" in f.what for f in art.findings)
    assert art.provenance["source"]["kind"] == "pt2"
    x = torch.rand(STEPS, 1, 6, generator=torch.Generator().manual_seed(7)) * 3
    state, spikes = given[1:], []
    with torch.no_grad():
        for step in x:
            spk, *state = net(step, *state)
            spikes.append(spk[0].numpy())
    got = neurochain.simulate(art, x[:, 0].numpy()[None]).spikes["lif"][0]
    assert np.array_equal(got, np.array(spikes))
    assert 0 < got.mean() < 1


@pytest.mark.parametrize("decomposed", [False, True], ids=["training", "decomposed"])
@pytest.mark.parametrize("name", ["loop-leaky-subtract", "loop-leaky-zero", "loop-synaptic"])
def test_loops_over_time(name, decomposed, tmp_path):
    net, (x,) = exported(name, tmp_path / "net.pt2", decomposed=decomposed)
    art = neurochain.compile(tmp_path / "net.pt2", dt=1e-3)
    x = torch.rand(x.shape, generator=torch.Generator().manual_seed(7)) * 4
    recorded = []
    net.lif.register_forward_hook(lambda m, given, out: recorded.append(out[0][0].numpy()))
    with torch.no_grad():
        net(x)
    got = neurochain.simulate(art, x[:, 0].numpy()[None]).spikes["lif"][0]
    assert np.array_equal(got, np.array(recorded))
    assert got.any()


def test_samples_and_options_are_those_of_the_file(tmp_path):
    exported("leaky-zero", tmp_path / "net.pt2", decomposed=False)
    path = tmp_path / "net.pt2"
    neurochain.compile(path, np.ones((1, 6), np.float32), dt=1e-3, verify=False)
    with pytest.raises(InputError, match=r"exported for inputs of shape \(1, 6\), \(1, 5\)"):
        neurochain.compile(path, np.ones((2, 6), np.float32))
    with pytest.raises(InputError, match="Leave --model out"):
        neurochain.compile(path, model="a:b")
    with pytest.raises(InputError, match="taken from the live module"):
        neurochain.compile(path, reset="zero")
    exported("float64", path, decomposed=False)
    with pytest.raises(UnsupportedError, match="other numbers than float32"):
        neurochain.compile(path)
