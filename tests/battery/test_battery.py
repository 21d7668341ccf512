"""Any network that people write: compiled to exactly the same spikes, or refused by name."""

import importlib.util
import sys

import pytest

torch = pytest.importorskip("torch")

from generator import random_network  # noqa: E402
from judge import judge, refusals  # noqa: E402
from networks import all_networks, missing  # noqa: E402

pytestmark = pytest.mark.torch

NETWORKS = all_networks()
GOOD = ("exact", "refused")
RANDOM = 60


@pytest.fixture(scope="session")
def table(repository):
    """tools/coverage_table.py."""
    path = repository / "tools" / "coverage_table.py"
    spec = importlib.util.spec_from_file_location("coverage_table", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["coverage_table"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def rows(table):
    """The rows of docs/coverage.md by network."""
    return {row.name: row for row in table.rows_of(table.DOCUMENT.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_exact_or_refused_by_the_list(name, table, rows, record_property):
    make, needs = NETWORKS[name]
    absent = missing(needs)
    if absent:
        pytest.skip(f"needs {', '.join(absent)} (pip install neurochain[interop])")
    outcome = judge(make)
    record_property("battery", outcome.status)
    assert outcome.status in GOOD, f"{name}: {outcome.status}: {outcome.text}"
    wanted = table.row(name, outcome)
    assert rows.get(name) == wanted, (
        "docs/coverage.md is out of date: run python tools/coverage_table.py --write"
    )


def test_the_document_is_made_of_its_own_rows(table, rows):
    text = table.DOCUMENT.read_text(encoding="utf-8")
    assert text == table.document(list(rows.values()), refusals())
    assert set(rows) == set(NETWORKS)


def test_there_are_enough_networks_and_enough_are_exact(rows):
    exact = [row for row in rows.values() if row.status == "exact"]
    assert len(rows) >= 170
    assert len(exact) >= 0.8 * len(rows)


def test_every_refusal_of_the_list_is_used_and_complete(rows):
    used = {row.construct for row in rows.values() if row.status == "refused"}
    assert set(refusals()) == used
    for entry in refusals().values():
        assert entry["says"]
        assert entry["reason"].endswith((".", ")"))
        assert entry["way_out"].endswith(".")
        assert entry["kind"] in ("never", "not yet")


@pytest.mark.parametrize("seed", range(RANDOM))
def test_a_random_network_is_exact_or_refused_by_the_list(seed, record_property):
    outcome = judge(random_network(seed), idle=True)
    record_property("battery", outcome.status)
    assert outcome.status in GOOD, f"seed {seed}: {outcome.status}: {outcome.text}"
