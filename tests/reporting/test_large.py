"""A report of a large run is fast and small."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from neurochain.reporting import render_html, to_json


@pytest.fixture(scope="module")
def benchmark(repository: Path) -> ModuleType:
    """benchmarks/report.py, which makes the record."""
    path = repository / "benchmarks" / "report.py"
    spec = importlib.util.spec_from_file_location("report_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["report_benchmark"] = module
    spec.loader.exec_module(module)
    return module


def test_ten_layers_take_less_than_300_kb(benchmark: ModuleType) -> None:
    page = render_html(benchmark.record(10, 10_000, 1_000))
    assert len(page.encode()) < 300_000


def test_a_large_run(benchmark: ModuleType, tmp_path: Path) -> None:
    """20 layers, 100,000 neurons, 1,000 steps: under 5 s, 500 MB, and 2 MB on disk."""
    run, page = tmp_path / "run.json", tmp_path / "report.html"
    run.write_text(to_json(benchmark.record(20, 100_000, 1_000)))
    seconds, mebibytes = benchmark.measured(["report", str(run), "--html", str(page)])
    assert seconds < 5
    assert mebibytes < 476  # 500 MB
    assert page.stat().st_size < 2_000_000
