"""Networks lie beside the tests that use them; the cells that ran are counted at the end."""

import sys
from collections import Counter
from pathlib import Path

import pytest

HERE = str(Path(__file__).resolve().parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)


@pytest.fixture(autouse=True)
def _one_thread():
    """Small networks run faster on one thread, and other tests run beside these."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pytest_terminal_summary(terminalreporter):
    """How many of the 72 cells ran, were refused, cannot run in snnTorch."""
    counts = Counter(
        value
        for report in terminalreporter.stats.get("passed", [])
        for key, value in report.user_properties
        if key == "cell"
    )
    if counts:
        parts = ", ".join(f"{counts[k]} {k}" for k in ("ran", "refused", "cannot run in snnTorch"))
        terminalreporter.write_line(
            f"neuron x reset x reset delay x style: {sum(counts.values())} cells: {parts}"
        )
