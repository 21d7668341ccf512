"""The scale of a unit from its weights alone: which q rounds least.

q is theta's mantissa over theta, so that thresholds are exact; candidates are those at which a link
just fills its bits, a power of two (exact for weights that are multiples of one), the grid on which
weights lie already (as those trained for a target do), and, where weights may be clipped, somewhat
larger ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, log2

import numpy as np

from neurochain.errors import Finding, InputError, UnsupportedError
from neurochain.network import Operator
from neurochain.operators import Conv
from neurochain.quantize.loihi.plan import F64, Plan, Unit, UnitKind
from neurochain.quantize.loihi.rounding import (
    RoundedUnit,
    Setting,
    exponent_of,
    grid,
    round_unit,
)
from neurochain.targets import Target

__all__ = ["METHODS", "candidates", "error_of", "is_exact", "most_threshold", "scale_by_weights"]

METHODS = ("peak", "percentile", "mse")
"""peak: no weight is clipped; percentile: the largest 0.1 % may be; mse: whatever rounds least."""
PERCENTILE = 99.9
_CLIPS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
_FINEST = 16
"""Bits in which weights may differ and still lie on a grid of their own."""
_FINE_THRESHOLD = 64
"""A threshold below this many units is coarser than the weights need."""


def most_threshold(target: Target) -> int:
    """The largest threshold mantissa."""
    return (1 << target.number("threshold_bits")) - 1


def scale_by_weights(plan: Plan, unit: Unit, bits: int, target: Target, method: str) -> RoundedUnit:
    """The unit in integers, scaled by `method`.

    Errors: InputError for an unknown method; UnsupportedError where threshold and weights are too
    far apart for the chip's numbers.
    """
    if method not in METHODS:
        raise InputError(f"calibration method {method!r} is unknown: {', '.join(METHODS)}.")
    found = [
        round_unit(plan, unit, setting, bits, target, clip)
        for setting, clip in candidates(plan, unit, bits, target, method)
    ]
    if not found:
        raise UnsupportedError(_no_scale(plan, unit, target))
    return _best(plan, found)


def _best(plan: Plan, found: list[RoundedUnit]) -> RoundedUnit:
    """The one that rounds least; larger scales, with larger sums, only where better by 5 %."""
    ordered = sorted(found, key=lambda rounded: rounded.setting.q)
    best, least = ordered[0], error_of(plan, ordered[0])
    for rounded in ordered[1:]:
        error = error_of(plan, rounded)
        if error < 0.95 * least:
            best, least = rounded, error
    return best


def candidates(
    plan: Plan, unit: Unit, bits: int, target: Target, method: str
) -> Iterator[tuple[Setting, float]]:
    """(setting, clip) of every scale that the chip's numbers allow."""
    if unit.kind is UnitKind.ANY:
        yield Setting(q=1.0, vth=int(unit.theta)), 1.0
        return
    seen = set()
    for clip in _clips(plan, unit, method):
        for q in _scales(plan, unit, bits, target, clip):
            setting = _setting(unit, q, target)
            if setting is not None and (setting, clip) not in seen:
                seen.add((setting, clip))
                yield setting, clip


def _clips(plan: Plan, unit: Unit, method: str) -> tuple[float, ...]:
    if method == "peak":
        return (1.0,)
    if method == "mse":
        return _CLIPS
    shares = []
    for link in plan.into(unit.name):
        sizes = np.abs(link.weights[link.weights != 0])
        if sizes.size:
            shares.append(float(np.percentile(sizes, PERCENTILE) / sizes.max()))
    return (max(shares, default=1.0),)


def _scales(plan: Plan, unit: Unit, bits: int, target: Target, clip: float) -> Iterator[float]:
    """q at which a link's largest weight is the largest of its grid, at every exponent."""
    limit, most = target.number("weight_limit"), target.number("weight_exponent_max")
    found = False
    for link in plan.into(unit.name):
        peak = float(np.abs(link.weights).max(initial=0.0)) * clip
        if not peak:
            continue
        _, largest = grid(link.weights, bits, limit)
        for exponent in range(most + 1):
            q = largest * 2.0**exponent / peak
            if all(
                exponent_of(other.weights * clip, q, grid(other.weights, bits, limit)[1], most + 1)
                <= most
                for other in plan.into(unit.name)
            ):
                found = True
                yield q
                yield 2.0 ** floor(log2(q))
        unit_of = _common_unit(link.weights)
        for exponent in range(most + 1 if unit_of else 0):
            step, largest = grid(link.weights, bits, limit)
            if peak <= largest / step * unit_of * 2.0**most:
                yield step * 2.0**exponent / unit_of
    if not found and not any(link.weights.any() for link in plan.into(unit.name)):
        yield _FINE_THRESHOLD / unit.theta


def _common_unit(weights: F64) -> float:
    """The largest power of two that all weights are multiples of; 0 where it is far below them."""
    sizes = np.unique(np.abs(weights[weights != 0]))
    unit = 2.0 ** floor(log2(sizes[-1]))
    for _ in range(_FINEST):
        if (sizes / unit == np.rint(sizes / unit)).all():
            return unit
        unit /= 2
    return 0.0


def _setting(unit: Unit, q: float, target: Target) -> Setting | None:
    """The scale at or just below q at which the threshold is a whole number; None: none is."""
    most = most_threshold(target)
    if unit.kind is UnitKind.READOUT:
        return Setting(q=q, vth=most)
    exact = unit.theta * q
    vth = int(exact) if exact == int(exact) else floor(exact)
    if vth < 1 or vth > most:
        return None
    q = vth / unit.theta
    lowered = int(vth > 1 and _equality_counts(unit, q))
    return Setting(q=q, vth=vth - lowered, lowered=lowered)


def _equality_counts(unit: Unit, q: float) -> bool:
    """Whether v >= theta can be told from v > theta: all that v holds are whole mantissas."""
    whole = bool((unit.bias * q == np.rint(unit.bias * q)).all())
    return unit.equal and whole and bool((unit.beta == 1).all() and (unit.alpha == 0).all())


def error_of(plan: Plan, rounded: RoundedUnit) -> float:
    """Variance that rounding adds to a membrane if all inputs spiked, in squared float units."""
    unit, q = rounded.unit, rounded.setting.q
    total = 0.0
    for item in rounded.links.values():
        squares = float(((item.values(q) - item.link.weights) ** 2).sum())
        total += squares * _targets_of_a_weight(item.link.operator) / unit.n
    total += float(((rounded.bias / (q * 2.0**6) - unit.bias) ** 2).mean())
    if unit.kind is UnitKind.LIF:
        total += (rounded.setting.theta - unit.theta) ** 2
        if rounded.setting.vth < _FINE_THRESHOLD:  # how finely sums can be compared at all
            total += (0.5 / rounded.setting.vth * unit.theta) ** 2
    return total


def is_exact(plan: Plan, rounded: RoundedUnit, target: Target) -> bool:
    """Whether no number of the unit was rounded: weights, bias, threshold, decays."""
    unit = rounded.unit
    whole = 1 << target.number("decay_bits")
    kept = whole - target.number("current_decay_offset") - rounded.du
    decays = bool((unit.alpha * whole == kept).all())
    decays = decays and bool((unit.beta * whole == whole - rounded.dv).all())
    exact = decays and not rounded.setting.lowered and error_of(plan, rounded) == 0
    return bool(exact)


def _targets_of_a_weight(operator: Operator) -> float:
    """1, or the positions of a convolution."""
    if isinstance(operator, Conv):
        return operator.n_out / operator.out_shape[0]
    return 1.0


def _no_scale(plan: Plan, unit: Unit, target: Target) -> Finding:
    peak = max((float(np.abs(k.weights).max(initial=0)) for k in plan.into(unit.name)), default=0.0)
    return Finding(
        where=unit.name,
        what=f"threshold {unit.theta:g} and largest weight {peak:g} are too far apart: "
        f"{target.name} holds thresholds of 1..{most_threshold(target)} and weights of up to "
        f"{target.number('weight_limit')} 2^{target.number('weight_exponent_max')}.",
        fix="Train with a threshold nearer to the weights.",
    )
