"""Network -> Plan: relays become part of links, max pools become neurons, gains become weights."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from neurochain.errors import Finding, Severity, UnsupportedError
from neurochain.graph import Compare
from neurochain.network import (
    Network,
    Operator,
    OutputPort,
    Population,
    PortKind,
    Projection,
    Source,
)
from neurochain.operators import Conv, Identity, MaxPool
from neurochain.programs import Features, relay_program
from neurochain.quantize.loihi.forms import features_of, is_plain_relay, said_of, unit_findings
from neurochain.quantize.loihi.maps import applied, joined, row_scaled
from neurochain.quantize.loihi.paths import Path, path_name, paths_between, tails_of
from neurochain.quantize.loihi.plan import F64, Link, Plan, Unit, UnitKind
from neurochain.targets import Target

__all__ = ["ANY_THRESHOLD", "ANY_WEIGHT", "collapse"]

ANY_WEIGHT = 64.0
ANY_THRESHOLD = 63.0
"""A window spikes where at least one input does: 64 > 63, in the chip's own units."""


def collapse(network: Network, target: Target, *, graded_input: bool = False) -> Plan:
    """What there is to put on the target.

    graded_input  inputs are whole numbers; else 0 and 1

    Errors: UnsupportedError with everything the target refuses.
    """
    findings = _findings(network, target, graded_input)
    errors = [f for f in findings if f.severity is Severity.ERROR]
    if errors:
        raise UnsupportedError(*errors)
    kind = PortKind.GRADED if graded_input else PortKind.EVENT
    plain = _max_pools_as_neurons(network)
    links, biases, notes = _links(list(paths_between(plain.network, plain.is_neuron)))
    units = []
    for population in plain.network.populations:
        if population.name in plain.any_units:
            units.append(_any_unit(population))
        elif not is_plain_relay(population):
            unit, factor = _unit(population, biases.get(population.name), target)
            units.append(unit)
            links = [_into(link, population, factor) for link in links]
    return Plan(
        sources=tuple(replace(s, emits=kind) for s in network.sources),
        units=tuple(units),
        links=tuple(links),
        outputs=network.outputs,
        dt_s=network.dt_s,
        findings=(*findings, *notes),
    )


# ---- what the target says


def _findings(network: Network, target: Target, graded_input: bool) -> list[Finding]:
    findings = []
    for population in network.populations:
        if is_plain_relay(population):
            continue
        findings += unit_findings(population, target)
    for projection in network.projections:
        findings += _projection_findings(network, projection, target)
    for output in network.outputs:
        findings += _output_findings(network, output, target)
    if graded_input:
        for source in network.sources:
            findings += said_of(target, "graded_input", f"input {source.name}", "whole numbers")
    return findings


def _projection_findings(network: Network, projection: Projection, target: Target) -> list[Finding]:
    where, source = projection.name, network.node(projection.source)
    if isinstance(projection.operator, MaxPool):
        if isinstance(source, Population) and not source.fires:
            return [
                Finding(
                    where=where,
                    what=f"max pooling of values that are no spikes: refused by {target.name}, "
                    "which only knows whether there is a spike in a window.",
                    fix="Pool the spikes behind the neurons, or train with average pooling.",
                )
            ]
        return said_of(target, "max_pooling", where, "max pooling")
    if not isinstance(source, Population) or is_plain_relay(source):
        return []
    if source.emits is PortKind.EVENT:
        return []
    return [
        Finding(
            where=where,
            what=f"carries the membrane of {source.name}: refused by {target.name}, whose "
            "neurons see spikes only.",
            fix="Read membranes at outputs only.",
        )
    ]


def _output_findings(network: Network, output: OutputPort, target: Target) -> list[Finding]:
    node = network.node(output.node)
    if isinstance(node, Source) or is_plain_relay(node):
        return [
            Finding(
                where=f"output {output.name}",
                what=f"reads {output.node}, which is no neuron: refused by {target.name}.",
                fix="End the network with a layer of neurons.",
            )
        ]
    return []


# ---- max pools


@dataclass(frozen=True, slots=True)
class _Plain:
    network: Network
    any_units: frozenset[str]

    def is_neuron(self, node: Source | Population) -> bool:
        """Whether paths end at it."""
        if isinstance(node, Source):
            return False
        return node.name in self.any_units or not is_plain_relay(node)


def _max_pools_as_neurons(network: Network) -> _Plain:
    """Every max pool of spikes becomes a population of its own, and an identity behind it."""
    populations = list(network.populations)
    projections: list[Projection] = []
    names = {node.name for node in network.nodes}
    made: set[str] = set()
    for projection in network.projections:
        pool = projection.operator
        if not isinstance(pool, MaxPool):
            projections.append(projection)
            continue
        target = next(p for p in populations if p.name == projection.target)
        name = f"{projection.name} windows"
        while name in names:
            name += "'"
        names.add(name)
        made.add(name)
        windows = Population(name=name, shape=pool.out_shape, program=relay_program(PortKind.EVENT))
        populations.insert(populations.index(target), windows)
        projections.append(replace(projection, target=name, operator=_any_conv(pool), port="x"))
        behind = Identity(in_shape=pool.out_shape, out_shape=pool.out_shape)
        projections.append(
            Projection(
                name=f"{projection.name} out",
                source=name,
                target=target.name,
                operator=behind,
                port=projection.port,
            )
        )
    changed = replace(network, populations=tuple(populations), projections=tuple(projections))
    return _Plain(changed, frozenset(made))


def _any_conv(pool: MaxPool) -> Conv:
    weights = np.full((pool.out_shape[0], 1, *pool.kernel), ANY_WEIGHT, dtype=np.float32)
    return Conv(
        in_shape=pool.in_shape,
        out_shape=pool.out_shape,
        weights=weights,
        stride=pool.stride,
        padding=pool.padding,
        dilation=pool.dilation,
        groups=pool.in_shape[0],
    )


def _any_unit(population: Population) -> Unit:
    zero = np.zeros(())
    return Unit(
        name=population.name,
        shape=population.shape,
        kind=UnitKind.ANY,
        alpha=zero,
        beta=zero,
        theta=ANY_THRESHOLD,
        equal=False,
        bias=np.zeros(population.n),
    )


# ---- links


def _links(paths: list[Path]) -> tuple[list[Link], dict[str, F64], list[Finding]]:
    """A link for every path; what the biases on the way add up to, by neuron; what they lose."""
    links: list[Link] = []
    for path in paths:
        operator = joined([p.operator for p in path])
        links.append(
            Link(
                name=path_name(path, {link.name for link in links}),
                source=path[0].source,
                target=path[-1].target,
                operator=operator,
                delay=sum(p.delay for p in path),
                fanout=operator.fanout(nonzero=True),
                nonzero=_nonzero(operator),
            )
        )
    biases: dict[str, F64] = {}
    notes: list[Finding] = []
    for tail in tails_of(paths):
        first = tail[0]
        if first.bias is None:
            continue
        value = applied([p.operator for p in tail[1:]], first.bias.astype(np.float64)[None])[0]
        target = tail[-1].target
        biases[target] = biases.get(target, np.zeros(value.shape)) + value
        late = first.bias_from_step + sum(p.delay for p in tail[1:])
        if late:
            notes.append(
                Finding(
                    where=first.name,
                    what=f"its bias begins at step {late}; on the chip it is there from step 0.",
                    severity=Severity.WARNING,
                )
            )
    return links, biases, notes


def _nonzero(operator: Operator) -> int:
    weights = operator.weight
    return 0 if weights is None else int(np.count_nonzero(weights))


# ---- neurons


def _unit(population: Population, bias: F64 | None, target: Target) -> tuple[Unit, F64]:
    """The unit, and what its incoming weights are multiplied by for thresholds and gains.

    Errors: UnsupportedError for a bias of the current, or numbers that no chip can hold.
    """
    features = features_of(population) or Features()
    params = {k: v.astype(np.float64) for k, v in population.params.items()}
    one, zero = np.ones(()), np.zeros(())
    alpha, beta = params.get("alpha", zero), params["beta"]
    thetas = params.get("theta", one)
    errors = _range_findings(population.name, alpha, beta, thetas)
    if features.current and bias is not None and bias.any():
        errors += said_of(target, "current_bias", population.name, "its current has a bias")
    if errors:
        raise UnsupportedError(*errors)
    gain = params.get("gain", one) * params.get("drive", one)
    theta = float(np.max(thetas))
    factor = theta / thetas
    total = (zero if bias is None else bias * gain) + params.get("leak", zero)
    unit = Unit(
        name=population.name,
        shape=population.shape,
        kind=UnitKind.READOUT if features.reset is None else UnitKind.LIF,
        alpha=_one(alpha),
        beta=_one(beta),
        theta=theta,
        equal=features.compare is Compare.GREATER_EQUAL,
        bias=np.broadcast_to(total * factor, (population.n,)).copy(),
    )
    return unit, np.asarray(factor * gain)


def _range_findings(where: str, alpha: F64, beta: F64, thetas: F64) -> list[Finding]:
    findings = [
        Finding(
            where=where,
            what=f"{name} is {values.min():g}..{values.max():g}; decays keep 0 to 1 of a state.",
            fix="Train decays within 0 and 1.",
        )
        for name, values in (("alpha", alpha), ("beta", beta))
        if values.min() < 0 or values.max() > 1
    ]
    if thetas.min() <= 0:
        findings.append(
            Finding(
                where=where,
                what=f"has a threshold of {thetas.min():g}; it must be positive.",
                fix="Train positive thresholds.",
            )
        )
    return findings


def _into(link: Link, population: Population, factor: F64) -> Link:
    """The link, if it enters the population: scaled, and later where the old current is taken."""
    if link.target != population.name:
        return link
    features = features_of(population)
    later = features is not None and features.old_current
    return replace(link, operator=row_scaled(link.operator, factor), delay=link.delay + later)


def _one(values: F64) -> F64:
    """A single number where all are the same."""
    return np.asarray(values.reshape(-1)[0] if np.unique(values).size == 1 else values)
