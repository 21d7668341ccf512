"""Float network -> the integers of a Loihi target, pipelined, with what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurochain.errors import Finding, InputError, Severity, UnsupportedError
from neurochain.network import F32, Network
from neurochain.quantize.loihi.assemble import integer_network, pipelined
from neurochain.quantize.loihi.calibrate import calibrate
from neurochain.quantize.loihi.collapse import collapse
from neurochain.quantize.loihi.diagnose import Diagnosis, diagnose
from neurochain.quantize.loihi.plan import Link, Plan, UnitKind
from neurochain.quantize.loihi.rounding import RoundedUnit, grid
from neurochain.quantize.loihi.scale import METHODS, scale_by_weights
from neurochain.quantize.weights import WeightError
from neurochain.targets import Target

__all__ = ["CALIBRATIONS", "Deployed", "deploy"]

CALIBRATIONS = ("spikes", *METHODS)
"""spikes: on data, by differing spikes; the others look at weights alone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Deployed:
    """What became of a network.

    network    pipelined integers
    plan       what there was to round; `rounded` what it was rounded to
    errors     of the weights, layer by layer, in units of the trained weights
    diagnosis  on the data, where there were any
    """

    network: Network
    plan: Plan
    rounded: tuple[RoundedUnit, ...]
    errors: tuple[WeightError, ...]
    findings: tuple[Finding, ...]
    diagnosis: Diagnosis | None


def deploy(
    network: Network,
    target: Target,
    *,
    weight_bits: int = 8,
    method: str | None = None,
    data: Mapping[str, F32] | None = None,
    graded_input: bool = False,
) -> Deployed:
    """The network in the target's integers.

    weight_bits  bits of every weight, sign included where a layer has weights of both signs
    method       one of CALIBRATIONS; by default "spikes" where there are data, else "mse"
    data         input name -> (sample, step, n), for calibration and diagnosis

    Errors: InputError (a float network is needed, unknown method, bits the target has not);
    UnsupportedError for what the target refuses.
    """
    _check(network, target, weight_bits, method, data)
    plan = collapse(network, target, graded_input=graded_input)
    if lost := _too_narrow(plan, weight_bits, target):
        raise UnsupportedError(*lost)
    if (method or "spikes") == "spikes" and data is not None:
        rounded = calibrate(plan, weight_bits, target, data)
    else:
        rounded = [
            scale_by_weights(plan, unit, weight_bits, target, method or "mse")
            for unit in plan.units
        ]
    timed = pipelined(integer_network(plan, rounded), target)
    diagnosis = None if data is None else diagnose(plan, rounded, data)
    findings = [*plan.findings, *(f for item in rounded for f in _losses(plan, item, target))]
    return Deployed(
        network=timed,
        plan=plan,
        rounded=tuple(rounded),
        errors=tuple(e for item in rounded for e in _errors(item)),
        findings=(*findings, *_overflows(diagnosis)),
        diagnosis=diagnosis,
    )


def _check(
    network: Network,
    target: Target,
    bits: int,
    method: str | None,
    data: Mapping[str, F32] | None,
) -> None:
    findings = []
    if network.arithmetic != "float32":
        findings.append(
            Finding(
                where="target",
                what=f"the network is already in {network.arithmetic}.",
                fix="Start from the float one.",
            )
        )
    if bits not in target.choices("weight_bits"):
        known = ", ".join(map(str, target.choices("weight_bits")))
        findings.append(
            Finding(
                where="weight bits",
                what=f"{target.name} stores no weights of {bits} bits.",
                fix=f"Bits: {known}.",
            )
        )
    if method is not None and method not in CALIBRATIONS:
        known = ", ".join(CALIBRATIONS)
        findings.append(
            Finding(where="calibration", what=f"{method!r} is unknown.", fix=f"Methods: {known}.")
        )
    if method == "spikes" and data is None:
        findings.append(
            Finding(where="calibration", what="by spikes needs data.", fix="Give --calibrate DATA.")
        )
    if findings:
        raise InputError(*findings)


def _too_narrow(plan: Plan, bits: int, target: Target) -> list[Finding]:
    """Layers none of whose weights such bits can hold: both signs leave none for one bit."""
    limit = target.number("weight_limit")

    def finding(link: Link) -> Finding:
        wide = [b for b in target.choices("weight_bits") if grid(link.weights, b, limit)[1]]
        return Finding(
            where=link.name,
            what=f"has weights from {link.weights.min():g} to {link.weights.max():g}; in "
            f"{counted} {target.name} holds multiples of "
            f"{grid(link.weights, bits, limit)[0]} up to {limit}: all would be 0.",
            fix=f"Bits: {', '.join(map(str, wide))}." if wide else "Take another target.",
        )

    counted = f"{bits} bit{'s' if bits > 1 else ''}"
    return [
        finding(link)
        for unit in plan.units
        for link in plan.into(unit.name)
        if unit.kind is not UnitKind.ANY
        and link.weights.any()
        and not grid(link.weights, bits, limit)[1]
    ]


def _errors(item: RoundedUnit) -> list[WeightError]:
    """In units of the weights as they are in the plan, gains included."""
    found = []
    for name, link in item.links.items():
        if item.unit.kind is UnitKind.ANY:
            continue
        q = item.setting.q
        difference = link.values(q) - link.link.weights
        found.append(
            WeightError(
                layer=name,
                scale=2.0**link.weight_exp / q,
                largest=float(np.abs(difference).max(initial=0.0)),
                rms=float(np.sqrt(np.mean(difference**2))) if difference.size else 0.0,
                zeroed=link.zeroed,
            )
        )
    return found


def _losses(plan: Plan, item: RoundedUnit, target: Target) -> list[Finding]:
    """What a layer lost without data being needed to see it."""
    unit, found = item.unit, []
    for name, link in item.links.items():
        stored: Any = link.operator.weight
        if link.link.nonzero and not stored.any():
            found.append(
                _warning(name, "every weight became 0.", "Give it more bits, or weights as large "
                "as those of the other layers that feed the same neurons.")
            )  # fmt: skip
        elif link.clipped:
            share = 100 * link.clipped / link.link.weights.size
            found.append(
                _info(name, f"{link.clipped} weights ({share:.2g} %) are clipped to the largest.")
            )
    if item.bias_clipped:
        found.append(
            _warning(unit.name, f"{item.bias_clipped} biases are larger than the chip's.",
                     "Train smaller biases.")
        )  # fmt: skip
    if ((unit.alpha == 1) & (item.du == 0)).any():
        found.append(
            _warning(unit.name, "its current never decays; the chip's loses 1 of 4096 a step.", "")
        )
    if ((unit.beta < 1) & (item.dv == 0)).any():
        found.append(
            _warning(
                unit.name,
                "its membrane decays by less than half of 1/4096: not at all on the chip.",
                "",
            )
        )
    return found + _possible_overflow(plan, item, target)


def _possible_overflow(plan: Plan, item: RoundedUnit, target: Target) -> list[Finding]:
    """Whether the input sum could pass its width if every source spiked at once."""
    most = (1 << (target.number("input_sum_bits") - 1)) - 1
    total = np.zeros(item.unit.n)
    for link in item.links.values():
        weights: Any = link.operator.weight
        sizes = link.operator.with_weights(np.abs(weights).astype(np.int16))
        ones = np.ones((1, sizes.n_in), dtype=np.int64)
        total = total + sizes.reference_step(ones)[0] * 2.0**link.weight_exp
    if total.max(initial=0.0) <= most:
        return []
    return [
        _info(
            item.unit.name,
            f"input sums could reach {int(total.max())} if all sources spiked at once; the chip "
            f"holds {most}. Runs count what passes it.",
        )
    ]


def _overflows(diagnosis: Diagnosis | None) -> list[Finding]:
    layers = () if diagnosis is None else diagnosis.layers
    return [
        _warning(
            layer.name,
            f"on the data, {layer.input_overflow} input sums pass 16 bits and "
            f"{layer.current_overflow} currents 24; chip and emulators differ there.",
            "Use fewer inputs at once, or calibrate on these data.",
        )
        for layer in layers
        if layer.input_overflow or layer.current_overflow
    ]


def _warning(where: str, what: str, fix: str) -> Finding:
    return Finding(where=where, what=what, fix=fix, severity=Severity.WARNING)


def _info(where: str, what: str) -> Finding:
    return Finding(where=where, what=what, severity=Severity.INFO)
