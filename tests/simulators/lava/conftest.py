"""Tests in the real Lava runtime; skipped where it is not installed."""

import sys
from pathlib import Path

import pytest

from neurochain.simulators.lava.compat import missing

sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture(autouse=True)
def _lava_installed() -> None:
    findings = missing()
    if findings:
        pytest.skip("; ".join(str(finding) for finding in findings))
