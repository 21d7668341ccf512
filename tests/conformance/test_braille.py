"""A recurrent CubaLIF network reading Braille (NIR paper, task 3), both readings of its bias."""

import numpy as np
import pytest

from neurochain.frontends.nir import read_nir
from neurochain.lowering import lower

COUNTS = [10, 160, 112, 113, 103, 68, 121]


@pytest.fixture(scope="module")
def sample(vectors):
    return np.load(vectors / "input_256x12.npy")


@pytest.mark.parametrize("dt_s", [None, 1e-4])
@pytest.mark.parametrize(
    ("at_0", "expected", "hidden_spikes"),
    [(True, "expected_zero_rec0_bias.npz", 119), (False, "expected_zero_rec0_zero.npz", 118)],
)
def test_spikes(vectors, sample, simulate, dt_s, at_0, expected, hidden_spikes):
    result = read_nir(
        vectors / "braille_noDelay_bias_zero.nir", dt_s=dt_s, recurrent_bias_at_0=at_0
    )
    assert result.graph.dt_s == 1e-4
    run = simulate(result.graph, sample[None])
    wanted = np.load(vectors / expected)
    hidden, output = run.emissions["lif1.lif"][0], run.emissions["lif2"][0]
    assert np.array_equal(hidden, wanted["hidden"])
    assert np.array_equal(output, wanted["output"])
    assert hidden.sum() == hidden_spikes
    if at_0:
        assert output.sum(axis=0).tolist() == COUNTS


def test_the_decision_is_said(vectors):
    """Without an option, the default is reported with the way to change it."""
    result = read_nir(vectors / "braille_noDelay_bias_zero.nir")
    text = "\n".join(str(f) for f in result.findings)
    assert "lif1.w_rec" in text
    assert "--recurrent-bias-at-0" in text
    assert "dt = 0.0001 s was inferred" in text
    assert result.facts["recurrent_bias_at_0"] == "yes"


def test_traces_of_snntorch_and_norse(shared_dir, vectors):
    folder = shared_dir / "conformance" / "braille"
    for framework, name in (("snntorch", "bias"), ("norse", "zero")):
        trace = np.load(folder / f"{framework}_activity_noDelay_bias_zero.npy")
        wanted = np.load(vectors / f"expected_zero_rec0_{name}.npz")["hidden"]
        assert np.array_equal(trace, wanted)


@pytest.mark.parametrize("convention", ["norse", "spikingjelly"])
def test_frameworks_that_leave_the_bias_out_at_step_0(vectors, sample, simulate, convention):
    """Both run it through nirtorch; the trace is Norse's own."""
    path = vectors / "braille_noDelay_bias_zero.nir"
    result = read_nir(path, dt_s=1e-4, convention=convention)
    assert result.facts["recurrent_bias_at_0"] == "no"
    run = simulate(result.graph, sample[None])
    wanted = np.load(vectors / "expected_zero_rec0_zero.npz")
    assert np.array_equal(run.emissions["lif1.lif"][0], wanted["hidden"])
    assert np.array_equal(run.emissions["lif2"][0], wanted["output"])


def test_latency_of_layers_shifts_the_network_and_keeps_its_loop(vectors, sample, simulate):
    """With every layer one step late, hidden spikes come one step later and the loop is one step.

    All biases then arrive from step 1 on, which is where the hidden neurons begin.
    """
    path = vectors / "braille_noDelay_bias_zero.nir"
    result = read_nir(path, dt_s=1e-4, layer_latency=1)
    run = simulate(result.graph, sample[None])
    wanted = np.load(vectors / "expected_zero_rec0_bias.npz")
    assert np.array_equal(run.emissions["lif1.lif"][0, 1:], wanted["hidden"][:-1])


def test_latency_of_spikes_shifts_the_output(vectors, sample, simulate):
    """Spikes leave each of the two layers a step late; the loop stays one step."""
    path = vectors / "braille_noDelay_bias_zero.nir"
    graph = read_nir(path, dt_s=1e-4, spike_latency=1).graph
    output = lower(graph).outputs[0].node
    run = simulate(graph, sample[None])
    wanted = np.load(vectors / "expected_zero_rec0_bias.npz")
    assert np.array_equal(run.emissions["lif1.lif"][0], wanted["hidden"])
    fired = run.emissions[output][0]
    assert fired.shape == wanted["output"].shape
    assert not fired[0].any()


def test_the_other_order_of_currents_is_another_network(vectors, sample, simulate):
    path = vectors / "braille_noDelay_bias_zero.nir"
    run = simulate(read_nir(path, dt_s=1e-4, current_order="old").graph, sample[None])
    wanted = np.load(vectors / "expected_zero_rec0_bias.npz")
    assert not np.array_equal(run.emissions["lif1.lif"][0], wanted["hidden"])
