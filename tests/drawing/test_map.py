"""The picture of the cores, read back from its SVG and compared with the placement."""

import re
import xml.etree.ElementTree as ET

import pytest
from integer_networks import chain, dense, drawn

from neurochain.drawing import core_map, map_svg
from neurochain.mapping import map_network
from neurochain.targets import load_target

SVG = "{http://www.w3.org/2000/svg}"


def titled(svg, tag):
    root = ET.fromstring(svg)
    return {e.findtext(f"{SVG}title"): e for e in root.iter(f"{SVG}{tag}") if len(e)}


def test_a_chain_of_three_by_hand():
    """As in tests/mapping: the first layer fills core 0, the second has a core of the same tile."""
    network = chain([(64,), (1024,), (10,)], [dense(64, 1024), dense(1024, 10)])
    placement = map_network(network, load_target("loihi1"))
    found = core_map(placement)
    assert (found.width, found.height, found.links) == (8, 4, ())
    used = [core for core in found.cores if core.holds]
    assert [core.holds for core in used] == [(("n0", 1024),), (("n1", 10),)]
    assert [core.limit for core in used] == ["neurons", "input_axons"]
    assert [core.share for core in used] == [1024 / 1024, 1024 / 4096]
    assert len({(c.x, c.y) for c in used}) == 1
    squares = titled(map_svg(found, "chain"), "rect")
    assert len(squares) == 128
    assert f"core {used[0].core}: n0 1,024; neurons 1,024 of 1,024 (100 %)" in squares
    assert f"core {used[1].core}: n1 10; input_axons 1,024 of 4,096 (25 %)" in squares
    assert float(squares[next(t for t in squares if "n1" in t)].get("fill-opacity")) == 0.4


@pytest.mark.parametrize("seed", range(1, 6))
def test_links_carry_what_the_placement_says(seed):
    """Routes are walked packet by packet: along the row first, then along the column."""
    placement = map_network(drawn(seed), load_target("loihi1"), method="random", seed=seed)
    mesh = placement.mesh
    walked = {}
    for source, target, packets in zip(
        placement.source, placement.target_core, placement.packets, strict=True
    ):
        x, y = int(mesh.x[source]), int(mesh.y[source])
        while (x, y) != (mesh.x[target], mesh.y[target]):
            dx = int(mesh.x[target] > x) - int(mesh.x[target] < x)
            dy = 0 if dx else int(mesh.y[target] > y) - int(mesh.y[target] < y)
            step = (x, y, x + dx, y + dy)
            walked[step] = walked.get(step, 0) + int(packets)
            x, y = x + dx, y + dy
    found = core_map(placement)
    walked = {step: n for step, n in walked.items() if n}
    assert {(k.x, k.y, k.to_x, k.to_y): k.packets for k in found.links} == walked
    assert walked
    assert found.peak == placement.costs.peak_link
    lines = titled(map_svg(found, "drawn"), "line")
    for (x, y, to_x, to_y), packets in walked.items():
        line = lines[f"({x}, {y}) to ({to_x}, {to_y}): {packets:,} packets"]
        assert float(line.get("data-share")) == pytest.approx(packets / found.peak, abs=1e-4)
        along = (
            float(line.get("x2")) - float(line.get("x1")),
            float(line.get("y2")) - float(line.get("y1")),
        )
        assert [round(v / 24) for v in along] == [to_x - x, to_y - y]


def test_every_core_holds_its_neurons():
    network = drawn(3)
    placement = map_network(network, load_target("loihi1"))
    held = {}
    for core in core_map(placement).cores:
        for name, count in core.holds:
            held[name] = held.get(name, 0) + count
    assert held == {p.name: p.n for p in network.populations}


def test_in_a_page_it_brings_no_style():
    placement = map_network(drawn(0), load_target("loihi1"))
    svg = map_svg(core_map(placement), 'a "name" & <b>', alone=False)
    assert "<style" not in svg
    assert ET.fromstring(svg).get("aria-label").startswith('a "name" & <b>: ')
    assert not re.search(r"<b>", svg)
