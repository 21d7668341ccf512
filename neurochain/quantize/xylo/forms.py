"""What of a float network Xylo has, and what stands in the way of the rest."""

from __future__ import annotations

from neurochain.errors import Finding
from neurochain.graph import ResetKind, ResetTiming
from neurochain.network import Network, Population, PortKind, Projection, Source
from neurochain.operators import Conv, MaxPool, Pool
from neurochain.quantize.loihi.forms import features_of, is_plain_relay, said_of
from neurochain.quantize.loihi.plan import Plan
from neurochain.targets import Target

__all__ = ["shape_findings", "xylo_findings"]

_AT_ONCE = (ResetTiming.SAME_STEP, ResetTiming.SAME_STEP_ONCE)


def xylo_findings(network: Network, target: Target) -> list[Finding]:
    """Beside what `quantize.loihi.collapse` asks of any target."""
    findings = []
    for projection in network.projections:
        findings += _operator_findings(projection, target)
    for population in network.populations:
        if not is_plain_relay(population):
            findings += _neuron_findings(population, target)
    return findings


def _operator_findings(projection: Projection, target: Target) -> list[Finding]:
    kinds = {Conv: "convolution", Pool: "average_pooling", MaxPool: "max_pooling"}
    construct = kinds.get(type(projection.operator))
    if construct is None:
        return []
    return said_of(target, construct, projection.name, f"is a {type(projection.operator).__name__}")


def _neuron_findings(population: Population, target: Target) -> list[Finding]:
    features = features_of(population)
    if features is None or population.emits is PortKind.GRADED:
        return []  # refused by what every target is asked
    found = []
    if not features.current:
        found += said_of(target, "no_current", population.name, "has no synaptic current")
    reset = features.reset
    if reset is not None and reset.kind is ResetKind.SUBTRACT and reset.timing not in _AT_ONCE:
        detail = "subtracts the threshold a step after the spike"
        found += said_of(target, "delayed_reset", population.name, detail)
    return found


def shape_findings(plan: Plan, target: Target) -> list[Finding]:
    """Inputs lead to hidden neurons, hidden neurons to each other and to outputs."""
    sources = {s.name for s in plan.sources if isinstance(s, Source)}
    read = {o.node for o in plan.outputs}
    feeding = {link.source for link in plan.links}
    found = [
        Finding(
            where=name,
            what=f"is an output and feeds other neurons; spikes leave {target.name} from its "
            "output neurons only, which feed nothing.",
            fix="Read the last layer only.",
        )
        for name in sorted(read & feeding)
    ]
    found += [
        Finding(
            where=unit.name,
            what=f"is neither read nor does it feed anything; {target.name} has no place for it.",
            fix="Leave it out.",
        )
        for unit in plan.units
        if unit.name not in read | feeding
    ]
    found += [
        Finding(
            where=link.name,
            what=f"leads from {link.source} to the output {link.target}; output neurons of "
            f"{target.name} hear hidden neurons only.",
            fix="Put a layer of neurons in between.",
        )
        for link in plan.links
        if link.source in sources and link.target in read
    ]
    return found
