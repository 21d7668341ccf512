"""Int32 programs -> ONNX nodes. Registers are int64 tensors that hold int32 numbers.

Each result is taken modulo 2^32 by a cast to int32 and back: ONNX defines casts between integers as
dropping the upper bits. `Div` of integers rounds toward zero, `Mod` has the sign of the divisor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from onnx import TensorProto

from neurochain.exporters.onnx.graph import Nodes
from neurochain.network import Op, Projection

__all__ = ["INTEGER_INSTRUCTIONS", "shifted", "wrapped"]


def wrapped(g: Nodes, value: str) -> str:
    """int64 -> int64, modulo 2^32 as two's complement has it."""
    return g.cast(g.cast(value, TensorProto.INT32), TensorProto.INT64)


def _of(g: Nodes, value: int) -> str:
    return g.constant(np.asarray(value, dtype=np.int64))


def _plain(op: str) -> Callable[..., str]:
    return lambda g, *args: wrapped(g, g(op, *args))


def _compared(op: str) -> Callable[..., str]:
    return lambda g, a, b: g.cast(g(op, a, b), TensorProto.INT64)


def _differs(g: Nodes, a: str, b: str) -> str:
    return g.cast(g("Not", g("Equal", a, b)), TensorProto.INT64)


def _select(g: Nodes, a: str, b: str, c: str) -> str:
    return g("Where", g("Equal", a, _of(g, 0)), c, b)


def _chosen(op: str) -> Callable[..., str]:
    return lambda g, a, b: g("Where", g(op, a, b), a, b)


def _power(g: Nodes, exponent: str) -> str:
    """2^(exponent modulo 32)."""
    powers = g.constant(np.left_shift(np.int64(1), np.arange(32, dtype=np.int64)))
    return g("Gather", powers, g("Mod", exponent, _of(g, 32)), axis=0)


def _floored(g: Nodes, a: str, power: str) -> str:
    """floor(a / power)."""
    return g("Div", g("Sub", a, g("Mod", a, power)), power)


def _shift_left(g: Nodes, a: str, b: str) -> str:
    return wrapped(g, g("Mul", a, _power(g, b)))


def _shift_right(g: Nodes, a: str, b: str) -> str:
    return _floored(g, a, _power(g, b))


def _scale(g: Nodes, a: str, b: str, c: str) -> str:
    return wrapped(g, g("Div", g("Mul", a, b), _power(g, c)))


def _modulo(g: Nodes, a: str, b: str) -> str:
    empty = g("Equal", b, _of(g, 0))
    rest = g("Mod", a, g("Where", empty, _of(g, 1), b))
    return g("Where", empty, _of(g, 0), rest)


INTEGER_INSTRUCTIONS: Mapping[Op, Callable[..., str]] = MappingProxyType(
    {
        Op.ADD: _plain("Add"),
        Op.SUB: _plain("Sub"),
        Op.MUL: _plain("Mul"),
        Op.ABS: _plain("Abs"),
        Op.NEG: _plain("Neg"),
        Op.COPY: lambda g, a: g("Identity", a),
        Op.GT: _compared("Greater"),
        Op.GE: _compared("GreaterOrEqual"),
        Op.LT: _compared("Less"),
        Op.LE: _compared("LessOrEqual"),
        Op.EQ: _compared("Equal"),
        Op.NE: _differs,
        Op.SELECT: _select,
        Op.MAX: _chosen("Greater"),
        Op.MIN: _chosen("Less"),
        Op.SHIFT_LEFT: _shift_left,
        Op.SHIFT_RIGHT: _shift_right,
        Op.SCALE: _scale,
        Op.MOD: _modulo,
    }
)


def shifted(g: Nodes, total: str, projection: Projection) -> str:
    """A projection's exact int64 sum -> what arrives, as the chip shifts it."""
    total, exponent = wrapped(g, total), projection.weight_exp
    if exponent > 0:
        return wrapped(g, g("Mul", total, _of(g, 1 << exponent)))
    return _floored(g, total, _of(g, 1 << -exponent)) if exponent else total
