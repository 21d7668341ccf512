"""The map of cores in a page, recomputed from the JSON of a placed run."""

import xml.etree.ElementTree as ET

import msgspec
import pytest

from neurochain.drawing import core_map
from neurochain.reporting import RunRecord, render_html
from neurochain.reporting.placed import map_of, placement_record
from neurochain.reporting.schema import to_json


def test_the_record_keeps_the_map(placed):
    placement, _, record = placed
    read = msgspec.json.decode(to_json(record), type=RunRecord)
    assert map_of(read.placement, None) == core_map(placement)
    assert placement_record(None) is None


def test_links_carry_the_packets_of_the_run(placed):
    placement, run, record = placed
    found = map_of(record.placement, record.counts("deployed").mapped)
    loads = run.activity_deployed.mapped.links
    assert found == core_map(placement, loads, "this run")
    assert found.peak == run.activity_deployed.mapped.max_link_load > 0
    assert sum(link.packets for link in found.links) == sum(int(load.sum()) for load in loads)


@pytest.mark.parametrize("counting", ["model", "deployed"])
def test_the_page_draws_every_core_and_link(placed, counting):
    _, _, record = placed
    page = render_html(record, counting)
    svg = ET.fromstring(
        page[page.index("<svg", page.index('id="cores"')) :].split("</svg>")[0] + "</svg>"
    )
    texts = [e.text for e in svg.iter("{http://www.w3.org/2000/svg}title")]
    found = map_of(record.placement, record.counts(counting).mapped)
    for core in found.cores:
        (text,) = (t for t in texts if t.startswith(f"core {core.core}: "))
        for name, count in core.holds:
            assert f"{name} {count:,}" in text
        if core.limit:
            assert f"{core.limit} {core.used:,} of {core.most:,}" in text
    for k in found.links:
        assert f"({k.x}, {k.y}) to ({k.to_x}, {k.to_y}): {k.packets:,} packets" in texts
    assert len(texts) == len(found.cores) + len(found.links)


def test_a_network_without_cores_has_no_map(busy):
    assert busy.placement is None
    assert 'id="cores"' not in render_html(busy)
