"""The picture of a network, read back from its SVG: everything is there, and nothing overlaps."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import engine_cases as cases
import numpy as np
import pytest

from neurochain.drawing import graph_svg
from neurochain.drawing.layout import spots
from neurochain.program import PortKind

SVG = "{http://www.w3.org/2000/svg}"


def groups(svg, kind):
    root = ET.fromstring(svg)
    return [g for g in root.iter(f"{SVG}g") if g.get("class") == kind]


def titles(svg, kind):
    return sorted(g.findtext(f"{SVG}title") for g in groups(svg, kind))


def corners(group):
    rect = group.find(f"{SVG}rect")
    return float(rect.get("x")), float(rect.get("y"))


@pytest.mark.parametrize("seed", range(20))
def test_every_node_and_projection_is_drawn_once_and_apart(seed):
    network = cases.random_network(np.random.default_rng(seed), "float32")
    svg = graph_svg(network, "drawn")
    assert titles(svg, "node") == sorted(n.name for n in network.nodes)
    assert titles(svg, "projection") == sorted(p.name for p in network.projections)
    root = ET.fromstring(svg)
    width, height = float(root.get("width")), float(root.get("height"))
    places = [corners(g) for g in groups(svg, "node")]
    for k, (x, y) in enumerate(places):
        assert 0 <= x <= width - 176
        assert 0 <= y <= height - 62
        for other_x, other_y in places[:k]:
            assert abs(x - other_x) >= 176 or abs(y - other_y) >= 62
    where = spots(network)
    order = [n.name for n in network.nodes]
    for p in network.projections:
        if order.index(p.source) < order.index(p.target):
            assert where[p.source].column < where[p.target].column


def test_it_says_what_a_projection_is():
    network = cases.one_projection(np.random.default_rng(0), cases.dense, "float32", PortKind.EVENT)
    (p,) = (p for p in network.projections if p.operator.kind == "dense")
    svg = graph_svg(replace(network, projections=(replace(p, delay=3),)), "one")
    (drawn,) = groups(svg, "projection")
    text = " ".join(t.text for t in drawn.iter(f"{SVG}text"))
    n_in, n_out = p.operator.n_in, p.operator.n_out
    assert f"dense {p.name}" in text
    assert f"{n_in * n_out:,} synapses, float32" in text
    assert "delay 3" in text


def test_names_are_text():
    network = cases.one_projection(np.random.default_rng(0), cases.dense, "float32", PortKind.EVENT)
    name = '<script>alert("x")</script>&'
    old = network.sources[0].name
    named = replace(
        network,
        sources=(replace(network.sources[0], name=name),),
        projections=tuple(
            replace(p, source=name if p.source == old else p.source) for p in network.projections
        ),
    )
    svg = graph_svg(named, name)
    assert "<script" not in svg
    assert name in titles(svg, "node")
