"""Edges that name a port: what a Graph accepts of them, and what it refuses by name."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from neurochain.errors import InputError
from neurochain.graph import Custom, Edge, Flatten, Graph, Input, Output, Scale, as_f64
from neurochain.program import Instruction, Op, PortKind, Program

DIFFERENCE = Program(
    name="difference",
    ports=("plus", "minus"),
    states=(),
    params=(),
    constants=(),
    body=(Instruction(Op.SUB, "y", ("plus", "minus")),),
    next_state=(),
    emit="y",
    emits=PortKind.ANALOG,
)
NODES: dict[str, Any] = {
    "in": Input(shape=(2,)),
    "half": Scale(scale=as_f64(0.5)),
    "c": Custom(shape=(2,), program=DIFFERENCE, params={}),
    "out": Output(shape=(2,)),
}
BOTH = (
    Edge("in", "half"),
    Edge("in", "c", port="plus"),
    Edge("half", "c", port="minus"),
    Edge("c", "out"),
)


def made(*edges: Edge, **nodes: Any) -> Graph:
    return Graph(nodes=NODES | nodes, edges=edges, dt_s=1e-3)


def refused(*edges: Edge, **nodes: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        made(*edges, **nodes)
    return [str(finding) for finding in caught.value.findings]


def test_one_source_may_enter_several_ports() -> None:
    graph = made(*BOTH, Edge("in", "c", port="minus"), Edge("half", "c", port="plus"))
    assert [(e.source, e.port) for e in graph.edges if e.target == "c"] == [
        ("in", "plus"),
        ("half", "minus"),
        ("in", "minus"),
        ("half", "plus"),
    ]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_edges_may_stand_in_any_order(order: tuple[int, ...]) -> None:
    edges = tuple(BOTH[k] for k in order)
    assert made(*edges).edges == edges


def test_its_own_emission_may_enter_a_port() -> None:
    edges = (Edge("in", "c", port="plus"), Edge("c", "c", port="minus"), Edge("c", "out"))
    loop = Graph(nodes={k: v for k, v in NODES.items() if k != "half"}, edges=edges, dt_s=1e-3)
    assert loop.edges == edges


def test_the_same_port_twice_is_refused_even_with_another_delay() -> None:
    for delay in (None, 3):
        again = Edge("in", "c", delay, port="plus")
        (found,) = refused(*BOTH, again)
        assert found.startswith("edge in -> c: appears twice")


WRONG = {
    "none of a neuron that has two": (Edge("in", "c"), "enters port None of c"),
    "another name": (Edge("in", "c", port="x"), "enters port 'x' of c"),
    "an empty name": (Edge("in", "c", port=""), "enters port '' of c"),
    "a name in capitals": (Edge("in", "c", port="Plus"), "enters port 'Plus' of c"),
    "a state": (Edge("in", "c", port="y"), "enters port 'y' of c"),
}


@pytest.mark.parametrize("word", WRONG)
def test_ports_that_the_program_lacks(word: str) -> None:
    edge, text = WRONG[word]
    (found,) = refused(*BOTH, edge)
    assert found == f"edge in -> c: {text}, which has plus, minus. Name one of its ports."


@pytest.mark.parametrize(("source", "target"), [("in", "half"), ("c", "out")])
def test_only_custom_neurons_have_ports(source: str, target: str) -> None:
    edges = [e for e in BOTH if e.target != target]
    (found,) = refused(*edges, Edge(source, target, port="x"))
    assert f"{source} -> {target}: enters port 'x' of {target}, which has one input" in found
    assert found.endswith("Leave port out.")


def test_a_port_of_a_node_that_does_not_exist_is_one_finding() -> None:
    (found,) = refused(*BOTH, Edge("in", "d", port="plus"))
    assert "names a node 'd' that does not exist" in found


def test_every_wrong_port_is_reported_at_once() -> None:
    found = refused(
        *BOTH,
        Edge("half", "c", port="times"),
        Edge("in", "c", -1, port="plus "),
        Edge("c", "f", port="x"),
        f=Flatten(),
    )
    for text in ("'times' of c", "'plus ' of c", "delay of -1", "'x' of f", "no outgoing edge"):
        assert sum(text in line for line in found) == 1
    assert len(found) == 5


def test_edges_without_a_port_are_as_before() -> None:
    assert Edge("a", "b") == Edge("a", "b", None, None)
    assert Edge("a", "b", port="x") != Edge("a", "b")
    assert len({Edge("a", "b", port=p) for p in ("x", "y", None)}) == 3


def test_custom_neurons_start_from_rest_unless_told() -> None:
    node = Custom(shape=(2,), program=DIFFERENCE, params={})
    assert (dict(node.initial), node.kind) == ({}, "")
