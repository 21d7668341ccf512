"""How far an export is from its network: the program that it is for runs it, and we run ours."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neurochain.errors import NeurochainError
from neurochain.exporters.consumer import Consumer, Inputs, Trace, installed
from neurochain.exporters.counted import add_spikes, add_state, uncounted
from neurochain.exporters.job import Job
from neurochain.exporters.manifest import Divergence, Measured
from neurochain.exporters.recorded import DRAWN, recorded_inputs
from neurochain.network import Network, Population, PortKind
from neurochain.simulators import Record, prepare

__all__ = ["MEASURE_SECONDS", "Measurement", "measure"]

MEASURE_SECONDS = 60.0
"""After which no further sample is begun, and one that runs is ended."""
DRAWN_SAMPLES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """On what, one entry a population, and why no more than that."""

    measured: Measured | None = None
    divergence: tuple[Divergence, ...] | None = None
    why: str = ""


def measure(
    job: Job, consumer: Consumer, folder: Path, seconds: float = MEASURE_SECONDS
) -> Measurement:
    """Run the export in `folder` sample by sample, for so long, and compare with the network.

    The input is the job's, or random events by its seed, the first sample being the one that is
    written with the network. What goes wrong is not raised: the export is good without it.
    """
    found = installed(consumer)
    if found is None:
        return Measurement(why=f"{consumer.name} is not installed: {consumer.install}")
    python, versions = found
    if not job.network.sources:
        return Measurement(why="the network has no input.")
    inputs = _inputs(job, samples=1 if consumer.fixed_input else DRAWN_SAMPLES)
    if consumer.fixed_input:
        inputs = {name: x[:1] for name, x in inputs.items()}
    steps = next(iter(inputs.values())).shape[1]
    network = job.network
    rows = {p.name: uncounted(p.name) for p in network.populations}
    late = network.latency if consumer.late else 0
    fed = {name: np.pad(x, ((0, 0), (0, late), (0, 0))) for name, x in inputs.items()}
    end, done, why = time.monotonic() + seconds, 0, ""
    try:
        for there in consumer.run(folder, python, network, fed, seconds):
            count = len(next(iter(there.spikes.values())))
            one = {name: x[done : done + count] for name, x in inputs.items()}
            rows = _compared(network, rows, _here(network, one), there, steps, consumer.late)
            done += count
            if time.monotonic() > end:
                break
    except Exception as error:  # of a foreign program
        why = _said(error)
    if not done:
        return Measurement(why=f"{consumer.name} did not run it: {why}")
    measured = Measured(
        consumer=consumer.name,
        versions=versions,
        input="given" if job.inputs is not None else f"{DRAWN[:-1]}, seeds from {job.seed})",
        samples=done,
        steps=steps,
    )
    shown = tuple(row for row in rows.values() if row.compared)
    return Measurement(measured=measured, divergence=shown, why=why)


def _said(error: Exception) -> str:
    """One line, without the temporary folder's name."""
    if isinstance(error, NeurochainError):
        return " ".join(" ".join(f.what.split()) for f in error.findings)[-300:]
    return " ".join(f"{type(error).__name__}: {error}".split())[-300:]


def _inputs(job: Job, samples: int) -> Inputs:
    if job.inputs is not None:
        return job.inputs
    drawn = [recorded_inputs(replace(job, seed=job.seed + k)) for k in range(samples)]
    return {name: np.concatenate([d[name] for d in drawn]) for name in drawn[0]}


def _here(network: Network, inputs: Inputs) -> Trace:
    """What the network does in its own time, with every state after every step."""
    samples, steps = next(iter(inputs.values())).shape[:2]
    padded = {k: np.pad(x, ((0, 0), (0, network.latency), (0, 0))) for k, x in inputs.items()}
    engine, state = prepare(network), None
    record = Record(emissions=tuple(p.name for p in network.populations))
    spikes: dict[str, list[np.ndarray]] = {p.name: [] for p in network.populations}
    states: dict[str, dict[str, list[np.ndarray]]] = {
        p.name: {name: [] for name in p.program.states} for p in network.populations
    }
    for t in range(steps + network.latency):
        now = {name: x[:, t : t + 1] for name, x in padded.items()}
        made = engine(now, initial_state=state, record=record, batch=samples, steps=1)
        state = made.final_state
        for name, rows in spikes.items():
            rows.append(made.emissions[name])
            for key, values in states[name].items():
                values.append(state[name][key][:, None])
    return Trace(
        spikes={name: np.concatenate(rows, axis=1) for name, rows in spikes.items()},
        states={
            name: {key: np.concatenate(values, axis=1) for key, values in kept.items()}
            for name, kept in states.items()
        },
    )


def _compared(
    network: Network,
    rows: dict[str, Divergence],
    here: Trace,
    there: Trace,
    steps: int,
    late: bool,
) -> dict[str, Divergence]:
    """The rows with one more run; what only one side shows is left out."""
    found = dict(rows)
    for p in network.populations:
        if p.name not in there.spikes:
            continue
        own = slice(p.start, p.start + steps)
        other = own if late else slice(0, steps)
        x, y = here.spikes[p.name][:, own], there.spikes[p.name][:, other]
        found[p.name] = _emitted(p, found[p.name], x, y.reshape(x.shape))
        for name, values in there.states.get(p.name, {}).items():
            mine = here.states[p.name].get(name)
            if mine is not None:
                found[p.name] = add_state(found[p.name], mine[:, own], values[:, other])
    return found


def _emitted(p: Population, row: Divergence, x: np.ndarray, y: np.ndarray) -> Divergence:
    """Spikes are counted, whole numbers too; values that are floats are measured as states are."""
    if y.dtype == bool:
        return add_spikes(row, x != 0, y)
    if p.emits is PortKind.ANALOG:
        return add_state(add_spikes(row, x != 0, y != 0), x, y)
    return add_spikes(row, x, y)
