"""An exported folder in Lava, by its own script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from neurochain.exporters.consumer import Consumer, Inputs, Trace
from neurochain.exporters.scripts import dense_traces_with_states, hidden_at_spikes
from neurochain.network import Network

__all__ = ["CONSUMER"]


def _traces(
    folder: Path, python: str, network: Network, inputs: Inputs, seconds: float
) -> Iterator[Trace]:
    found = dense_traces_with_states(folder, python, network, inputs, seconds)
    yield from map(hidden_at_spikes, found)


CONSUMER = Consumer(
    name="Lava",
    distributions=("lava-nc",),
    install="pip install --no-deps --ignore-requires-python lava-nc==0.10.0, and numpy scipy "
    "networkx asteval",
    run=_traces,
)
