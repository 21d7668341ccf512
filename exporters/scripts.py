"""Running the script of an exported folder, on input of one's own."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.exporters.arrays import write_npz
from neurochain.exporters.consumer import Inputs, Trace
from neurochain.exporters.guarded import run_guarded
from neurochain.network import Network

__all__ = [
    "dense_events",
    "dense_traces",
    "dense_traces_with_states",
    "event_traces",
    "hidden_at_spikes",
    "run_script",
    "through_script",
]


def run_script(
    folder: Path, python: str, arguments: list[str], seconds: float, place: Path
) -> None:
    """Run its run.py; whatever that has forked ends with it, and all of it with this process.

    place  a temporary folder of the caller's, into which the script's own go. Nothing is left in
           `folder`

    Errors: ExecutionError, also where it takes longer than that.
    """
    command = [python, str(folder.resolve() / "run.py"), *arguments]
    mine = Path(python) == Path(sys.executable)
    environment = {k: v for k, v in os.environ.items() if mine or not k.startswith("PYTHON")}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    run_guarded(command, place, seconds, where=str(folder), environment=environment)


def through_script(
    folder: Path, python: str, inputs: Mapping[str, NDArray[Any]], seconds: float, files: int = 1
) -> list[dict[str, NDArray[Any]]]:
    """What run.py writes into each of so many .npz files, run on these inputs. Errors: as above."""
    with tempfile.TemporaryDirectory() as place:
        given = Path(place) / "input.npz"
        found = [Path(place) / f"output{k}.npz" for k in range(files)]
        write_npz(given, inputs)
        run_script(folder, python, [str(given), *map(str, found)], seconds, Path(place))
        made = []
        for path in found:
            with np.load(path, allow_pickle=False) as held:
                made.append(dict(held))
        return made


def event_traces(
    folder: Path, python: str, network: Network, inputs: Inputs, seconds: float
) -> Iterator[Trace]:
    """Of scripts that write events (step, neuron), and states as NAME:STATE -> (step, n).

    Relays may be missing: there are formats into which they are folded.
    """
    steps = next(iter(inputs.values())).shape[1]
    for events, values in _each(folder, python, inputs, seconds, files=2):
        there = [p for p in network.populations if not p.is_relay or p.name in events]
        spikes = {p.name: dense_events(events[p.name], steps, p.n) for p in there}
        yield Trace(spikes=spikes, states=_states(values))


def dense_traces(
    folder: Path, python: str, network: Network, inputs: Inputs, seconds: float
) -> Iterator[Trace]:
    """Of scripts that write what is emitted as NAME -> (step, n)."""
    for (emitted,) in _each(folder, python, inputs, seconds, files=1):
        yield Trace(spikes={name: values[None] for name, values in emitted.items()})


def dense_traces_with_states(
    folder: Path, python: str, network: Network, inputs: Inputs, seconds: float
) -> Iterator[Trace]:
    """The same, and states as NAME:STATE -> (step, n)."""
    for emitted, values in _each(folder, python, inputs, seconds, files=2):
        spikes = {name: value[None] for name, value in emitted.items()}
        yield Trace(spikes=spikes, states=_states(values))


def hidden_at_spikes(trace: Trace) -> Trace:
    """Without the states of neurons that spike: they are reset there, and may be a step later here.

    "There": in a foreign program whose neurons reset in the step of the spike.
    """
    states = {
        name: {k: np.ma.masked_array(v, trace.spikes[name] != 0) for k, v in values.items()}
        for name, values in trace.states.items()
    }
    return Trace(spikes=trace.spikes, states=states)


def _each(
    folder: Path, python: str, inputs: Inputs, seconds: float, files: int
) -> Iterator[list[dict[str, NDArray[Any]]]]:
    """What the script writes for each sample."""
    end = time.monotonic() + seconds
    for k in range(next(iter(inputs.values())).shape[0]):
        one = {name: x[k] for name, x in inputs.items()}
        yield through_script(folder, python, one, end - time.monotonic(), files)


def _states(values: Mapping[str, NDArray[Any]]) -> dict[str, dict[str, NDArray[Any]]]:
    found: dict[str, dict[str, NDArray[Any]]] = {}
    for name, value in values.items():
        node, _, state = name.rpartition(":")
        found.setdefault(node, {})[state] = value[None]
    return found


def dense_events(events: NDArray[Any], steps: int, size: int) -> NDArray[np.bool_]:
    """(event, 2) of step and neuron as (1, step, n)."""
    found = np.zeros((1, steps, size), dtype=bool)
    found[0, events[:, 0], events[:, 1]] = True
    return found
