"""Running a neuron program in NumPy: the reference meaning of every operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.network import F32, Op, Program

__all__ = ["OPERATIONS", "evaluate"]


def _greater(a: F32, b: F32) -> F32:
    return np.greater(a, b).astype(np.float32)


def _greater_equal(a: F32, b: F32) -> F32:
    return np.greater_equal(a, b).astype(np.float32)


def _select(a: F32, b: F32, c: F32) -> F32:
    return np.where(a != 0, b, c).astype(np.float32)


OPERATIONS: Mapping[Op, Callable[..., Any]] = MappingProxyType(
    {
        Op.ADD: np.add,
        Op.SUB: np.subtract,
        Op.MUL: np.multiply,
        Op.GT: _greater,
        Op.GE: _greater_equal,
        Op.SELECT: _select,
        Op.COPY: np.copy,
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
