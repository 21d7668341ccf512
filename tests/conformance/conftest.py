"""Conformance: files and spike trains of the NIR paper, run by every engine there is."""

from pathlib import Path

import numpy as np
import pytest

from neurochain.lowering import lower
from neurochain.simulators.reference import run_reference
from neurochain.simulators.types import Record


def _event_engine():
    """The event engine, or None where it was not built."""
    try:
        from neurochain.simulators import run
    except ImportError:
        return None
    return lambda network, inputs, record: run(network, inputs, engine="event", record=record)


def _reference(network, inputs, record):
    return run_reference(network, inputs, record=record)


@pytest.fixture(scope="session", params=["reference", "event"])
def engine(request):
    """Each engine in turn: (network, inputs, record) -> EngineResult."""
    chosen = _reference if request.param == "reference" else _event_engine()
    if chosen is None:
        pytest.skip("the event engine is not built")
    return chosen


@pytest.fixture(scope="session")
def event_engine():
    """The event engine; None where it was not built."""
    return _event_engine()


@pytest.fixture(scope="session")
def vectors():
    """The folder of files."""
    return Path(__file__).resolve().parent.parent / "data" / "conformance"


@pytest.fixture(scope="session")
def simulate(engine):
    """Run a graph on (sample, step, n) values; keep all spikes and the named membranes."""

    def run(graph, x, membranes=()):
        network = lower(graph)
        inputs = {network.sources[0].name: np.asarray(x, dtype=np.float32)}
        return engine(network, inputs, Record(membranes=tuple(membranes)))

    return run
