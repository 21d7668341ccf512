"""--convention sinabs and sinabs-single against sinabs.from_nir."""

import warnings

import nir
import numpy as np
import pytest

from neurochain.errors import UnsupportedError


def theirs(graph, x, single=True):
    """sinabs's own import, one call for the whole sequence; spike_fn is set afterwards."""
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sinabs = pytest.importorskip("sinabs")
        layers = pytest.importorskip("sinabs.layers")
        from sinabs.nir import from_nir
    as_tensors = nir.NIRGraph(
        nodes={name: tensors(torch, node) for name, node in graph.nodes.items()},
        edges=graph.edges,
    )
    model = from_nir(as_tensors, batch_size=1)
    for module in model.modules():
        if isinstance(module, layers.LIF) and single and module.spike_fn:
            module.spike_fn = sinabs.activation.SingleSpike
    with torch.no_grad():
        out = model(torch.from_numpy(x))
    return (out[0] if isinstance(out, tuple) else out).numpy()


def tensors(torch, node):
    """sinabs reads neurons whose parameters are tensors."""
    if isinstance(node, nir.IF):
        names = ("r", "v_threshold", "v_reset")
    elif isinstance(node, nir.LIF):
        names = ("tau", "r", "v_leak", "v_threshold", "v_reset")
    elif isinstance(node, nir.LI):
        names = ("tau", "r", "v_leak")
    else:
        return node
    values = {n: torch.as_tensor(getattr(node, n), dtype=torch.float32) for n in names}
    return type(node)(**values)


@pytest.mark.parametrize("seed", range(4))
def test_single_spikes(maker, ours, seed):
    """tau in steps, exponential decay, an input that is not scaled, subtraction, >=."""
    m = maker(seed)
    graph = m.chain(m.affine(12, 8), m.lif(12, 1.0), m.affine(6, 12), m.lif(6, 1.0))
    x = m.spikes(150, 8)
    found, result = ours(graph, x, convention="sinabs-single")
    wanted = theirs(graph, x)
    assert np.array_equal(found, wanted)
    assert 0.01 < wanted.mean() < 0.99
    assert result.facts["dt"] == "1 s (time constants are in steps)"


def test_dt_only_says_how_long_a_step_is(maker, ours):
    m = maker(5)
    graph = m.chain(m.affine(12, 8), m.lif(12, 1.0))
    x = m.spikes(150, 8)
    found, result = ours(graph, x, convention="sinabs-single", dt_s=1e-3)
    assert np.array_equal(found, theirs(graph, x))
    assert result.graph.dt_s == 1e-3


@pytest.mark.parametrize("name", ["sinabs", "sinabs-single"])
def test_leaky_integrators(maker, ours, name):
    m = maker(1)
    one = np.ones(4)
    graph = m.chain(
        m.affine(4, 8), nir.LI(tau=np.array([2.0, 5.0, 9.0, 30.0]), r=one, v_leak=0 * one)
    )
    x = m.spikes(60, 8)
    found, _ = ours(graph, x, convention=name)
    assert np.allclose(found, theirs(graph, x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_several_spikes_a_step(maker, ours, seed):
    """MultiSpike, sinabs's default: trunc(v / theta)."""
    m = maker(seed)
    graph = m.chain(m.affine(12, 8), m.lif(12, 1.0), m.affine(6, 12, 0.5), m.lif(6, 1.0))
    x = m.spikes(150, 8)
    found, result = ours(graph, x, convention="sinabs")
    wanted = theirs(graph, x, single=False)
    assert np.array_equal(found, wanted)
    assert wanted.max() > 1
    assert result.facts["spikes"].startswith("several a step")


@pytest.mark.parametrize("seed", range(4))
def test_integrate_and_fire_is_held_above_minus_theta(maker, ours, seed):
    m = maker(seed)
    theta = m.rng.uniform(0.5, 1.5, (2, 6))
    neurons = [nir.IF(r=np.ones(6), v_threshold=t) for t in theta]
    graph = m.chain(m.affine(6, 8), neurons[0], m.affine(6, 6), neurons[1])
    graph.nodes["affine"].weight -= np.float32(0.3)  # so that membranes sink as well
    x = m.spikes(150, 8)
    found, _ = ours(graph, x, convention="sinabs")
    wanted = theirs(graph, x, single=False)
    assert np.array_equal(found, wanted)
    assert wanted.max() > 1
    plain, _ = ours(graph, x, dt_s=1.0, reset="subtract", compare=">=")
    assert not np.array_equal(np.minimum(found, 1), plain)


@pytest.mark.parametrize("option", [{"reset": "zero"}, {"compare": ">"}])
def test_options_that_do_not_fit_it_are_refused(maker, ours, option):
    m = maker(2)
    graph = m.chain(m.affine(12, 8), m.lif(12, 1.0))
    with pytest.raises(UnsupportedError, match="was given; a neuron that fires several times"):
        ours(graph, m.spikes(5, 8), convention="sinabs", **option)


def test_the_clamp_with_single_spikes_is_refused(maker, ours):
    m = maker(3)
    graph = m.chain(m.affine(4, 8), nir.IF(r=np.ones(4), v_threshold=np.ones(4)))
    with pytest.raises(UnsupportedError, match="above -v_threshold"):
        ours(graph, m.spikes(5, 8), convention="sinabs-single")


def test_a_leak_potential_is_refused(maker, ours):
    m = maker(4)
    graph = m.chain(m.lif(4, 1.0, v_leak=np.full(4, 0.5)))
    with pytest.raises(UnsupportedError, match=r"v_leak is 0.5; sinabs 3.1 reads only 0"):
        ours(graph, m.spikes(5, 4), convention="sinabs-single")


def test_cycles_are_refused(maker, ours):
    m = maker(6)
    graph = m.loop(m.affine(4, 3), m.lif(4, 1.0), m.affine(4, 4))
    with pytest.raises(UnsupportedError, match=r"lif \(LIF\): stands on a cycle"):
        ours(graph, m.spikes(5, 3), convention="sinabs")
