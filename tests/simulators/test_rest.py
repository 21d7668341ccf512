"""Chunks in which a layer rests, between chunks in which it does not."""

from dataclasses import replace

import numpy as np
import pytest

from neurochain.bench.networks import build_network
from neurochain.bench.workloads import make
from neurochain.simulators import Record
from neurochain.simulators.event import pack, pack_inputs, prepare
from neurochain.simulators.reference import run_reference

STEPS = 64


def _network(variant, beta):
    """784-1024-1024-10, whose membranes settle within a step (beta 0) or nearly never."""
    network = build_network(make("mlp-b1-p0.2"), variant)
    return replace(
        network,
        populations=tuple(
            replace(p, params={**p.params, "beta": np.asarray(np.float32(beta))})
            for p in network.populations
        ),
    )


@pytest.mark.parametrize("variant", ["f32", "i8"])
@pytest.mark.parametrize("beta", [0.0, 0.875])
def test_silence_between_bursts(variant, beta):
    """Spikes, states and counts as the reference has them, from rest, at rest and afterwards."""
    network = _network(variant, beta)
    rng = np.random.default_rng(5)
    x = np.zeros((2, STEPS, 784), dtype=np.float32)
    for first in (9, 41):  # the second sample begins where the first left the scratch
        x[:, first : first + 3] = rng.random((2, 3, 784)) < 0.3
    x[1, 0] = x[0, 9]
    (source,) = network.sources
    record = Record(emissions=tuple(p.name for p in network.populations))
    expected = run_reference(network, {source.name: x}, record=record)
    for chunk in (1, 4, STEPS):
        for threads in (1, 2):
            run = prepare(
                pack(network),
                pack_inputs(network, {source.name: x}),
                record=record,
                threads=threads,
                chunk=chunk,
            )
            run.advance()
            found = run.result()
            for name, values in expected.emissions.items():
                assert np.array_equal(found.emissions[name], values), (name, chunk, threads)
                assert np.array_equal(found.final_state[name]["v"], expected.final_state[name]["v"])
            for kind in ("projections", "populations"):
                ours, theirs = getattr(found.counts, kind), getattr(expected.counts, kind)
                assert all(np.array_equal(ours[name], theirs[name]) for name in theirs), kind
    first = expected.counts.populations[network.populations[0].name]
    assert first[:, 9:12, 0].any()
    assert (first[:, 20:41, 2] == 0).all() == (beta == 0.0)  # it rests where it can
