"""docs/nir-export.md says what an export really gives."""

import importlib.util

import pytest


@pytest.fixture(scope="module")
def table(repository):
    spec = importlib.util.spec_from_file_location("nir_table", repository / "tools/nir_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_document_is_what_the_exporter_says(table):
    assert table.DOCUMENT.read_text(encoding="utf-8") == table.document()


def test_most_constructs_are_exact_somewhere(table):
    rows = [r for r in table.document().splitlines() if r.startswith("| ") and r.count("|") == 6]
    words = [cell.strip() for row in rows for cell in row.split("|")[3:6]]
    assert words.count("exact") + words.count("rounded") > len(words) / 2
