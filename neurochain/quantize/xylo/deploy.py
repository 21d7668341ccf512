"""Float network -> the integers of Xylo, in its timing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from neurochain.errors import Finding, FitError, InputError, Severity, UnsupportedError
from neurochain.lowering.retime import lateness
from neurochain.network import F32, Network, Population, PortKind, Projection
from neurochain.programs import xylo_lif_program
from neurochain.quantize.loihi.assemble import float_network
from neurochain.quantize.loihi.collapse import collapse
from neurochain.quantize.loihi.plan import Plan
from neurochain.quantize.xylo.forms import shape_findings, xylo_findings
from neurochain.quantize.xylo.limits import limit_findings
from neurochain.quantize.xylo.rounding import XyloUnit, round_unit, rounding_findings
from neurochain.simulators import Record, run
from neurochain.targets import Target

__all__ = ["XyloDeployed", "deploy_xylo"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class XyloDeployed:
    """network: integers in the chip's timing; rounded: numbers, with the scale of each neuron."""

    network: Network
    plan: Plan
    rounded: tuple[XyloUnit, ...]
    findings: tuple[Finding, ...]


def deploy_xylo(
    network: Network,
    target: Target,
    *,
    weight_bits: int | None = None,
    data: Mapping[str, F32] | None = None,
    graded_input: bool = False,
) -> XyloDeployed:
    """The network in Xylo's integers.

    data  input name -> (sample, step, n): what differs from the float network is then a finding

    Errors: InputError for a network of integers, other bits than the chip's, inputs beyond its;
    UnsupportedError with all that it refuses; FitError with every limit that is passed.
    """
    _check(network, target, weight_bits, data)
    if refused := [f for f in xylo_findings(network, target) if f.severity is Severity.ERROR]:
        raise UnsupportedError(*refused)
    plan = collapse(network, target, graded_input=graded_input)
    if refused := shape_findings(plan, target):
        raise UnsupportedError(*refused)
    rounded = tuple(round_unit(plan, unit, target) for unit in plan.units)
    made = _timed(_integers(plan, rounded, target), target)
    if full := limit_findings(made, target):
        raise FitError(*full)
    findings = [*plan.findings, *(f for item in rounded for f in rounding_findings(item))]
    findings += [_late_bias(p) for p in made.populations if p.start and p.params["bias"].any()]
    if data is not None:
        findings += _differences(float_network(plan), made, data)
    return XyloDeployed(network=made, plan=plan, rounded=rounded, findings=tuple(findings))


def _check(
    network: Network, target: Target, bits: int | None, data: Mapping[str, F32] | None
) -> None:
    if network.arithmetic != "float32":
        raise InputError(f"target: the network is already in {network.arithmetic}.")
    if bits not in (None, target.number("weight_bits")):
        raise InputError(
            f"weight bits: {target.name} stores weights of {target.number('weight_bits')} bits."
        )
    most = target.number("input_spikes_per_step")
    peak = max((float(v.max(initial=0)) for v in (data or {}).values()), default=0.0)
    if peak > most:
        raise InputError(
            f"input: {peak:g} events of a channel in a step; {target.name} takes {most}."
        )


def _integers(plan: Plan, rounded: tuple[XyloUnit, ...], target: Target) -> Network:
    """In zero-delay timing."""
    read = {o.node for o in plan.outputs}
    most = {
        True: target.number("output_spikes_per_step"),
        False: target.number("hidden_spikes_per_step"),
    }
    populations = []
    for item in rounded:
        program = xylo_lif_program(most[item.unit.name in read])
        names = ("dash_syn", "dash_mem", "vth", "bias")
        populations.append(
            Population(
                name=item.unit.name,
                shape=item.unit.shape,
                program=program,
                params={name: getattr(item, name) for name in names},
                emits=program.emits,
            )
        )
    operators = {name: op for item in rounded for name, op in item.operators.items()}
    projections = tuple(
        Projection(
            name=link.name,
            source=link.source,
            target=link.target,
            operator=operators[link.name],
            delay=link.delay,
            model_fanout=link.fanout,
            model_nonzero=link.nonzero,
        )
        for link in plan.links
    )
    return Network(
        sources=tuple(replace(s, emits=PortKind.GRADED) for s in plan.sources),
        populations=tuple(populations),
        projections=projections,
        outputs=plan.outputs,
        dt_s=plan.dt_s,
        arithmetic="xylo",
    )


def _timed(network: Network, target: Target) -> Network:
    """Inputs act in their step, spikes in the next. Errors: UnsupportedError for other delays."""
    late = {name: max(step - 1, 0) for name, step in lateness(network).items()}
    sources = {s.name for s in network.sources}
    projections, wrong = [], []
    for p in network.projections:
        own = 0 if p.source in sources else 1
        delay = p.delay + late[p.target] - late[p.source]
        if delay != own:
            wrong.append(
                Finding(
                    where=p.name,
                    what=f"would have to wait for {delay - own} steps: {target.name} has no "
                    "delays, and its inputs cannot be held back.",
                    fix="Train without delays, and with layers in a row.",
                )
            )
        projections.append(replace(p, delay=delay))
    if wrong:
        raise UnsupportedError(*wrong)
    populations = tuple(replace(p, start=late[p.name]) for p in network.populations)
    return replace(network, populations=populations, projections=tuple(projections))


def _late_bias(population: Population) -> Finding:
    return Finding(
        where=population.name,
        what=f"its bias acts from the first step on, {population.start} before its input arrives.",
        severity=Severity.WARNING,
    )


def _differences(floats: Network, made: Network, data: Mapping[str, F32]) -> list[Finding]:
    """How many neuron steps have another number of spikes."""
    record = Record(emissions=tuple(p.name for p in made.populations))
    longest = max(p.start for p in made.populations)
    padded = {k: np.pad(v, ((0, 0), (0, longest), (0, 0))) for k, v in data.items()}
    wanted, found = run(floats, dict(data), record=record), run(made, padded, record=record)
    findings = []
    for population in made.populations:
        expected = wanted.emissions[population.name]
        late = population.start
        got = found.emissions[population.name][:, late : late + expected.shape[1]]
        differing = float((got != expected).mean())
        several = float((got > 1).mean())
        findings.append(
            Finding(
                where=population.name,
                what=f"{100 * differing:.2f} % of its neuron steps differ from the float network's "
                f"(rate {100 * expected.mean():.2f} %); in {100 * several:.2f} % it spikes more "
                "than once.",
                severity=Severity.INFO,
            )
        )
    return findings
