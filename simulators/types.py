"""What goes into an engine and what comes out, the same for every engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.accounting import RawCounts
from neurochain.errors import Finding, InputError
from neurochain.inputs.event_frames import EventFrames
from neurochain.inputs.parts import every
from neurochain.network import F32, I64, Network, Population, PortKind

__all__ = [
    "AGE",
    "CLOCK",
    "EVERY_STEP",
    "HISTORY",
    "MOST_GRADED",
    "EngineResult",
    "Record",
    "State",
    "bias_starts",
    "check_whole",
    "emission_dtype",
    "grow_old",
    "initial_state_of",
    "rest_state",
    "run_size",
]

HISTORY = "history"
AGE = "age"
CLOCK = "clock"
EVERY_STEP = {"float32": "leak", "int32": "bias"}
"""Number type of a program -> the parameter that updates a neuron in every step where not 0."""
MOST_GRADED = 2**24
"""The largest magnitude of an event's value in an integer network: float32 holds all up to it."""

State = Mapping[str, Mapping[str, NDArray[Any]]]
"""node name -> {state variable: (batch, n) float32, "history": (batch, depth, n) float32}.

State variables of integer programs are int32.

`history` is there where a projection with a delay reads the node: its last `depth` emissions,
oldest first (depth = the longest delay). Sources with delayed projections have a history too.
`age` (batch, 1) is there where a projection that reads the node has a bias that starts late: the
steps since rest, counted up to the step from which all biases are there. `clock` (batch, 1) int32,
the steps since rest, is there where a program has a clock.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What to keep of a run: names of nodes. None means every population that emits events."""

    emissions: tuple[str, ...] | None = None
    membranes: tuple[str, ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()  # (population, port): the summed current, for proofs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EngineResult:
    """Result of one run of `batch` samples over `steps` steps.

    emissions[name] (batch, step, n): uint8 for nodes that emit events, float32 otherwise
    membranes[name] (batch, step, n) float32: the program's `membrane` register after each step
    currents[(population, port)] (batch, step, n) float32, where asked for
    overflow[name] (batch, step, k) int64: neurons for which the program's `watch` k held

    In integer networks int32 stands for float32.
    """

    emissions: Mapping[str, NDArray[Any]]
    membranes: Mapping[str, NDArray[Any]]
    final_state: State
    counts: RawCounts
    currents: Mapping[tuple[str, str], NDArray[Any]] = field(default_factory=dict)
    overflow: Mapping[str, I64] = field(default_factory=dict)


def run_size(
    network: Network,
    inputs: Mapping[str, F32 | EventFrames],
    *,
    batch: int | None = None,
    steps: int | None = None,
) -> tuple[int, int]:
    """Samples and steps of a run on inputs[source] (batch, step, n).

    Errors: InputError where a source is missing, shapes disagree with it or with each other, or
    there is neither a source nor `batch` and `steps`.
    """
    sizes = {tuple(given.shape[:2]) for given in inputs.values()}
    if batch is not None and steps is not None:
        sizes.add((batch, steps))
    for source in network.sources:
        given, n = inputs.get(source.name), prod(source.shape)
        if given is None or len(given.shape) != 3 or given.shape[2] != n or len(sizes) != 1:
            got = "missing" if given is None else f"of shape {given.shape}"
            raise InputError(
                Finding(
                    where=f"input {source.name}",
                    what=f"is {got}; wanted (sample, step, {n}), samples and steps the same for "
                    "every input.",
                )
            )
    if len(sizes) != 1:
        raise InputError(
            Finding(
                where="inputs",
                what="say no number of samples and steps; the network has no source.",
                fix="Give both.",
            )
        )
    samples, length = sizes.pop()
    return samples, length


def emission_dtype(kind: PortKind, number: str = "float32") -> type[np.generic]:
    """dtype in which a node's emissions are recorded, in a network that runs in `number`."""
    if kind is PortKind.EVENT:
        return np.uint8
    return np.float32 if number == "float32" else np.int32


def check_whole(network: Network, inputs: Mapping[str, F32 | EventFrames]) -> None:
    """What enters an integer network is whole and small enough for an event.

    Errors: InputError.
    """
    if not network.is_whole:
        return
    findings = []
    for name in (source.name for source in network.sources):
        given = inputs[name]
        values = given.value if isinstance(given, EventFrames) else given
        if values is None or every(values, _fits_an_event):
            continue
        findings.append(
            Finding(
                where=f"input {name}",
                what=f"holds values that are not whole or beyond {MOST_GRADED}.",
                fix="Feed spikes, or whole numbers; integer networks have no fractions.",
            )
        )
    if findings:
        raise InputError(*findings)


def _fits_an_event(values: NDArray[Any]) -> NDArray[np.bool_]:
    fits: NDArray[np.bool_] = (values == np.floor(values)) & (np.abs(values) <= MOST_GRADED)
    return fits


def rest_state(network: Network, batch: int) -> dict[str, dict[str, NDArray[Any]]]:
    """All states at their initial values (0, as a rule), histories zero."""
    state: dict[str, dict[str, NDArray[Any]]] = {}
    for node in network.nodes:
        size = prod(node.shape)
        program = node.program if isinstance(node, Population) else None
        entry: dict[str, NDArray[Any]] = {}
        if program is not None:
            entry |= {k: np.zeros((batch, size), dtype=program.number) for k in program.states}
            if program.clock:
                entry[CLOCK] = np.zeros((batch, 1), dtype=np.int32)
        for name, value in node.initial.items() if isinstance(node, Population) else ():
            entry[name][:] = value
        depth = network.history_depth(node.name)
        if depth:
            entry[HISTORY] = np.zeros((batch, depth, size), dtype=np.float32)
        if network.late_bias(node.name):
            entry[AGE] = np.zeros((batch, 1), dtype=np.float32)
        if entry:
            state[node.name] = entry
    return state


def bias_starts(network: Network, state: State) -> dict[str, I64]:
    """Projection -> (batch,): the first step of this run that adds its bias, where one is late."""
    starts = {}
    for projection in network.projections:
        if projection.bias is not None and projection.bias_from_step:
            age = np.maximum(state[projection.source][AGE][:, 0], 0).astype(np.int64)
            starts[projection.name] = np.maximum(projection.bias_from_step - age, 0)
    return starts


def grow_old(network: Network, state: dict[str, dict[str, NDArray[Any]]], steps: int) -> None:
    """Add the steps of a run to every age and clock."""
    for node, entries in state.items():
        if CLOCK in entries:
            entries[CLOCK] = entries[CLOCK] + np.int32(steps)
        if AGE in entries:
            age = np.minimum(entries[AGE] + np.float32(steps), network.late_bias(node))
            entries[AGE] = age.astype(np.float32)


def initial_state_of(
    network: Network, batch: int, given: State | None
) -> dict[str, dict[str, NDArray[Any]]]:
    """The rest state, overwritten by what is given (any subset), as fresh arrays.

    Errors: InputError where a name is unknown, a shape differs, a value is not finite, or what a
    population of spikes emitted is neither 0 nor 1.
    """
    state = rest_state(network, batch)
    spiking = {p.name for p in network.populations if p.program.is_binary}
    findings = []
    for node, entries in (given or {}).items():
        for name, value in entries.items():
            where = f"initial_state[{node!r}][{name!r}]"
            if node not in state or name not in state[node]:
                findings.append(
                    Finding(
                        where=where,
                        what="is no state of this network.",
                        fix=f"States: {_state_names(state)}.",
                    )
                )
                continue
            want, dtype = state[node][name].shape, state[node][name].dtype
            try:
                given_array = np.asarray(value)
            except (TypeError, ValueError, RuntimeError):  # ragged; tensors of another device
                given_array = np.asarray(None)
            if given_array.dtype.kind not in "fiub":
                findings.append(Finding(where=where, what="is no array of numbers."))
                continue
            with np.errstate(over="ignore"):  # infinity is refused below
                array = given_array.astype(np.float64 if dtype == np.int32 else dtype)
            axes = 2 if name == HISTORY else 1  # sample, and step
            fits = array.size == np.prod(want) and array.shape[:axes] == want[:axes]
            whole = dtype != np.int32 or _is_int32(array)
            if fits and not np.isfinite(array).all():
                what = "holds values that are not finite; a run overflowed, if they came of one."
                findings.append(Finding(where=where, what=what, fix="Scale weights or inputs."))
                continue
            if not fits or not whole:
                kind = "32-bit whole" if dtype == np.int32 else "finite"
                findings.append(
                    Finding(
                        where=where,
                        what=f"has shape {array.shape}, wanted {want} with {kind} values.",
                        fix="Pass a run's final_state.",
                    )
                )
                continue
            if name == HISTORY and node in spiking and not ((array == 0) | (array == 1)).all():
                what = "holds values that are no spikes, of a population that emits spikes."
                findings.append(Finding(where=where, what=what, fix="Spikes are 0 or 1."))
                continue
            state[node][name] = array.reshape(want).astype(dtype, order="C")
    if findings:
        raise InputError(*findings)
    return state


def _is_int32(values: NDArray[np.float64]) -> bool:
    """float64 holds every int32, so nothing was rounded on the way."""
    return bool(((values == np.floor(values)) & (values >= -(2**31)) & (values < 2**31)).all())


def _state_names(state: State) -> str:
    return ", ".join(f"{node}.{name}" for node, entries in state.items() for name in entries)
