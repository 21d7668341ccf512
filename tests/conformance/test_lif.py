"""One LIF neuron (NIR paper, task 1) and two with a leak above threshold."""

import numpy as np
import pytest

from neurochain.errors import InputError
from neurochain.frontends.nir import read_nir
from neurochain.lowering import lower

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
    assert len(seen) == 11
    same = {"lif_exact", "lif_nengo", "lif_norse", "lif_snntorch", "lif_spinnaker2"}
    later = {"lif_lava_cpu_fixed", "lif_lava_cpu_float", "lif_lava_loihi_fixed", "lif_spyx"}
    assert {name: seen[name] for name in same} == {name: [0] * 4 for name in same}
    assert {name: seen[name] for name in later} == {name: [1] * 4 for name in later}


LATE = [
    ("lif_lava_cpu_fixed", {"layer_latency": 1}),
    ("lif_lava_cpu_float", {"layer_latency": 1}),
    ("lif_lava_loihi_fixed", {"layer_latency": 1}),
    ("lif_spyx", {"spike_latency": 1}),
]


@pytest.mark.parametrize(("trace_name", "option"), LATE, ids=[name for name, _ in LATE])
def test_platforms_that_are_one_step_late(shared_dir, vectors, simulate, trace_name, option):
    """Lava's Dense sends what it computed the step before; Spyx fires on the old membrane."""
    table = np.loadtxt(shared_dir / "conformance" / "lif" / f"{trace_name}.csv", delimiter=",")
    result = read_nir(vectors / "lif_norse.nir", dt_s=DT, **option)
    network = lower(result.graph)
    run = simulate(result.graph, table[None, :, :1])
    spikes = run.emissions[network.outputs[0].node][0, :, 0]
    assert spikes.nonzero()[0].tolist() == [461, 511, 711, 761]
    assert spikes.tolist() == table[:, 2].tolist()
    assert result.facts[next(iter(option))] == "1 step"


def test_both_latencies_add_up(vectors, trace, simulate):
    result = read_nir(vectors / "lif_norse.nir", dt_s=DT, layer_latency=2, spike_latency=1)
    run = simulate(result.graph, trace[None, :, :1])
    spikes = run.emissions[lower(result.graph).outputs[0].node][0, :, 0]
    assert spikes.nonzero()[0].tolist() == [463, 513, 713, 763]


@pytest.mark.parametrize("convention", ["norse", "reference"])
def test_norse_reads_its_own_file_alike(vectors, trace, simulate, convention):
    graph = read_nir(vectors / "lif_norse.nir", dt_s=DT, convention=convention).graph
    run = simulate(graph, trace[None, :, :1])
    assert run.emissions["1"][0, :, 0].tolist() == trace[:, 2].tolist()
