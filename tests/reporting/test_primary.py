"""Which estimate a report shows, and which one stands behind runs that are compared."""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec
import pytest

from neurochain.accounting.prices import find_prices
from neurochain.reporting import (
    RunRecord,
    render_csv,
    render_html,
    render_html_several,
    render_text,
)
from neurochain.reporting.compare import compare
from neurochain.reporting.energy import with_energy
from neurochain.reporting.energy_text import primary, shared
from neurochain.reporting.findings import findings
from neurochain.reporting.pareto import pareto, render_pareto
from neurochain.reporting.rows import rows, totals
from neurochain.reporting.values import figures


def _shown(record: RunRecord, counting: str = "model") -> str:
    best = primary(record, counting)
    return "" if best is None else f"{best.model} {best.profile_id}"


def _figure(found: Any, name: str) -> Any:
    return next(c for c in found.figures if c.name == name)


def test_a_network_on_cores_shows_what_the_chip_takes(busy: RunRecord, placed: Any) -> None:
    record: RunRecord = placed[2]
    assert _shown(record) == _shown(record, "deployed") == "chip-profile loihi1-davies2018"
    assert _shown(busy) == "memory-aware horowitz45-fp32"
    joules = figures(record)
    assert joules["energy_j"] == joules["energy_j.chip-profile.loihi1-davies2018"]


def test_the_first_list_that_was_named_comes_first(placed: Any) -> None:
    names = ("loihi1-sanafe2025", "loihi1-davies2018")
    record = with_energy(placed[2], [find_prices(name) for name in names])
    assert _shown(record) == "chip-profile loihi1-sanafe2025"
    assert _shown(with_energy(placed[2], [find_prices("horowitz45-fp16")])).startswith("memory")


def test_runs_are_compared_by_one_model(busy: RunRecord, placed: Any) -> None:
    """A chip's packets are on one side alone, so that the memory-aware model is taken."""
    record: RunRecord = placed[2]
    found = compare(busy, record)
    change = _figure(found, "energy_j")
    for side, run in ((change.old, busy), (change.new, record)):
        assert side == figures(run)["energy_j.memory-aware.horowitz45-fp32"]
    assert "network: no layer has the same name" in found.notes
    assert not any("network" in note for note in compare(busy, busy).notes)
    assert any(note.startswith("cores: none before, ") for note in found.notes)
    assert {p.energy_model for p in pareto([("a", busy), ("b", record)])} == {
        "memory-aware horowitz45-fp32"
    }
    assert {p.energy_model for p in pareto([("a", record), ("b", record)])} == {
        "chip-profile loihi1-davies2018"
    }


def test_other_lists_of_one_model_are_said(busy: RunRecord) -> None:
    """Float weights and integer ones, as deployed: each by its own arithmetic, and the note."""
    eight = with_energy(
        msgspec.structs.replace(busy, meta=msgspec.structs.replace(busy.meta, weights="int8"))
    )
    found = compare(busy, eight, "deployed")
    change = _figure(found, "energy_j")
    assert change.old == figures(busy, "deployed")["energy_j.memory-aware.horowitz45-fp32"]
    assert change.new == figures(eight, "deployed")["energy_j.memory-aware.horowitz45-int8"]
    assert (
        "price list of energy_j: memory-aware horowitz45-fp32 before, memory-aware horowitz45-int8 "
        "after" in found.notes
    )
    assert not any("price list" in note for note in compare(busy, eight).notes)


def test_runs_with_nothing_in_common_keep_their_own(busy: RunRecord) -> None:
    chip = with_energy(busy, [find_prices("loihi1-davies2018")])
    other = with_energy(busy, [find_prices("horowitz45-fp16")])
    found = [e.model if e else "" for e in shared([chip, other], "model")]
    assert found == ["chip-profile", "memory-aware"]


@pytest.mark.parametrize("counting", ["model", "deployed"])
def test_rows_add_up_to_the_total(placed: Any, counting: str) -> None:
    """Static power and packets of inputs are neither of a layer nor of a population."""
    own = find_prices("loihi1-sanafe2025")
    priced = msgspec.structs.replace(
        own,
        prices={
            **own.prices,
            "message_in": msgspec.structs.replace(own.prices["message_in"], energy_pj=7.0),
        },
    )
    lists = [msgspec.structs.replace(priced, static=find_prices("loihi1-davies2018").static)]
    record = with_energy(placed[2], lists, static=True)
    table = rows(record.counts(counting), primary(record, counting))
    whole = totals(record.counts(counting), primary(record, counting))
    extra = {row.layer: row for row in table if row.kind == "chip"}
    inputs = {s.name for s in record.deployed.mapped.nodes if s.input}
    assert set(extra) == {"(chip)", *inputs}
    assert sum(row.energy_nj for row in table) == pytest.approx(whole.energy_nj, rel=1e-9)
    assert sum(row.energy_percent for row in table) == pytest.approx(100, rel=1e-9)
    lines = [*csv.DictReader(io.StringIO(render_csv(record, counting)))]
    joules = [
        float(line[key] or 0)
        for line in lines
        for key in line
        if key.endswith("energy_j_chip-profile_loihi1-sanafe2025")
    ]
    assert sum(joules) / 3 == pytest.approx(whole.energy_nj * 1e-9, rel=1e-9)
    for text in (render_text(record, counting), render_html(record, counting)):
        assert "(chip)" in text


def test_runs_of_other_inputs_are_said(busy: RunRecord) -> None:
    """And names of lists keep their capitals."""
    meta = msgspec.structs.replace(busy.meta, input_hash="c" * 64)
    own = [msgspec.structs.replace(find_prices("horowitz45-fp16"), id="My-Chip")]
    first = with_energy(busy, own)
    second = msgspec.structs.replace(first, meta=meta)
    for runs, said in (((first, second), True), ((first, first), False)):
        points = pareto([("a", runs[0]), ("b", runs[1])])
        for text in (render_pareto(points), render_html_several(points, "model")):
            assert ("2 different inputs" in text) == said
            assert "nergy: memory-aware My-Chip, an estimate" in text


def test_prices_of_another_chip_are_said(placed: Any) -> None:
    """Nothing is published of Loihi 2: on its cores, Loihi 1's prices are no headline."""
    record: RunRecord = placed[2]
    assert not any("has the prices of" in text for text in findings(record))
    moved = msgspec.structs.replace(
        record,
        deployed=msgspec.structs.replace(
            record.deployed,
            mapped=msgspec.structs.replace(record.deployed.mapped, target="loihi2"),
        ),
    )
    assert _shown(moved) == "memory-aware horowitz45-fp32"
    said = "loihi1-davies2018 has the prices of loihi1; the network lies on the cores of loihi2"
    assert any(text.startswith(said) for text in findings(moved))
    assert said in " ".join(render_text(moved).split())
    assert said in render_html(moved)
    own = [msgspec.structs.replace(find_prices("loihi1-davies2018"), id="mine")]
    assert _shown(with_energy(moved, own)) == "chip-profile mine"
