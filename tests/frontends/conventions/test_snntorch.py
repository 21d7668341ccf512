"""--convention snntorch: files written by snnTorch against the modules they were written from."""

import contextlib
import io

import numpy as np
import pytest

from neurochain.errors import InputError

pytestmark = pytest.mark.torch

torch = pytest.importorskip("torch")
snn = pytest.importorskip("snntorch")

STEPS = 80


def beta(n, generator):
    return torch.rand(n, generator=generator) * 0.5 + 0.45


def net(kind, reset, delay, seed=0):
    """Linear, neuron, Linear, neuron; parameters of the layer's shape, as the export wants them."""
    g = torch.Generator().manual_seed(seed)
    layers = []
    for n_in, n in ((6, 8), (8, 4)):
        linear = torch.nn.Linear(n_in, n)
        linear.weight.data = torch.randn(n, n_in, generator=g) * 0.8 + 0.3
        linear.bias.data = torch.randn(n, generator=g) * 0.1
        shared = {
            "beta": beta(n, g),
            "threshold": torch.ones(n),
            "init_hidden": True,
            "reset_mechanism": reset,
            "reset_delay": delay,
        }
        if "Synaptic" in kind:
            shared["alpha"] = beta(n, g) * 0.6
        if kind.startswith("R"):
            shared |= {"all_to_all": True, "linear_features": n}
        neuron = getattr(snn, kind)(**shared)
        if kind.startswith("R"):
            neuron.recurrent.weight.data = torch.randn(n, n, generator=g) * 0.5
            neuron.recurrent.bias.data = torch.randn(n, generator=g) * 0.2
        layers += [linear, neuron]
    return torch.nn.Sequential(*layers).eval()


def exported(module):
    """The graph that snnTorch writes."""
    from snntorch.export_nir import export_to_nir

    with contextlib.redirect_stdout(io.StringIO()):
        return export_to_nir(module, torch.zeros(1, 6), ignore_dims=[0])


def natively(module, x):
    """The module itself, step by step."""
    from snntorch import utils

    utils.reset(module)
    out = []
    with torch.no_grad():
        for frame in torch.from_numpy(x):
            z = module(frame[None])
            out.append((z[0] if isinstance(z, tuple) else z)[0].numpy())
    return np.stack(out)


CASES = [
    *(
        (kind, reset, True)
        for kind in ("Leaky", "Synaptic")
        for reset in ("subtract", "zero", "none")
    ),
    ("Leaky", "subtract", False),
    ("Leaky", "zero", False),
    ("Synaptic", "zero", False),
    ("RLeaky", "subtract", True),
    ("RLeaky", "zero", True),
    ("RSynaptic", "subtract", True),
    ("RSynaptic", "zero", True),
]


@pytest.mark.parametrize(("kind", "reset", "delay"), CASES)
def test_the_module_that_wrote_it(maker, ours, kind, reset, delay):
    module = net(kind, reset, delay)
    x = maker(3).spikes(STEPS, 6)
    options = {"reset": reset, "reset_delay": None if reset == "none" else delay}
    found, result = ours(exported(module), x, convention="snntorch", **options)
    wanted = natively(module, x)
    assert np.array_equal(found, wanted)
    assert 0.02 < wanted.mean() < 0.98
    assert result.facts["dt"] == "0.0001 s (fixed in snnTorch)"


def test_the_reset_is_asked_for(maker, ours):
    graph = exported(net("Leaky", "subtract", True))
    with pytest.raises(InputError, match="--reset subtract") as refused:
        ours(graph, maker(0).spikes(5, 6), convention="snntorch")
    assert len(refused.value.findings) == 2  # both layers at once


def test_the_delay_is_asked_for_where_it_matters(maker, ours):
    x = maker(1).spikes(STEPS, 6)
    leaky, synaptic = exported(net("Leaky", "zero", True)), exported(net("Synaptic", "zero", True))
    ours(leaky, x, convention="snntorch", reset="zero")
    for graph, reset in ((leaky, "subtract"), (synaptic, "zero")):
        with pytest.raises(InputError, match="--reset-delay yes"):
            ours(graph, x, convention="snntorch", reset=reset)


def test_three_resets_one_file(maker):
    """Why it has to be asked for: what snnTorch writes is the same."""
    graphs = [exported(net("Leaky", reset, True)) for reset in ("subtract", "zero", "none")]
    for name in graphs[0].nodes:
        first, *others = (g.nodes[name].to_dict() for g in graphs)
        for other in others:
            assert first.keys() == other.keys()
            for key, value in first.items():
                assert np.array_equal(value, other[key])


def test_dt_can_be_given_with_a_warning(maker, ours):
    m = maker(2)
    graph = m.chain(m.lif(3, 1e-3, gain=1.0))
    x = m.spikes(5, 3)
    with pytest.raises(InputError, match=r"r is .*; snnTorch writes"):
        ours(graph, x, convention="snntorch", reset="none")
    _, result = ours(graph, x, convention="snntorch", reset="none", dt_s=1e-3)
    assert any("dt 0.001 was given, snnTorch 1.0 means 0.0001" in f.what for f in result.findings)


def test_a_reset_to_a_value_is_not_snntorchs(maker, ours):
    m = maker(2)
    graph = m.chain(m.lif(3, 1e-4, gain=1.0))
    with pytest.raises(InputError, match="no reset to a value"):
        ours(graph, m.spikes(5, 3), convention="snntorch", reset="value")
