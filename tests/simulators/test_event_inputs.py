"""Inputs given as event lists, and networks that have no input."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neurochain.errors import InputError
from neurochain.graph import Reset
from neurochain.inputs import EventFrames
from neurochain.network import Network, OutputPort, Population, PortKind, Projection, Source
from neurochain.operators import Dense, MaxPool
from neurochain.programs import lif_program
from neurochain.simulators import Record, engines, has_kernel, run

F = np.float32
needs_kernel = pytest.mark.skipif(not has_kernel(), reason="the C kernel is not built")


def events_of(array: np.ndarray, *, plain: bool) -> EventFrames:
    """The same as an array (sample, step, n)."""
    samples, steps, n = array.shape
    frames = array.reshape(-1, n)
    frame, index = np.nonzero(frames)
    start = np.concatenate([[0], np.cumsum(np.count_nonzero(frames, axis=1))])
    return EventFrames(
        samples=samples, steps=steps, n=n, start=start.astype(np.int64),
        index=index.astype(np.uint32), value=None if plain else frames[frame, index],
    )  # fmt: skip


def network(emits: PortKind = PortKind.EVENT) -> Network:
    """An input of 2 x 4 x 4 pooled by maxima, and itself with a delay of 2."""
    rng = np.random.default_rng(8)
    params = {"beta": F(0.5), "theta": F(1)}
    pool = MaxPool(in_shape=(2, 4, 4), out_shape=(2, 2, 2), kernel=(2, 2), stride=(2, 2),
                   padding=(0, 0), dilation=(1, 1))  # fmt: skip
    late = Dense(in_shape=(2, 4, 4), out_shape=(2, 2, 2),
                 weights=rng.normal(size=(8, 32)).astype(F))  # fmt: skip
    return Network(
        sources=(Source(name="in", shape=(2, 4, 4), emits=emits),),
        populations=(Population(name="p", shape=(2, 2, 2), program=lif_program(Reset()),
                                params=params),),
        projections=(Projection(name="max", source="in", target="p", operator=pool),
                     Projection(name="late", source="in", target="p", operator=late, delay=2)),
        outputs=(OutputPort(name="o", node="p"),), dt_s=1e-3,
    )  # fmt: skip


def same(a: Any, b: Any) -> None:
    """Two results, to the bit."""
    for name in ("emissions", "membranes"):
        for key, value in getattr(a, name).items():
            assert value.tobytes() == getattr(b, name)[key].tobytes()
    for node, entries in a.final_state.items():
        for key, value in entries.items():
            assert value.tobytes() == b.final_state[node][key].tobytes()
    for kind in ("populations", "projections"):
        for key, value in getattr(a.counts, kind).items():
            assert (value == getattr(b.counts, kind)[key]).all()


@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("values", ["ones", "whole", "any"])
def test_event_lists_are_the_same_as_arrays(engine: str, steps: int, values: str) -> None:
    rng = np.random.default_rng(steps)
    x = (rng.random((3, steps, 32)) < 0.2).astype(F)
    if values == "whole":
        x *= rng.integers(-3, 9, size=x.shape)
    if values == "any":
        x *= rng.normal(size=x.shape).astype(F)
    x += 0  # no -0
    net = network({"ones": PortKind.EVENT, "whole": PortKind.GRADED}.get(values, PortKind.ANALOG))
    record = Record(emissions=("in", "p"), membranes=("p",))
    whole = run(net, {"in": x}, engine=engine, record=record)
    for plain in {True, False} if values == "ones" else {False}:
        listed = run(net, {"in": events_of(x, plain=plain)}, engine=engine, record=record)
        same(whole, listed)
    assert (whole.emissions["in"] != 0).any()
    assert whole.emissions["p"].any() or steps < 7


def test_as_an_array_again() -> None:
    x = np.array([[[0, 2, 0], [1, 0, 3]]], F)
    assert (events_of(x, plain=False).dense() == x).all()
    assert (events_of(x, plain=True).dense() == (x != 0)).all()


GOOD = {"samples": 1, "steps": 2, "n": 4, "start": np.array([0, 2, 3]),
        "index": np.array([1, 3, 0], np.uint32), "value": np.array([1, -2, 0.5], F)}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"start": np.array([0, 2])}, "start has 2 entries; wanted are 3"),
        ({"start": np.array([0, 2, 3], np.int32)}, "start is no one-dimensional array of int64"),
        ({"start": np.array([1, 2, 3])}, "does not cut the 3 events"),
        ({"start": np.array([0, 4, 3])}, "does not cut the 3 events"),
        ({"index": np.array([1, 3, 4], np.uint32)}, "reaches 4; allowed are 0..3"),
        ({"index": np.array([3, 1, 0], np.uint32)}, "do not ascend"),
        ({"index": np.array([1, 1, 0], np.uint32)}, "do not ascend"),
        ({"index": [1, 3, 0]}, "index is no one-dimensional array of uint32"),
        ({"value": np.array([1, 0, 1], F)}, "is 0, NaN or infinite"),
        ({"value": np.array([1, np.nan, 1], F)}, "is 0, NaN or infinite"),
        ({"value": np.ones(2, F)}, "value has 2 entries; wanted are 3"),
        ({"steps": 0}, "nothing in it"),
    ],
)
def test_event_lists_that_are_none(change: dict[str, Any], text: str) -> None:
    EventFrames(**GOOD)
    with pytest.raises(InputError, match=text):
        EventFrames(**{**GOOD, **change})


def driven() -> Network:
    """Neurons without input, driven by their leak, that excite each other a step later."""
    weights = np.eye(5, k=-1, dtype=F)
    params = {"beta": F(0.9), "theta": F(1), "leak": np.linspace(0, 0.3, 5).astype(F)}
    ring = Dense(in_shape=(5,), out_shape=(5,), weights=weights)
    return Network(
        sources=(),
        populations=(Population(name="p", shape=(5,), program=lif_program(Reset(), leak=True),
                                params=params),),
        projections=(Projection(name="ring", source="p", target="p", operator=ring, delay=1),),
        outputs=(OutputPort(name="o", node="p"),), dt_s=1e-3,
    )  # fmt: skip


@pytest.mark.parametrize("engine", engines())
def test_a_network_without_input(engine: str) -> None:
    result = run(driven(), {}, engine=engine, batch=2, steps=40)
    assert result.emissions["p"].shape == (2, 40, 5)
    assert result.emissions["p"].sum(axis=(0, 1)).tolist()[0] == 0
    assert result.emissions["p"][0].sum() > 20
    same(result, run(driven(), {}, engine="reference", batch=2, steps=40))
    with pytest.raises(InputError, match="no number of samples and steps"):
        run(driven(), {}, engine=engine)


@pytest.mark.parametrize("engine", engines())
def test_progress_adds_up(engine: str) -> None:
    told: list[int] = []
    run(driven(), {}, engine=engine, batch=3, steps=50, progress=told.append)
    assert sum(told) == 150
    assert min(told) > 0


@needs_kernel
@pytest.mark.parametrize("fewest_steps", [0, 1 << 40])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_chunks_of_any_length_give_the_same(
    threads: int, fewest_steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The length of a chunk changes from call to call."""
    from neurochain.simulators.event import engine

    net = replace(network(), outputs=())
    x = (np.random.default_rng(1).random((4, 200, 32)) < 0.1).astype(F)
    whole = run(net, {"in": x})
    monkeypatch.setattr(engine, "CALL_SECONDS", 0.0)
    monkeypatch.setattr(engine, "FEWEST_STEPS", fewest_steps)  # many: calls in their own threads
    lengths = itertools.cycle([1, 2, 70, 5, 64, 3])
    monkeypatch.setattr(engine, "next_chunk", lambda *_: next(lengths))
    told: list[int] = []
    same(whole, run(net, {"in": x}, threads=threads, progress=told.append))
    assert len(set(told)) > 3
