"""Compile a network, run it, run the untouched module, compare bit by bit."""

from __future__ import annotations

import tomllib
import traceback
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from case import Case
from live import Live, run_live, sample_of
from snntorch._neurons.neurons import SpikingNeuron

import neurochain
from neurochain.errors import InputError, Severity, UnsupportedError
from neurochain.network import Network, Population, PortKind
from neurochain.simulators import Record
from neurochain.simulators import run as run_engine

__all__ = ["Outcome", "judge", "refusals"]

RATES = (0.05, 0.2, 0.5)
SIZES = (0.25, 1.0, 2.0)
BATCHES = (1, 2, 1)
LOW, HIGH = 0.01, 0.99
LIST = Path(__file__).resolve().parent / "refusals.toml"


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of one network.

    status   "exact", "refused" (by a construct of the published list), "wrong", "crash", "weak"
             (a population fires never or always), "unlisted" (refused without a listed reason)
    text     first line of the refusal or of what is wrong; construct: the listed one
    """

    status: str
    constructs: tuple[str, ...]
    text: str = ""
    construct: str = ""
    source: str = ""
    compared: int = 0
    ties: int = 0
    arbitrary: bool = False


@cache
def refusals() -> dict[str, dict[str, Any]]:
    """The published list by construct: says (a finding holds one of these), reason, way out."""
    with LIST.open("rb") as file:
        return {entry["construct"]: entry for entry in tomllib.load(file)["refusal"]}


def judge(make: Callable[[], Case], *, idle: bool = False, verify: bool = True) -> Outcome:
    """Judge one network. The module is made anew for every run.

    idle    True lets populations fire never or always (networks drawn at random)
    verify  True compiles what is exact once more with neurochain's own verification, as users do
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' own, on neurons they call unstable
        try:
            outcome = _judge(make, idle)
            if verify and outcome.status == "exact" and not outcome.arbitrary:
                _verified(make, outcome)
            return outcome
        finally:
            SpikingNeuron.instances.clear()


def _judge(make: Callable[[], Case], idle: bool) -> Outcome:
    case = make()
    runs = [] if case.refused else _live_runs(make)
    outcome = Outcome(
        status="exact",
        constructs=case.constructs,
        source=case.source,
        arbitrary=case.arbitrary,
    )
    weak = "" if idle else _weak(case, runs)
    if weak:
        outcome.status, outcome.text = "weak", weak
        return outcome
    try:
        artifact = _compile(case, verify=case.arbitrary)
    except (UnsupportedError, InputError) as error:
        return _refused(case, outcome, error)
    except neurochain.VerifyError as error:
        outcome.status, outcome.text = "wrong", _line(error)
        return outcome
    except Exception as error:
        outcome.status = "crash"
        outcome.text = f"{type(error).__name__}: {_line(error)} [{_place(error)}]"
        return outcome
    if case.refused:
        outcome.status, outcome.text = "wrong", "compiled, where only a refusal is right"
        return outcome
    said = " ".join(str(f) for f in artifact.findings if f.severity is Severity.WARNING)
    missing = [word for word in case.warns if word not in said]
    if missing:
        outcome.status, outcome.text = "wrong", f"no warning says {missing}: {said!r}"
        return outcome
    try:
        return _compared(case, runs, artifact, outcome)
    except Exception as error:
        outcome.status = "crash"
        outcome.text = f"after compiling: {type(error).__name__}: {_line(error)} [{_place(error)}]"
        return outcome


def _verified(make: Callable[[], Case], outcome: Outcome) -> None:
    """neurochain's own verification must agree."""
    try:
        _compile(make(), verify=True)
    except Exception as error:
        outcome.status = "wrong"
        outcome.text = (
            f"equal, but compile(verify=True) raises {type(error).__name__}: {_line(error)} "
            f"[{_place(error)}]"
        )


def _compile(case: Case, verify: bool) -> Any:
    steps = case.steps if case.drive == "static" else case.traced
    xs = [x[:, :steps] for x in _inputs(case, 1, case.fixed_batch or 1)]
    return neurochain.compile(case.module, sample_of(case, xs), verify=verify, **case.options)


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "/neurochain/" in f.filename or "/simulators/" in f.filename]
    frame = (ours or list(frames))[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def _refused(case: Case, outcome: Outcome, error: Any) -> Outcome:
    """Accepted where the case has a construct of the list and a finding names it."""
    said = "\n".join(f"{f.where}: {f.what}" for f in error.findings).lower()
    outcome.text = _line(error)
    for construct in case.constructs:
        entry = refusals().get(construct)
        if entry is not None and any(word.lower() in said for word in entry["says"]):
            outcome.status, outcome.construct = "refused", construct
            return outcome
    outcome.status = "unlisted"
    return outcome


def _inputs(case: Case, level: int, batch: int) -> list[np.ndarray]:
    """For each input (batch, step, *shape) float32, at one of three levels."""
    key = zlib.crc32(case.name.encode()) + 1000 * level
    generator = np.random.default_rng(key)
    made = []
    for shape in case.shapes:
        size = (batch, case.steps, *shape)
        if case.drive == "static":
            size = (batch, 1, *shape)
        if case.inputs == "spikes":
            x = generator.random(size) < RATES[level]
        elif case.inputs in ("current", "signed"):
            top = int(64 * case.amplitude * SIZES[level])
            x = generator.integers(-top if case.inputs == "signed" else 0, top + 1, size) / 64
        elif case.inputs == "chance":  # probabilities from 0 to 1
            x = np.minimum(generator.integers(0, int(128 * SIZES[level]) + 1, size) / 128, 1)
        else:
            raise ValueError(f"unknown kind of input {case.inputs!r}")
        x = np.asarray(x, dtype=np.float32)
        if case.drive == "static":
            x = np.repeat(x, case.steps, axis=1)
        made.append(np.ascontiguousarray(x))
    return made


Run = tuple[list[np.ndarray], Live]


def _live_runs(make: Callable[[], Case]) -> list[Run]:
    """The module by itself at every level: (inputs, what it did)."""
    runs = []
    for level, wanted in enumerate(BATCHES):
        case = make()
        batch = case.fixed_batch or (wanted if case.batched else 1)
        xs = _inputs(case, level, batch)
        runs.append((xs, run_live(case, xs, seed=level)))
    return runs


def _weak(case: Case, runs: list[Run]) -> str:
    """Neurons that fire in under 1 % or over 99 % of all steps at every level, in words."""
    rates: dict[str, list[float]] = {}
    for _, live in runs:
        for name, sites in live.spikes.items():
            for k, spikes in enumerate(sites):
                if name not in case.quiet and spikes.dtype == np.float32:
                    rates.setdefault(f"{name}@{k + 1}", []).append(float((spikes != 0).mean()))
        if not live.spikes:
            for j, (how, values) in enumerate(zip(_how(case, live), live.returned, strict=True)):
                if values is not None and f"returned {j}" not in case.quiet:
                    rate = float((values != 0).mean())
                    if how in ("mean", "sum"):
                        rate = float(values.mean()) / (case.steps if how == "sum" else 1)
                    rates.setdefault(f"returned {j}", []).append(rate)
    idle = {
        name: [round(rate, 3) for rate in found]
        for name, found in rates.items()
        if not any(LOW <= rate <= HIGH for rate in found)
    }
    return f"fires never or always: {idle}" if idle else ""


def _compared(case: Case, runs: list[Run], artifact: Any, outcome: Outcome) -> Outcome:
    if outcome.arbitrary:
        found = artifact.provenance["verification"]
        outcome.ties = found.get("ties", 0)
        outcome.compared = 1
        if found["equal"] is not True:
            outcome.status, outcome.text = "wrong", f"not verified: {found}"
        return outcome
    for level, (xs, live) in enumerate(runs):
        fault = _level(case, artifact, xs, live, outcome)
        if fault:
            outcome.status, outcome.text = "wrong", f"level {level}: {fault}"
            return outcome
    if outcome.compared == 0:
        outcome.status, outcome.text = "wrong", "nothing could be compared"
    return outcome


def _level(case: Case, artifact: Any, xs: list[np.ndarray], live: Live, outcome: Outcome) -> str:
    """One run of both; what differs, or ""."""
    network: Network = artifact.network
    given = xs if live.encoded is None else [live.encoded]
    if len(network.sources) != len(given):
        return f"the network has inputs {[s.name for s in network.sources]}, {len(given)} are due"
    named = {
        s.name: x.reshape(*x.shape[:2], *s.shape)
        for s, x in zip(network.sources, given, strict=True)
    }
    ours = neurochain.simulate(artifact, named)
    fault = _populations(case, network, named, live, ours, outcome)
    return fault or _returned(case, network, live, ours, outcome)


def _populations(
    case: Case,
    network: Network,
    named: dict[str, np.ndarray],
    live: Live,
    ours: Any,
    outcome: Outcome,
) -> str:
    nodes = {n.name: n for n in network.nodes}
    for module, sites in live.spikes.items():
        for k, spikes in enumerate(sites):
            base = module or type(case.module).__name__.lower()
            name = f"{base}@{k + 1}" if len(sites) > 1 else base
            node = nodes.get(name)
            if not isinstance(node, Population):
                kind = type(dict(case.module.named_modules())[module]).__name__
                if kind in case.neurons or module in case.quiet:
                    continue  # judged by what the network returns
                return f"there is no population for {module!r} ({name}); has {sorted(nodes)}"
            if node.emits is PortKind.ANALOG:
                continue  # read by its membrane, an output
            mine = _emitted(network, named, ours, name)
            fault = _differs(name, mine.reshape(spikes.swapaxes(0, 1).shape), spikes, case.graded)
            if fault:
                return fault
            outcome.compared += spikes.size
    return ""


def _emitted(network: Network, named: dict[str, np.ndarray], ours: Any, name: str) -> np.ndarray:
    """(batch, step, ...): from the public run, or from the engine where emissions are graded."""
    if name in ours.spikes:
        return np.asarray(ours.spikes[name])
    flat = {k: x.reshape(*x.shape[:2], -1) for k, x in named.items()}
    return run_engine(network, flat, record=Record(emissions=(name,))).emissions[name]


def _differs(name: str, mine: np.ndarray, theirs: np.ndarray, graded: bool = False) -> str:
    """mine (batch, step, n), theirs (step, batch, n): the first difference in words."""
    wanted = theirs.swapaxes(0, 1)
    a, b = (mine != 0, wanted != 0) if graded else (mine, wanted)
    if a.shape != b.shape:
        return f"{name} has shape {a.shape}, the module's {b.shape}"
    if np.array_equal(a, b):
        return ""
    step, sample, neuron = (int(i) for i in np.argwhere(a.swapaxes(0, 1) != b.swapaxes(0, 1))[0])
    count = int((a != b).sum())
    return (
        f"{name} differs first at step {step}, sample {sample}, neuron {neuron}: "
        f"{mine[sample, step, neuron]} instead of {wanted[sample, step, neuron]}; "
        f"{count} of {a.size} differ"
    )


def _how(case: Case, live: Live) -> tuple[Any, ...]:
    """What each returned tensor is (Case.returns)."""
    return case.returns or (0,) * len(live.returned)


_OVER_TIME = {
    "sum": lambda x: x.sum(axis=1),
    "mean": lambda x: x.mean(axis=1),
    "max": lambda x: x.max(axis=1),
    "last": lambda x: x[:, -1],
}


def _returned(case: Case, network: Network, live: Live, ours: Any, outcome: Outcome) -> str:
    """What the module returns against the outputs of the network."""
    if case.graded:
        return ""
    wanted = [(h, r) for h, r in zip(_how(case, live), live.returned, strict=True) if r is not None]
    places = case.outputs or tuple(range(len(wanted)))
    for place, (kind, theirs) in zip(places, wanted, strict=True):
        if place >= len(network.outputs):
            return f"{len(wanted)} values are returned, {len(network.outputs)} outputs are there"
        output = network.outputs[place]
        mine = np.asarray(ours.outputs[output.name], dtype=np.float32)
        mine = mine.reshape(*mine.shape[:2], -1)
        if kind in _OVER_TIME:
            got = _OVER_TIME[kind](mine)
            due = theirs.reshape(got.shape)
            if not np.array_equal(got, due):
                return f"output {output.name} ({kind} over time) differs: {_gap(got, due)}"
        else:
            due = theirs.reshape(case.steps, mine.shape[0], -1)
            if fault := _differs(f"output {output.name}", mine, due):
                return fault
        outcome.compared += theirs.size
    return ""


def _gap(got: np.ndarray, due: np.ndarray) -> str:
    return f"largest deviation {float(np.abs(got - due).max())}, {int((got != due).sum())} values"
