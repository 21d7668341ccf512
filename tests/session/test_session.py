"""Running on the user's arrays: shapes by rank, static input, state in chunks, what is recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neurochain.artifact import Artifact
from neurochain.errors import InputError
from neurochain.graph import (
    LI,
    LIF,
    Affine,
    Delay,
    Edge,
    Flatten,
    Graph,
    Input,
    Node,
    Output,
    Reset,
    ResetKind,
    Threshold,
    as_f64,
)
from neurochain.lowering import lower
from neurochain.network import Network, PortKind
from neurochain.session import Run, prepare_inputs, simulate
from neurochain.simulators import has_kernel

DT = 2.0**-10
BASE: dict[str, Any] = {"tau": as_f64(2 * DT), "r": as_f64(2), "v_leak": as_f64(0)}
SPIKE: dict[str, Any] = {
    "v_threshold": as_f64(0.5),
    "v_reset": as_f64(0),
    "reset": Reset(kind=ResetKind.SUBTRACT),
}


def network(*, second: bool = False, bias_at_0: bool = True) -> Network:
    """A recurrent neuron; behind it a delayed one, an integrator and a threshold; four outputs."""
    rng = np.random.default_rng(0)
    w = [(rng.integers(-4, 5, s) / 4).astype(np.float32) for s in ((4, 6), (4, 4), (2, 4), (4, 3))]
    nodes: dict[str, Node] = {
        "in": Input(shape=(2, 3)),
        "flat": Flatten(),
        "fc": Affine(weight=w[0], bias=np.full(4, 0.25, np.float32)),
        "rec": Affine(weight=w[1], bias=np.full(4, 0.25, np.float32)),
        "a": LIF(**BASE, **SPIKE),
        "late": Delay(delay=as_f64(3 * DT)),
        "b": LIF(**BASE, **SPIKE),
        "fc2": Affine(weight=w[2]),
        "c": LI(**BASE),
        "gate": Threshold(threshold=as_f64(0)),
        "spikes": Output(shape=(4,)),
        "mem": Output(shape=(4,), signal="membrane"),
        "sum": Output(shape=(2,)),
        "plain": Output(shape=(4,)),
    }
    pairs = ["in flat", "flat fc", "fc a", "a rec", "rec a", "a late", "late b", "b fc2", "fc2 c",
             "a gate", "a spikes", "b mem", "c sum", "gate plain"]  # fmt: skip
    if second:
        nodes |= {"in2": Input(shape=(3,)), "fc3": Affine(weight=w[3])}
        pairs += ["in2 fc3", "fc3 a"]
    edges = tuple(Edge(*pair.split()) for pair in pairs)
    return lower(Graph(nodes=nodes, edges=edges, dt_s=DT, recurrent_bias_at_0=bias_at_0))


def spikes(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, shape).astype(np.uint8)


def run(x: Any, net: Network | None = None, engine: str = "reference", **options: Any) -> Run:
    return simulate(net or network(), x, engine=engine, **options)


def same(a: Run, b: Run) -> None:
    for name in ("spikes", "outputs", "membranes"):
        first, second = getattr(a, name), getattr(b, name)
        assert list(first) == list(second)
        for key, values in first.items():
            assert values.dtype == second[key].dtype
            assert np.array_equal(values, second[key]), (name, key)
    assert a.activity.to_dict() == b.activity.to_dict()
    assert a.activity_deployed.to_dict() == b.activity_deployed.to_dict()


X = spikes(3, 9, 2, 3)


def test_what_a_run_holds() -> None:
    made = network()
    found = simulate(Artifact(network=made), X, engine="reference")
    assert {k: (v.shape, v.dtype.name) for k, v in found.spikes.items()} == {
        "a": ((3, 9, 4), "uint8"),
        "b": ((3, 9, 4), "uint8"),
        "gate": ((3, 9, 4), "uint8"),
    }
    assert {k: (v.shape, v.dtype.name) for k, v in found.outputs.items()} == {
        "spikes": ((3, 9, 4), "uint8"),
        "mem": ((3, 9, 4), "float32"),
        "sum": ((3, 9, 2), "float32"),
        "plain": ((3, 9, 4), "uint8"),
    }
    assert list(found.membranes) == ["b"]
    assert found.final_state["a"]["history"].shape == (3, 3, 4)
    assert found.final_state["a"]["v"].shape == (3, 4)
    assert (found.engine, found.dt_s) == ("reference", DT)
    assert (found.activity.counting, found.activity_deployed.counting) == ("model", "deployed")
    assert 0 < found.spikes["a"].sum() < found.spikes["a"].size


def test_membranes_where_asked_for() -> None:
    found = run(X, membranes=("a", "c"))
    assert list(found.membranes) == ["a", "c", "b"]
    assert np.array_equal(found.membranes["c"], found.outputs["sum"])
    assert np.array_equal(found.membranes["a"][:, -1], found.final_state["a"]["v"])


def test_shapes_by_rank() -> None:
    whole = run(X)
    same(whole, run({"in": X}))
    same(whole, run(X.swapaxes(0, 1), time_axis=0))
    same(whole, run(X.astype(float)))
    same(whole, run(X.astype(bool)))
    same(whole, run(X.tolist()))
    single = run(X[1])
    same(single, run(X[1:2]))
    same(single, run(X[1], time_axis=0))
    assert np.array_equal(single.spikes["a"], whole.spikes["a"][1:2])


def test_a_static_input_is_presented_at_every_step() -> None:
    image = np.random.default_rng(4).integers(0, 5, (3, 2, 3)) / 4
    held = np.repeat(image[:, None], 6, axis=1)
    same(run(image, steps=6), run(held))
    same(run(image[0], steps=6), run(held[:1]))
    same(run(held, steps=6), run(held))


def test_two_inputs() -> None:
    both = {"in": X, "in2": spikes(3, 9, 3, seed=5)}
    found = run(both, network(second=True))
    assert found.spikes["a"].shape == (3, 9, 4)
    static = {"in": X, "in2": both["in2"][:, 0]}
    assert prepare_inputs(network(second=True), static, steps=9)["in2"].shape == (3, 9, 3)
    for given in (X, {"in": X}, {"in": X, "other": X}):
        with pytest.raises(InputError, match=r"the network has \['in', 'in2'\]"):
            run(given, network(second=True))
    with pytest.raises(InputError, match=r"\(sample, step\) differ"):
        run({"in": X, "in2": both["in2"][:, :8]}, network(second=True))


@pytest.mark.parametrize(
    ("kind", "bad", "text"),
    [(PortKind.EVENT, 2, "0 and 1 only"), (PortKind.GRADED, 0.5, "whole numbers only")],
)
def test_declared_kinds_of_inputs_are_held_to(kind: PortKind, bad: float, text: str) -> None:
    made = network()
    declared = replace(made, sources=(replace(made.sources[0], emits=kind),))
    same(run(X, declared), run(X))
    with pytest.raises(InputError, match=text):
        run(X * bad, declared)


def test_inputs_are_not_changed_and_not_kept() -> None:
    x = X.astype(np.float32)
    copy = x.copy()
    prepared = prepare_inputs(network(), x)["in"]
    run(x)
    assert np.array_equal(x, copy)
    assert prepared.dtype == np.float32
    assert prepared.shape == (3, 9, 6)


WRONG = {
    "rank": (X[0, 0], {}, "takes (sample, step, 2, 3) or (step, 2, 3)"),
    "sizes": (X[..., :2], {}, "has shape (3, 9, 2, 2)"),
    "too many axes": (X[None], {}, "has shape (1, 3, 9, 2, 3)"),
    "flat": (X.reshape(3, 9, 6), {}, "has shape (3, 9, 6)"),
    "no sample": (X[:0], {}, "no sample or no step"),
    "no step": (X[:, :0], {}, "no sample or no step"),
    "NaN": (np.where(X, np.nan, 0), {}, "holds NaN"),
    "infinite": (np.where(X, np.inf, 0), {}, "infinity"),
    "too large": (np.where(X, 1e39, 0), {}, "above float32's range"),
    "text": (np.full(X.shape, "a"), {}, "dtype <U1; numbers are needed"),
    "complex": (X * 1j, {}, "numbers are needed"),
    "objects": (np.full(X.shape, None), {}, "numbers are needed"),
    "ragged": ([[1, 2], [3]], {}, "is no array"),
    "steps 0": (X[:, 0], {"steps": 0}, "steps is 0"),
    "steps differ": (X, {"steps": 8}, "has 9 steps, but 8 were asked for"),
    "engine": (X, {"engine": "quantum"}, "quantum"),
    "time axis": (X, {"time_axis": 2}, "time_axis is 2"),
    "record": (X, {"record": ("a", "x")}, "unknown populations ['x']"),
    "record an integrator": (X, {"record": ("c",)}, "unknown populations ['c']"),
    "record a word": (X, {"record": "some"}, "unknown populations ['some']"),
    "membrane": (X, {"membranes": ("gate",)}, "unknown populations ['gate']"),
    "state of nothing": (X, {"initial_state": {"x": {"v": 0}}}, "is no state of this network"),
    "state unknown": (X, {"initial_state": {"a": {"i": 0}}}, "States: "),
    "state shape": (X, {"initial_state": {"a": {"v": np.zeros((4, 3))}}}, "has shape (4, 3)"),
    "state NaN": (X, {"initial_state": {"a": {"v": np.full((3, 4), np.nan)}}}, "not finite"),
    "state text": (X, {"initial_state": {"a": {"v": "x"}}}, "is no array of numbers"),
}  # fmt: skip


@pytest.mark.parametrize("word", WRONG)
def test_wrong_arguments_are_refused_by_name(word: str) -> None:
    x, options, text = WRONG[word]
    with pytest.raises(InputError) as caught:
        run(x, **options)
    assert text in str(caught.value)


@pytest.mark.parametrize("engine", ["reference", "event"])
@pytest.mark.parametrize("bias_at_0", [True, False])
@pytest.mark.parametrize("length", [1, 2, 4])
def test_chunks_equal_one_run(engine: str, bias_at_0: bool, length: int) -> None:
    if engine == "event" and not has_kernel():
        pytest.skip("the event engine was not built")
    made = network(bias_at_0=bias_at_0)
    whole = run(X, made, engine, membranes=("a",))
    state, parts = None, []
    for start in range(0, 9, length):
        part = run(X[:, start : start + length], made, engine, initial_state=state,
                   membranes=("a",))  # fmt: skip
        parts.append(part)
        state = part.final_state
    for kind in ("spikes", "outputs", "membranes"):
        for name, values in getattr(whole, kind).items():
            joined = np.concatenate([getattr(part, kind)[name] for part in parts], axis=1)
            assert np.array_equal(values, joined), (kind, name)
    for node, entries in whole.final_state.items():
        for name, values in entries.items():
            assert np.array_equal(values, parts[-1].final_state[node][name]), (node, name)
    for key in ("synops_nominal", "bias_adds", "events_in"):
        assert whole.activity.total(key) == sum(part.activity.total(key) for part in parts)


def test_a_part_of_a_state_is_enough() -> None:
    full = run(X, initial_state={"a": {"v": np.full((3, 4), 0.25)}})
    assert not np.array_equal(full.membranes["b"], run(X).membranes["b"])


def test_final_state_is_not_shared_between_runs() -> None:
    first = run(X)
    kept = {k: v.copy() for k, v in first.final_state["a"].items()}
    run(X, initial_state=first.final_state)
    for key, value in kept.items():
        assert np.array_equal(first.final_state["a"][key], value)


def test_what_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(run(X, record="outputs").spikes) == {"a", "gate"}
    assert set(run(X, record=("b",)).spikes) == {"b", "a", "gate"}
    monkeypatch.setattr("neurochain.session.RECORD_LIMIT_BYTES", 3 * 9 * 12)
    assert set(run(X).spikes) == {"a", "gate"}
    assert set(run(X, record="all").spikes) == {"a", "b", "gate"}
    monkeypatch.setattr("neurochain.session.RECORD_LIMIT_BYTES", 3 * 9 * 12 + 1)
    assert set(run(X).spikes) == {"a", "b", "gate"}


def test_recording_does_not_change_counts() -> None:
    assert run(X, record="outputs").activity.to_dict() == run(X).activity.to_dict()
