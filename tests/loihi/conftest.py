"""Makes the builders beside it importable, and says where Lava is missing."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture(scope="session")
def lava():
    """Lava's own classes; a test that asks for them is skipped where they are not installed."""
    from neurochain.simulators.lava.compat import HOW_TO_INSTALL, load_lava, missing

    if missing():
        pytest.skip(f"needs Lava: {HOW_TO_INSTALL}")
    load_lava()
    import lava_models

    return lava_models
