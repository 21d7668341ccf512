"""Comparing a network with the live module it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import InputError
from neurochain.network import F32, Network
from neurochain.verification.forced import Forced, names_of_states
from neurochain.verification.free import free_run
from neurochain.verification.judge import Verdict, judge_layers, judge_population
from neurochain.verification.report import FreeRun, VerifyReport

if TYPE_CHECKING:
    from torch import nn

    from neurochain.frontends import FrontendResult
    from neurochain.frontends.modules import Recording

__all__ = ["verify_network"]

_QUIET, _BUSY = 0.01, 0.99


def verify_network(
    network: Network,
    result: FrontendResult,
    module: nn.Module,
    x: NDArray[Any] | Mapping[str, NDArray[Any]],
    *,
    engine: str = "event",
) -> VerifyReport:
    """Compare spikes and states with the live module, on every population and step.

    result  what the front end said about the module (how to drive it)
    x       (sample, step, *shape) or (step, *shape), by its rank; by name of the input where the
            network has several

    Every population is computed one step ahead from the module's own spikes and states
    (teacher-forced); what differs beyond the proven rounding bound is a mismatch, inside it a tie.
    Then the network runs by itself, compared up to its first difference. The module is left as it
    was. Errors: InputError where x or the module does not fit.
    """
    samples = _samples(result, x)
    verdict = Verdict()
    runs: list[FreeRun] = []
    fired: dict[str, list[float]] = {fact.node: [] for fact in result.populations}
    count, steps = next(iter(samples.values())).shape[:2]
    for number in range(count):
        sample = {name: values[number] for name, values in samples.items()}
        recording = _record(module, result, sample)
        forced = _forced(network, recording, sample)
        for name, record in recording.populations.items():
            population = network.node(name)
            fired[name].append(float(record.spikes.mean()))
            judge_population(verdict, number, forced, population, record)
        judge_layers(verdict, number, forced, result, recording)
        runs.append(free_run(verdict, number, forced, recording, sample, engine))
    first = min(verdict.divergences, key=_when, default=None)
    return VerifyReport(
        equal=not verdict.mismatches,
        ties=tuple(verdict.ties),
        not_exercised=tuple(n for n, rates in fired.items() if not _exercised(rates)),
        first_divergence=first,
        mismatches=verdict.mismatches,
        free_running=tuple(runs),
        samples=count,
        steps=steps,
        compared=verdict.compared,
        not_compared=tuple(dict.fromkeys(verdict.not_compared)),
        max_membrane_deviation=verdict.max_membrane_deviation,
    )


def _when(divergence: Any) -> tuple[int, int]:
    return divergence.sample, divergence.step


def _exercised(rates: list[float]) -> bool:
    return bool(rates) and _QUIET <= float(np.mean(rates)) <= _BUSY


def _samples(
    result: FrontendResult, x: NDArray[Any] | Mapping[str, NDArray[Any]]
) -> dict[str, F32]:
    """x as (sample, step, *shape) float32 of every input, by name."""
    shapes = result.input_shapes
    given = x if isinstance(x, Mapping) else {next(iter(shapes)): x}
    if set(given) != set(shapes):
        raise InputError(
            f"x: has values for {', '.join(given)}; the network's inputs are {', '.join(shapes)}. "
            "Give a dict with an array for each."
        )
    found = {name: _sample_of(given[name], name, shape) for name, shape in shapes.items()}
    if len({values.shape[:2] for values in found.values()}) > 1:
        sizes = ", ".join(f"{name} {values.shape[:2]}" for name, values in found.items())
        raise InputError(
            f"x: the inputs differ in samples and steps: {sizes}. Give as many of all."
        )
    return found


def _sample_of(x: NDArray[Any], name: str, shape: tuple[int, ...]) -> F32:
    values = np.asarray(x, dtype=np.float32)
    if values.ndim == len(shape) + 1:
        values = values[None]
    if values.ndim != len(shape) + 2 or values.shape[2:] != shape or 0 in values.shape:
        raise InputError(
            f"x: {name} has shape {np.shape(x)}; the module takes (sample, step, *{shape}) "
            "or one sample less. Reshape it."
        )
    if not np.isfinite(values).all():
        raise InputError(f"x: {name} holds values that are not finite. Remove them.")
    return values


def _record(module: nn.Module, result: FrontendResult, sample: Mapping[str, F32]) -> Recording:
    from neurochain.frontends.modules import record

    return record(module, result, sample)


def _forced(network: Network, recording: Recording, sample: Mapping[str, F32]) -> Forced:
    """The network fed with what was recorded."""
    names = {p.name for p in network.populations}
    missing = [name for name in recording.populations if name not in names]
    if missing or {source.name for source in network.sources} != set(sample):
        lacks = ", ".join(missing) or f"input {', '.join(sample)}"
        raise InputError(
            f"network: has no {lacks}, which the module has. Verify against the module the network "
            "was compiled from."
        )
    emitted = {name: values.reshape(len(values), -1) for name, values in sample.items()}
    before = {}
    for name, record in recording.populations.items():
        emitted[name] = record.spikes
        before[name] = {
            ours: record.before[theirs] for ours, theirs in names_of_states(record.before).items()
        }
    return Forced(network, emitted, before)
