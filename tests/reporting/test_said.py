"""Words beside the numbers: names that are hostile, sets, twins, break-even."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import msgspec
import pytest

from neurochain.accounting.definitions import definitions, neurobench
from neurochain.accounting.energy import model_of
from neurochain.accounting.prices import read_prices
from neurochain.errors import InputError
from neurochain.reporting import (
    RunRecord,
    render_csv,
    render_html,
    render_latex,
    render_markdown,
    render_text,
)
from neurochain.reporting.energy import sums, with_energy
from neurochain.reporting.energy_text import break_even_text, twin_lines

HOSTILE = "a|b\n<img src=x>\x1b[31m\u202e&"


@pytest.fixture
def hostile(record: RunRecord) -> RunRecord:
    """The worked example, with such names."""
    other = msgspec.structs.replace
    found = other(
        record,
        meta=other(record.meta, model=HOSTILE),
        layers=[other(record.layers[0], name=HOSTILE)],
        warnings=[HOSTILE],
    )
    return with_energy(found)


def test_names_move_no_cursor(hostile: RunRecord) -> None:
    for text in (render_text(hostile), render_markdown(hostile), render_latex(hostile)):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "a|b\n" not in text
        assert "[31m" in text  # the name is there, on one line


def test_names_are_no_markup(hostile: RunRecord) -> None:
    text = render_markdown(hostile)
    assert "<img" not in text
    row = next(line for line in text.splitlines() if line.startswith("| a"))
    assert row.replace("\\|", "").count("|") == 17
    assert row.startswith("| a\\|b?&lt;img src=x>")
    assert "<img" not in render_html(hostile)
    assert HOSTILE in render_csv(hostile)  # data: quoted, and as it is


def test_a_network_for_a_chip_is_not_called_as_trained(placed: Any) -> None:
    """Its pools lie in weights, and so do those of its twin."""
    record: RunRecord = placed[2]
    assert "counts as trained (model set)" in render_text(record, width=1000)
    assert not any("lowered" in line for line in twin_lines(record))
    meta = msgspec.structs.replace(record.meta, weights="loihi")
    chip = msgspec.structs.replace(record, meta=meta)
    said = "as lowered for the chip, trained weights"
    assert f"counts {said} (model set)" in render_text(chip, width=1000)
    assert f"counts {said}</p>" in render_html(chip)
    assert "counts as lowered (deployed set)" in render_text(chip, "deployed", width=1000)
    assert any("lowered for a chip before it was counted" in line for line in twin_lines(chip))
    assert "lowered for a chip before it was counted" in render_html(chip)
    assert "these tools run on the PyTorch module" in render_html(chip)
    assert "these tools run on the PyTorch module" not in render_html(record)
    said = " ".join(render_text(chip, definitions=True).split())
    assert "these tools run on the PyTorch module" in said


def test_biases_of_integer_neurons_are_counted_as_a_module_adds_them(placed: Any) -> None:
    """They are no parameters of a layer here, but torchinfo and syops see the module's."""
    run = sums(placed[2].counts("model"))
    layers = tuple(
        replace(x, params=x.weights, counts={**x.counts, "bias_adds": int(k == 0)})
        for k, x in enumerate(run.layers)
    )
    bench = neurobench(placed[1].activity)
    found = {d.tool: d.total for d in definitions(replace(run, layers=layers), bench)}
    adds = run.steps * prod(layers[0].out_shape)
    assert layers[0].weights
    assert found["torchinfo"] - found["fvcore"] == adds


def test_no_rate_is_above_one() -> None:
    assert break_even_text(0.25555) == "25.6 % a step"
    assert break_even_text(1.0) == "100 % a step"
    assert break_even_text(5.11) == "any rate"


def test_a_list_of_memory_alone_is_refused(record: RunRecord, tmp_path: Path) -> None:
    """No model prices it: without a word there would be no energy at all."""
    (tmp_path / "own.toml").write_text(
        'schema = "neurochain.prices"\nschema_version = 1\nid = "own"\ntitle = "own"\n'
        'tier = "memory"\nnode_nm = 22\nvoltage_v = 0.8\n[[source]]\nid = "ME"\ntext = "me"\n'
        "[[memory]]\ncapacity_bytes = 8192\nenergy_pj = 5\nlow_pj = 5\nhigh_pj = 5\n"
        'source = ["ME"]\n',
        encoding="utf-8",
    )
    with pytest.raises(InputError, match="no model prices alone"):
        model_of(sums(record.counts("model")), read_prices(tmp_path / "own.toml"))
