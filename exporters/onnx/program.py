"""A neuron program -> ONNX nodes, one instruction after the other, in the order of the program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from neurochain.exporters.onnx.graph import Nodes
from neurochain.network import Op, Population

__all__ = ["INSTRUCTIONS", "Step", "write_program"]


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


class Step:
    """What a population's step gave: names of tensors (batch, n)."""

    def __init__(self, emitted: str, states: Mapping[str, str], membrane: str) -> None:
        self.emitted, self.states, self.membrane = emitted, states, membrane


def write_program(
    g: Nodes, population: Population, registers: Mapping[str, str], batch: str
) -> Step:
    """One step of a population; `registers`: ports and states, `batch`: the vector [batch]."""
    program = population.program
    values = dict(registers)
    whole = set(values)  # registers that have one value a neuron and sample
    for name, value in population.params.items():
        values[name] = g.constant(value, f"{population.name}.{name}")
    for name, literal in program.constants:
        values[name] = g.scalar(literal)
    for step in program.body:
        args = [values[a] for a in step.args]
        values[step.out] = INSTRUCTIONS[step.op](g, *args)
        if whole.intersection(step.args):
            whole.add(step.out)
    size = g("Concat", batch, g.ints(population.n), axis=0)

    def spread(register: str) -> str:
        value = values[register]
        return value if register in whole else g("Expand", value, size)

    emitted = spread(program.emit)
    if program.winner:
        first = g("ArgMax", spread(program.winner), axis=1, keepdims=1)
        places = g.constant(np.arange(population.n, dtype=np.int64)[None])
        emitted = g("Where", g("Equal", places, first), emitted, g.scalar(0))
    states = {state: spread(register) for state, register in program.next_state}
    return Step(emitted, states, spread(program.membrane) if program.membrane else "")
