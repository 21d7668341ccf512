"""Judging one step from the module's own state: equal, tie, or mismatch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurochain.network import F32, Population, PortKind, Program
from neurochain.programs import emission
from neurochain.verification.enclosure import Enclosure
from neurochain.verification.forced import Forced, names_of_states
from neurochain.verification.report import Divergence, Tie

if TYPE_CHECKING:
    from neurochain.frontends import FrontendResult
    from neurochain.frontends.modules import PopulationRecord, Recording

__all__ = ["Verdict", "fires", "judge_layers", "judge_population"]

_WORST_STEPS = 8  # steps whose states are compared with their bounds: those that deviate most


@dataclass(slots=True)
class Verdict:
    """What was found so far. `divergences` holds the earliest mismatch of each comparison."""

    ties: list[Tie] = field(default_factory=list)
    divergences: list[Divergence] = field(default_factory=list)
    mismatches: int = 0
    compared: int = 0
    not_compared: list[str] = field(default_factory=list)
    max_membrane_deviation: float = 0.0


def judge_population(
    verdict: Verdict, sample: int, forced: Forced, population: Any, record: PopulationRecord
) -> None:
    """Compare every step of one population: its spikes, then the states it leaves."""
    for first, last in forced.chunks(population):
        values = forced.run(population, first, last)
        spikes = emission(population.program, values, (last - first, population.n))
        wanted = record.spikes[first:last]
        verdict.compared += wanted.size
        flips = spikes != wanted
        if not fires(population.program):
            _judge_emission(verdict, sample, forced, population, first, spikes, wanted)
            flips = np.zeros_like(flips)
        elif flips.any():
            _judge_spikes(verdict, sample, forced, population, first, flips, wanted, spikes)
        after = {
            theirs: (ours, record.after[theirs][first:last])
            for ours, theirs in names_of_states(record.after).items()
            if ours in population.program.states
        }
        _judge_states(verdict, sample, forced, population, first, values, after, flips)


def _judge_spikes(
    verdict: Verdict,
    sample: int,
    forced: Forced,
    population: Population,
    first: int,
    flips: NDArray[np.bool_],
    wanted: F32,
    spikes: F32,
) -> None:
    """Ties where |v - theta| is inside the bound, mismatches where it is not.

    Neurons that compete: ties where the bounds leave open who wins, or whether the winner fires.
    """
    rows = np.flatnonzero(flips.any(axis=1))
    program = population.program
    register, limit, _ = program.threshold or (program.emit, program.emit, "")
    registers = forced.enclose(population, rows + first)
    v = registers[register]
    theta = np.broadcast_to(registers[limit].value, v.value.shape)
    bound = v.error + registers[limit].error
    open_spike = (np.abs(v.value - theta) <= bound) & (bound > 0)  # exact: nothing is open
    if population.program.winner:
        emitted = forced.enclose_emission(population, rows + first)
        away = np.abs(wanted[rows] - emitted.value)
        open_spike = (away <= emitted.error) & (emitted.error > 0)
    for k, row in enumerate(rows):
        for j in np.flatnonzero(flips[row]):
            facts: dict[str, Any] = {
                "sample": sample,
                "step": int(row + first),
                "v": float(v.value[k, j]),
                "theta": float(theta[k, j]),
                "bound": float(bound[k, j]),
                "neuron": int(j),
            }
            if open_spike[k, j]:
                verdict.ties.append(Tie(population=population.name, **facts))
                continue
            verdict.mismatches += 1
            expected, got = float(wanted[row, j]), float(spikes[row, j])
            _keep_first(
                verdict,
                Divergence(node=population.name, what="spike", expected=expected, got=got, **facts),
            )


def fires(program: Program) -> bool:
    """True where a comparison decides what is emitted: it differs by a spike or not at all."""
    return program.threshold is not None or program.emits is PortKind.EVENT


def _judge_emission(
    verdict: Verdict,
    sample: int,
    forced: Forced,
    population: Population,
    first: int,
    emitted: F32,
    wanted: F32,
) -> None:
    """What an integrator or an elementwise map emits, against its bounds."""
    rows = np.flatnonzero((emitted != wanted).any(axis=1))
    if rows.size:
        enclosed = forced.enclose(population, rows + first)[population.program.emit]
        _judge_values(
            verdict,
            sample,
            population.name,
            "emission",
            rows + first,
            enclosed,
            wanted[rows],
            emitted[rows],
        )


def _keep_first(verdict: Verdict, found: Divergence) -> None:
    """Keep the earliest of each node and kind."""
    for k, known in enumerate(verdict.divergences):
        if (known.sample, known.node, known.what) == (found.sample, found.node, found.what):
            if found.step < known.step:
                verdict.divergences[k] = found
            return
    verdict.divergences.append(found)


def _judge_states(
    verdict: Verdict,
    sample: int,
    forced: Forced,
    population: Population,
    first: int,
    values: dict[str, F32],
    after: dict[str, tuple[str, F32]],
    flips: NDArray[np.bool_],
) -> None:
    """States after the step, where the spike is the same, against their bounds."""
    registers = dict(population.program.next_state)
    for theirs, (ours, wanted) in after.items():
        got = np.broadcast_to(values[registers[ours]], wanted.shape)
        away = np.abs(got.astype(np.float64) - wanted)
        away[flips] = 0.0
        if theirs == "mem":
            verdict.max_membrane_deviation = max(
                verdict.max_membrane_deviation, float(away.max(initial=0.0))
            )
        worst = away.max(axis=1)
        rows = np.argsort(-worst, kind="stable")[:_WORST_STEPS]
        rows = np.sort(rows[worst[rows] > 0])
        if not rows.size:
            continue
        enclosed = forced.enclose(population, rows + first)[registers[ours]]
        _judge_values(
            verdict,
            sample,
            population.name,
            f"state {theirs}",
            rows + first,
            enclosed,
            np.where(flips[rows], enclosed.value, wanted[rows]),
            got[rows],
        )


def _judge_values(
    verdict: Verdict,
    sample: int,
    node: str,
    what: str,
    steps: NDArray[np.intp],
    enclosed: Enclosure,
    wanted: NDArray[Any],
    got: NDArray[Any],
) -> None:
    """Values of the module that lie outside their enclosure are mismatches."""
    outside = np.abs(wanted - enclosed.value) > enclosed.error
    verdict.mismatches += int(np.count_nonzero(outside))
    if not outside.any():
        return
    k, j = (int(a[0]) for a in np.nonzero(outside))
    _keep_first(
        verdict,
        Divergence(
            sample=sample,
            step=int(steps[k]),
            node=node,
            neuron=j,
            what=what,
            expected=float(wanted[k, j]),
            got=float(got[k, j]),
            bound=float(enclosed.error[k, j]),
        ),
    )


def judge_layers(
    verdict: Verdict, sample: int, forced: Forced, result: FrontendResult, recording: Recording
) -> None:
    """Outputs that are no neurons: the layer's own output against what the relay gives."""
    for output in result.outputs:
        node = forced.nodes.get(output.nodes[0])
        if not isinstance(node, Population) or not node.is_relay:
            continue
        wanted = recording.layers.get(output.module or "")
        if wanted is None:
            verdict.not_compared.append(output.name)
            continue
        for first, last in forced.chunks(node):
            rows = np.arange(first, last)
            enclosed = forced.enclose_emission(node, rows)
            got = forced.emitted[node.name][first:last]
            part = wanted[first:last]
            _judge_values(verdict, sample, node.name, "output", rows, enclosed, part, got)
