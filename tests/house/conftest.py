"""The tools under `tools/` are scripts, not a package: make them importable for their tests."""

import sys
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _tools_on_path(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(repository / "tools"))
    assert str(repository / "tools") in sys.path
