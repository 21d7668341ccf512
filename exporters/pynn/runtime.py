"""An exported folder in PyNN on NEST, by its own script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neurochain.exporters.consumer import Consumer, Inputs, Trace
from neurochain.exporters.scripts import event_traces
from neurochain.network import Network

__all__ = ["CONSUMER"]


def _traces(
    folder: Path, python: str, network: Network, inputs: Inputs, seconds: float
) -> Iterator[Trace]:
    """A cell that spikes is reset by then; the network may do it in the step that follows."""
    for trace in event_traces(folder, python, network, inputs, seconds):
        states = {
            name: {k: np.ma.masked_array(v, trace.spikes[name]) for k, v in values.items()}
            for name, values in trace.states.items()
        }
        yield Trace(spikes=trace.spikes, states=states)


CONSUMER = Consumer(
    name="PyNN on NEST",
    distributions=("pynn", "nest-simulator"),
    install="pip install pynn nest-simulator, or name the Python that has them in $PYNN_PYTHON",
    variable="PYNN_PYTHON",
    run=_traces,
)
