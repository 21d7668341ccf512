"""A neuron program -> ONNX nodes, one instruction after the other, in the order of the program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from onnx import TensorProto

from neurochain.exporters.onnx.graph import Nodes
from neurochain.exporters.onnx.integers import INTEGER_INSTRUCTIONS
from neurochain.network import Op, Population

__all__ = ["INSTRUCTIONS", "Step", "instructions_of", "write_program"]


def _plain(op: str) -> Callable[..., str]:
    return lambda g, *args: g(op, *args)


def _compared(op: str) -> Callable[..., str]:
    return lambda g, a, b: g.float(g(op, a, b))


def _differs(g: Nodes, a: str, b: str) -> str:
    return g.float(g("Not", g("Equal", a, b)))


def _select(g: Nodes, a: str, b: str, c: str) -> str:
    return g("Where", g("Equal", a, g.scalar(0)), c, b)


def _chosen(op: str) -> Callable[..., str]:
    """a where a op b, else b: ONNX' own Max and Min treat NaN otherwise."""
    return lambda g, a, b: g("Where", g(op, a, b), a, b)


INSTRUCTIONS: Mapping[Op, Callable[..., str]] = MappingProxyType(
    {
        Op.ADD: _plain("Add"),
        Op.SUB: _plain("Sub"),
        Op.MUL: _plain("Mul"),
        Op.DIV: _plain("Div"),
        Op.FLOOR: _plain("Floor"),
        Op.ABS: _plain("Abs"),
        Op.NEG: _plain("Neg"),
        Op.COPY: _plain("Identity"),
        Op.GT: _compared("Greater"),
        Op.GE: _compared("GreaterOrEqual"),
        Op.LT: _compared("Less"),
        Op.LE: _compared("LessOrEqual"),
        Op.EQ: _compared("Equal"),
        Op.NE: _differs,
        Op.SELECT: _select,
        Op.MAX: _chosen("Greater"),
        Op.MIN: _chosen("Less"),
    }
)


def instructions_of(population: Population) -> Mapping[Op, Callable[..., str]]:
    """How each operation is written, by the numbers of the population."""
    return INTEGER_INSTRUCTIONS if population.program.number == "int32" else INSTRUCTIONS


class Step:
    """What a population's step gave: names of tensors (batch, n).

    emitted is float32; states and the membrane are of the program's numbers.
    """

    def __init__(self, emitted: str, states: Mapping[str, str], membrane: str) -> None:
        self.emitted, self.states, self.membrane = emitted, states, membrane


def write_program(
    g: Nodes, population: Population, registers: Mapping[str, str], batch: str
) -> Step:
    """One step of a population; `batch`: the vector [batch].

    registers   ports and states (batch, n), and the clock (batch, 1): float32, or int64 that hold
                int32 numbers
    """
    program = population.program
    number = np.float32 if program.number == "float32" else np.int64
    instructions = instructions_of(population)
    values = dict(registers)
    # registers that have one value a neuron and sample
    whole = set(values) - {program.clock}
    for name, value in population.params.items():
        values[name] = g.constant(value.astype(number), f"{population.name}.{name}")
    for name, literal in program.constants:
        values[name] = g.constant(np.asarray(literal, dtype=number))
    for step in program.body:
        args = [values[a] for a in step.args]
        values[step.out] = instructions[step.op](g, *args)
        if whole.intersection(step.args):
            whole.add(step.out)
    size = g("Concat", batch, g.ints(population.n), axis=0)

    def spread(register: str) -> str:
        value = values[register]
        return value if register in whole else g("Expand", value, size)

    emitted = spread(program.emit)
    if program.winner:
        compared = _narrow(g, spread(program.winner), program.number)
        first = g("ArgMax", compared, axis=1, keepdims=1)
        places = g.constant(np.arange(population.n, dtype=np.int64)[None])
        emitted = g(
            "Where", g("Equal", places, first), emitted, g.constant(np.asarray(0, dtype=number))
        )
    if program.number == "int32":
        emitted = g.cast(emitted, TensorProto.FLOAT)
    states = {
        state: _narrow(g, spread(register), program.number)
        for state, register in program.next_state
    }
    membrane = _narrow(g, spread(program.membrane), program.number) if program.membrane else ""
    return Step(emitted, states, membrane)


def _narrow(g: Nodes, value: str, number: str) -> str:
    """int64 registers as the int32 that they hold."""
    return g.cast(value, TensorProto.INT32) if number == "int32" else value
