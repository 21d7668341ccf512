"""Tests in the real Lava runtime; skipped where it is not installed.

`tests/loihi` has the builders of random integer networks, said once for Lava and neurochain.
"""

import sys
from pathlib import Path

import pytest

from neurochain.simulators.lava.compat import load_lava, missing

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "loihi")]


@pytest.fixture(autouse=True)
def _lava_installed() -> None:
    findings = missing()
    if findings:
        pytest.skip("; ".join(str(finding) for finding in findings))
    load_lava()
