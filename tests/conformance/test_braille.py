"""A recurrent CubaLIF network reading Braille (NIR paper, task 3), both readings of its bias."""

import numpy as np
import pytest

from neurochain.frontends.nir import read_nir

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
