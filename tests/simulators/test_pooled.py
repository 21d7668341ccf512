"""Pools of spikes whose sums are passed on by events alone, against the reference engine."""

import numpy as np
import pytest
from pooled_networks import POOLS, pooled_network

from neurochain.simulators import Record
from neurochain.simulators.event import pack, pack_inputs, prepare
from neurochain.simulators.reference import run_reference


def _same(found, expected, what):
    for kind in ("projections", "populations"):
        ours, theirs = getattr(found.counts, kind), getattr(expected.counts, kind)
        for name, counts in theirs.items():
            assert np.array_equal(ours[name], counts), (what, name)
    for name, values in expected.emissions.items():
        assert np.array_equal(found.emissions[name], values), (what, name)
    for name, state in expected.final_state.items():
        assert all(np.array_equal(found.final_state[name][s], state[s]) for s in state), what


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("delay", [0, 2])
@pytest.mark.parametrize("maxima", [False, True])
def test_pools_by_events(name, delay, maxima):
    """Recorded or not: the same counts, spikes and states, with any chunk and threads."""
    rng = np.random.default_rng(len(name) + delay)
    network = pooled_network(rng, name, delay=delay, maxima=maxima)
    x = {"in": (rng.random((3, 11, 2, 9, 8)) < 0.25).astype(np.float32)}
    x["in"][1, 3:6] = 0
    for emissions in (("b",), ("pool", "b")):
        for part in (slice(0, 3), slice(0, 1)):  # teams of one worker; a team of two
            given = {"in": x["in"][part].reshape(-1, 11, 144)}
            record = Record(emissions=emissions)
            expected = run_reference(network, given, record=record)
            assert expected.counts.populations["pool"][..., 0].sum() > 50
            assert expected.counts.populations["b"][..., 0].any()
            for chunk, threads in ((11, 1), (3, 2), (1, 1)):
                run = prepare(
                    pack(network), pack_inputs(network, given), record=record,
                    threads=threads, chunk=chunk,
                )  # fmt: skip
                run.advance()
                _same(run.result(), expected, (emissions, chunk, threads))


def test_a_run_that_goes_on_with_the_state():
    """The history of the pool that a delayed projection needs, from run to run."""
    rng = np.random.default_rng(9)
    network = pooled_network(rng, "means", delay=3)
    x = (rng.random((2, 14, 144)) < 0.25).astype(np.float32)
    record = Record(emissions=("b",))
    whole = run_reference(network, {"in": x}, record=record)
    packed, state, found = pack(network), None, []
    for first in (0, 5, 7):
        end = {0: 5, 5: 7, 7: 14}[first]
        run = prepare(
            packed,
            pack_inputs(network, {"in": x[:, first:end]}),
            record=record,
            initial_state=state,
        )
        run.advance()
        result = run.result()
        state = result.final_state
        found.append(result.emissions["b"])
    assert np.array_equal(np.concatenate(found, axis=1), whole.emissions["b"])
