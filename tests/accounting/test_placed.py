"""Model C on the counts of a placed network, by hand, and the time of a step."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurochain import Artifact, simulate
from neurochain.accounting.energy.chip import chip_profile
from neurochain.accounting.energy.sums import sums_of
from neurochain.accounting.prices import find_prices
from neurochain.errors import InputError
from neurochain.mapping import map_network
from neurochain.reporting import count_set, merge
from neurochain.reporting.energy import sums

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "mapping"))

from integer_networks import chain, dense, drawn
from test_limits import TIGHT, target

DAVIES, SANAFE = (find_prices(f"loihi1-{name}") for name in ("davies2018", "sanafe2025"))


@pytest.fixture(scope="module")
def fan():
    """A spike of one of 3 neurons reaches 300 on three cores: 3 packets, no hops, one tile."""
    network = chain([(3,), (3,), (300,)], [dense(3, 3, 200 * np.eye(3)), dense(3, 300)])
    placement = map_network(network, target(neurons_per_core=100), method="sequential")
    x = np.zeros((1, 4, 3), dtype=np.float32)
    x[0, 0, 1] = 1
    return Artifact(network=network, placement=placement), x


def estimate(artifact, x, prices, **more):
    return chip_profile(sums_of(simulate(artifact, x).activity_deployed), prices, **more)


def test_by_hand(fan):
    """303 neurons, 4 steps: 1 event into n0, 300 into n1; updates 0, 1, 300, 300; one spike each.

    The input comes from outside: its packet has no price but that of arriving, which is 0.
    """
    found = estimate(*fan, SANAFE)
    picojoules = (1 + 300) * 35.5 + 4 * 303 * 51.2 + (1 + 300 + 300) * 21.6 + 1 * 69.3 + 3 * 111.0
    assert found.total.nominal == pytest.approx(picojoules * 1e-12, rel=1e-12)
    assert {5, 6} <= set(found.included)
    assert found.missing == (7, 8, 9, 10)
    assert any("outside the mesh" in note for note in found.notes)
    counts = {term.name: term.count for term in found.terms}
    assert counts["packets"] == 3
    assert counts["updates_active"] == 601
    # n1's neurons hold something, but nothing arrives in the last step: idle as published
    found = estimate(*fan, DAVIES)
    active = 1 + 300
    picojoules = 301 * 23.6 + active * 81 + (4 * 303 - active) * 52 + 3 * 1.7
    assert found.total.nominal == pytest.approx(picojoules * 1e-12, rel=1e-12)


def test_the_busiest_core_gives_the_time_of_a_step(fan):
    """n0 has a core, n1 three: 100 neurons that get one packet, then hold what it brought."""
    artifact, x = fan
    assert [np.bincount(artifact.placement.core_of[n]).tolist() for n in ("n0", "n1")] == [
        [3],
        [0, 100, 100, 100],
    ]
    time = estimate(artifact, x, SANAFE).latency
    nanoseconds = 4 * 100 * 6.0 + (100 + 100) * 3.7 + 16.0 + 100 * 3.8
    assert time.busiest_s == pytest.approx(nanoseconds * 1e-9 / 4, rel=1e-12)
    first = 4 * 3 * 6.0 + 3.7 + 30.0 + 3 * 5.1 + 16.0 + 3.8  # n0's: it sends three packets
    updates = 4 * 300 * 6.0 + 600 * 3.7 + 3 * 16.0 + 300 * 3.8
    assert time.serial_s == pytest.approx((first + updates) * 1e-9 / 4, rel=1e-12)
    assert time.route_s == 0
    assert time.placed_s == (time.busiest_s + 600e-9, time.busiest_s + 1800e-9)


def test_static_power_for_the_time_of_a_step(fan):
    plain, static = estimate(*fan, DAVIES), estimate(*fan, DAVIES, static=True)
    low, high = static.latency.placed_s
    cell = static.cells[-1]
    assert cell.joules.nominal == pytest.approx(0.104 * 4 * (low + high) / 2, rel=1e-12)
    assert 8 in static.included
    assert static.total.nominal == pytest.approx(plain.total.nominal + cell.joules.nominal)
    with pytest.raises(InputError, match="no static power"):
        estimate(*fan, SANAFE, static=True)
    artifact, x = fan
    with pytest.raises(InputError, match="not placed"):
        estimate(replace(artifact, placement=None), x, DAVIES, static=True)


@pytest.mark.parametrize("seed", range(3))
def test_linear_and_the_same_from_records_in_any_batches(seed):
    network = drawn(seed)
    placement = map_network(network, target(**TIGHT), place_inputs=True)
    artifact = Artifact(network=network, placement=placement)
    rng = np.random.default_rng(seed)
    x = (rng.random((4, 5, *network.sources[0].shape)) < 0.2).astype(np.float32)
    whole = simulate(artifact, x).activity_deployed
    parts = [count_set(simulate(artifact, x[k : k + 2]).activity_deployed) for k in (0, 2)]
    assert merge(*parts) == count_set(whole)
    for prices in (DAVIES, SANAFE):
        found = chip_profile(sums(count_set(whole)), prices)
        assert found.total == chip_profile(sums_of(whole), prices).total
        assert found.latency == chip_profile(sums_of(whole), prices).latency
        each = [chip_profile(sums_of(whole, slice(k, k + 1)), prices).total for k in range(4)]
        assert sum(e.nominal for e in each) == pytest.approx(found.total.nominal, rel=1e-12)
        hops = [term for term in found.terms if term.name.startswith("hops")]
        assert sum(term.count for term in hops) > 0
