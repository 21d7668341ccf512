"""Fine-tuning for a target: the network that is compiled does what training saw."""

import json

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

import neurochain
from neurochain.errors import InputError, UnsupportedError
from neurochain.inputs import decode
from neurochain.learning import Tuning, cross_validate, load_data, train
from neurochain.learning.bptt import forget, run_in_time
from neurochain.learning.qat import prepare
from neurochain.learning.training import build
from neurochain.targets import load_target

pytestmark = pytest.mark.torch


class Own(nn.Module):
    """A user's module: states passed by hand, a pool, a synaptic current, a learned threshold."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.first = snn.Leaky(
            beta=0.87, threshold=0.6, reset_mechanism="zero", learn_threshold=True
        )
        self.pool = nn.AvgPool2d(2)
        self.fc = nn.Linear(36, 5, bias=False)
        self.second = snn.Synaptic(
            alpha=0.6, beta=0.8, threshold=0.4, reset_mechanism="zero", reset_delay=False,
            learn_beta=True,
        )  # fmt: skip

    def forward(self, x):
        mem = self.first.reset_mem()
        syn, mem2 = self.second.reset_mem()
        out = []
        for step in range(x.shape[0]):
            spikes, mem = self.first(self.conv(x[step]), mem)
            current = self.fc(self.pool(spikes).flatten(1))
            spikes, syn, mem2 = self.second(current, syn, mem2)
            out.append(spikes)
        return torch.stack(out)


def trained(net, x, steps=3):
    """A few steps of Adam towards more spikes of the first class."""
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(steps):
        optimiser.zero_grad()
        counts = net(x).sum(0)
        nn.functional.cross_entropy(counts, torch.zeros(len(counts), dtype=torch.long)).backward()
        optimiser.step()


@pytest.mark.parametrize(("target", "bits"), [("loihi1", 2), ("loihi2", 4), ("loihi1", 8)])
def test_a_users_module_compiles_to_what_it_was_trained_as(target, bits):
    torch.manual_seed(bits)
    net = Own()
    x = (torch.rand(12, 3, 1, 6, 6) < 0.4).float()
    before = net.conv.weight.detach().clone()
    prepared = prepare(net, x, target=target, weight_bits=bits, time_axis=0)
    trained(net, x)
    with torch.no_grad():
        seen = net(x).numpy().swapaxes(0, 1)
    assert prepared.finish() is net
    assert type(net.conv) is nn.Conv2d
    assert not torch.equal(net.conv.weight, before)
    levels = net.conv.weight.unique()
    assert len(levels) <= 2**bits
    samples = x.numpy().swapaxes(0, 1)
    how = {"time_axis": 0, "target": target, "weight_bits": bits, "verify": False}
    for calibrate in (None, samples):
        art = neurochain.compile(net.eval(), x, calibrate=calibrate, **how)
        got = next(iter(neurochain.simulate(art, samples).outputs.values()))
        assert seen.any()
        assert (got.reshape(seen.shape) == seen).all()


def test_gradients_reach_weights_thresholds_and_decays():
    torch.manual_seed(1)
    net = Own()
    x = (torch.rand(12, 3, 1, 6, 6) < 0.4).float()
    prepare(net, x, target="loihi1", weight_bits=4, time_axis=0)
    net(x).sum().backward()
    named = dict(net.named_parameters())
    for name in ("conv.parametrizations.weight", "fc.parametrizations.weight",
                 "first.parametrizations.threshold", "second.parametrizations.beta"):  # fmt: skip
        assert named[f"{name}.original"].grad.abs().sum() > 0, name


def small(middle):
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), middle,
        snn.Leaky(beta=0.9, reset_mechanism="zero", init_hidden=True),
    )  # fmt: skip


@pytest.mark.parametrize(
    "middle", [nn.BatchNorm2d(2), nn.Conv2d(2, 2, 1), nn.AvgPool2d(3, stride=1)]
)
def test_layers_that_are_not_trained_so_are_named(middle):
    with pytest.raises(UnsupportedError, match="one layer of weights in front of each neuron"):
        prepare(small(middle), torch.zeros(1, 1, 6, 6), target="loihi2", weight_bits=4)


def test_what_the_target_refuses_is_refused():
    net = nn.Sequential(nn.Linear(4, 3), snn.Leaky(beta=0.9, init_hidden=True))
    with pytest.raises(UnsupportedError, match="resets by subtraction"):
        prepare(net, torch.zeros(1, 4), target="loihi2", weight_bits=4)
    net = nn.Sequential(
        nn.Linear(4, 3), snn.Leaky(beta=0.9, reset_mechanism="zero", init_hidden=True)
    )
    with pytest.raises(InputError, match="no weights of 1 bits"):
        prepare(net, torch.zeros(1, 4), target="loihi2", weight_bits=1)
    with pytest.raises(UnsupportedError, match="training knows loihi"):
        prepare(net, torch.zeros(1, 4), target="xylo2", weight_bits=8)


def test_a_recipe_is_fine_tuned_and_its_figure_is_that_of_the_integers(tiny, bars, tmp_path):
    """From the float run in the folder, which is trained first; resumed to the same bits."""
    tuning = Tuning(target="loihi1", weight_bits=2)
    result = train(tiny, bars, tmp_path, 0, check_md5=False, tuning=tuning)
    assert (tmp_path / "bars-seed0.weights.pt").is_file()
    assert result.weights.name == "bars-seed0-loihi1-2bit.weights.pt"
    stored = json.loads((tmp_path / "bars-seed0-loihi1-2bit.json").read_text())
    assert stored["tuning"]["weight_bits"] == 2
    again = train(tiny, bars, tmp_path, 0, check_md5=False, tuning=tuning)
    assert again.evaluation == result.evaluation

    net = build(tiny, 0)
    net.load_state_dict(torch.load(result.weights, weights_only=True))
    art = neurochain.compile(net.eval(), torch.zeros(1, 36), target="loihi1", weight_bits=2)
    data = load_data(tiny, bars, "test", check_md5=False)
    spikes = next(iter(neurochain.simulate(art, data.clean(np.arange(30))).outputs.values()))
    assert int((decode(spikes, tiny.decoding) == data.labels).sum()) == result.evaluation.correct
    assert result.accuracy > 0.9


def test_weights_to_start_from_may_be_given_and_are_checked(tiny, bars, tmp_path):
    train(tiny, bars, tmp_path / "a", 0, check_md5=False, epochs=2)
    start = tmp_path / "a" / "bars-seed0.weights.pt"
    tuning = Tuning(target="loihi2", weight_bits=4, start=start)
    train(tiny, bars, tmp_path / "b", 0, check_md5=False, epochs=1, tuning=tuning)
    assert not (tmp_path / "b" / "bars-seed0.weights.pt").exists()
    with pytest.raises(InputError, match="every fold fine-tunes its own"):
        cross_validate(tiny, bars, tmp_path / "b", tuning=tuning, check_md5=False)
    missing = Tuning(target="loihi2", weight_bits=4, start=tmp_path / "no.pt")
    with pytest.raises(InputError, match=r"no\.pt: cannot be read"):
        train(tiny, bars, tmp_path / "c", 0, check_md5=False, tuning=missing)


def test_training_sees_the_integers_spike_for_spike(tiny, bars, tmp_path):
    """Every neuron and step of a prepared Sequential, trained as bptt trains it."""
    net = build(tiny, 3)
    prepared = prepare(net, torch.zeros(1, 36), target="loihi2", weight_bits=3)
    x = (np.random.default_rng(2).random((5, 10, 36)) < 0.5).astype(np.float32)
    steps = torch.from_numpy(np.ascontiguousarray(x.swapaxes(0, 1)))
    run_in_time(net, steps).sum().backward()
    net.eval()
    with torch.no_grad():
        seen = run_in_time(net, steps).numpy().swapaxes(0, 1)
    forget(net)
    prepared.finish()
    art = neurochain.compile(net.eval(), torch.zeros(1, 36), target="loihi2", weight_bits=3)
    assert (next(iter(neurochain.simulate(art, x).outputs.values())) == seen).all()
    assert load_target("loihi2").number("decay_bits") == 12
    assert float(net.lif1.beta * 4096) == round(0.9 * 4096)
