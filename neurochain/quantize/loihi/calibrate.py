"""Scales and thresholds from data: those whose spikes differ least from the float network's.

Neuron by neuron layer in execution order, driven by what the layers before it emit as integers (a
layer makes up for what they lost), by the float network's spikes where a cycle leads back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.network import F32
from neurochain.quantize.loihi.assemble import float_network
from neurochain.quantize.loihi.forced import Driven, all_spikes, drive
from neurochain.quantize.loihi.plan import Plan, UnitKind
from neurochain.quantize.loihi.rounding import RoundedUnit, Setting, round_unit
from neurochain.quantize.loihi.scale import (
    candidates,
    error_of,
    is_exact,
    most_threshold,
    scale_by_weights,
)
from neurochain.targets import Target

__all__ = ["calibrate"]

_TRIED = 6
"""Scales that are run on the data: those that round least."""
_SHIFTS = (-0.04, -0.02, -0.01, -0.005, 0.005, 0.01, 0.02, 0.04)
"""Relative changes of the threshold that are tried."""


def calibrate(plan: Plan, bits: int, target: Target, x: Mapping[str, F32]) -> list[RoundedUnit]:
    """Every unit in integers. x: input name -> (sample, step, n)."""
    wanted, membranes = all_spikes(float_network(plan), x)
    spikes: dict[str, NDArray[Any]] = dict(wanted)
    chosen = []
    for unit in plan.units:
        first = scale_by_weights(plan, unit, bits, target, "mse")
        if (
            unit.kind is UnitKind.ANY
            or not plan.into(unit.name)
            or _stays(plan, first, spikes, target)
        ):
            best = first
        elif unit.kind is UnitKind.READOUT:
            best = _readout(plan, _tries(plan, first, bits, target), spikes, membranes)
        else:
            best = _spiking(plan, _tries(plan, first, bits, target), spikes, wanted, target)
        chosen.append(best)
        spikes[unit.name] = drive(plan, best, spikes).spikes
    return chosen


def _stays(
    plan: Plan, first: RoundedUnit, spikes: Mapping[str, NDArray[Any]], target: Target
) -> bool:
    """Whether a unit was trained in these integers: nothing is rounded, nothing overflows.

    A larger scale would cut its membranes more finely than training saw.
    """
    return is_exact(plan, first, target) and not drive(plan, first, spikes).overflow.any()


def _tries(plan: Plan, first: RoundedUnit, bits: int, target: Target) -> list[RoundedUnit]:
    """The scales that round least, and the one that weights alone would choose first."""
    unit = first.unit
    found = [
        round_unit(plan, unit, setting, bits, target, clip)
        for setting, clip in candidates(plan, unit, bits, target, "mse")
        if setting != first.setting
    ]
    found.sort(key=lambda rounded: error_of(plan, rounded))
    return [first, *found[: _TRIED - 1]]


def _spiking(
    plan: Plan,
    tries: list[RoundedUnit],
    spikes: Mapping[str, NDArray[Any]],
    wanted: Mapping[str, NDArray[Any]],
    target: Target,
) -> RoundedUnit:
    name = tries[0].unit.name

    def cost(rounded: RoundedUnit) -> tuple[int, int]:
        """Overflow first, then differing spikes."""
        driven = drive(plan, rounded, spikes)
        return int(driven.overflow.sum()), int((driven.spikes != wanted[name]).sum())

    tries = _without_overflow(plan, tries, spikes, target)
    best, least = tries[0], cost(tries[0])
    for rounded in tries[1:]:
        if (found := cost(rounded)) < least:
            best, least = rounded, found
    middle = best.setting.vth
    for shift in _SHIFTS:
        vth = round(middle * (1 + shift))
        if vth == middle or not 1 <= vth <= most_threshold(target):
            continue
        moved = replace(best, setting=replace(best.setting, vth=vth))
        if (found := cost(moved)) < least:
            best, least = moved, found
    return best


def _without_overflow(
    plan: Plan,
    tries: list[RoundedUnit],
    spikes: Mapping[str, NDArray[Any]],
    target: Target,
) -> list[RoundedUnit]:
    """Where the best scale overflows, the same with all integers halved, until it does not."""
    first = tries[0]
    for _ in range(8):
        if not drive(plan, first, spikes).overflow.any():
            break
        vth = first.setting.vth // 2
        if vth < 1:
            break
        unit = first.unit
        q = vth / unit.theta if unit.kind is UnitKind.LIF else first.setting.q / 2
        setting = Setting(q=q, vth=vth)
        first = round_unit(plan, unit, setting, first.bits, target, 1.0)
    return [first, *tries[1:]]


def _readout(
    plan: Plan,
    tries: list[RoundedUnit],
    spikes: Mapping[str, NDArray[Any]],
    membranes: Mapping[str, NDArray[Any]],
) -> RoundedUnit:
    name = tries[0].unit.name

    def cost(rounded: RoundedUnit) -> tuple[int, float]:
        driven: Driven = drive(plan, rounded, spikes, membrane=True)
        seen = np.zeros(0) if driven.membrane is None else driven.membrane
        value = seen / (rounded.setting.q * 2.0**6)
        spoilt = int(driven.overflow.sum() + driven.spikes.sum())
        return spoilt, float(((value - membranes[name]) ** 2).mean())

    return min(tries, key=cost)
