"""Running a neuron program in NumPy: the reference meaning of every operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.network import F32, Op, Program

__all__ = ["OPERATIONS", "emission", "evaluate"]


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


def evaluate(program: Program, registers: Mapping[str, NDArray[Any]]) -> dict[str, F32]:
    """Run one step.

    registers: ports and states (batch, n) float32, parameters () or (n,) float32.
    Returns every register, constants and results included.
    """
    values: dict[str, F32] = dict(registers)
    for name, value in program.constants:
        values[name] = np.asarray(value, dtype=np.float32)
    for step in program.body:
        values[step.out] = OPERATIONS[step.op](*(values[a] for a in step.args))
    return values


def emission(program: Program, values: Mapping[str, F32], shape: tuple[int, int]) -> F32:
    """What a population emits, (batch, n) float32, given every register of a step.

    Where the neurons compete, each sample by itself: all but the first of the largest emit 0.
    """
    emitted = np.broadcast_to(values[program.emit], shape)
    if not program.winner:
        return emitted
    winners = np.argmax(np.broadcast_to(values[program.winner], shape), axis=1)
    return np.where(np.arange(shape[1]) == winners[:, None], emitted, np.float32(0))
