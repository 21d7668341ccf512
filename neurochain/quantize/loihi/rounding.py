"""Numbers of a unit -> integers of the chip, given its scale.

One float unit of the membrane is 2^6 q units of the chip, so that weights are q w, in the unit of
the threshold mantissa. Everything lands on the grid on which Lava, nengo-loihi and brian2-loihi
agree: with b bits, weights of both signs are multiples of 2^(9 - b), of one sign of 2^(8 - b);
exponents are not negative; sums are shifted, never rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.network import I64, Operator
from neurochain.quantize.loihi.plan import F64, Link, Plan, Unit, UnitKind
from neurochain.targets import Target

__all__ = [
    "RoundedLink",
    "RoundedUnit",
    "Setting",
    "exponent_of",
    "grid",
    "round_decay",
    "round_unit",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is free to choose for a unit.

    q    chip weights (before the shift by 6) per float unit of the membrane
    vth  the threshold's mantissa; theta q, unless calibration moved it
    lowered  1 where it stands one lower, because v >= theta is v > theta - 1 there
    """

    q: float
    vth: int
    lowered: int = 0

    @property
    def theta(self) -> float:
        """The threshold that it stands for, in float units."""
        return (self.vth + self.lowered) / self.q


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoundedLink:
    """A link's integers. clipped, zeroed: weights beyond the largest one; nonzero ones lost."""

    link: Link
    operator: Operator  # int16
    weight_exp: int
    clipped: int
    zeroed: int

    def values(self, q: float) -> F64:
        """The weights that the integers stand for, float."""
        weights: NDArray[Any] | None = self.operator.weight
        stored = np.zeros(0) if weights is None else weights.astype(np.float64)
        return np.asarray(stored * 2.0**self.weight_exp / q)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoundedUnit:
    """A unit's integers, in Lava's convention.

    du, dv     () or (n,) int32
    bias       (n,) int32 at full scale, mantissa << bias_exp
    bits       of its weights
    """

    unit: Unit
    setting: Setting
    bits: int
    du: NDArray[np.int32]
    dv: NDArray[np.int32]
    bias: NDArray[np.int32]
    bias_exp: int
    bias_clipped: int
    links: Mapping[str, RoundedLink]


def grid(weights: F64, bits: int, limit: int) -> tuple[int, int]:
    """(step, largest) of the weights that can be stored, for weights of these signs."""
    mixed = bool((weights > 0).any() and (weights < 0).any())
    step = 1 << (8 - bits + mixed)
    return step, min(256 - step, limit // step * step)


def exponent_of(weights: F64, q: float, largest: int, most: int) -> int:
    """The smallest exponent with which the largest weight fits (0 .. most)."""
    peak = float(np.abs(weights).max(initial=0.0)) * q
    exponent = 0
    while exponent < most and np.rint(peak / 2**exponent) > largest:
        exponent += 1
    return exponent


def round_unit(
    plan: Plan, unit: Unit, setting: Setting, bits: int, target: Target, clip: float = 1.0
) -> RoundedUnit:
    """The unit and its links in integers.

    clip  share of the largest weight from which on weights are clipped (1: none)
    """
    links = {}
    for link in plan.into(unit.name):
        if unit.kind is UnitKind.ANY and link.operator.weight is not None:
            links[link.name] = _as_they_are(link)
            continue
        links[link.name] = _round_link(link, setting.q, bits, target, clip)
    bias, exponent, clipped = _round_bias(unit.bias * setting.q * 2.0**6, target)
    offset = target.number("current_decay_offset")
    return RoundedUnit(
        unit=unit,
        setting=setting,
        bits=bits,
        du=round_decay(unit.alpha, target, offset=offset),
        dv=round_decay(unit.beta, target),
        bias=bias,
        bias_exp=exponent,
        bias_clipped=clipped,
        links=links,
    )


def round_decay(kept: F64, target: Target, *, offset: int = 0) -> NDArray[np.int32]:
    """The decay that keeps this share of a state, within the chip's range."""
    whole = 1 << target.number("decay_bits")
    decay = whole - np.rint(kept * whole).astype(np.int64) - offset
    return np.asarray(np.clip(decay, 0, whole - 1), dtype=np.int32)


def _as_they_are(link: Link) -> RoundedLink:
    operator = link.operator.with_weights(link.weights.astype(np.int16))
    return RoundedLink(link=link, operator=operator, weight_exp=0, clipped=0, zeroed=0)


def _round_link(link: Link, q: float, bits: int, target: Target, clip: float) -> RoundedLink:
    weights = link.weights
    step, largest = grid(weights, bits, target.number("weight_limit"))
    exponent = exponent_of(weights * clip, q, largest, target.number("weight_exponent_max"))
    units = np.rint(weights * (q / 2.0**exponent / step))
    top = largest // step
    clipped = np.clip(units, -top, top)
    integers = (clipped * step).astype(np.int16)
    return RoundedLink(
        link=link,
        operator=link.operator.with_weights(integers),
        weight_exp=exponent,
        clipped=int(np.count_nonzero(units != clipped)),
        zeroed=int(np.count_nonzero((integers == 0) & (weights != 0))),
    )


def _round_bias(bias: F64, target: Target) -> tuple[NDArray[np.int32], int, int]:
    """Bias at full scale, its exponent (the smallest that fits), and how many were clipped."""
    most = (1 << (target.number("bias_mantissa_bits") - 1)) - 1
    highest = target.number("bias_exponent_max")
    peak = float(np.abs(bias).max(initial=0.0))
    exponent = target.number("bias_exponent_min") if "bias_exponent_min" in target.numbers else 0
    while exponent < highest and np.rint(peak / 2**exponent) > most:
        exponent += 1
    mantissa: I64 = np.rint(bias / 2.0**exponent).astype(np.int64)
    kept = np.clip(mantissa, -most, most)
    full = (kept << exponent).astype(np.int32)
    return full, exponent, int(np.count_nonzero(kept != mantissa))
