"""A Graph reports everything that is wrong with it, at once."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

from neurochain.errors import InputError
from neurochain.graph import Edge, Flatten, Graph, Input, Output, Scale, as_f64

NODES = {"in": Input(shape=(2,)), "s": Scale(scale=as_f64(2)), "out": Output(shape=(2,))}
EDGES = (Edge("in", "s"), Edge("s", "out"))


def made(**changes: Any) -> Graph:
    return Graph(**{"nodes": NODES, "edges": EDGES, "dt_s": 1e-3} | changes)


def test_a_sound_graph() -> None:
    graph = made()
    assert (graph.inputs, graph.outputs) == (("in",), ("out",))
    assert graph.recurrent_bias_at_0


def test_graphs_are_frozen_and_keep_their_own_nodes() -> None:
    nodes = dict(NODES)
    graph = made(nodes=nodes)
    nodes["x"] = Flatten()
    assert "x" not in graph.nodes
    with pytest.raises(TypeError):
        graph.nodes["x"] = Flatten()  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        graph.dt_s = 1  # type: ignore[misc]


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown node": ({"edges": (*EDGES, Edge("in", "nowhere"))}, "'nowhere' that does not exist"),
    "twice": ({"edges": (*EDGES, Edge("s", "out"))}, "appears twice"),
    "into an input": ({"edges": (*EDGES, Edge("s", "in"))}, "enters an Input"),
    "out of an output": ({"edges": (*EDGES, Edge("out", "s"))}, "leaves an Output"),
    "negative delay": ({"edges": (EDGES[0], Edge("s", "out", -1))}, "has a delay of -1 steps"),
    "dt 0": ({"dt_s": 0.0}, "dt is 0.0 s"),
    "dt NaN": ({"dt_s": np.nan}, "dt is nan s"),
    "loose": ({"nodes": NODES | {"f": Flatten()}}, "f (Flatten): has no incoming edge"),
    "dead end": (
        {"nodes": NODES | {"f": Flatten()}, "edges": (*EDGES, Edge("s", "f"))},
        "f (Flatten): has no outgoing edge",
    ),
    "no name": (
        {"nodes": NODES | {"": Flatten()}, "edges": (*EDGES, Edge("in", ""), Edge("", "s"))},
        "empty name",
    ),
    "no input": ({"nodes": {"out": NODES["out"]}, "edges": ()}, "no Input node"),
    "no output": ({"nodes": {"in": NODES["in"]}, "edges": ()}, "no Output node"),
}


@pytest.mark.parametrize("word", FAULTS)
def test_faults_are_named(word: str) -> None:
    changes, text = FAULTS[word]
    with pytest.raises(InputError) as caught:
        made(**changes)
    assert text in str(caught.value)


def test_all_faults_are_reported_at_once() -> None:
    with pytest.raises(InputError) as caught:
        made(edges=(Edge("in", "a"), Edge("b", "in"), Edge("s", "out", -2)), dt_s=-1)
    assert len(caught.value.findings) >= 5


def test_parameters_are_read_only_float64() -> None:
    value = as_f64([1, 2])
    assert value.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        value[0] = 3
