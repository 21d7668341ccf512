"""The numbers that training may use: a target's integers, as floats that float32 adds exactly.

A neuron only sees how its weights compare with its threshold, so both may be multiplied by one
factor. It is chosen such that one unit of the chip is a power of two: weights are then multiples of
a power of two, sums are exact in float32 in any order, and what a layer does while it is trained is
what the integers do, spike for spike. The threshold is an odd number of units: no coarser scale
holds it, so the compiler finds this one again from the weights and the threshold alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log2

import numpy as np

from neurochain.quantize.loihi.plan import F64, Plan, Unit, UnitKind
from neurochain.quantize.loihi.rounding import RoundedUnit, grid
from neurochain.targets import Target

__all__ = ["LayerGrid", "UnitGrid", "grids_of"]

_FINE_THRESHOLD = 64
"""Units that a threshold has at least: below, membranes are compared more coarsely than weights."""
_HEADROOM = 2.0
"""How much biases may grow in training before the chip's mantissa ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerGrid:
    """Of one link: weights are k step, |k| <= most, as the neuron receives them."""

    step: float
    most: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnitGrid:
    """Of one population.

    factor     what weights, biases and threshold are multiplied by before training
    unit       one unit of the chip's membrane: a power of two
    theta      the threshold, an odd multiple of 64 units; None: it never spikes
    theta_step what thresholds are odd multiples of
    alpha, beta  () or (n,), shares of current and membrane that stay, multiples of 2^-decay_bits
    bias_step, bias_most   biases are k bias_step, |k| <= bias_most
    links      by name of the layer
    """

    name: str
    factor: float
    unit: float
    theta: float | None
    theta_step: float
    alpha: F64
    beta: F64
    bias_step: float
    bias_most: int
    links: Mapping[str, LayerGrid]


def grids_of(plan: Plan, rounded: Sequence[RoundedUnit], target: Target) -> tuple[UnitGrid, ...]:
    """A grid for every unit that has weights, near the scales of `rounded`."""
    return tuple(_unit_grid(item, target) for item in rounded if item.unit.kind is not UnitKind.ANY)


def _unit_grid(item: RoundedUnit, target: Target) -> UnitGrid:
    unit, shift = item.unit, target.number("weight_shift")
    exponents = [link.weight_exp for link in item.links.values()]
    less = min(exponents, default=0)
    if unit.kind is UnitKind.READOUT:  # its membrane is read: it keeps its scale
        q = 2.0 ** floor(log2(item.setting.q / 2.0**less))
        factor, theta, more = 1.0, None, 0
    else:
        units, more = item.setting.vth / 2.0**less, 0
        while units < _FINE_THRESHOLD:
            units, more = units * 2, more + 1
        vth = 2 * floor(units / 2) + 1
        q = 2.0 ** round(log2(vth / unit.theta))
        theta = vth / q
        factor = theta / unit.theta
    limit = target.number("weight_limit")
    both = np.array([-1.0, 1.0])  # signs may change in training
    links = {}
    for name, link in item.links.items():
        step, largest = grid(both, item.bits, limit)
        size = step * 2.0 ** (link.weight_exp - less + more) / q
        links[name] = LayerGrid(step=size, most=largest // step)
    membrane = 1.0 / (q * 2.0**shift)
    bias_step, bias_most = _bias_grid(unit, factor, membrane, target)
    whole = 1 << target.number("decay_bits")
    offset = target.number("current_decay_offset")
    return UnitGrid(
        name=unit.name,
        factor=factor,
        unit=membrane,
        theta=theta,
        theta_step=1.0 / q,
        alpha=(whole - offset - item.du.astype(np.float64)) / whole,
        beta=(whole - item.dv.astype(np.float64)) / whole,
        bias_step=bias_step,
        bias_most=bias_most,
        links=links,
    )


def _bias_grid(unit: Unit, factor: float, membrane: float, target: Target) -> tuple[float, int]:
    most = (1 << (target.number("bias_mantissa_bits") - 1)) - 1
    peak = _HEADROOM * float(np.abs(unit.bias).max(initial=0.0)) * factor / membrane
    exponent = target.number("bias_exponent_min") if "bias_exponent_min" in target.numbers else 0
    while exponent < target.number("bias_exponent_max") and peak / 2**exponent > most:
        exponent += 1
    return membrane * 2.0**exponent, most
