"""Shipped models by name: the commands of the first minute."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neurochain.models import zoo

NAMES = sorted(zoo())


def test_list(invoke) -> None:
    entries = json.loads(invoke("models", "list", "--json").stdout)
    assert [entry["name"] for entry in entries] == NAMES
    assert all(entry["schema_version"] == 1 for entry in entries)
    assert all(0 < entry["accuracy"] <= 1 for entry in entries)
    assert all(name in invoke("models", "list").stdout for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_show(invoke, name: str) -> None:
    card = json.loads(invoke("models", "show", name, "--json").stdout)["card"]
    assert card["accuracy"] == zoo()[name].accuracy
    assert "recipe" in invoke("models", "show", name).stdout


@pytest.mark.torch
@pytest.mark.parametrize("name", NAMES)
def test_demo_sample(invoke, tmp_path: Path, name: str) -> None:
    """simulate, then report; and evaluate agrees with the card."""
    result = invoke("simulate", name, "--input", "demo", "--json")
    assert result.exit_code == 0, result.stderr
    run = json.loads(result.stdout)
    assert run["meta"]["model"] == name
    (tmp_path / "run.json").write_text(result.stdout)
    assert "per sample" in invoke("report", tmp_path / "run.json").stdout
    found = json.loads(invoke("evaluate", name, "--input", "demo", "--json").stdout)
    card = zoo()[name].card
    evaluation = found["evaluation"]
    assert (evaluation["samples"], evaluation["correct"]) == (
        card["sample"]["count"],
        card["sample"]["correct"],
    )
    assert found["layers"] == run["layers"]


@pytest.mark.torch
def test_a_shipped_model_verifies_on_its_sample(invoke) -> None:
    if not NAMES:
        pytest.skip("no model is shipped")
    result = invoke("verify", NAMES[-1], "--input", "demo", "--limit", 1, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["equal"] is True
