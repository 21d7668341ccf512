"""One LIF neuron (NIR paper, task 1) and two with a leak above threshold."""

import numpy as np
import pytest

from neurochain.errors import InputError
from neurochain.frontends.nir import read_nir

DT = 1e-4


@pytest.fixture(scope="module")
def trace(vectors):
    """Columns input, membrane after reset, spike; 1000 steps."""
    return np.loadtxt(vectors / "lif_norse.csv", delimiter=",")


def test_spikes_and_membrane_are_those_of_the_paper(vectors, trace, simulate):
    result = read_nir(vectors / "lif_norse.nir", dt_s=DT)
    assert result.facts["version"] == "0.1.1"  # before v_reset existed
    run = simulate(result.graph, trace[None, :, :1], membranes=["1"])
    spikes = run.emissions["1"][0, :, 0]
    assert spikes.nonzero()[0].tolist() == [460, 510, 710, 760]
    assert spikes.tolist() == trace[:, 2].tolist()
    assert np.abs(run.membranes["1"][0, :, 0] - trace[:, 1]).max() <= 1e-6


def test_dt_is_not_guessed(vectors):
    """tau / r would be dt = tau, which gives 34 spikes and is wrong."""
    with pytest.raises(InputError, match="missing dt") as refused:
        read_nir(vectors / "lif_norse.nir")
    assert "--dt" in str(refused.value)


def test_a_leak_above_threshold_fires_without_input(vectors, simulate):
    graph = read_nir(vectors / "two_lif_neurons.nir", dt_s=DT).graph
    run = simulate(graph, np.zeros((1, 1000, 1)))
    steps = run.emissions["lif1"][0, :, 0].nonzero()[0] + 1  # counting from 1
    assert steps.tolist() == [179, 358, 537, 716, 895]
    assert not run.emissions["lif2"].any()


def test_traces_of_other_platforms(shared_dir, vectors, simulate):
    """Those of the same discretisation: equal, or one step later."""
    folder = shared_dir / "conformance" / "lif"
    graph = read_nir(vectors / "lif_norse.nir", dt_s=DT).graph
    seen = {}
    for path in sorted(folder.glob("lif_*.csv")):
        table = np.loadtxt(path, delimiter=",")
        run = simulate(graph, table[None, :, :1])
        ours = run.emissions["1"][0, :, 0].nonzero()[0]
        seen[path.stem] = (
            (table[:, 2].nonzero()[0] - ours).tolist()
            if (len(ours) == np.count_nonzero(table[:, 2]))
            else None
        )
    same = {"lif_exact", "lif_nengo", "lif_norse", "lif_snntorch", "lif_spinnaker2"}
    later = {"lif_lava_cpu_fixed", "lif_lava_cpu_float", "lif_lava_loihi_fixed", "lif_spyx"}
    assert {name: seen[name] for name in same} == {name: [0] * 4 for name in same}
    assert {name: seen[name] for name in later} == {name: [1] * 4 for name in later}
