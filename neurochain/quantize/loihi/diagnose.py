"""Why activity died: what quantisation did to every layer, and which of its numbers cost most.

All on data, against the float network. *Free*: the whole integer network on its own spikes.
*Forced*: each layer driven by the float network's spikes, so that only its own numbers count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.network import F32
from neurochain.quantize.loihi.assemble import float_network, integer_network
from neurochain.quantize.loihi.forced import all_spikes, drive
from neurochain.quantize.loihi.plan import F64, Plan, Unit, UnitKind
from neurochain.quantize.loihi.rounding import RoundedUnit
from neurochain.simulators import run
from neurochain.simulators.types import Record

__all__ = ["KINDS", "Diagnosis", "LayerDiagnosis", "diagnose", "rounded_units"]

KINDS = ("weights", "bias", "threshold", "decay")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerDiagnosis:
    """One layer of neurons, over samples, steps and neurons of the data.

    rate_float, rate   spikes per neuron and step before and after
    differing          share of neuron steps that spike differently, on its own spikes
    forced             the same, driven by the float network's spikes
    first_divergence   (sample, step, neuron) of the first differing spike, steps first; None: none
    weights_clipped, weights_zeroed   weights beyond the largest one; nonzero weights that are 0
    bias_clipped       biases beyond the mantissa
    input_overflow     neuron steps with an input sum beyond 16 bits
    current_overflow   neuron steps with a current beyond 24 bits
    membrane_clipped   neuron steps in which the membrane stood at its limit
    decays_lost        decays that became none at all: "current", "membrane"
    cost               parameter -> share of differing spikes where it alone is rounded
    """

    name: str
    rate_float: float
    rate: float
    differing: float
    forced: float
    first_divergence: tuple[int, int, int] | None
    weights_clipped: int
    weights_zeroed: int
    bias_clipped: int
    input_overflow: int
    current_overflow: int
    membrane_clipped: int
    decays_lost: tuple[str, ...]
    cost: Mapping[str, float]

    @property
    def worst(self) -> str:
        """The parameter whose rounding alone changes most spikes; "" where none changes any."""
        name = max(self.cost, key=lambda kind: self.cost[kind])
        return name if self.cost[name] else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Every layer that spikes, in execution order."""

    samples: int
    steps: int
    layers: tuple[LayerDiagnosis, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        layers = [
            {**asdict(layer), "cost": dict(layer.cost), "worst": layer.worst}
            for layer in self.layers
        ]
        return {"samples": self.samples, "steps": self.steps, "layers": layers}


def diagnose(plan: Plan, rounded: Sequence[RoundedUnit], x: Mapping[str, F32]) -> Diagnosis:
    """Compare the integers with the plan's float network on x: name -> (sample, step, n)."""
    wanted, _ = all_spikes(float_network(plan), x)
    names = tuple(item.unit.name for item in rounded)
    network = integer_network(plan, rounded)
    result = run(network, x, record=Record(emissions=names, membranes=names))
    alone = {kind: all_spikes(_one_kind(plan, rounded, kind), x)[0] for kind in KINDS}
    layers = []
    for item in rounded:
        name = item.unit.name
        if item.unit.kind is UnitKind.READOUT:
            continue
        spikes = result.emissions[name]
        overflow = result.overflow[name].sum(axis=(0, 1))
        differs = spikes != wanted[name]
        forced = drive(plan, item, wanted).spikes != wanted[name]
        layers.append(
            LayerDiagnosis(
                name=name,
                rate_float=float(wanted[name].mean()),
                rate=float(spikes.mean()),
                differing=float(differs.mean()),
                forced=float(forced.mean()),
                first_divergence=_first(differs),
                weights_clipped=sum(link.clipped for link in item.links.values()),
                weights_zeroed=sum(link.zeroed for link in item.links.values()),
                bias_clipped=item.bias_clipped,
                input_overflow=int(overflow[0]),
                current_overflow=int(overflow[1]),
                membrane_clipped=int((np.abs(result.membranes[name]) >= 2**23 - 1).sum()),
                decays_lost=_lost(item),
                cost={k: float((alone[k][name] != wanted[name]).mean()) for k in KINDS},
            )
        )
    samples, steps = next(iter(wanted.values())).shape[:2]
    return Diagnosis(samples=samples, steps=steps, layers=tuple(layers))


def _first(differs: NDArray[np.bool_]) -> tuple[int, int, int] | None:
    """The earliest step, then sample and neuron, where two runs differ; None where they do not."""
    steps = differs.any(axis=(0, 2))
    if not steps.any():
        return None
    step = int(np.argmax(steps))
    sample, neuron = (int(k[0]) for k in np.nonzero(differs[:, step]))
    return sample, step, neuron


def _lost(item: RoundedUnit) -> tuple[str, ...]:
    unit = item.unit
    lost = []
    if ((unit.beta < 1) & (item.dv == 0)).any():
        lost.append("membrane")
    if ((unit.alpha == 1) & (item.du == 0)).any():  # the chip cannot keep a current for ever
        lost.append("current")
    return tuple(lost)


def _one_kind(plan: Plan, rounded: Sequence[RoundedUnit], kind: str) -> Any:
    """The float network with one kind of number replaced by what the chip has for it."""
    weights: dict[str, F64] = {}
    if kind == "weights":
        for item in rounded:
            weights |= {name: k.values(item.setting.q) for name, k in item.links.items()}
        return float_network(plan, weights=weights)
    return float_network(plan, units=rounded_units(rounded, (kind,)))


def rounded_units(rounded: Sequence[RoundedUnit], kinds: Sequence[str]) -> dict[str, Unit]:
    """The units with these numbers as the chip has them, in float."""
    changed = {}
    for item in rounded:
        unit, q = item.unit, item.setting.q
        if unit.kind is UnitKind.LIF and "threshold" in kinds:
            unit = replace(unit, theta=item.setting.theta)
        if "bias" in kinds:
            unit = replace(unit, bias=item.bias / (q * 2.0**6))
        if "decay" in kinds:
            unit = replace(unit, beta=(4096 - item.dv) / 4096.0)
            if (unit.alpha != 0).any():
                unit = replace(unit, alpha=(4095 - item.du) / 4096.0)
        changed[unit.name] = unit
    return changed
