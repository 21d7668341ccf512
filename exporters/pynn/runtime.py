"""An exported folder in PyNN on NEST, by its own script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from neurochain.exporters.consumer import Consumer, Inputs, Trace
from neurochain.exporters.scripts import event_traces, hidden_at_spikes
from neurochain.network import Network

__all__ = ["CONSUMER"]


def _traces(
    folder: Path, python: str, network: Network, inputs: Inputs, seconds: float
) -> Iterator[Trace]:
    yield from map(hidden_at_spikes, event_traces(folder, python, network, inputs, seconds))


CONSUMER = Consumer(
    name="PyNN on NEST",
    distributions=("pynn", "nest-simulator"),
    install="pip install pynn nest-simulator, or name the Python that has them in $PYNN_PYTHON",
    variable="PYNN_PYTHON",
    run=_traces,
)
