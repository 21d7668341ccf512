"""--convention rockpool-single against LIFTorch and LIFNeuronTorch, written out (3.1.0)."""

import nir
import numpy as np
import pytest

from neurochain.errors import InputError, UnsupportedError

F = np.float32
DT = 1e-3


def spikes_of(v, theta, most):
    z = (v >= theta) * np.floor(v / theta)
    return np.minimum(z, most).astype(F)


def synaptic(node, currents, most=1, back=None):
    """LIFTorch: isyn += x + rec; both decay; vmem += isyn + bias; spikes; vmem -= z theta."""
    alpha = np.exp(-DT / node.tau_mem).astype(F)
    beta = np.exp(-DT / node.tau_syn).astype(F)
    theta, bias = node.v_threshold.astype(F), node.v_leak.astype(F)
    v, i, z = np.zeros(theta.shape, F), np.zeros(theta.shape, F), np.zeros(theta.shape, F)
    out = []
    for x in currents:
        i = i + x
        if back is not None:
            i = i + z @ back.T
        v, i = alpha * v, beta * i
        v = v + i + bias
        z = spikes_of(v, theta, most)
        v = v - z * theta
        out.append(z)
    return np.stack(out)


def plain(node, currents):
    """LIFNeuronTorch: vmem = alpha vmem + x + bias."""
    alpha = np.exp(-DT / node.tau).astype(F)
    theta, bias = node.v_threshold.astype(F), node.v_leak.astype(F)
    v, out = np.zeros(theta.shape, F), []
    for x in currents:
        v = alpha * v + x + bias
        z = spikes_of(v, theta, 1)
        v = v - z * theta
        out.append(z)
    return np.stack(out)


def written(tau):
    """r as to_nir writes it."""
    return (tau * np.exp(-DT / tau) / DT).astype(F)


def cuba(m, n, leak=0.0):
    mem, syn = m.rng.uniform(5e-3, 2e-2, n), m.rng.uniform(2e-3, 5e-3, n)
    theta = m.rng.uniform(1.0, 2.0, n)
    return nir.CubaLIF(
        tau_syn=syn, tau_mem=mem, r=written(mem), v_leak=np.full(n, leak), v_threshold=theta
    )


def lif(m, n):
    tau = m.rng.uniform(3e-3, 2e-2, n)
    theta = m.rng.uniform(1.0, 2.0, n)
    return nir.LIF(tau=tau, r=written(tau), v_leak=np.zeros(n), v_threshold=theta)


@pytest.mark.parametrize("seed", range(4))
def test_synaptic(maker, ours, seed):
    m = maker(seed)
    first, node = m.affine(12, 8, 0.4), cuba(m, 12, leak=0.01)
    x = m.spikes(150, 8)
    found, result = ours(m.chain(first, node), x, convention="rockpool-single")
    wanted = synaptic(node, x @ first.weight.T + first.bias)
    assert np.array_equal(found, wanted)
    assert 0.01 < wanted.mean() < 0.99
    assert result.facts["dt"] == "0.001 s (inferred from r)"


@pytest.mark.parametrize("seed", range(4))
def test_plain(maker, ours, seed):
    m = maker(seed)
    first, node = m.affine(12, 8), lif(m, 12)
    x = m.spikes(150, 8)
    found, _ = ours(m.chain(first, node), x, convention="rockpool-single")
    wanted = plain(node, x @ first.weight.T + first.bias)
    assert np.array_equal(found, wanted)
    assert 0.01 < wanted.mean() < 0.99


def test_recurrent(maker, ours):
    m = maker(7)
    first, node = m.affine(6, 5, 0.4), cuba(m, 6)
    back = nir.Linear(weight=m.rng.normal(0, 0.3, (6, 6)).astype(F))
    x = m.spikes(100, 5)
    found, _ = ours(m.loop(first, node, back), x, convention="rockpool-single")
    wanted = synaptic(node, x @ first.weight.T + first.bias, back=back.weight)
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize("seed", range(4))
def test_several_spikes_a_step(maker, ours, seed):
    """As Rockpool runs it: bit for bit the same sums."""
    m = maker(seed)
    first, node = m.affine(12, 8), cuba(m, 12, leak=0.01)
    x = m.spikes(150, 8)
    found, result = ours(m.chain(first, node), x, convention="rockpool")
    wanted = synaptic(node, x @ first.weight.T + first.bias, most=2**16)
    assert np.array_equal(found, wanted)
    assert wanted.max() > 1
    assert result.facts["spikes"].startswith("several a step")


def test_several_spikes_in_a_loop(maker, ours):
    m = maker(8)
    first, node = m.affine(6, 5), cuba(m, 6)
    back = nir.Linear(weight=m.rng.normal(-0.2, 0.1, (6, 6)).astype(F))
    x = m.spikes(100, 5)
    found, _ = ours(m.loop(first, node, back), x, convention="rockpool")
    wanted = synaptic(node, x @ first.weight.T + first.bias, most=2**16, back=back.weight)
    assert np.array_equal(found, wanted)
    assert wanted.max() > 1


def test_dt_that_is_not_in_the_file_is_asked_for(maker, ours):
    m = maker(2)
    node = lif(m, 3)
    node.r = np.ones(3)
    x = m.spikes(5, 3)
    with pytest.raises(InputError, match="missing dt: r of the neurons"):
        ours(m.chain(node), x, convention="rockpool-single")
    found, _ = ours(m.chain(node), x, convention="rockpool-single", dt_s=DT)
    assert np.array_equal(found, plain(node, x))


def test_a_recurrent_bias_is_refused(maker, ours):
    m = maker(3)
    graph = m.loop(m.affine(6, 5), cuba(m, 6), m.affine(6, 6))
    with pytest.raises(UnsupportedError, match="drops the bias"):
        ours(graph, m.spikes(5, 5), convention="rockpool-single")
