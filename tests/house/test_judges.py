"""`make judges`: what skips is seen, and what ran stands on the page."""

import importlib.util
import subprocess
import sys

import pytest

TESTS = """
import pytest

@pytest.mark.judge
def test_runs(record_property):
    record_property("judged", "three things")

@pytest.mark.judge
def test_skips():
    pytest.skip("no such program")

@pytest.mark.judge
def test_fails():
    assert 1 == 2
"""


@pytest.fixture(scope="module")
def judges(repository):
    spec = importlib.util.spec_from_file_location("judges", repository / "tools" / "judges.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_report_is_counted(judges, tmp_path):
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = judge: one\n")
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", f"--junitxml={report}"]
    done = subprocess.run([*command, str(tmp_path)], cwd=tmp_path, capture_output=True)
    assert done.returncode == 1
    results = judges.outcomes(report)
    assert [dict(counts) for counts in results.values()] == [
        {"passed": 1, "skipped": 1, "failed": 1}
    ]
    page = judges.page({"tool": "1.2"}, results, judges.sayings(report), 60.0)
    assert "one run of 1 minutes: 3 judges, 1 passed, 1 failed, 1 skipped." in page
    assert "| tool | 1.2 |" in page
    assert "| 1 | 1 | 1 |" in page
    assert "- three things" in page


def test_a_consumer_that_is_missing_is_named(judges, monkeypatch):
    monkeypatch.setenv("PYNN_PYTHON", "")
    monkeypatch.setattr(judges, "TOOLS", ("no-such-compiler",))
    monkeypatch.setattr(judges, "CONSUMERS", (("PYNN_PYTHON", ("pynn",)), ("", ("numpy",))))
    found = judges.versions()
    assert (found["pynn"], found["no-such-compiler"]) == ("missing", "missing")
    assert found["numpy"][:1].isdigit()
