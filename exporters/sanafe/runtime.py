"""An exported folder in SANA-FE, by its own script, on the input that was written with it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neurochain.exporters.consumer import Consumer, Inputs, Trace
from neurochain.exporters.scripts import dense_events, run_script
from neurochain.network import Network

__all__ = ["CONSUMER"]

UNIT = 64
"""The network's potentials are in units of 1/64 of SANA-FE's."""


def _traces(
    folder: Path, python: str, network: Network, inputs: Inputs, seconds: float
) -> Iterator[Trace]:
    steps = next(iter(inputs.values())).shape[1]
    with tempfile.TemporaryDirectory() as place:
        result, potentials = (Path(place) / f"{name}.json" for name in ("result", "potentials"))
        run_script(folder, python, [str(result), str(potentials)], seconds, Path(place))
        said = json.loads(result.read_text(encoding="utf-8"))["spikes"]
        volts = json.loads(potentials.read_text(encoding="utf-8"))
    none = np.zeros((0, 2), dtype=np.int64)
    yield Trace(
        spikes={
            p.name: dense_events(np.asarray(said.get(p.name) or none), steps, p.n)
            for p in network.populations
        },
        states={name: {"v": np.asarray(rows)[None] * UNIT} for name, rows in volts.items()},
    )


CONSUMER = Consumer(
    name="SANA-FE",
    distributions=("sanafe",),
    install="pip install sanafe, or name the Python that has it in $SANAFE_PYTHON",
    variable="SANAFE_PYTHON",
    run=_traces,
    late=True,
    fixed_input=True,
)
