"""--convention spyx against Spyx's neurons, written out (spyx/nn.py, 1.0.0; it needs jax)."""

import nir
import numpy as np
import pytest

from neurochain.errors import InputError, UnsupportedError

F = np.float32


def heaviside(v, theta):
    return (v - theta > 0).astype(F)


class If:
    """spikes = f(V - theta); V = V + x - spikes theta."""

    beta = F(1)

    def __init__(self, node, dt):
        self.theta = node.v_threshold.astype(F)
        self.v = np.zeros(self.theta.shape, F)
        if hasattr(node, "tau"):
            self.beta = (1 - dt / node.tau).astype(F)

    def __call__(self, x):
        z = heaviside(self.v, self.theta)
        self.v = self.beta * self.v + x - z * self.theta
        return z


class CuBa:
    """spikes = f(V - theta); V = V - spikes theta; I = alpha I + x; V = beta V + I."""

    def __init__(self, node, dt):
        self.theta = node.v_threshold.astype(F)
        self.alpha = (1 - dt / node.tau_syn).astype(F)
        self.beta = (1 - dt / node.tau_mem).astype(F)
        self.i = np.zeros(self.theta.shape, F)
        self.v = np.zeros(self.theta.shape, F)

    def __call__(self, x):
        z = heaviside(self.v, self.theta)
        self.v = self.v - z * self.theta
        self.i = self.alpha * self.i + x
        self.v = self.beta * self.v + self.i
        return z


def theirs(graph, x, dt):
    """The chain as spyx.nn.Sequential runs it; in a loop spikes feed back inside the step."""
    layers = []
    for node in graph.nodes.values():
        if isinstance(node, nir.CubaLIF):
            layers.append(CuBa(node, dt))
        elif isinstance(node, nir.IF | nir.LIF):
            layers.append(If(node, dt))
        elif isinstance(node, nir.Affine):
            layers.append(lambda v, n=node: v @ n.weight.T + n.bias)
    out = []
    for frame in x:
        value = frame
        for layer in layers:
            value = layer(value)
        out.append(value)
    return np.stack(out)


def integrate(m, n):
    return nir.IF(r=np.ones(n), v_threshold=m.rng.uniform(1.0, 2.0, n))


def leaky(m, n):
    """As to_nir writes it: r = beta."""
    tau = m.rng.uniform(2, 10, n)
    theta = m.rng.uniform(0.7, 1.2, n)
    return nir.LIF(tau=tau, r=1 - 1 / tau, v_leak=np.zeros(n), v_threshold=theta)


def current(m, n):
    tau, zero = m.rng.uniform(2, 10, n), np.zeros(n)
    theta = m.rng.uniform(0.7, 1.2, n)
    return nir.CubaLIF(
        tau_syn=tau / 2 + 0.5, tau_mem=tau, r=1 - 1 / tau, v_leak=zero, v_threshold=theta
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", [integrate, leaky, current], ids=lambda k: k.__name__)
def test_chains(maker, ours, kind, seed):
    m = maker(seed)
    gain = 0.5 if kind is current else 1.0
    graph = m.chain(m.affine(12, 8, gain), kind(m, 12), m.affine(6, 12, gain), kind(m, 6))
    x = m.spikes(150, 8)
    found, result = ours(graph, x, dt_s=1.0, convention="spyx")
    wanted = theirs(graph, x, 1.0)
    assert np.array_equal(found, wanted)
    assert 0.01 < wanted.mean() < 0.99
    assert result.facts["spike_latency"] == "1 step"


def test_loops(maker, ours):
    """RLIF: V = beta V + x + W z - z theta with the z of this step, of the old V."""
    m = maker(9)
    back = nir.Linear(weight=m.rng.normal(0, 0.5, (6, 6)).astype(F))
    graph = m.loop(m.affine(6, 5), leaky(m, 6), back)
    x = m.spikes(100, 5)
    found, _ = ours(graph, x, dt_s=1.0, convention="spyx")
    node, first = graph.nodes["lif"], graph.nodes["fc"]
    beta, theta = (1 - 1 / node.tau).astype(F), node.v_threshold.astype(F)
    v, wanted = np.zeros(6, F), []
    for frame in x:
        z = heaviside(v, theta)
        v = beta * v + (frame @ first.weight.T + first.bias) + z @ back.weight.T - z * theta
        wanted.append(z)
    assert np.array_equal(found, np.stack(wanted))


def test_another_latency_wins_with_a_warning(maker, ours):
    m = maker(1)
    graph = m.chain(m.affine(6, 8), leaky(m, 6))
    x = m.spikes(60, 8)
    late, _ = ours(graph, x, dt_s=1.0, convention="spyx")
    found, result = ours(graph, x, dt_s=1.0, convention="spyx", spike_latency=0)
    assert np.array_equal(found[:-1], late[1:])
    assert any("spike_latency 0 was given, Spyx 1.0 means 1" in f.what for f in result.findings)


def test_what_is_refused(maker, ours):
    m = maker(2)
    x = m.spikes(5, 5)
    with pytest.raises(UnsupportedError, match="drops the bias of a recurrent layer"):
        ours(m.loop(m.affine(6, 5), leaky(m, 6), m.affine(6, 6)), x, dt_s=1.0, convention="spyx")
    with pytest.raises(InputError, match="missing dt: files of Spyx"):
        ours(m.chain(leaky(m, 5)), x, convention="spyx")
    pair = {"kernel_size": np.array([2, 2]), "stride": np.array([2, 2])}
    pool = nir.NIRGraph(
        nodes={
            "input": nir.Input(np.array([2, 4, 4])),
            "pool": nir.SumPool2d(**pair, padding=np.array([1, 1])),
            "flat": nir.Flatten(input_type={"input": np.array([2, 3, 3])}, start_dim=0),
            "output": nir.Output(np.array([18])),
        },
        edges=[("input", "pool"), ("pool", "flat"), ("flat", "output")],
    )
    with pytest.raises(UnsupportedError) as refused:
        ours(pool, x, dt_s=1.0, convention="spyx")
    text = str(refused.value)
    assert "padding is (1, 1)" in text
    assert "channels last" in text
