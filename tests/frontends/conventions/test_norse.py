"""--convention norse against norse.torch.from_nir."""

import warnings

import nir
import numpy as np
import pytest

from neurochain.errors import InputError, Severity, UnsupportedError

DT = 1e-3


def theirs(graph, x):
    """Norse's own import, step by step."""
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        norse = pytest.importorskip("norse.torch")
    model = norse.from_nir(graph, dt=DT, ignore_warnings=True)
    state, out = None, []
    with torch.no_grad():
        for frame in torch.from_numpy(x):
            z, state = model(frame[None], state)
            out.append(z[0].numpy())
    return np.stack(out)


def lif_with_r(m, n):
    return m.lif(n, DT, r=np.full(n, 7.0))


def lif_with_leak(m, n):
    return m.lif(n, DT, v_leak=m.rng.uniform(-0.2, 0.2, n))


def cuba(m, n):
    return m.cuba(n, DT, unit=False)


def cuba_with_leak(m, n):
    return m.cuba(n, DT, unit=False, v_leak=m.rng.uniform(-0.1, 0.2, n))


def integrate(m, n):
    return nir.IF(r=np.full(n, 3.0), v_threshold=m.rng.uniform(2, 4, n), v_reset=np.zeros(n))


KINDS = [lif_with_r, lif_with_leak, cuba, cuba_with_leak, integrate]


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_chains(maker, ours, kind, seed):
    m = maker(seed)
    gain = {"integrate": 1.0, "cuba": 0.7, "cuba_with_leak": 0.7}.get(kind.__name__, 4.0)
    graph = m.chain(m.affine(12, 8, gain), kind(m, 12), m.affine(6, 12, gain), kind(m, 6))
    x = m.spikes(150, 8)
    found, _ = ours(graph, x, dt_s=DT, convention="norse")
    wanted = theirs(graph, x)
    assert np.array_equal(found, wanted)
    assert 0.01 < wanted.mean() < 0.99


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", [lif_with_r, cuba], ids=lambda k: k.__name__)
def test_loops(maker, ours, kind, seed):
    """A recurrent bias is missing at step 0."""
    m = maker(seed)
    graph = m.loop(m.affine(6, 5, 4.0), kind(m, 6), m.affine(6, 6, 2.0))
    graph.nodes["rec"].bias += np.float32(1.0)
    x = m.spikes(100, 5)
    found, result = ours(graph, x, dt_s=DT, convention="norse")
    assert np.array_equal(found, theirs(graph, x))
    assert result.facts["recurrent_bias_at_0"] == "no"


def test_it_differs_from_the_reference_where_r_counts(maker, ours):
    m = maker(1)
    graph = m.chain(m.affine(12, 8), lif_with_r(m, 12))
    x = m.spikes(100, 8)
    found, result = ours(graph, x, dt_s=DT, convention="norse")
    plain, _ = ours(graph, x, dt_s=DT)
    assert not np.array_equal(found, plain)
    (note,) = [f for f in result.findings if f.severity is Severity.WARNING]
    assert "lif (LIF): r is 7; Norse 1.1 ignores it" in str(note)


def test_options_win_with_a_warning(maker, ours):
    m = maker(2)
    graph = m.loop(m.affine(6, 5, 4.0), m.lif(6, DT), m.affine(6, 6, 2.0))
    options = {"reset": "subtract", "compare": ">=", "recurrent_bias_at_0": True}
    _, result = ours(graph, m.spikes(5, 5), dt_s=DT, convention="norse", **options)
    text = "\n".join(str(f) for f in result.findings)
    assert "reset subtract (same_step) was given, Norse 1.1 means zero (same_step)" in text
    assert "compare >= was given, Norse 1.1 means >" in text
    assert "recurrent_bias_at_0 True was given, Norse 1.1 means False" in text


def test_dt_is_asked_for(maker, ours):
    m = maker(3)
    with pytest.raises(InputError, match="missing dt: files of Norse do not hold it"):
        ours(m.chain(m.lif(3, DT)), m.spikes(5, 3), convention="norse")
    found, _ = ours(m.chain(integrate(m, 3)), m.spikes(5, 3), convention="norse")
    assert found.shape == (5, 3)


def test_what_it_does_not_read(maker, ours):
    m = maker(4)
    one = np.ones(3)
    graph = m.chain(nir.I(r=one), nir.CubaLI(tau_syn=one, tau_mem=one, r=one, v_leak=one))
    with pytest.raises(UnsupportedError) as refused:
        ours(graph, m.spikes(5, 3), dt_s=DT, convention="norse")
    assert [f.where for f in refused.value.findings] == ["i (I)", "cubali (CubaLI)"]


@pytest.mark.torch
def test_a_file_by_norse_itself(ours, maker):
    """to_nir states shapes with the batch, and tau as dt * tau: both steps have to be undone."""
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        norse = pytest.importorskip("norse.torch")
    n = torch.ones(6)
    box = norse.LIFBoxParameters(tau_mem_inv=100 * n, v_th=0.3 * n, v_leak=0 * n)
    torch.manual_seed(0)
    model = norse.SequentialState(torch.nn.Linear(8, 6), norse.LIFBoxCell(box))
    model[0].weight.data = torch.rand(6, 8)
    graph = norse.to_nir(model, torch.zeros(2, 8))
    x = maker(0).spikes(60, 8)
    state, wanted = None, []
    with torch.no_grad():
        for frame in torch.from_numpy(x):
            z, state = model(frame[None], state)
            wanted.append(z[0].numpy())
    found, _ = ours(graph, x, dt_s=1e-3 * 1e-3, convention="norse")
    assert np.array_equal(found, np.stack(wanted))
    assert found.mean() > 0.02
    with pytest.raises(InputError, match=r"carries \(2, 8\)"):
        ours(graph, x, dt_s=1e-6)
