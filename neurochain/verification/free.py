"""The network run by itself, compared with the module up to the first difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurochain.network import F32, Population
from neurochain.simulators import Record, run
from neurochain.verification.enclosure import Enclosure, emission, enclose, exact
from neurochain.verification.forced import Forced
from neurochain.verification.judge import Verdict, fires
from neurochain.verification.report import Divergence, FreeRun, Tie

if TYPE_CHECKING:
    from neurochain.frontends.modules import PopulationRecord, Recording

__all__ = ["free_run"]


def free_run(
    verdict: Verdict,
    sample: int,
    forced: Forced,
    recording: Recording,
    x: Mapping[str, F32],
    engine: str,
) -> FreeRun:
    """Run one sample from rest; judge the first difference by the rounding gathered until then.

    x  (step, *shape) of every input, by name
    """
    network = forced.network
    inputs = {name: values.reshape(1, len(values), -1) for name, values in x.items()}
    steps = recording.steps
    names = tuple(recording.populations)
    emitted = run(network, inputs, engine=engine, record=Record(emissions=names)).emissions
    first = _first_difference(forced, recording, emitted)
    if first is None:
        return FreeRun(sample=sample, steps=steps, equal_steps=steps)
    step, population = first
    record = recording.populations[population.name]
    membranes = None
    if "mem" in record.after:
        membranes = run(
            network,
            {name: values[:, : step + 1] for name, values in inputs.items()},
            engine=engine,
            record=Record(emissions=(), membranes=(population.name,)),
        ).membranes[population.name][0]
    v = _gathered(forced, population, record, membranes, step)
    got = emitted[population.name][0, step].astype(np.float32)
    tie = _judge(verdict, sample, step, population, record.spikes[step], got, v)
    return FreeRun(sample=sample, steps=steps, equal_steps=step, tie=tie)


def _first_difference(
    forced: Forced, recording: Recording, emitted: Any
) -> tuple[int, Population] | None:
    """Earliest step, and there the first population in execution order, that differs."""
    best: tuple[int, Population] | None = None
    for population in forced.network.populations:
        if population.name not in recording.populations or not fires(population.program):
            continue
        wanted = recording.populations[population.name].spikes
        rows = (emitted[population.name][0] != wanted).any(axis=1)
        if rows.any():
            step = int(np.argmax(rows))
            if best is None or step < best[0]:
                best = step, population
    return best


def _gathered(
    forced: Forced,
    population: Population,
    record: PopulationRecord,
    membranes: F32 | None,
    step: int,
) -> tuple[Enclosure, NDArray[np.float64], NDArray[np.bool_]]:
    """Enclosure of v, the threshold, and which spikes the rounding leaves open, at `step`.

    From rest: the rounding of every step before is carried along. Up to here both executions saw
    the same spikes. Where a comparison before the spike had the same outcome in both (each knows
    its own membrane), it is not open.
    membranes: of this network, None where the module has no membrane of that name.
    """
    program = population.program
    rows = np.arange(step + 1)
    ports = {port: forced.enclose_port(population, port, rows) for port in program.ports}
    zeros = np.zeros((1, population.n))
    states = {name: exact(zeros + population.initial.get(name, 0)) for name in program.states}
    params = {name: exact(value) for name, value in population.params.items()}
    register, limit, compare = program.threshold or (program.emit, program.emit, "")
    theta = population.params.get(limit) if membranes is not None else None
    theirs = ours = np.zeros((step + 2, 1))
    if membranes is not None:
        theirs = np.concatenate([np.zeros_like(record.after["mem"][:1]), record.after["mem"]])
        ours = np.concatenate([np.zeros_like(membranes[:1]), membranes])
    compared = np.greater if compare == ">" else np.greater_equal
    values: dict[str, Enclosure] = {}
    for t in rows:
        registers = {**params, **states}
        registers |= {
            port: Enclosure(e.value[t : t + 1], e.error[t : t + 1]) for port, e in ports.items()
        }
        known = {}
        if theta is not None:
            a, b = compared(theirs[t : t + 1], theta), compared(ours[t : t + 1], theta)
            known["fired_before"] = (a, a == b)
        if t < step and not program.winner:  # else what is recorded is not yet the comparison
            spikes = record.spikes[t : t + 1]
            known[program.emit] = (spikes, np.ones_like(spikes, dtype=bool))
        values = enclose(program, registers, known)
        states = {name: values[new] for name, new in program.next_state}
    limits = np.broadcast_to(values[limit].value, values[register].value.shape)[0]
    v, margin = values[register], values[limit].error
    bound = (v.error + margin)[0]
    if program.winner:  # open where the bounds leave open who wins, or whether the winner fires
        is_open = emission(program, values, (1, population.n)).error[0] > 0
    else:
        is_open = (bound > 0) & (bound >= np.abs(v.value[0] - limits))
    return Enclosure(v.value[0], bound), limits, is_open


def _judge(
    verdict: Verdict,
    sample: int,
    step: int,
    population: Population,
    wanted: F32,
    got: F32,
    found: tuple[Enclosure, NDArray[np.float64], NDArray[np.bool_]],
) -> Tie | None:
    """A tie if every neuron that differs at this step is open, else a mismatch."""
    v, theta, is_open = found
    tie = None
    closed = None
    for j in np.flatnonzero(wanted != got):
        facts: dict[str, Any] = {
            "sample": sample,
            "step": step,
            "neuron": int(j),
            "v": float(v.value[j]),
            "theta": float(theta[j]),
            "bound": float(v.error[j]),
        }
        if is_open[j]:
            tie = Tie(population=population.name, kind="free-running", **facts)
            verdict.ties.append(tie)
        elif closed is None:
            closed = Divergence(
                node=population.name,
                what="spike",
                expected=float(wanted[j]),
                got=float(got[j]),
                **facts,
            )
            verdict.mismatches += 1
            verdict.divergences.append(closed)
    return None if closed is not None else tie
