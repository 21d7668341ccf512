"""Values with proven bounds of what float32 rounding can do to them.

An enclosure is (value, error): the value computed in float64, and a bound on how far any float32
evaluation, in any order of summation, can be from the exact value. u = 2^-24, and a sum of k
products costs at most gamma_k = k u / (1 - k u) times the sum of their magnitudes (Higham, Accuracy
and Stability of Numerical Algorithms, section 3.1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.network import Op, Operator, Program
from neurochain.operators import MaxPool, Pool

__all__ = [
    "Enclosure",
    "Inflow",
    "emission",
    "enclose",
    "exact",
    "flow",
    "gamma",
    "quantum",
    "total",
]

F64 = NDArray[np.float64]

_U = 2.0**-24
_U64 = 2.0**-52
_LARGEST = 2.0**127
_TINY = 2.0**-149
_OUTWARD = 1.0 + 2.0**-50  # more than the float64 rounding of a bound's own computation


def gamma(terms: F64) -> F64:
    """gamma_k for float32."""
    return terms * _U / (1.0 - terms * _U)


@dataclass(frozen=True, slots=True, eq=False)
class Enclosure:
    """value and error, float64 arrays of one shape."""

    value: F64
    error: F64


@dataclass(frozen=True, slots=True, eq=False)
class Inflow:
    """What one projection brings: value, carried error, sum of magnitudes, number of terms.

    quantum: every product is a whole multiple of it, and of a power of two (0: unknown).
    """

    value: F64
    carried: F64
    magnitude: F64
    terms: F64
    quantum: float


def exact(value: NDArray[Any]) -> Enclosure:
    """A float32 number that both executions share."""
    values = np.asarray(value, dtype=np.float64)
    return Enclosure(values, np.zeros_like(values))


def flow(operator: Operator, x: Enclosure, scale: Any = None) -> Inflow:
    """Send enclosures (row, n_in) through an operator; nothing is rounded here yet."""
    factor = 1.0 if scale is None else float(scale)
    if isinstance(operator, MaxPool):
        value = operator.reference_step(x.value)
        carried = operator.reference_step(x.error)
        return Inflow(value, carried, np.abs(value), np.ones_like(value), quantum(x.value))
    size = np.abs(x.value) + x.error
    if isinstance(operator, Pool):
        value = operator.reference_step(x.value)
        ones = replace(operator, average=False, divisors=None)
        terms = ones.reference_step((size != 0).astype(np.float64)) + operator.average
        carried = np.abs(operator.reference_step(x.error))  # divisors may be negative
        magnitude = np.abs(operator.reference_step(size))
        return Inflow(value, carried, magnitude, terms, _divided(quantum(x.value), operator.size))
    weight = operator.weight
    value = operator.reference_step(x.value) * factor
    if weight is None:
        carried = operator.reference_step(x.error)
        magnitude = operator.reference_step(size)
        return Inflow(value, carried, magnitude, np.ones_like(value), quantum(x.value))
    absolute = operator.with_weights(np.abs(weight.astype(np.float64)))
    counting = operator.with_weights((weight != 0).astype(np.float64))
    return Inflow(
        value,
        absolute.reference_step(x.error) * abs(factor),
        absolute.reference_step(size) * abs(factor),
        counting.reference_step((size != 0).astype(np.float64)) + (scale is not None),
        0.0 if scale is not None else quantum(weight) * quantum(x.value),
    )


def quantum(values: NDArray[Any]) -> float:
    """The largest power of two that divides every value (float32 numbers); 1 if all are zero."""
    nonzero = np.unique(np.abs(np.asarray(values, dtype=np.float64)))
    nonzero = nonzero[nonzero > 0]
    if not nonzero.size:
        return 1.0
    mantissa, exponent = np.frexp(nonzero)
    whole = (mantissa * 2.0**53).astype(np.int64)
    lowest = (whole & -whole).astype(np.float64)
    return float(np.ldexp(lowest, exponent - 53).min())


def _divided(value: float, divisors: NDArray[np.float32]) -> float:
    """Quantum of a mean: known where the divisors are powers of two."""
    sizes = np.abs(divisors.astype(np.float64))
    mantissas, _ = np.frexp(sizes)
    return value / float(sizes.max()) if (mantissas == 0.5).all() else 0.0


def total(inflows: list[Inflow], biases: list[F64], shape: tuple[int, ...]) -> Enclosure:
    """The sum of all that comes in, rounded in float32 in any order."""
    value, carried, magnitude, terms = (np.zeros(shape) for _ in range(4))
    for part in inflows:
        value = value + part.value
        carried = carried + part.carried
        magnitude = magnitude + part.magnitude
        terms = terms + part.terms
    for bias in biases:
        value = value + bias
        magnitude = magnitude + np.abs(bias)
        terms = terms + (bias != 0)
    size = magnitude + carried
    error = carried + gamma(terms) * size + (terms + 1.0) * (_U64 * size + _TINY)
    # nothing is rounded: one addend that is a float32, or multiples of one quantum that fit 24 bits
    step = min([part.quantum for part in inflows] + [quantum(bias) for bias in biases], default=1.0)
    lone = (terms <= 1) & (value.astype(np.float32) == value)
    whole = size <= step * 2.0**24
    return Enclosure(value, np.where((carried == 0) & (lone | whole), 0.0, error))


Known = Mapping[str, tuple[NDArray[Any], NDArray[np.bool_]]]
"""comparison register -> (its value, where both executions are known to agree on it)"""


def enclose(
    program: Program, registers: Mapping[str, Enclosure], known: Known | None = None
) -> dict[str, Enclosure]:
    """Run one step of a program on enclosures. Returns every register."""
    values = dict(registers)
    for name, constant in program.constants:
        values[name] = exact(np.asarray(constant))
    for step in program.body:
        with np.errstate(all="ignore"):  # infinities and NaN are values of their own
            result = _OPERATIONS[step.op](*(values[name] for name in step.args))
        if known and step.out in known:
            agreed, where = known[step.out]
            result = Enclosure(
                np.where(where, agreed, result.value), np.where(where, 0.0, result.error)
            )
        values[step.out] = result
    return values


def emission(
    program: Program, registers: Mapping[str, Enclosure], shape: tuple[int, int]
) -> Enclosure:
    """What a population emits, (row, n), given every register of a step.

    Where neurons compete: who cannot win emits 0; where only one can, it emits what it computed;
    where several can, each of them may emit that or 0.
    """
    emitted = _spread(registers[program.emit], shape)
    if not program.winner:
        return emitted
    rival = _spread(registers[program.winner], shape)
    apart = rival.error > 0  # an exact value is its own end
    high = np.nextafter(rival.value + rival.error, np.where(apart, np.inf, rival.value))
    low = np.nextafter(rival.value - rival.error, np.where(apart, -np.inf, rival.value))
    able = high >= low.max(axis=1, keepdims=True)
    settled = ~(able & apart).any(axis=1, keepdims=True)
    first = np.cumsum(able, axis=1) == 1
    able &= first | ~settled  # equal to the bit in both executions: the first wins
    alone = able.sum(axis=1, keepdims=True) == 1
    either = np.maximum(emitted.error, np.abs(emitted.value))
    error = np.where(alone, emitted.error, either)
    return Enclosure(np.where(able, emitted.value, 0.0), np.where(able, error, 0.0))


def _spread(enclosure: Enclosure, shape: tuple[int, int]) -> Enclosure:
    return Enclosure(
        np.broadcast_to(enclosure.value, shape), np.broadcast_to(enclosure.error, shape)
    )


def _rounded(value: F64, carried: F64) -> Enclosure:
    """A float32 operation: what was carried in, and one rounding.

    Operands that are the same in both executions give the same result, and float64 rounded to
    float32 is that result: no error then.
    """
    known = np.isfinite(value) & (carried < np.inf)  # NaN: 0 * inf
    carried = np.where(known | (carried == 0), carried, np.inf)
    value = np.where(known | (carried == 0), value, 0.0)
    size = np.abs(value) + carried
    same = value.astype(np.float32).astype(np.float64)
    error = carried + _U * size + _U64 * size + _TINY
    error = np.where(size < _LARGEST, error, np.inf)  # one of the two may overflow
    return Enclosure(np.where(carried == 0, same, value), np.where(carried == 0, 0.0, error))


def _add(a: Enclosure, b: Enclosure) -> Enclosure:
    return _rounded(a.value + b.value, a.error + b.error)


def _sub(a: Enclosure, b: Enclosure) -> Enclosure:
    return _rounded(a.value - b.value, a.error + b.error)


def _mul(a: Enclosure, b: Enclosure) -> Enclosure:
    carried = np.abs(a.value) * b.error + np.abs(b.value) * a.error + a.error * b.error
    return _rounded(a.value * b.value, carried)


def _div(a: Enclosure, b: Enclosure) -> Enclosure:
    """|a/b - a'/b'| <= (|a/b| eb + ea) / (|b| - eb); unknown where b may be 0 in one of the two."""
    value = a.value / b.value
    least = np.abs(b.value) - b.error * _OUTWARD
    bound = (np.abs(value) * b.error + a.error) / least * _OUTWARD
    apart = (a.error > 0) | (b.error > 0)
    return _rounded(value, np.where(apart, np.where(least > 0, bound, np.inf), 0.0))


def _comparison(outcome: np.ufunc) -> Callable[[Enclosure, Enclosure], Enclosure]:
    """Open where the intervals meet: each of the two executions may then find either."""

    def compared(a: Enclosure, b: Enclosure) -> Enclosure:
        reach = a.error + b.error
        apart = np.abs(a.value - b.value) > reach  # False for NaN: open
        value = np.asarray(outcome(a.value, b.value), dtype=np.float64)
        return Enclosure(value, np.where(apart | (reach == 0), 0.0, 1.0))

    return compared


def _extreme(sign: int) -> Callable[[Enclosure, Enclosure], Enclosure]:
    """Maximum (1) or minimum (-1): nothing is rounded, and the nearer interval's error counts."""

    def extreme(a: Enclosure, b: Enclosure) -> Enclosure:
        ahead = sign * (a.value - b.value)
        value = np.where(ahead > 0, a.value, b.value)
        own = np.where(ahead > 0, a.error, b.error)
        sure = np.abs(ahead) > a.error + b.error
        return Enclosure(value, np.where(sure, own, np.maximum(a.error, b.error)))

    return extreme


def _floor(a: Enclosure) -> Enclosure:
    """The floors of both ends; each end is first moved outward by what float64 may round."""
    value = np.floor(a.value)
    low = np.floor(np.nextafter(a.value - a.error, -np.inf))
    high = np.floor(np.nextafter(a.value + a.error, np.inf))
    error = np.maximum(value - low, high - value)
    error = np.where(error > 2.0**52, error * _OUTWARD, error)  # below, differences are exact
    return Enclosure(value, np.where(a.error == 0, 0.0, error))


def _abs(a: Enclosure) -> Enclosure:
    return Enclosure(np.abs(a.value), a.error)


def _neg(a: Enclosure) -> Enclosure:
    return Enclosure(-a.value, a.error)


def _select(a: Enclosure, b: Enclosure, c: Enclosure) -> Enclosure:
    value = np.where(a.value != 0, b.value, c.value)
    own = np.where(a.value != 0, b.error, c.error)
    either = np.abs(b.value - c.value) + np.maximum(b.error, c.error)
    return Enclosure(value, np.where(a.error > 0, either, own))


def _copy(a: Enclosure) -> Enclosure:
    return a


_OPERATIONS: Mapping[Op, Callable[..., Enclosure]] = {
    Op.ADD: _add,
    Op.SUB: _sub,
    Op.MUL: _mul,
    Op.GT: _comparison(np.greater),
    Op.GE: _comparison(np.greater_equal),
    Op.SELECT: _select,
    Op.COPY: _copy,
    Op.DIV: _div,
    Op.MAX: _extreme(1),
    Op.MIN: _extreme(-1),
    Op.FLOOR: _floor,
    Op.ABS: _abs,
    Op.NEG: _neg,
    Op.LT: _comparison(np.less),
    Op.LE: _comparison(np.less_equal),
    Op.EQ: _comparison(np.equal),
    Op.NE: _comparison(np.not_equal),
}
