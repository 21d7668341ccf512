"""Bare state dicts: refused with all they lack, or made from facts, never called verified."""

import json
import tomllib

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

import neurochain
from neurochain import InputError
from neurochain.frontends.assume import MissingFactsError, assume, read_words
from neurochain.frontends.modules._kinds import SpikingNeuron

pytestmark = pytest.mark.torch


def network():
    torch.manual_seed(3)
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2, bias=False),
        snn.Leaky(beta=torch.rand(4, 1, 1), init_hidden=True, reset_mechanism="zero"),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 5),
        snn.RLeaky(beta=0.9, linear_features=5, init_hidden=True, reset_delay=False),
        nn.Linear(5, 3),
        snn.Synaptic(alpha=0.5, beta=torch.rand(3), threshold=0.25, init_hidden=True),
    ).eval()
    with torch.no_grad():
        for layer in (net[0], net[4], net[6]):
            layer.weight.mul_(3)
    return net


FACTS = {
    "order": ["0", "1", "pool", "flat", "4", "5", "6", "7"],
    "input_shape": [2, 8, 8],
    "dt": 1e-3,
    "output": "spikes",
    "layers": {
        "*": {"inhibition": False, "state_quant": False},
        "0": {
            "class": "Conv2d", "stride": 2, "padding": [1, 1], "dilation": 1, "groups": 2,
            "padding_mode": "zeros",
        },
        "1": {"class": "Leaky", "reset_delay": True},
        "pool": {"class": "MaxPool2d", "kernel_size": 2},
        "flat": {"class": "Flatten"},
        "4": {"class": "Linear"},
        "5": {"class": "RLeaky", "reset_delay": False},
        "6": {"class": "Linear"},
        "7": {"class": "Synaptic", "reset_delay": True},
    },
}  # fmt: skip


def flat(facts, **changes):
    """FACTS as key -> value, with changes; None takes a fact away."""
    found = {key: value for key, value in facts.items() if key != "layers"}
    for name, table in facts["layers"].items():
        found |= {f"{name}.{key}": value for key, value in table.items()}
    found |= changes
    return {key: value for key, value in found.items() if value is not None}


def test_the_assumed_module_is_the_one_that_was_saved():
    listed = list(SpikingNeuron.instances)
    net = network()
    before = [n for n in SpikingNeuron.instances if n not in listed]
    made = assume("weights.pt", net.state_dict(), FACTS)
    assert made.input_shape == (2, 8, 8)
    assert [n for n in SpikingNeuron.instances if n not in listed] == before
    fired = 0
    with torch.no_grad():
        for x in torch.rand(40, 1, 2, 8, 8, generator=torch.Generator().manual_seed(1)) * 2:
            expected, got = net(x), made.module(x)
            assert torch.equal(expected, got)
            fired += int(got.sum())
    assert fired > 10
    said = [f for f in made.findings if "reset_mechanism_val" in f.what]
    assert [f.where for f in said] == ["1 (Leaky)", "5 (RLeaky)", "7 (Synaptic)"]


def test_compiled_it_equals_the_checkpoint_but_is_not_verified(tmp_path):
    net = network()
    torch.save(net.state_dict(), tmp_path / "weights.pt")
    sample = np.zeros((1, 2, 8, 8), np.float32)
    known = neurochain.compile(net, sample, dt=1e-3, verify=False)
    art = neurochain.compile(tmp_path / "weights.pt", assume=FACTS)
    found = art.provenance["verification"]
    assert found["equal"] is None
    assert "assumed facts" in found["reason"]
    assert art.provenance["source"]["assumed"]["5.reset_delay"] is False
    assert any("not verified" in f.what for f in art.findings)
    x = (np.random.default_rng(5).random((2, 30, 2, 8, 8)) < 0.4).astype(np.float32)
    ours, theirs = neurochain.simulate(art, x), neurochain.simulate(known, x)
    assert sorted(ours.spikes) == sorted(theirs.spikes)
    for name, spikes in theirs.spikes.items():
        assert np.array_equal(ours.spikes[name], spikes)
        assert spikes.any()


def test_every_missing_fact_is_listed_and_the_form_takes_the_answers():
    """From nothing to a network by filling in the form alone."""
    state = network().state_dict()
    with pytest.raises(MissingFactsError) as caught:
        assume("weights.pt", state, {})
    text = str(caught.value)
    for fact in ("order", "input_shape", "dt", "output", "0.padding_mode", "1.reset_delay",
                 "5.inhibition", "5.state_quant", "7.class"):  # fmt: skip
        assert f"--assume {fact}=" in text
    form = tomllib.loads(caught.value.template)
    assert form["order"] == "?"
    assert form["layers"]["0"]["groups"] == "?"
    with pytest.raises(MissingFactsError):
        assume("weights.pt", state, form)  # a form that is not filled in says nothing
    form |= {key: FACTS[key] for key in ("order", "input_shape", "dt", "output")}
    for name, table in FACTS["layers"].items():
        if name != "*":
            form["layers"][name] = form["layers"].get(name, {}) | table
    for table in form["layers"].values():
        table.update({k: False for k in ("inhibition", "state_quant") if k in table})
    made = assume("weights.pt", state, form)
    assert [type(m).__name__ for m in made.module][:3] == ["Conv2d", "Leaky", "MaxPool2d"]


@pytest.mark.parametrize("key", sorted(flat(FACTS)))
def test_no_fact_has_a_default(key):
    """Each given fact is needed: without it the state dict is refused."""
    facts = flat(FACTS, **{key: None})
    with pytest.raises(InputError):
        assume("weights.pt", network().state_dict(), facts)


BAD = {
    "unknown": ({"speed": 1}, "is no fact"),
    "unknown layer": ({"9.reset_delay": True}, "belongs to no layer"),
    "near miss": ({"pol.class": "Flatten"}, "Did you mean pool"),
    "unknown of layer": ({"4.stride": 1}, "no fact that a layer here lacks"),
    "unknown for all": ({"*.speed": 1}, "no fact that a layer here lacks"),
    "in the file": ({"7.alpha": 0.5}, "in the file itself"),
    "shape in the file": ({"0.kernel_size": 3}, "in the file itself"),
    "other class": ({"5.class": "Leaky"}, "are those of RLeaky"),
    "other reset": ({"1.reset_mechanism": "subtract"}, "holds reset_mechanism_val for zero"),
    "no such class": ({"flat.class": "Flaten"}, "Did you mean Flatten"),
    "class is a list": ({"flat.class": ["Flatten"]}, "without parameters"),
    "left out": ({"order": ["0", "1", "pool", "flat", "4", "5", "6"]}, "leaves out 7"),
    "twice": ({"order": [*FACTS["order"], "7"]}, "names 7 2 times"),
    "no number": ({"0.stride": "two"}, "whole number"),
    "bool as number": ({"0.groups": True}, "whole number"),
    "negative": ({"0.padding": -1}, "whole number from 0"),
    "quantised": ({"7.state_quant": True}, "give --model"),
    "no shape": ({"input_shape": "2xa"}, "a shape such as"),
    "no time": ({"dt": 0}, "time above 0"),
    "huge": ({"0.groups": 2**40}, "whole number"),
    "groups": ({"0.groups": 3}, "cannot be made"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_unknown_and_contradicting_facts_are_refused(case):
    changes, says = BAD[case]
    with pytest.raises(InputError, match=says) as caught:
        assume("weights.pt", network().state_dict(), flat(FACTS, **changes))
    assert not isinstance(caught.value, MissingFactsError)


def test_what_the_file_holds_is_checked():
    state = network().state_dict()
    state["4.weight"][0, 0] = torch.nan
    state["6.weight"] = state["6.weight"].double()
    state["odd.table"] = torch.zeros(3)
    state["7.reset_mechanism_val"] = torch.tensor(7)
    with pytest.raises(InputError) as caught:
        assume("weights.pt", state, FACTS)
    text = str(caught.value)
    for part in ("4.weight: holds values", "6.weight: is float64", "odd: holds table", "none of 0"):
        assert part in text


@pytest.mark.parametrize(
    ("make", "kind", "more"),
    [
        (lambda: snn.RLeaky(beta=0.9, all_to_all=False, V=torch.rand(4), init_hidden=True),
         "RLeaky", {}),
        (lambda: snn.RSynaptic(alpha=0.5, beta=0.9, linear_features=4, init_hidden=True),
         "RSynaptic", {}),
        (lambda: snn.Lapicque(beta=0.9, init_hidden=True), "Lapicque", {"reset_delay": None}),
        (lambda: snn.Alpha(alpha=0.9, beta=0.8, init_hidden=True), "Alpha", {"reset_delay": None}),
        (lambda: snn.Leaky(beta=0.9, init_hidden=True, graded_spikes_factor=2.0), "Leaky", {}),
        (lambda: snn.Leaky(beta=torch.rand(4), threshold=torch.rand(4), init_hidden=True,
                           learn_beta=True, learn_threshold=True), "Leaky", {}),
    ],
)  # fmt: skip
def test_each_neuron_is_made_again(make, kind, more):
    torch.manual_seed(2)
    net = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), make()).eval()
    facts = {
        "order": "0,1,2", "input_shape": 6, "dt": 1e-3, "output": "spikes", "0.class": "Linear",
        "1.class": "BatchNorm1d", "1.eps": 1e-5, "2.class": kind, "2.reset_delay": True,
        "2.inhibition": False, "2.state_quant": False,
    }  # fmt: skip
    facts |= {f"2.{name}": value for name, value in more.items()}
    facts = {key: value for key, value in facts.items() if value is not None}
    made = assume("weights.pt", net.state_dict(), facts).module
    with torch.no_grad():
        for x in torch.rand(30, 1, 6, generator=torch.Generator().manual_seed(1)) * 4:
            assert torch.equal(net(x), made(x))


def test_words_and_files(tmp_path):
    (tmp_path / "facts.toml").write_text('dt = 0.001\n[layers."a.b"]\nclass = "Linear"\n')
    (tmp_path / "facts.json").write_text(json.dumps({"layers": {"lif": {"reset_delay": True}}}))
    words = [str(tmp_path / "facts.toml"), str(tmp_path / "facts.json"), "order=a.b, lif",
             "lif.inhibition=false", "input_shape=784", "a.b.stride=[1, 2]"]  # fmt: skip
    assert read_words(words) == {
        "dt": 0.001, "a.b.class": "Linear", "lif.reset_delay": True, "order": "a.b, lif",
        "lif.inhibition": False, "input_shape": "784", "a.b.stride": [1, 2],
    }  # fmt: skip
    (tmp_path / "bad.toml").write_text("dt = = 1")
    for word in ("facts", str(tmp_path / "bad.toml"), str(tmp_path / "none.json"), "=1", "dt="):
        with pytest.raises(InputError):
            read_words([word])
    with pytest.raises(InputError, match="Say it once"):
        read_words(["dt=1", "dt=2"])


def test_only_bare_state_dicts_take_facts(tmp_path):
    net = nn.Sequential(nn.Linear(6, 4), snn.Leaky(beta=0.9, init_hidden=True))
    neurochain.save(net, tmp_path / "model.pt", np.zeros((1, 6), np.float32))
    (tmp_path / "net.nir").write_bytes(b"")
    for source in (tmp_path / "model.pt", tmp_path / "net.nir", net):
        with pytest.raises(InputError, match="only a bare state dict"):
            neurochain.compile(source, np.zeros((1, 6), np.float32), assume={"dt": 1e-3})
