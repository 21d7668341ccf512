"""The picture of the cores, read back from its SVG and compared with the placement."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from integer_networks import chain, dense, drawn

from neurochain.drawing import core_map, map_svg
from neurochain.drawing.cores import Link
from neurochain.mapping import map_network
from neurochain.targets import load_target

SVG = "{http://www.w3.org/2000/svg}"


def titled(svg, tag):
    """Tooltip -> (element, the group that has its look)."""
    groups = ET.fromstring(svg).iter(f"{SVG}g")
    found = [(e.findtext(f"{SVG}title"), e, g) for g in groups for e in g.iter(f"{SVG}{tag}")]
    assert len({text for text, _, _ in found}) == len(found)
    return {text: (e, g) for text, e, g in found}


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
    squares = titled(map_svg(found, "chain"), "use")
    assert len(squares) == 128
    assert f"core {used[0].core}: n0 1,024; neurons 1,024 of 1,024 (100 %)" in squares
    assert f"core {used[1].core}: n1 10; input_axons 1,024 of 4,096 (25 %)" in squares
    _, group = squares[next(t for t in squares if "n1" in t)]
    assert (group.get("class"), float(group.get("fill-opacity"))) == ("m-t1", 0.4)
    empty = [(e, g) for text, (e, g) in squares.items() if text.endswith(": empty")]
    assert {g.get("class") for _, g in empty} == {"m-empty"}
    places = {(e.get("x"), e.get("y")) for e, _ in squares.values()}
    assert len(places) == 128
    assert {e.get("href") for e, _ in squares.values()} == {"#m-core"}


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
    lines = titled(map_svg(found, "drawn"), "path")
    for (x, y, to_x, to_y), packets in walked.items():
        line, group = lines[f"({x}, {y}) to ({to_x}, {to_y}): {packets:,} packets"]
        assert group.get("class") == "m-link"
        width = 0.6 + 3.4 * packets / found.peak
        assert float(line.get("stroke-width")) == pytest.approx(width, abs=0.006)
        way, length = re.fullmatch(r"M[\d.]+ [\d.]+([hv])(-?\d+)", line.get("d")).groups()
        along = round(int(length) / 24)
        assert (along, 0) == (to_x - x, to_y - y) or (0, along) == (to_x - x, to_y - y)
        assert way == ("h" if to_x != x else "v")


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


def test_a_core_and_a_link_take_few_bytes():
    """Of fifteen chips: what elements share is said once, and each keeps its numbers."""
    placement = map_network(drawn(3), load_target("loihi1"))
    one = core_map(placement)
    links = tuple(
        Link(x=x, y=y, to_x=x + 1, to_y=y, packets=100_000 + x)
        for x in range(120)
        for y in range(4)
    )
    cores = tuple(
        replace(core, core=128 * chip + core.core, chip=chip, x=core.x + 8 * chip)
        for chip in range(15)
        for core in one.cores
    )
    many = replace(one, cores=cores, links=links, width=120, chips=15)
    svg = map_svg(many, "fifteen")
    squares, lines = titled(svg, "use"), titled(svg, "path")
    assert (len(squares), len(lines)) == (15 * 128, 480)
    said = sum(len(text) for text in [*squares, *lines])
    assert len(svg) - said < 75 * 15 * 128 + 85 * 480
