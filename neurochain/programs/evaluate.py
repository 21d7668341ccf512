"""Running a neuron program in NumPy: the reference meaning of every operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.network import F32, I32, I64, Op, Program

__all__ = ["INTEGER_OPERATIONS", "OPERATIONS", "emission", "evaluate", "to_int32"]


def _comparison(compare: np.ufunc) -> Callable[[F32, F32], F32]:
    def compared(a: F32, b: F32) -> F32:
        return np.asarray(compare(a, b), dtype=np.float32)

    return compared


def _select(a: F32, b: F32, c: F32) -> F32:
    return np.where(a != 0, b, c).astype(np.float32)


def _divide(a: F32, b: F32) -> F32:
    with np.errstate(all="ignore"):  # x / 0 is an infinity, 0 / 0 is NaN, as in C and torch
        return np.asarray(np.divide(a, b), dtype=np.float32)


def _maximum(a: F32, b: F32) -> F32:
    return np.where(np.greater(a, b), a, b).astype(np.float32)


def _minimum(a: F32, b: F32) -> F32:
    return np.where(np.less(a, b), a, b).astype(np.float32)


OPERATIONS: Mapping[Op, Callable[..., Any]] = MappingProxyType(
    {
        Op.ADD: np.add,
        Op.SUB: np.subtract,
        Op.MUL: np.multiply,
        Op.GT: _comparison(np.greater),
        Op.GE: _comparison(np.greater_equal),
        Op.SELECT: _select,
        Op.COPY: np.copy,
        Op.DIV: _divide,
        Op.MAX: _maximum,
        Op.MIN: _minimum,
        Op.FLOOR: np.floor,
        Op.ABS: np.abs,
        Op.NEG: np.negative,
        Op.LT: _comparison(np.less),
        Op.LE: _comparison(np.less_equal),
        Op.EQ: _comparison(np.equal),
        Op.NE: _comparison(np.not_equal),
    }
)


def to_int32(values: I64) -> I32:
    """Each value modulo 2^32, as two's complement has it."""
    return values.astype(np.int32)


def _scale(a: I64, b: I64, c: I64) -> I64:
    product = a * b  # of two 32-bit numbers: 63 bits and a sign
    result: I64 = np.sign(product) * (np.abs(product) >> (c & 31))
    return result


def _modulo(a: I64, b: I64) -> I64:
    result: I64 = np.where(b == 0, 0, np.mod(a, np.where(b == 0, 1, b)))
    return result


INTEGER_OPERATIONS: Mapping[Op, Callable[..., Any]] = MappingProxyType(
    {
        Op.ADD: np.add,
        Op.SUB: np.subtract,
        Op.MUL: np.multiply,
        Op.GT: np.greater,
        Op.GE: np.greater_equal,
        Op.SELECT: lambda a, b, c: np.where(a != 0, b, c),
        Op.COPY: np.copy,
        Op.MAX: np.maximum,
        Op.MIN: np.minimum,
        Op.ABS: np.abs,
        Op.NEG: np.negative,
        Op.LT: np.less,
        Op.LE: np.less_equal,
        Op.EQ: np.equal,
        Op.NE: np.not_equal,
        Op.SHIFT_LEFT: lambda a, b: a << (b & 31),
        Op.SHIFT_RIGHT: lambda a, b: a >> (b & 31),
        Op.SCALE: _scale,
        Op.MOD: _modulo,
    }
)
"""Operations on int64 that hold any result of two int32; what comes out is taken modulo 2^32."""


def evaluate(program: Program, registers: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Run one step.

    registers: ports and states (batch, n), parameters () or (n,), of the program's number type.
    Returns every register, constants and results included.
    """
    values: dict[str, NDArray[Any]] = dict(registers)
    for name, value in program.constants:
        values[name] = np.asarray(value, dtype=program.number)
    for step in program.body:
        arguments = [values[a] for a in step.args]
        if program.number == "int32":
            wide = INTEGER_OPERATIONS[step.op](*(a.astype(np.int64) for a in arguments))
            values[step.out] = to_int32(np.asarray(wide, dtype=np.int64))
        else:
            values[step.out] = OPERATIONS[step.op](*arguments)
    return values


def emission(
    program: Program, values: Mapping[str, NDArray[Any]], shape: tuple[int, int]
) -> NDArray[Any]:
    """What a population emits, (batch, n), given every register of a step.

    Where the neurons compete, each sample by itself: all but the first of the largest emit 0.
    """
    emitted = np.broadcast_to(values[program.emit], shape)
    if not program.winner:
        return emitted
    winners = np.argmax(np.broadcast_to(values[program.winner], shape), axis=1)
    return np.where(np.arange(shape[1]) == winners[:, None], emitted, emitted.dtype.type(0))
