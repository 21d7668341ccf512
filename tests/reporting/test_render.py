"""Tables: what they show, and how they fit."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser

import msgspec
import pytest

from neurochain.reporting import (
    Evaluation,
    LayerRecord,
    RunRecord,
    Spread,
    render_csv,
    render_html,
    render_markdown,
    render_text,
    rows,
    totals,
)


def test_row_of_the_worked_example(record: RunRecord) -> None:
    (row,) = rows(record.counts("model"))
    assert (row.layer, row.kind, row.out_shape, row.params) == ("fc", "dense", (2,), 8)
    assert row.nonzero_percent == pytest.approx(100 * 4 / 6)
    assert row.effective_percent == pytest.approx(100 * 8 / 24)
    assert (row.events_in, row.ac, row.mac, row.bias_adds) == (6, 8, 0, 8)


def test_totals_are_the_sums(record: RunRecord) -> None:
    counts = record.counts("deployed")
    total = totals(counts)
    assert total.ac == sum(layer.synops_effective_ac for layer in counts.layers)
    assert total.spikes_out == sum(p.spikes_out for p in counts.populations)


def test_a_population_is_counted_once(record: RunRecord) -> None:
    twice = msgspec.structs.replace(
        record,
        layers=[record.layers[0], msgspec.structs.replace(record.layers[0], name="skip")],
    )
    first, second = rows(twice.counts("model"))
    assert first.spikes_out is None
    assert second.spikes_out == record.populations[0].spikes_out
    assert totals(twice.counts("model")).spikes_out == record.populations[0].spikes_out


def test_a_population_without_a_layer_is_shown(record: RunRecord) -> None:
    alone = msgspec.structs.replace(record, layers=[])
    assert [row.layer for row in rows(alone.counts("model"))] == ["lif"]


def test_text_says_what_is_left_out(record: RunRecord) -> None:
    text = render_text(record, width=200)
    assert text.splitlines()[0].split()[:3] == ["layer", "type", "out"]
    assert "energies are estimates" in text
    assert "missing: weight fetch, membrane access, idle neuron updates, packets" in text
    alone = msgspec.structs.replace(record, energy=[])
    assert "counts only, no energy" in render_text(alone, width=200)
    assert "as trained (model set)" in text
    assert "as lowered (deployed set)" in render_text(record, "deployed", 200)


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_text_fits(record: RunRecord, width: int) -> None:
    long_name = "encoder.block1.attention.projection.linear"
    layer = msgspec.structs.replace(record.layers[0], name=long_name)
    wide = msgspec.structs.replace(record, layers=[layer])
    assert max(map(len, render_text(wide, width=width).splitlines())) <= width


def test_markdown_has_equal_columns(record: RunRecord) -> None:
    table = [line for line in render_markdown(record).splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1
    assert len(table) == 4  # head, rule, one layer, total


def test_csv_holds_every_count(record: RunRecord) -> None:
    (line,) = csv.DictReader(io.StringIO(render_csv(record)))
    for name in LayerRecord.__struct_fields__:
        if name != "per_timestep":
            value = getattr(record.layers[0], name)
            wanted = "x".join(map(str, value)) if isinstance(value, list) else str(value)
            assert line[name] == wanted
    assert int(line["population_spikes_out"]) == record.populations[0].spikes_out


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_html_is_self_contained_and_escaped(record: RunRecord) -> None:
    name = "<script>alert(1)</script>"
    meta = msgspec.structs.replace(record.meta, model=name)
    evaluation = Evaluation(
        decoding="count",
        samples=2,
        correct=1,
        accuracy=0.5,
        confusion=[[1, 0], [1, 0]],
        synops_per_sample=Spread(mean=1.0, sd=0.0, min=1, median=1.0, max=1),
        spikes_per_sample=Spread(mean=1.0, sd=0.0, min=1, median=1.0, max=1),
    )
    page = render_html(msgspec.structs.replace(record, meta=meta, evaluation=evaluation))
    assert name not in page
    tags = _Tags()
    tags.feed(page)
    assert not {tag for tag, _ in tags.seen} & {"link", "img", "iframe", "object", "embed"}
    assert not any({"src", "href"} & set(attributes) for _, attributes in tags.seen)
    assert "default-src 'none'" in page
    assert "url(" not in page
    assert "@import" not in page
    assert "Accuracy 50.00 %" in page
