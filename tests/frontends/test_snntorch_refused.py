"""What has no exact meaning is refused: all findings at once, each with layer, reason, way out."""

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn
from torch.nn import functional

from neurochain import InputError, UnsupportedError
from neurochain.frontends.modules import to_graph

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def leaky(**options):
    return snn.Leaky(**{"beta": 0.5, "init_hidden": True, **options})


class Step(nn.Module):
    """fc, then `middle`, then a neuron."""

    def __init__(self, middle, **options):
        super().__init__()
        self.fc, self.lif, self.middle = nn.Linear(4, 4), leaky(**options), middle

    def forward(self, x):
        return self.lif(self.middle(self.fc(x)))


def quantised(mem):
    return torch.round(mem)


def biased_noise(x):
    return x + 0.1


NEURONS = {
    "inhibition": (
        {"inhibition": True, "reset_delay": False},
        "inhibition=True with reset_delay=False",
    ),
    "quantised": ({"state_quant": quantised}, "state_quant"),
    "wide_beta": ({"beta": torch.rand(7)}, r"beta has shape \(7,\)"),
    "double_beta": ({"beta": torch.rand(4, dtype=torch.float64)}, "float64"),
}


@pytest.mark.parametrize("name", NEURONS)
def test_neuron_features(name):
    options, message = NEURONS[name]
    with pytest.raises(UnsupportedError, match=message) as caught:
        to_graph(Step(nn.Identity(), **options).eval(), np.zeros((1, 4)))
    assert caught.value.findings[0].where == "lif (Leaky)"
    assert caught.value.findings[0].fix


LAYERS = {
    "layer_norm": nn.LayerNorm(4),
    "state_leaky": snn.StateLeaky(beta=0.5, channels=4),
    "tanh": nn.Tanh(),
}


@pytest.mark.parametrize("name", LAYERS)
def test_other_layers(name):
    layer = LAYERS[name]
    with pytest.raises(UnsupportedError) as caught:
        to_graph(Step(layer).eval(), np.zeros((1, 4)))
    wheres = [f.where for f in caught.value.findings]
    assert f"middle ({type(layer).__name__})" in wheres
    assert all(f.fix for f in caught.value.findings)


FORWARDS = {
    "noise": (lambda s, x: s.lif(s.fc(x) + torch.randn_like(x)), "rand"),
    "branch": (lambda s, x: s.lif(s.fc(x)) if x.sum(0).max() > 0 else x, "looks at a value"),
    "item": (lambda s, x: s.lif(s.fc(x)) + x[0, 0].item(), "looks at a value"),
    "numpy": (lambda s, x: s.lif(s.fc(torch.as_tensor(x.numpy()))), "looks at a value"),
    "dropped": (lambda s, x: (s.fc(x), s.lif(x))[1], r"fc \(Linear\): its result is used nowhere"),
    "unused_neuron": (lambda s, x: (s.lif(s.fc(x)), s.lif2(x))[0], "reach no output"),
    "no_input": (lambda s, x: s.lif(torch.ones(1, 4)), "does not use its input|constant"),
    "sum_of_inputs": (
        lambda s, x: s.lif(s.fc(x.sum(1, keepdim=True).expand(1, 4))),
        "gathered|reordered",
    ),
    "indexed_by_value": (lambda s, x: s.lif(s.fc(x[:, s.fc(x)[0].long()])), "__getitem__|int64"),
    "random_dropout": (lambda s, x: s.lif(functional.dropout(s.fc(x))), "at random"),
    "softmax": (lambda s, x: torch.softmax(s.lif(s.fc(x)), 1), "softmax"),
    "double": (lambda s, x: s.lif(s.fc(x).double()), "float64"),
    "made_inside": (lambda s, x: s.lif(nn.Linear(4, 4)(x)), "made inside forward"),
    "nothing": (lambda s, x: (s.lif(s.fc(x)), None)[1], "returns nothing|reach no output"),
}


class Any(nn.Module):
    def __init__(self, run):
        super().__init__()
        self.fc, self.lif, self.lif2 = nn.Linear(4, 4), leaky(), leaky()
        self.out, self.run = leaky(output=True), run

    def forward(self, x):
        return self.run(self, x)


@pytest.mark.parametrize("name", FORWARDS)
def test_what_forward_does(name):
    run, message = FORWARDS[name]
    with pytest.raises(UnsupportedError, match=message) as caught:
        to_graph(Any(run).eval(), np.zeros((1, 4)))
    assert all(f.fix for f in caught.value.findings)


def loop(body):
    class Looped(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.fc2, self.lif = nn.Linear(4, 4), nn.Linear(4, 4), snn.Leaky(beta=0.5)

        def forward(self, x):
            mem, record = self.lif.init_leaky(), []
            for t in range(x.size(0)):
                spk, mem = body(self, x, t, mem)
                record.append(spk)
            return torch.stack(record)

    return Looped().eval()


LOOPS = {
    "other_layer": (lambda s, x, t, m: s.lif((s.fc, s.fc2)[t % 2](x[t]), m), "otherwise"),
    "first_step": (lambda s, x, t, m: s.lif(s.fc(x[t]) if t else x[t], m), "otherwise"),
    "looks_ahead": (lambda s, x, t, m: s.lif(s.fc(x[t] + x[t - 1]), m), "otherwise|steps back"),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_whose_steps_differ(name):
    body, message = LOOPS[name]
    with pytest.raises(UnsupportedError, match=message):
        to_graph(loop(body), np.zeros((4, 1, 4)))


def test_a_loop_needs_two_steps():
    module = loop(lambda s, x, t, m: s.lif(s.fc(x[t]), m))
    with pytest.raises(UnsupportedError, match="at least 2 steps"):
        to_graph(module, np.zeros((1, 1, 4)))


def test_all_findings_at_once():
    module = nn.Sequential(
        nn.Linear(4, 4), nn.LayerNorm(4), leaky(state_quant=quantised), nn.Tanh(),
        nn.Linear(4, 4), leaky(),
    )  # fmt: skip
    with pytest.raises(UnsupportedError) as caught:
        to_graph(module.eval(), np.zeros((1, 4)))
    text = str(caught.value)
    for part in ("1 (LayerNorm)", "2 (Leaky)", "3 (Tanh)"):
        assert part in text
    assert caught.value.exit_code == 4


def test_a_stopped_trace_still_names_other_layers():
    class Branch(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.lif, self.norm = nn.Linear(4, 4), leaky(), nn.LayerNorm(4)

        def forward(self, x):
            if x.sum() > 0:
                return self.lif(self.fc(x))
            return self.norm(x)

    with pytest.raises(UnsupportedError) as caught:
        to_graph(Branch().eval(), np.zeros((1, 4)))
    assert len(caught.value.findings) == 2


def test_tuples_inside_sequential():
    module = nn.Sequential(nn.Linear(4, 4), snn.Leaky(beta=0.5), nn.Linear(4, 4), leaky())
    with pytest.raises(UnsupportedError, match="init_hidden=True"):
        to_graph(module.eval(), np.zeros((1, 4)))


def test_states_passed_to_hidden_neurons():
    class Passed(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.lif = nn.Linear(4, 4), leaky()

        def forward(self, x, mem):
            return self.lif(self.fc(x), mem)

    with pytest.raises(UnsupportedError, match="snnTorch raises TypeError"):
        to_graph(Passed().eval(), np.zeros((1, 4)))


def test_networks_without_neurons():
    with pytest.raises(UnsupportedError, match="no spiking neuron"):
        to_graph(nn.Sequential(nn.Linear(4, 4)).eval(), np.zeros((1, 4)))


def test_doubles():
    with pytest.raises((UnsupportedError, InputError), match=r"float64|Double"):
        to_graph(Step(nn.Identity()).double().eval(), np.zeros((1, 4)))


@pytest.mark.parametrize("place", ["weight", "bias", "threshold", "beta"])
def test_numbers_that_are_not_finite_are_bad_input(place):
    module = Step(nn.Identity(), learn_beta=True, learn_threshold=True).eval()
    with torch.no_grad():
        owner = module.fc if place in ("weight", "bias") else module.lif
        getattr(owner, place).fill_(float("nan"))
    with pytest.raises(InputError, match="not finite"):
        to_graph(module, np.zeros((1, 4)))


SAMPLES = {
    "none": (None, "a sample is needed"),
    "text": ("x", "no array of numbers"),
    "nan": (np.full((1, 4), np.nan), "not finite"),
    "empty": (np.zeros((0, 4)), "at least one value"),
    "shape": (np.zeros((1, 5)), r"fails on a sample of shape \(1, 5\)"),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_samples(name):
    sample, message = SAMPLES[name]
    with pytest.raises(InputError, match=message):
        to_graph(Step(nn.Identity()).eval(), sample)


def test_other_objects():
    with pytest.raises(InputError, match=r"torch.nn.Module is wanted"):
        to_graph(object(), np.zeros((1, 4)))
    with pytest.raises(InputError, match="above 0"):
        to_graph(Step(nn.Identity()).eval(), np.zeros((1, 4)), dt_s=0.0)


def test_a_refused_layer_does_not_hide_a_refused_neuron():
    neuron = snn.Leaky(beta=0.5, init_hidden=True, state_quant=quantised)
    net = nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), neuron)
    with pytest.raises(UnsupportedError) as error:
        to_graph(net.eval(), torch.zeros(1, 4), dt_s=1e-3)
    assert [finding.where for finding in error.value.findings] == [
        "1 (LayerNorm)",
        "2 (Leaky)",
    ]
