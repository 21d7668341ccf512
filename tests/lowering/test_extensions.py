"""Custom, Route and ScaleShift: what of them does not fit is named, what fits is taken as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from graph_cases import DT, GATED, IO, RATIONED, chain, gated, graph, lif, normed, quarters, route

from neurochain.errors import InputError
from neurochain.graph import Custom, Edge, Graph, Input, Node, Output, Route, ScaleShift, as_f64
from neurochain.lowering import lower, lower_reported
from neurochain.network import Network
from neurochain.simulators import Record, run

F = np.float32


def neuron(**changes: Any) -> Graph:
    """in -> both ports of a gated neuron -> out."""
    nodes = {**IO, "c": gated(**changes)}
    return graph(nodes, "in c:drive", "in c:gate", "c out").graph


def one(node: Node, shape: tuple[int, ...] = (4,), out: tuple[int, ...] = (4,)) -> Graph:
    """in -> n -> out."""
    nodes = {"in": Input(shape=shape), "n": node, "out": Output(shape=out)}
    return Graph(nodes=nodes, edges=(Edge("in", "n"), Edge("n", "out")), dt_s=DT)


def indexed(index: Any) -> Route:
    return Route(in_shape=(4,), out_shape=(4,), index=np.asarray(index))


def scaled(scale: Any, shift: Any) -> ScaleShift:
    return ScaleShift(scale=np.asarray(scale, F), shift=np.asarray(shift, F))


PARAMS = dict(gated().params)
WRONG: dict[str, tuple[Callable[[], Graph], str]] = {
    "a parameter is missing": (
        lambda: neuron(params={"decay": PARAMS["decay"]}),
        "c (Custom): has the parameters ['decay'], its program needs ['decay', 'theta']",
    ),
    "a parameter that the program lacks": (
        lambda: neuron(params=PARAMS | {"leak": F(1)}),
        "c (Custom): has the parameters ['decay', 'leak', 'theta'], its program needs",
    ),
    "a parameter of another shape": (
        lambda: neuron(params=PARAMS | {"decay": np.ones(3, F)}),
        "c (Custom): decay has shape (3,), but (4,)",
    ),
    "a parameter that is flat": (
        lambda: neuron(shape=(2, 2), params=PARAMS | {"theta": np.ones(4, F)}),
        "c (Custom): theta has shape (4,), but (2, 2)",
    ),
    "a parameter of float64": (
        lambda: neuron(params=PARAMS | {"decay": np.float64(0.1)}),
        "c (Custom): decay is float64. Give it as float32.",
    ),
    "a parameter that is not finite": (
        lambda: neuron(params=PARAMS | {"decay": F(np.inf)}), "c: decay is not a finite float32"
    ),
    "a start of a state that is none": (
        lambda: neuron(initial={"u": F(1), "v": F(1)}),
        "c (Custom): starts ['u']; its states are ['trace', 'v'].",
    ),
    "a start of another shape": (
        lambda: neuron(initial={"v": np.ones((4, 1), F)}),
        "c (Custom): v has shape (4, 1), but (4,)",
    ),
    "a start of whole numbers": (
        lambda: neuron(initial={"v": np.ones(4, np.int64)}), "c (Custom): v is int64."
    ),
    "a start that is not finite": (
        lambda: neuron(initial={"trace": F(np.nan)}), "c: trace is not a finite float32"
    ),
    "a neuron of another shape": (
        lambda: neuron(shape=(5,)), "edge in -> c: carries (4,), but c takes (5,)"
    ),
    "a neuron without elements": (
        lambda: neuron(shape=(0,)), "c (Custom): has shape (0,): nothing is in it"
    ),
    "one port of another shape": (
        lambda: graph({**IO, "r": route((4,), (3,), 0, 1, 2), "c": gated()},
                      "in c:drive", "in r", "r c:gate", "c out").graph,
        "edge r -> c: carries (3,), but c takes (4,)",
    ),
    "neurons on planes that compete": (
        lambda: neuron(shape=(2, 2), program=replace(GATED, winner="u")), "stand in one row"
    ),
    "the membrane of a map": (
        lambda: Graph(
            nodes={"in": Input(shape=(4,)),
                   "m": Custom(shape=(4,), program=RATIONED, params={"part": F(1)}),
                   "out": Output(shape=(4,), signal="membrane")},
            edges=(*(Edge("in", "m", port=p) for p in "abc"), Edge("m", "out")), dt_s=DT,
        ),
        "out (Output): reads the 'membrane' of m (Custom)",
    ),
    "an index beyond the source": (lambda: one(indexed([0, 1, 2, 4])), "n (Route): its index (4,)"),
    "an index below -1": (lambda: one(indexed([0, 1, 2, -2])), "n (Route): its index (4,)"),
    "too few indices": (lambda: one(indexed([0, 1, 2])), "its index (3,) does not lead (4,) to"),
    "an index of two axes": (lambda: one(indexed([[0, 1, 2, 3]])), "its index (1, 4) does not"),
    "an index that is no whole number": (
        lambda: one(indexed([0, 1.5, 2, 3])), "n (Route): its index is float64. Give whole"
    ),
    "an index that is no number": (lambda: one(indexed([0, np.nan, 2, 3])), "its index is float64"),
    "a mask for an index": (lambda: one(indexed([True] * 4)), "n (Route): its index is bool"),
    "a route of another source": (
        lambda: one(route((2, 2), (4,), 0, 1, 2, 3)), "n (Route): takes (2, 2), but (4,) arrives"
    ),
    "a route to another target": (
        lambda: one(route((4,), (2,), 0, 1)), "edge n -> out: carries (2,), but out takes (4,)"
    ),
    "a route to nothing": (
        lambda: one(Route(in_shape=(4,), out_shape=(0,), index=np.zeros(0, np.int64)), out=(0,)),
        "n (Route): has shape (0,): nothing is in it",
    ),
    "a scale of another shape": (
        lambda: one(scaled([1, 2], [0] * 4)), "n (ScaleShift): scale has shape (2,), but (4,)"
    ),
    "a shift of another shape": (
        lambda: one(scaled([1] * 4, [0] * 3)), "n (ScaleShift): shift has shape (3,), but (4,)"
    ),
    "a scale a channel": (
        lambda: one(scaled([1, 2], [1, 2]), (2, 3), (2, 3)), "has shape (2,), but (2, 3) arrives"
    ),
    "a shift that is not finite": (
        lambda: one(scaled([1] * 4, [0, np.nan, 0, np.inf])),
        "n (ScaleShift): 2 of 4 values of shift are NaN, infinite or above",
    ),
    "a shift above float32": (
        lambda: one(ScaleShift(scale=np.ones(4), shift=np.full(4, 1e39))), "4 of 4 values of shift"
    ),
    "a scale that is not finite": (
        lambda: one(scaled([1, 1, 1, np.inf], [0] * 4)), "1 of 4 values of scale are NaN"
    ),
}  # fmt: skip


@pytest.mark.parametrize("word", WRONG)
def test_what_does_not_fit(word: str) -> None:
    make, text = WRONG[word]
    made = make()
    with pytest.raises(InputError) as caught:
        lower(made)
    assert type(caught.value) is InputError
    assert text in str(caught.value)


def test_all_of_it_is_reported_at_once() -> None:
    nodes = {
        **IO,
        "c": gated(params={}),
        "r": indexed([9, 9, 9, 9]),
        "s": scaled([1, 2], [1, 2]),
        "a": lif(),
    }
    pairs = ("in c:drive", "in c:gate", "in r", "in s", "c a", "r a", "s a", "a out")
    with pytest.raises(InputError) as caught:
        lower(graph(nodes, *pairs).graph)
    assert {f.where for f in caught.value.findings} >= {"c (Custom)", "r (Route)", "s (ScaleShift)"}


def test_a_custom_neuron_is_taken_bit_for_bit() -> None:
    start = np.array([-0.0, 1e-40, 0.1, -7], F)
    decay = np.array([0.1, 0.2, 0.3, 0.7], F)
    network = lower(neuron(params=PARAMS | {"decay": decay}, initial={"v": start}))
    (population,) = network.populations
    assert population.program == GATED
    assert population.params["decay"].tobytes() == decay.tobytes()
    assert population.initial["v"].tobytes() == start.tobytes()
    assert [(p.name, p.port) for p in network.projections] == [
        ("in->c", "drive"),
        ("in->c#2", "gate"),
    ]


def test_parameters_on_planes_are_flat_in_the_network() -> None:
    start = np.arange(6, dtype=F).reshape(2, 3)
    nodes = {"in": Input(shape=(2, 3)), "c": gated((2, 3), initial={"v": start}),
             "out": Output(shape=(2, 3))}  # fmt: skip
    (population,) = lower(graph(nodes, "in c:drive", "in c:gate", "c out").graph).populations
    assert population.shape == (2, 3)
    assert population.initial["v"].tolist() == [0, 1, 2, 3, 4, 5]
    assert population.params["theta"].shape == ()  # equal everywhere: shared


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint16])
def test_indices_of_any_whole_type(dtype: type[np.generic]) -> None:
    network = lower(one(indexed(np.array([3, 0, 0, 1], dtype))))
    operator: Any = network.projections[0].operator
    assert operator.index.dtype == np.int64
    assert operator.index.tolist() == [3, 0, 0, 1]


def values(network: Network, x: np.ndarray, engine: str) -> np.ndarray:
    (out,) = network.outputs
    result = run(network, {"in": x}, engine=engine, record=Record(emissions=(out.node,)))
    return np.asarray(result.emissions[out.node])


@pytest.mark.parametrize("engine", ["reference", "event"])
def test_a_shared_shift_is_that_of_every_element(engine: str) -> None:
    x = np.array([[[1, 0, -2, 0.5]]], F)
    found = values(lower(one(scaled(2, 0.25))), x, engine)
    assert found.tolist() == [[[2.25, 0.25, -3.75, 1.25]]]
    wide = values(lower(one(scaled([2] * 4, [0.25] * 4))), x, engine)
    assert found.tobytes() == wide.tobytes()


def test_rounded_shifts_are_said_as_rounded_scales_are() -> None:
    third, half = np.full(4, 1 / 3), np.full(4, 0.5)
    for scale, shift, named in ((third, half, ["scale"]), (half, third, ["shift"]),
                                (third, third, ["scale", "shift"]), (half, half, [])):  # fmt: skip
        found = lower_reported(one(ScaleShift(scale=scale, shift=shift))).findings
        assert [str(f) for f in found] == [
            f"n: 4 of 4 float64 values of {name} were rounded to float32." for name in named
        ]


def test_a_map_is_not_named_after_the_neuron_that_it_feeds() -> None:
    """Route and ScaleShift in front of one neuron are the operator of its projection."""
    for node in (route((4,), (4,), 3, 2, 1, 0), normed(4), scaled(quarters(4), as_f64(1))):
        network = lower(chain((4,), node, lif()).graph)
        assert [p.name for p in network.populations] == ["n1"]
        assert [p.name for p in network.projections] == ["n0"]
