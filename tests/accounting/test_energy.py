"""Energy models: by hand on small runs, linear in counts, sums that add up."""

from __future__ import annotations

from dataclasses import replace
from math import isclose

import msgspec
import numpy as np
import pytest
from engines import engines
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import random_case

from neurochain.accounting import Activity, count
from neurochain.accounting.energy import (
    TERMS,
    Estimate,
    RunSums,
    ann_twin,
    arithmetic,
    chip_profile,
    default_estimates,
    lemaire,
    memory_aware,
    model_of,
    sums_of,
)
from neurochain.accounting.prices import SHIPPED, find_prices
from neurochain.errors import InputError

PJ = 1e-12


def activity(seed: int, *, deployed: bool = False) -> Activity:
    case = random_case(seed)
    raw = engines()["reference"](case.network, case.inputs).counts
    return count(case.network, raw, deployed=deployed)


def all_estimates(run: RunSums) -> list[Estimate]:
    return [e for name in SHIPPED for e in model_of(run, find_prices(name))]


def scaled(run: RunSums, factor: int) -> RunSums:
    def grown(items):
        return tuple(
            replace(x, counts={name: factor * n for name, n in x.counts.items()}) for x in items
        )

    return replace(
        run,
        samples=factor * run.samples,
        layers=grown(run.layers),
        populations=grown(run.populations),
    )


def close(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return isclose(a, b, rel_tol=1e-12, abs_tol=1e-30)


@settings(max_examples=30)
@given(seed=st.integers(0, 60), factor=st.integers(1, 1_000_000))
def test_linear_in_counts(seed: int, factor: int) -> None:
    run = sums_of(activity(seed))
    for one, many in zip(all_estimates(run), all_estimates(scaled(run, factor)), strict=True):
        assert close(factor * one.total.nominal, many.total.nominal), one.model
        assert close(factor * one.total.low, many.total.low)
        assert close(one.total.high and factor * one.total.high, many.total.high)


@settings(max_examples=30)
@given(seed=st.integers(0, 60), deployed=st.booleans())
def test_layers_and_terms_and_steps_and_samples_add_up(seed: int, deployed: bool) -> None:
    counted = activity(seed, deployed=deployed)
    whole = all_estimates(sums_of(counted))
    steps = [all_estimates(sums_of(counted, steps=slice(t, t + 1))) for t in range(counted.steps)]
    samples = [
        all_estimates(sums_of(counted, samples=slice(b, b + 1))) for b in range(counted.samples)
    ]
    for k, found in enumerate(whole):
        total = found.total
        assert close(total.nominal, sum(found.row(*row).nominal for row in found.rows))
        assert close(total.nominal, sum(term.joules.nominal for term in found.terms))
        assert close(total.low, sum(term.joules.low for term in found.terms))
        if found.model == "lemaire":
            continue  # there, one graded event makes a layer dense in every step
        assert close(total.nominal, sum(part[k].total.nominal for part in steps)), found.model
        assert close(total.nominal, sum(part[k].total.nominal for part in samples)), found.model


@settings(max_examples=30)
@given(seed=st.integers(0, 60))
def test_bounds_and_the_list_of_ten(seed: int) -> None:
    for found in all_estimates(sums_of(activity(seed))):
        total = found.total
        assert total.low <= total.nominal * (1 + 1e-12)
        assert total.high is None or total.nominal <= total.high * (1 + 1e-12)
        parts = [*found.included, *found.partial, *found.missing]
        assert sorted(parts) == list(TERMS)


def worked(ac: int, mac: int) -> RunSums:
    """Seed 0's run with one layer and population left, its counts set by hand."""
    run = sums_of(activity(0))
    layer, population = run.layers[0], run.populations[0]
    counts = dict.fromkeys(layer.counts, 0) | {
        "synops_effective_ac": ac,
        "synops_effective_mac": mac,
        "synops_nominal": ac + mac,
        "events_in": 5,
        "weight_read_bytes": 4 * (ac + mac),
        "bias_adds": 8,
    }
    updates = {
        "neuron_updates_dense": 100,
        "neuron_updates_input": 30,
        "neuron_updates_changed": 25,
        "spikes_out": 7,
        "state_read_bytes": 120,
        "state_write_bytes": 120,
    }
    return replace(
        run,
        samples=1,
        steps=10,
        layers=(
            replace(layer, kind="dense", params=2048, weights=2048, weight_bits=32, counts=counts),
        ),
        populations=(replace(population, neurons=10, states=1, counts=updates),),
    )


def test_arithmetic_by_hand() -> None:
    found = arithmetic(worked(1000, 10), find_prices("horowitz45-fp32"))
    assert found.total.nominal == pytest.approx((1000 * 0.9 + 10 * 4.6) * PJ)
    assert found.included == (1,)
    assert found.unpriced == {"bias_adds": 8}
    assert "arithmetic only" in found.notes


def test_memory_by_hand() -> None:
    found = memory_aware(worked(1000, 0), find_prices("horowitz45-fp32"))
    terms = {term.name: term.joules.nominal / PJ for term in found.terms}
    queue = 5 * 4000 / 8192  # pJ for a word of a memory of 4,000 bytes
    assert terms["ac"] == pytest.approx(900)
    assert terms["weight_read"] == pytest.approx(1000 * 5)  # 2,048 words are 8 KB
    assert terms["state_read"] == pytest.approx(30 * 5 * 40 / 8192)
    assert terms["event_read"] == pytest.approx(5 * queue)
    assert terms["event_write"] == pytest.approx(7 * queue)
    assert found.missing == (4, 6, 7, 8, 9)


def test_weights_that_do_not_fit_are_priced_as_dram() -> None:
    run = worked(1000, 0)
    big = replace(run, layers=(replace(run.layers[0], params=300_000),))
    found = memory_aware(big, find_prices("horowitz45-fp32"))
    terms = {term.name: term.joules for term in found.terms}
    assert terms["weight_read"].nominal == pytest.approx(1000 * 640 * PJ)
    assert any("DRAM" in note for note in found.notes)


def test_chip_by_hand() -> None:
    found = chip_profile(worked(1000, 10), find_prices("loihi1-davies2018"))
    terms = {term.name: term.joules.nominal / PJ for term in found.terms}
    assert terms == pytest.approx(
        {"synaptic_events": 1010 * 23.6, "updates_active": 30 * 81, "updates_idle": 70 * 52}
    )
    assert found.total.high is None  # 23.6 pJ is a minimum
    assert found.latency is not None
    serial_ns = (1010 * 3.5 + 30 * 8.4 + 70 * 5.3) / 10
    assert found.latency.serial_s == pytest.approx(serial_ns * 1e-9)
    assert found.latency.floor_s == pytest.approx(serial_ns * 1e-9 / 128)
    assert (found.latency.barrier_low_s, found.latency.barrier_high_s) == pytest.approx(
        (113e-9, 465e-9)
    )
    assert set(found.missing) == {5, 6, 7, 8, 9, 10}


def test_sanafe_by_hand() -> None:
    found = chip_profile(worked(1000, 10), find_prices("loihi1-sanafe2025"))
    nominal = 1010 * 35.5 + 100 * 51.2 + 30 * 21.6 + 7 * 69.3
    assert found.total.nominal == pytest.approx(nominal * PJ)
    assert found.total.low == pytest.approx(0.88 * nominal * PJ)
    # at most every neuron is updated; and 12 % on top
    assert found.total.high == pytest.approx(1.12 * (nominal + 70 * 21.6) * PJ)


def test_a_loihi_1_that_idles() -> None:
    """131,072 neurons cost 6.8 uJ a step for doing nothing."""
    run = worked(0, 0)
    idle = {**dict.fromkeys(run.populations[0].counts, 0), "neuron_updates_dense": 131_072}
    run = replace(run, steps=1, populations=(replace(run.populations[0], counts=idle),))
    found = chip_profile(run, find_prices("loihi1-davies2018"))
    assert found.total.nominal == pytest.approx(6.8e-6, rel=5e-3)


def test_static_power() -> None:
    prices = find_prices("loihi1-davies2018")
    run = worked(1000, 10)
    without, with_power = chip_profile(run, prices), chip_profile(run, prices, step_time_s=1e-5)
    extra = with_power.total.nominal - without.total.nominal
    assert extra == pytest.approx(0.104 * 1e-5 * 10)
    assert 8 in with_power.included
    with pytest.raises(InputError, match="no static power"):
        chip_profile(run, find_prices("loihi1-sanafe2025"), step_time_s=1e-5)


def test_a_model_needs_its_prices() -> None:
    run = worked(1, 1)
    with pytest.raises(InputError, match="no price of synop_ac"):
        arithmetic(run, find_prices("loihi1-davies2018"))
    with pytest.raises(InputError, match="no memory prices"):
        memory_aware(run, replace_memory())
    with pytest.raises(InputError, match="event prices of a chip"):
        chip_profile(run, find_prices("horowitz45-fp32"))
    with pytest.raises(InputError, match="no price of add"):
        lemaire(run, find_prices("horowitz45-fp32"))


def replace_memory():
    import msgspec

    return msgspec.structs.replace(find_prices("horowitz45-fp32"), memory=(), dram=None)


def test_the_twin_and_the_break_even() -> None:
    run = worked(1000, 0)
    layer = replace(run.layers[0], connections=500)
    run = replace(run, layers=(layer,))
    fp32, int8 = find_prices("horowitz45-fp32"), find_prices("horowitz45-int8")
    twin = ann_twin(run, fp32, fp32)
    assert twin.connections == 500
    assert twin.ann_joules.nominal == pytest.approx(500 * 4.6 * PJ)
    assert twin.snn_joules.nominal == pytest.approx(1000 * 0.9 * PJ)
    assert twin.spikes_per_synapse == 2
    assert twin.break_even == pytest.approx(4.6 / 0.9)
    assert twin.break_even_rate == pytest.approx(4.6 / 0.9 / 10)
    assert ann_twin(run, int8, fp32).ann_joules.nominal == pytest.approx(500 * 0.3 * PJ)
    at_break_even = replace(layer, counts={**layer.counts, "synops_effective_ac": 4600})
    even = ann_twin(replace(run, layers=(replace(at_break_even, connections=900),)), fp32, fp32)
    assert even.ann_joules.nominal == pytest.approx(even.snn_joules.nominal)


def test_defaults_follow_the_weights() -> None:
    run = worked(10, 0)
    ids = [(e.model, e.prices.id) for e in default_estimates(run, "int8")]
    assert ids == [
        ("arithmetic", "horowitz45-int8"),
        ("memory-aware", "horowitz45-int8"),
        ("chip-profile", "loihi1-davies2018"),
    ]


def test_counts_are_plain_integers() -> None:
    run = sums_of(activity(3))
    counts = [n for x in (*run.layers, *run.populations) for n in x.counts.values()]
    assert all(type(n) is int for n in counts)
    assert run.synops == int(
        np.sum([x.counts["synops_effective_ac"] for x in run.layers])
        + np.sum([x.counts["synops_effective_mac"] for x in run.layers])
    )


def test_memory_says_what_it_read_and_what_does_not_fit() -> None:
    """A list of 8-bit arithmetic on counts of 32-bit weights still reads 32 bits, and says so."""
    run, prices = sums_of(activity(0)), find_prices("horowitz45-int8")
    weighted = [x for x in run.layers if x.weight_bits]
    assert {x.weight_bits for x in weighted} == {32}
    assert memory_aware(run, prices).notes == ("weights are read at 32 bits, as they were counted",)
    layers = tuple(replace(x, params=3000, weights=3000) for x in weighted)
    large, small = (
        replace(run, layers=layers),
        msgspec.structs.replace(prices, memory=prices.memory[:1]),
    )
    assert "do not fit 8,192 bytes: priced as DRAM" in memory_aware(large, small).notes[1]
    bare = msgspec.structs.replace(small, dram=None)
    assert "do not fit 8,192 bytes: priced as of that size" in memory_aware(large, bare).notes[1]
