"""The map of cores in a page, recomputed from the JSON of a placed run."""

import re
import xml.etree.ElementTree as ET

import msgspec
import numpy as np
import pytest
from integer_networks import drawn

from neurochain.artifact import Artifact
from neurochain.drawing import core_map
from neurochain.reporting import RunRecord, render_html
from neurochain.reporting.core_rows import MOST_CORES, core_table
from neurochain.reporting.html import _figure as figure
from neurochain.reporting.placed import map_of, placement_record
from neurochain.reporting.schema import to_json
from neurochain.reporting.traces import record_traces


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


def table_of(page):
    """Heads and cells of the table below the map."""
    part = page[page.index('id="cores"') :].split("</details>")[0].split("<details>")[1]
    heads = re.findall(r"<button type=\"button\">([^<]*)<", part)
    lines = [
        re.findall(r"<td[^>]*>([^<]*)</td>", line)
        for line in part.split("<tbody>")[1].split("<tr>")
    ]
    return part, heads, [line for line in lines if line]


@pytest.mark.parametrize("counting", ["model", "deployed"])
def test_the_table_says_what_the_map_says(placed, counting):
    """Without a pointer: every core in use, what it holds, its limit, and its packets."""
    record = placed[2]
    _, heads, lines = table_of(render_html(record, counting))
    assert heads == [
        *("core", "holds", "full %", "limit", "used", "of"),
        *("packets out", "packets in", "syn. events"),
    ]
    used = [core for core in record.placement.cores if core.holds]
    work = {core.core: core for core in record.deployed.mapped.cores}
    assert [int(line[0]) for line in lines] == [core.core for core in used]
    for core, line in zip(used, lines, strict=True):
        assert line[1] == ", ".join(f"{name} {n:,}" for name, n in core.holds.items())
        assert float(line[2]) == pytest.approx(100 * core.used / core.most, abs=0.05)
        assert line[3:6] == [core.limit, f"{core.used:,}", f"{core.most:,}"]
        counts = work[core.core]
        assert [int(text.replace(",", "")) for text in line[6:]] == [
            *(counts.packets_out, counts.packets_in, counts.synaptic_events)
        ]
    assert sum(line.counts[0] for line in core_table(record.placement, record.deployed).lines) > 0


def test_of_many_cores_the_fullest_are_listed(placed):
    record = placed[2]
    first = next(core for core in record.placement.cores if core.holds)
    many = [
        msgspec.structs.replace(first, core=k, used=k % 50, most=100, holds={"<b>": 1}, chip=k % 4)
        for k in range(500)
    ]
    large = msgspec.structs.replace(
        record,
        deployed=msgspec.structs.replace(record.deployed, mapped=None),
        placement=msgspec.structs.replace(record.placement, cores=many, chips=4),
    )
    part, heads, lines = table_of(render_html(large))
    assert "chip" in heads
    assert "packets out" not in heads
    assert "The fullest 64 of 500 cores in use." in part
    assert len(lines) == MOST_CORES
    # 10 cores each with 49, 48, ... 44 of 100, and the first 4 with 43
    assert sum(float(line[3]) for line in lines) == 10 * sum(range(44, 50)) + 4 * 43
    assert [int(line[0]) for line in lines] == sorted(int(line[0]) for line in lines)
    assert all("<b>" not in "".join(line) for line in lines)


def test_populations_have_one_colour_on_the_page(placed):
    """As in the raster: the first population of the network has the first colour."""
    placement, _, record = placed
    network = drawn(3)
    shape = network.sources[0].shape
    x = (np.random.default_rng(1).random((1, 4, *shape)) < 0.3).astype(np.float32)
    traces = record_traces(Artifact(network=network, placement=placement), x)
    page = render_html(msgspec.structs.replace(record, traces=traces))
    legend = re.findall(r'<rect class="m-t(\d)"[^>]*/><text[^>]*>([^<]*)</text>', page)
    shown = [p.population for p in traces.populations]
    assert [(int(k), name) for k, name in legend][: len(shown)] == [*enumerate(shown)]


def test_membranes_of_integers_have_their_threshold(placed):
    """Loihi's threshold is 2^6 times its mantissa, on the scale of the membrane."""
    placement, _, record = placed
    network = drawn(3)
    x = np.ones((1, 4, *network.sources[0].shape), dtype=np.float32)
    traces = record_traces(Artifact(network=network, placement=placement), x)
    params = {p.name: p.params for p in network.populations}
    for trace in traces.populations:
        theta = params[trace.population]["vth"]
        assert trace.threshold == (None if theta.ndim else 64 * int(theta))
    page = render_html(msgspec.structs.replace(record, traces=traces))
    assert "Dashed: threshold." in page
    # the caption has the membrane's own range, whatever the box has to hold
    told = next(p for p in traces.populations if p.threshold is not None and p.membranes)
    trace = told.membranes[0]
    assert max(trace.high) < told.threshold
    ends = [figure("", v) for v in (min(trace.low), max(trace.high), told.threshold)]
    caption = "{}, neuron {}: {} to {}, threshold {}<".format(told.population, trace.neuron, *ends)
    assert caption in page
    bare = [msgspec.structs.replace(p, threshold=None) for p in traces.populations]
    untold = msgspec.structs.replace(traces, populations=bare)
    assert "Dashed" not in render_html(msgspec.structs.replace(record, traces=untold))


def test_the_page_gives_the_whole_time_of_a_step(placed):
    """As the terminal does: the longest way of a packet and the error of the list as well."""
    from neurochain.accounting.prices import find_prices
    from neurochain.reporting.energy import with_energy

    record = with_energy(placed[2], [find_prices("loihi1-sanafe2025")])
    text = " ".join(render_html(record).split())
    assert re.search(r"on the busiest core in an average step, [\d.]+ ns for the longest way", text)
    assert "of a packet. ±25 %." in text


def test_no_page_draws_more_than_it_can_hold(placed):
    record = placed[2]
    many = [
        msgspec.structs.replace(core, core=128 * k + core.core)
        for k in range(40)
        for core in record.placement.cores
    ]
    assert len(many) > 4096
    large = msgspec.structs.replace(
        record, placement=msgspec.structs.replace(record.placement, cores=many)
    )
    page = render_html(large)
    assert "More than 4,096 cores are not drawn in a page" in page
    assert 'class="core-map"' not in page
    assert len(table_of(page)[2]) == MOST_CORES
    assert len(page) < 300_000
