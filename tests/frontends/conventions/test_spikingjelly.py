"""--convention spikingjelly against SpikingJelly's import and export."""

import warnings

import nir
import numpy as np
import pytest

from neurochain.errors import InputError

DT = 1e-4


def imported(graph, x):
    """SpikingJelly's own import, step by step."""
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exchange = pytest.importorskip("spikingjelly.activation_based.nir_exchange")
    model = exchange.import_from_nir(graph, dt=DT, dtype=torch.float32)
    state, out = None, []
    with torch.no_grad():
        for frame in torch.from_numpy(x):
            z, state = model(frame[None], state)
            out.append(z[0].numpy())
    return np.stack(out)


def same(n, **values):
    return {name: np.full(n, value) for name, value in values.items()}


def decaying(m, n):
    fields = same(n, tau=DT * 4, r=1.0, v_leak=0.0, v_reset=0.0, v_threshold=0.5)
    return nir.LIF(**fields)


def adding(m, n):
    fields = same(n, tau=DT * 5, r=5.0, v_leak=0.0, v_reset=0.0, v_threshold=1.0)
    return nir.LIF(**fields)


def from_reset(m, n):
    fields = same(n, tau=DT * 5, r=5.0, v_leak=-0.25, v_reset=-0.25, v_threshold=1.0)
    return nir.LIF(**fields)


def integrate(m, n):
    return nir.IF(**same(n, r=1 / DT, v_threshold=2.0, v_reset=-0.5))


def cuba(m, n):
    fields = same(n, tau_syn=2 * DT, tau_mem=4 * DT, r=4.0, w_in=2.0, v_leak=0.0)
    return nir.CubaLIF(**fields, **same(n, v_threshold=1.5, v_reset=-0.5))


KINDS = [decaying, adding, from_reset, integrate, cuba]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_chains(maker, ours, kind, seed):
    m = maker(seed)
    graph = m.chain(m.affine(12, 8), kind(m, 12), m.affine(6, 12), kind(m, 6))
    x = m.spikes(150, 8)
    found, _ = ours(graph, x, dt_s=DT, convention="spikingjelly")
    wanted = imported(graph, x)
    assert np.array_equal(found, wanted)
    assert 0.01 < wanted.mean() < 0.99


def test_equality_fires(maker, ours):
    """Whole numbers on an IF: the threshold is met exactly."""
    m = maker(0)
    graph = m.chain(nir.Linear(weight=np.ones((2, 1), np.float32)), integrate(m, 2))
    graph.nodes["if"].v_reset = np.zeros(2)
    x = np.ones((6, 1), np.float32)
    found, _ = ours(graph, x, dt_s=DT, convention="spikingjelly")
    assert found[:, 0].tolist() == [0, 1, 0, 1, 0, 1]
    assert np.array_equal(found, imported(graph, x))
    plain, _ = ours(graph, x, dt_s=DT)
    assert plain[:, 0].tolist() == [0, 0, 1, 0, 0, 1]


@pytest.mark.parametrize("seed", range(3))
def test_loops(maker, ours, seed):
    m = maker(seed)
    graph = m.loop(m.affine(6, 5), cuba(m, 6), m.affine(6, 6, 0.5))
    x = m.spikes(100, 5)
    found, _ = ours(graph, x, dt_s=DT, convention="spikingjelly")
    assert np.array_equal(found, imported(graph, x))


def test_dt_is_inferred_where_the_file_holds_it(maker, ours):
    m = maker(0)
    graph = m.chain(m.affine(4, 3), adding(m, 4), m.affine(2, 4), cuba(m, 2))
    _, result = ours(graph, m.spikes(5, 3), convention="spikingjelly")
    assert result.graph.dt_s == DT
    assert result.facts["dt"] == "0.0001 s (inferred from tau / r)"
    with pytest.raises(InputError, match="missing dt"):
        ours(m.chain(decaying(m, 3)), m.spikes(5, 3), convention="spikingjelly")


FOREIGN = {
    "r": {"r": np.full(3, 2.0)},
    "v_leak": {"v_leak": np.full(3, 0.5)},
    "v_threshold": {"v_threshold": np.array([1.0, 2.0, 3.0])},
}


@pytest.mark.parametrize("field", FOREIGN)
def test_what_it_would_refuse_is_refused(maker, ours, field):
    m = maker(0)
    node = adding(m, 3)
    for name, value in FOREIGN[field].items():
        setattr(node, name, value)
    with pytest.raises(InputError, match=rf"lif \(LIF\): {field} .*SpikingJelly") as refused:
        ours(m.chain(node), m.spikes(5, 3), dt_s=DT, convention="spikingjelly")
    assert len(refused.value.findings) == 1
    with pytest.raises(ValueError, match=f"nir.LIF.{field}"):
        imported(m.chain(node), m.spikes(5, 3))
