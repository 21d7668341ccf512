"""Where two forms of a network first do something else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.agreement.runnable import Inputs, Runnable, Trace
from neurochain.errors import Finding, InputError

__all__ = ["Agreement", "Difference", "PopulationRow", "compare_runs"]

_QUIET, _BUSY = 0.01, 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One value that is not the same. what: "spike", or the name of a state."""

    sample: int
    step: int
    population: str
    neuron: int
    what: str
    a: float
    b: float

    def __str__(self) -> str:
        return (
            f"sample {self.sample}, step {self.step}, {self.population}[{self.neuron}]: "
            f"{self.what} {self.a:.9g} and {self.b:.9g}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationRow:
    """A population on both sides.

    differing   values (spikes and states of integers) that differ, out of `compared`
    states      names of the states that were compared exactly
    deviation   largest difference of a state that is a float on both sides, None without one
    """

    name: str
    spikes_a: int
    spikes_b: int
    compared: int
    differing: int
    states: tuple[str, ...]
    deviation: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Result of running two forms on the same input.

    equal          no compared value differs
    first          the earliest difference, by sample and step; None if equal
    only_a, only_b populations that one side alone shows, not compared
    not_exercised  populations that fired below 1 % or above 99 %
    """

    a: str
    b: str
    kinds: tuple[str, str]
    equal: bool
    first: Difference | None
    populations: tuple[PopulationRow, ...]
    samples: int
    steps: int
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    not_exercised: tuple[str, ...]

    def __str__(self) -> str:
        compared = sum(row.compared for row in self.populations)
        run = f"{self.samples} samples of {self.steps} steps, {compared:,} values"
        if self.equal:
            return f"equal over {run}"
        differing = sum(row.differing for row in self.populations)
        return f"{differing:,} differ over {run}; first: {self.first}"


def compare_runs(a: Runnable, b: Runnable, inputs: Inputs) -> Agreement:
    """Run both on the same input and compare every spike, and every state that both have.

    inputs  by the names of `a`, (sample, step, n); where each side has one input, it is that

    Errors: InputError where inputs do not fit, or there is nothing that both show.
    """
    ours, theirs = a.run(_named(a, inputs)), b.run(_named(b, inputs))
    pairs = _pairs(a, b, ours, theirs)
    rows, first, quiet = [], None, []
    for order, (name, other) in enumerate(pairs):
        values = list(_values(ours, theirs, name, other))
        spikes = values[0]
        _same_shape(a, b, name, spikes[1], spikes[2])
        found = _first(order, name, values)
        first = found if first is None or (found and found[0] < first[0]) else first
        exact = [v for v in values if v[3]]
        rows.append(
            PopulationRow(
                name=name,
                spikes_a=int(np.count_nonzero(spikes[1])),
                spikes_b=int(np.count_nonzero(spikes[2])),
                compared=sum(x.size for _, x, _, _ in exact),
                differing=sum(int(np.count_nonzero(x != y)) for _, x, y, _ in exact),
                states=tuple(what for what, *_ in exact[1:]),
                deviation=_deviation([v for v in values if not v[3]]),
            )
        )
        if not _QUIET <= np.count_nonzero(spikes[1]) / max(spikes[1].size, 1) <= _BUSY:
            quiet.append(name)
    samples, steps = next(iter(inputs.values())).shape[:2]
    return Agreement(
        a=a.name,
        b=b.name,
        kinds=(a.kind, b.kind),
        equal=first is None,
        first=None if first is None else first[1],
        populations=tuple(rows),
        samples=samples,
        steps=steps,
        only_a=tuple(n for n in ours.spikes if n not in {p for p, _ in pairs}),
        only_b=tuple(n for n in theirs.spikes if n not in {p for _, p in pairs}),
        not_exercised=tuple(quiet),
    )


def _named(runnable: Runnable, inputs: Inputs) -> Inputs:
    """The inputs under the names that this side has for them."""
    wanted = runnable.inputs
    given = dict(inputs)
    if len(wanted) == len(given) == 1:
        given = {next(iter(wanted)): next(iter(given.values()))}
    sizes = {name: prod(shape) for name, shape in wanted.items()}
    if {name: x.shape[2] for name, x in given.items()} != sizes:
        got = {name: x.shape[2] for name, x in given.items()}
        what = f"takes inputs of {sizes} elements, and gets {got}."
        raise InputError(Finding(where=runnable.name, what=what, fix="Are both of one network?"))
    return {name: given[name] for name in wanted}


def _pairs(a: Runnable, b: Runnable, ours: Trace, theirs: Trace) -> list[tuple[str, str]]:
    """Populations that are compared: by name, or by order where a side has no names."""
    if a.named and b.named:
        pairs = [(name, name) for name in ours.spikes if name in theirs.spikes]
    elif [v.shape for v in ours.spikes.values()] == [v.shape for v in theirs.spikes.values()]:
        pairs = list(zip(ours.spikes, theirs.spikes, strict=True))
    else:
        pairs = []
    if not pairs:
        shown = [{n: v.shape[2] for n, v in t.spikes.items()} for t in (ours, theirs)]
        what = f"show no population in common: {shown[0]} and {shown[1]}."
        raise InputError(
            Finding(where=f"{a.name}, {b.name}", what=what, fix="Are both of one network?")
        )
    return pairs


def _same_shape(a: Runnable, b: Runnable, name: str, x: Any, y: Any) -> None:
    if x.shape != y.shape:
        what = f"has {x.shape} and {y.shape} (sample, step, neuron)."
        where = f"{name} in {a.name}, {b.name}"
        raise InputError(Finding(where=where, what=what, fix="Are both of one network?"))


Values = tuple[str, NDArray[Any], NDArray[Any], bool]


def _values(ours: Trace, theirs: Trace, name: str, other: str) -> Iterator[Values]:
    """What is compared: what, both values, and whether exactly. Spikes first."""
    yield "spike", ours.spikes[name], theirs.spikes[other], True
    left, right = ours.states.get(name, {}), theirs.states.get(other, {})
    for state in left:
        if state not in right or left[state].shape != right[state].shape:
            continue
        x, y = left[state], right[state]
        whole = [v.dtype.kind in "iu" for v in (x, y)]
        if all(whole) or not any(whole):  # a chip's integers and floats have other units
            yield state, x, y, all(whole)


def _first(
    order: int, name: str, values: list[Values]
) -> tuple[tuple[int, ...], Difference] | None:
    """The earliest difference of a population, with what it is ordered by."""
    found = None
    for rank, (what, x, y, exact) in enumerate(values):
        if not exact:
            continue
        places = np.flatnonzero((x != y).reshape(-1))
        if not places.size:
            continue
        sample, step, neuron = (int(k) for k in np.unravel_index(places[0], x.shape))
        key = (sample, step, order, rank, neuron)
        if found is None or key < found[0]:
            at = (sample, step, neuron)
            difference = Difference(
                sample=sample,
                step=step,
                population=name,
                neuron=neuron,
                what=what,
                a=float(x[at]),
                b=float(y[at]),
            )
            found = key, difference
    return found


def _deviation(values: list[Values]) -> float | None:
    sizes = [
        float(np.abs(x.astype(np.float64) - y.astype(np.float64)).max(initial=0.0))
        for _, x, y, _ in values
    ]
    return max(sizes, default=None)
