"""Which neurons of a float network are Loihi's, and what stands in the way of the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurochain.errors import Finding, Severity
from neurochain.graph import Compare, Reset, ResetKind, ResetTiming
from neurochain.network import Op, Population, PortKind
from neurochain.programs import Features, membrane_program
from neurochain.targets import Status, Target

__all__ = ["features_of", "is_plain_relay", "said_of", "unit_findings"]

_FLAGS = ("recurrent", "gain", "drive", "old_current", "leak")


def is_plain_relay(population: Population) -> bool:
    """A relay that adds up what arrives at its one port and passes it on unchanged."""
    program = population.program
    return (
        population.is_relay
        and len(program.ports) == 1
        and len(program.body) == 1
        and program.body[0].op is Op.COPY
        and not program.winner
    )


def features_of(population: Population) -> Features | None:
    """The membrane equation that a population's program is, or None."""
    program = population.program
    head, *parts = program.name.split(".")
    if head not in ("lif", "cuba_lif", "li", "cuba_li"):
        return None
    compare = Compare.GREATER_EQUAL if "ge" in parts else Compare.GREATER
    features = Features(
        current=head.startswith("cuba"),
        reset=None if head.endswith("li") else _reset(parts),
        compare=compare,
        **{flag: flag in parts for flag in _FLAGS},
    )
    return features if membrane_program(features) == program else None


def _reset(parts: list[str]) -> Reset:
    kind = next((k for k in ResetKind if k.value in parts), ResetKind.NONE)
    timing = next((t for t in ResetTiming if t.value in parts), ResetTiming.SAME_STEP)
    return Reset(kind=kind, timing=timing)


@dataclass(frozen=True, slots=True)
class _Use:
    construct: str
    detail: str


def unit_findings(population: Population, target: Target) -> list[Finding]:
    """What the target says about a population's neuron: errors where it is refused."""
    where = population.name
    features = features_of(population)
    if population.program.winner:
        return said_of(target, "competing_neurons", where, "its neurons compete")
    if population.emits is PortKind.GRADED:
        return said_of(target, "graded_spikes", where, f"program {population.program.name}")
    if features is None:
        return said_of(target, "other_programs", where, f"program {population.program.name}")
    uses = [use for use in _reset_uses(features) if use is not None]
    uses += _parameter_uses(population, features)
    if any(np.any(value != 0) for value in population.initial.values()):
        uses.append(_Use("initial_state", f"starts {', '.join(population.initial)} elsewhere"))
    return [f for use in uses for f in said_of(target, use.construct, where, use.detail)]


def _reset_uses(features: Features) -> list[_Use | None]:
    reset = features.reset
    if reset is None:
        return [None]
    if reset.kind is ResetKind.SUBTRACT:
        return [_Use("soft_reset", "resets by subtraction")]
    if reset.kind is ResetKind.VALUE:
        return [_Use("reset_to_value", "resets to a value")]
    if reset.kind is ResetKind.NONE:
        return [_Use("no_reset", "has no reset")]
    if reset.timing is ResetTiming.NEXT_STEP_DISCARD:
        return [_Use("discarding_reset", "resets and loses a step's input")]
    # "once" makes no difference: a membrane that was set to 0 is below every threshold
    late = reset.timing is ResetTiming.NEXT_STEP
    return [_Use("delayed_reset" if late else "reset_to_zero", "resets to zero")]


def _parameter_uses(population: Population, features: Features) -> list[_Use]:
    """What its parameters make of it."""
    params = population.params
    uses = []
    decays = [params[k] for k in ("alpha", "beta") if k in params]
    if any(np.unique(values).size > 1 for values in decays):
        uses.append(_Use("per_neuron_decay", "has several decays"))
    if "theta" in params and np.unique(params["theta"]).size > 1:
        uses.append(_Use("per_neuron_threshold", "has several thresholds"))
    if not features.current:
        uses.append(_Use("no_current", "has no synaptic current"))
    if features.current:
        uses.append(_Use("synaptic_current", "has a synaptic current"))
    if features.old_current:
        uses.append(_Use("old_current", "takes the old current"))
    if features.reset is None:
        uses.append(_Use("membrane_output", "is read out"))
    elif features.compare is Compare.GREATER_EQUAL:
        uses.append(_Use("equal_threshold", "spikes at the threshold itself"))
    return uses


def said_of(target: Target, construct: str, where: str, detail: str) -> list[Finding]:
    """An error where the target refuses a construct, a warning where it is simulated only."""
    said = target.constructs[construct]
    if said.status is Status.EXACT:
        return []
    refused = said.status is Status.REFUSED
    what = f"{detail}: refused by {target.name}" if refused else f"{detail}: in simulation only"
    return [
        Finding(
            where=where,
            what=f"{what}, because {said.why}.",
            fix=said.fix,
            severity=Severity.ERROR if refused else Severity.WARNING,
        )
    ]
