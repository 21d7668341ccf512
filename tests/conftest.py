"""What all tests share: hypothesis profiles and the folder of shared data."""

import os
import signal
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# A shell in the background leaves Ctrl-C ignored; processes that tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# `default` repeats the same examples in every run; `deep` (make fuzz) looks for new ones.
settings.register_profile("default", derandomize=True, deadline=None, database=None)
settings.register_profile(
    "deep",
    derandomize=False,
    deadline=None,
    max_examples=2_000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def find_shared() -> Path | None:
    """The folder of shared data: $NEUROCHAIN_SHARED, else ../shared; None where absent."""
    named = os.environ.get("NEUROCHAIN_SHARED")
    folder = Path(named) if named else ROOT.parent / "shared"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The shared data folder; a test that asks for it is skipped where there is none."""
    folder = find_shared()
    if folder is None:
        pytest.skip("needs the shared data: put it in ../shared or name it in $NEUROCHAIN_SHARED")
    return folder


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


def pytest_terminal_summary(terminalreporter):
    """How many networks of the battery are exact, refused, or neither, and how many of the 72
    cells of tests/verification ran, were refused, cannot run in snnTorch.

    It stands here because with xdist only this conftest is read where the summary is written.
    """
    properties = [
        pair
        for kind in ("passed", "failed")
        for report in terminalreporter.stats.get(kind, [])
        for pair in report.user_properties
    ]
    judged = Counter(value for key, value in properties if key == "battery")
    if judged:
        parts = ", ".join(f"{n} {status}" for status, n in sorted(judged.items()))
        terminalreporter.write_line(f"battery: {sum(judged.values())} networks: {parts}")
    counts = Counter(value for key, value in properties if key == "cell")
    if counts:
        parts = ", ".join(f"{counts[k]} {k}" for k in ("ran", "refused", "cannot run in snnTorch"))
        terminalreporter.write_line(
            f"neuron x reset x reset delay x style: {sum(counts.values())} cells: {parts}"
        )
