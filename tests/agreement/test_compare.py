"""The first difference of two runs, whatever it is in and whatever the sides are called."""

import numpy as np
import pytest

from neurochain.agreement import Runnable, Trace, compare_runs
from neurochain.errors import InputError

X = {"in": np.ones((2, 5, 3), dtype=np.float32)}


def _trace(**states):
    rng = np.random.default_rng(1)
    spikes = {n: (rng.random((2, 5, 4)) < 0.5).astype(np.uint8) for n in ("one", "two")}
    whole = {n: {"v": rng.integers(-9, 9, (2, 5, 4)).astype(np.int32)} for n in ("one", "two")}
    return Trace(spikes=spikes, states=whole | states)


def _side(trace, name="a", **more):
    def run(inputs):
        assert {k: v.shape for k, v in inputs.items()} == {"in": (2, 5, 3)}
        return trace

    return Runnable(name=name, kind="test", inputs={"in": (3,)}, run=run, **more)


def _changed(trace, places):
    """A copy in which (population, state or "spike", sample, step, neuron) are other values."""
    spikes = {k: v.copy() for k, v in trace.spikes.items()}
    states = {k: {s: v.copy() for s, v in e.items()} for k, e in trace.states.items()}
    for name, what, *at in places:
        values = spikes[name] if what == "spike" else states[name][what]
        values[tuple(at)] = 1 - values[tuple(at)]
    return Trace(spikes=spikes, states=states)


def test_equal_runs_are_equal():
    found = compare_runs(_side(_trace()), _side(_trace(), "b"), X)
    assert found.equal
    assert found.first is None
    assert [row.compared for row in found.populations] == [80, 80]
    assert "equal over 2 samples of 5 steps, 160 values" in str(found)


@pytest.mark.parametrize(
    ("places", "first"),
    [
        ([("two", "spike", 1, 0, 2)], ("two", "spike", 1, 0, 2)),
        ([("two", "spike", 0, 4, 3), ("one", "spike", 1, 0, 0)], ("two", "spike", 0, 4, 3)),
        ([("two", "spike", 0, 3, 0), ("one", "spike", 0, 3, 2)], ("one", "spike", 0, 3, 2)),
        ([("one", "v", 0, 3, 0), ("one", "spike", 0, 3, 2)], ("one", "spike", 0, 3, 2)),
        ([("one", "v", 0, 2, 3), ("one", "spike", 0, 3, 2)], ("one", "v", 0, 2, 3)),
        ([("two", "v", 1, 4, 3)], ("two", "v", 1, 4, 3)),
    ],
)
def test_the_first_difference_is_the_earliest(places, first):
    """By sample and step; then by population, spikes before states, then by neuron."""
    whole = _trace()
    other = _changed(whole, places)
    found = compare_runs(_side(whole), _side(other, "b"), X)
    name, what, *at = first
    assert not found.equal
    d = found.first
    assert (d.population, d.what, d.sample, d.step, d.neuron) == first
    pick = (lambda t: t.spikes[name]) if what == "spike" else (lambda t: t.states[name][what])
    assert (d.a, d.b) == (pick(whole)[tuple(at)], pick(other)[tuple(at)])
    assert sum(row.differing for row in found.populations) == len(places)


def test_floats_are_measured_and_other_units_left_alone():
    base = _trace()
    floats = {"one": {"v": np.zeros((2, 5, 4), np.float32)}}
    moved = {"one": {"v": np.full((2, 5, 4), 0.25, np.float32)}}
    found = compare_runs(_side(_trace(**floats)), _side(_trace(**moved), "b"), X)
    assert found.equal
    assert found.populations[0].deviation == 0.25
    assert found.populations[0].states == ()
    mixed = compare_runs(_side(base), _side(_trace(**moved), "b"), X)
    assert mixed.equal
    assert mixed.populations[0].deviation is None


def test_forms_without_names_are_compared_in_order():
    whole = _trace()
    renamed = Trace(spikes={str(k): v for k, v in enumerate(whole.spikes.values())})
    found = compare_runs(_side(whole), _side(renamed, "b", named=False), X)
    assert found.equal
    assert [row.name for row in found.populations] == ["one", "two"]
    fewer = Trace(spikes={"0": whole.spikes["one"]})
    with pytest.raises(InputError, match="no population in common"):
        compare_runs(_side(whole), _side(fewer, "b", named=False), X)


def test_what_one_side_alone_has_is_named():
    whole = _trace()
    less = Trace(spikes={"two": whole.spikes["two"], "three": whole.spikes["one"]})
    found = compare_runs(_side(whole), _side(less, "b"), X)
    assert (found.only_a, found.only_b) == (("one",), ("three",))
    silent = Trace(spikes={k: np.zeros_like(v) for k, v in whole.spikes.items()})
    assert compare_runs(_side(silent), _side(silent, "b"), X).not_exercised == ("one", "two")


def test_sides_of_other_sizes_are_refused():
    whole = _trace()
    longer = Trace(spikes={"one": np.zeros((2, 6, 4), np.uint8)})
    with pytest.raises(InputError, match="one in a, b"):
        compare_runs(_side(whole), _side(longer, "b"), X)
    other = Runnable(name="b", kind="test", inputs={"in": (4,)}, run=lambda _: whole)
    with pytest.raises(InputError, match="takes inputs of"):
        compare_runs(_side(whole), other, X)
