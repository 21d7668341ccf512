"""Every neuron x reset x reset delay x style: the network spikes as the live module does."""

import numpy as np
import pytest
import torch
from snntorch_nets import CELLS, N_IN, build, layer_names, plain_run, sample_for, spikes

from neurochain import UnsupportedError, simulate
from neurochain.frontends.modules import to_graph
from neurochain.lowering import lower
from neurochain.verification import verify_network

pytestmark = pytest.mark.torch

STEPS = 200
RATES = (0.1, 0.3, 0.6)
INPUT = spikes(RATES, STEPS, (N_IN,), seed=5)


def cannot_run(kind, delay, style):
    """RSynaptic with reset_delay=False works in snnTorch only with states passed by hand."""
    return kind == "RSynaptic" and not delay and style == "sequential"


def test_there_are_72_cells():
    assert len(set(CELLS)) == 72
    assert sum(cannot_run(kind, delay, style) for kind, _, delay, style in CELLS) == 3


@pytest.mark.parametrize(("kind", "reset", "delay", "style"), CELLS)
def test_cell(kind, reset, delay, style, record_property):
    dyadic = build(kind, reset, delay, style, dyadic=True, seed=1)
    if cannot_run(kind, delay, style):
        record_property("cell", "cannot run in snnTorch")
        with pytest.raises(TypeError):
            dyadic(torch.ones(1, N_IN))
        with pytest.raises(UnsupportedError, match="cannot run in snnTorch"):
            to_graph(dyadic, sample_for(style), dt_s=1e-3)
        return
    record_property("cell", "ran")

    result = to_graph(dyadic, sample_for(style), dt_s=1e-3)
    assert result.style == style
    run = simulate(lower(result.graph), INPUT)
    for name, wanted in zip(layer_names(style), plain_run(dyadic, kind, style, INPUT), strict=True):
        np.testing.assert_array_equal(run.spikes[name], wanted)
        assert 0.01 < wanted.mean() < 0.99

    floats = build(kind, reset, delay, style, dyadic=False, seed=2)
    result = to_graph(floats, sample_for(style), dt_s=1e-3)
    report = verify_network(lower(result.graph), result, floats, INPUT)
    assert report.equal, report
    assert report.not_exercised == ()
    assert report.compared == 3 * STEPS * 16
    assert len(report.ties) <= 1  # expected: one flip in millions of neuron steps


def test_dyadic_weights_leave_nothing_open():
    net = build("RSynaptic", "subtract", True, "time_loop", dyadic=True, seed=3)
    result = to_graph(net, sample_for("time_loop"), dt_s=1e-3)
    report = verify_network(lower(result.graph), result, net, INPUT)
    assert report.equal
    assert report.ties == ()
    assert report.max_membrane_deviation == 0
    assert [run.equal_steps for run in report.free_running] == [STEPS] * 3
