"""Makes the small workloads (small_workloads.py) importable for the tests beside it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from small_workloads import SMALL


@pytest.fixture(params=SMALL)
def small(request: pytest.FixtureRequest):
    """A small workload of each kind."""
    return SMALL[request.param]()
