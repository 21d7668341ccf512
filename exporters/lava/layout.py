"""A network as the lines of a Lava script: the plan of engine "lava", with stock processes alone.

The engine begins every sample, and every layer at its own step, with models of its own. A script of
stock processes runs one sample; a layer that could move before its step is an LIFReset that is
cleared there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, UnsupportedError
from neurochain.lowering import moves_alone
from neurochain.network import Network
from neurochain.simulators.lava.connections import LavaConnection
from neurochain.simulators.lava.neurons import LavaNeurons
from neurochain.simulators.lava.plan import Plan, plan

__all__ = ["Layout", "Line", "layout_of"]

NEVER = 1 << 30
"""An interval of steps that no run reaches."""
MODULES = {
    "Dense": "dense",
    "DelayDense": "dense",
    "Sparse": "sparse",
    "DelaySparse": "sparse",
    "Conv": "conv",
    "LIF": "lif",
    "LIFReset": "lif",
    "TernaryLIF": "lif",
}
"""Process -> its package in lava.proc."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A process of the script.

    arguments  of its constructor, as source text, in order
    source, target  of a connection, "" for neurons
    """

    name: str
    process: str
    comment: str
    arguments: tuple[tuple[str, str], ...]
    source: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """What the templates need, and the arrays that go with them.

    lag  population -> steps by which it is behind the input
    """

    tag: str
    inputs: Mapping[str, tuple[int, ...]]
    neurons: tuple[Line, ...]
    connections: tuple[Line, ...]
    lag: Mapping[str, int]
    imports: tuple[tuple[str, tuple[str, ...]], ...]
    arrays: Mapping[str, NDArray[Any]]


def layout_of(network: Network) -> Layout:
    """Lay the network out. Errors: UnsupportedError with everything that stock Lava lacks."""
    planned = plan(network)
    moved = _moving(planned)
    findings = _early_findings(planned, moved)
    if findings:
        raise UnsupportedError(*findings)
    arrays: dict[str, NDArray[Any]] = {}
    neurons = tuple(_neurons(planned, n, moved, arrays) for n in planned.neurons)
    connections = tuple(_connection(c, arrays) for c in planned.connections)
    used = {line.process for line in (*neurons, *connections)}
    modules = sorted({MODULES[process] for process in used})
    starts = {p.name: p.start for p in network.populations}
    return Layout(
        tag=planned.tag,
        inputs={s.name: s.shape for s in network.sources},
        neurons=neurons,
        connections=connections,
        lag={name: planned.shifts[name] + start for name, start in starts.items()},
        imports=tuple(
            (module, tuple(sorted(p for p in used if MODULES[p] == module))) for module in modules
        ),
        arrays=arrays,
    )


def _moving(planned: Plan) -> frozenset[str]:
    """Populations that lag and to which something may happen before their first step."""
    network = planned.network
    moved = {p.name for p in network.populations if moves_alone(p) or _is_biased(network, p.name)}
    while True:
        reached = {p.target for p in network.projections if p.source in moved}
        if reached <= moved:
            return frozenset(name for name in moved if planned.shifts[name])
        moved |= reached


def _is_biased(network: Network, name: str) -> bool:
    return any(p.bias is not None and p.bias.any() for p in network.incoming(name))


def _early_findings(planned: Plan, moved: frozenset[str]) -> list[Finding]:
    """What stock processes cannot keep from happening too early."""
    findings = []
    for n in planned.neurons:
        name = n.population.name
        if name not in moved:
            continue
        if n.process == "TernaryLIF" or any(np.any(v) for v in n.population.initial.values()):
            what = "begins later than the input, and stock Lava cannot hold it at its first state."
            findings.append(
                Finding(where=name, what=what, fix="Start from rest, with LIF neurons.")
            )
    findings += [
        Finding(
            where=f"projection {p.name}",
            what=f"could carry a spike from before the first step of {p.source} behind that of "
            f"{p.target}.",
            fix="Leave out the bias or the delay.",
        )
        for p in planned.network.projections
        if p.delay and p.source in moved
    ]
    return findings


def _neurons(
    planned: Plan, n: LavaNeurons, moved: frozenset[str], arrays: dict[str, NDArray[Any]]
) -> Line:
    population, options = n.population, dict(n.options)
    process, name = n.process, population.name
    for state, variable in n.states.items():
        if state in population.initial:
            options[variable] = np.broadcast_to(population.initial[state], (population.n,))
    if name in moved and process == "LIF":
        process = "LIFReset"
        options |= {"reset_interval": NEVER, "reset_offset": 1 + planned.shifts[name]}
    return Line(
        name=name,
        process=process,
        comment=f"{population.shape}: {population.program.name}",
        arguments=(
            ("name", repr(name)),
            ("shape", f"({population.n},)"),
            *((key, _text(value, f"{name}.{key}", arrays)) for key, value in options.items()),
        ),
    )


def _text(value: Any, key: str, arrays: dict[str, NDArray[Any]]) -> str:
    """The value as source text: a number, or an array of weights.npz."""
    if not isinstance(value, np.ndarray):
        return repr(value.item() if isinstance(value, np.generic) else value)
    if value.size and (value == value.flat[0]).all():
        return repr(value.flat[0].item())
    arrays[key] = value
    return f"w[{key!r}]"


def _connection(connection: LavaConnection, arrays: dict[str, NDArray[Any]]) -> Line:
    projection = connection.projection
    operator, options = projection.operator, _narrowed(dict(connection.options))
    arguments = [("name", repr(projection.name))]
    for key, value in options.items():
        stored = f"{projection.name}.{key}"
        if isinstance(value, tuple) and key == "weights":
            for part, entries in zip(("values", "targets", "sources"), value, strict=True):
                arrays[f"{stored}.{part}"] = entries
            text = f"matrix(w, {stored!r}, ({operator.n_out}, {operator.n_in}))"
        elif key in ("weights", "weight"):
            arrays[stored] = value
            text = f"w[{stored!r}]"
        elif key == "sign_mode":
            text = f"SignMode.{value}"
        else:
            text = _text(value, stored, arrays)
        arguments.append((key, text))
    return Line(
        name=projection.name,
        process=connection.process,
        comment=f"{projection.source} -> {projection.target}, {operator.kind}",
        arguments=tuple(arguments),
        source=projection.source,
        target=projection.target,
    )


def _narrowed(options: dict[str, Any]) -> dict[str, Any]:
    """Integer weights in 8 bits where those hold them; else 9, which only the CPU model has."""
    if "num_weight_bits" not in options:
        return options
    weights = options["weights"]
    values = np.asarray(weights[0] if isinstance(weights, tuple) else weights)
    least, most = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if least >= 0:
        return {**options, "num_weight_bits": 8, "sign_mode": "EXCITATORY"}
    if most <= 0 and least >= -255:
        return {**options, "num_weight_bits": 8, "sign_mode": "INHIBITORY"}
    even = most <= 254 and not (values % 2).any()
    return {**options, "num_weight_bits": 8 if even else 9, "sign_mode": "MIXED"}
