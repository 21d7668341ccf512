"""Neuron programs as the kernel wants them: register numbers, and the hot forms where they fit."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, UnsupportedError
from neurochain.graph import Compare, Reset, ResetKind, ResetTiming
from neurochain.network import Instruction, Op, Population, Program
from neurochain.programs import cuba_lif_program, lif_program
from neurochain.simulators.event.integers import INTEGER_OP_CODES, pack_integer
from neurochain.simulators.event.kernel import Memory, aligned_zeros
from neurochain.simulators.event.operators import padded

__all__ = [
    "OP_CODES",
    "Registers",
    "hot_forms",
    "is_relay",
    "pack_hot",
    "pack_program",
]

OP_CODES: dict[Op, str] = {
    Op.ADD: "NC_ADD",
    Op.SUB: "NC_SUB",
    Op.MUL: "NC_MUL",
    Op.GT: "NC_GT",
    Op.GE: "NC_GE",
    Op.SELECT: "NC_SELECT",
    Op.COPY: "NC_COPY",
    Op.DIV: "NC_DIV",
    Op.MAX: "NC_MAX",
    Op.MIN: "NC_MIN",
    Op.FLOOR: "NC_FLOOR",
    Op.ABS: "NC_ABS",
    Op.NEG: "NC_NEG",
    Op.LT: "NC_LT",
    Op.LE: "NC_LE",
    Op.EQ: "NC_EQ",
    Op.NE: "NC_NE",
}
"""Operation -> its name in the kernel."""


_RESETS: dict[tuple[ResetKind, ResetTiming], str] = {
    (ResetKind.ZERO, ResetTiming.SAME_STEP): "NC_ZERO_SAME",
    (ResetKind.SUBTRACT, ResetTiming.SAME_STEP): "NC_SUBTRACT_SAME",
    (ResetKind.ZERO, ResetTiming.NEXT_STEP): "NC_ZERO_NEXT",
    (ResetKind.SUBTRACT, ResetTiming.NEXT_STEP): "NC_SUBTRACT_NEXT",
    (ResetKind.ZERO, ResetTiming.NEXT_STEP_DISCARD): "NC_ZERO_DISCARD",
}


@cache
def hot_forms() -> dict[Program, tuple[str, ...]]:
    """Programs with loops of their own -> the flags of nc_hot.form. All others are interpreted."""
    forms: dict[Program, tuple[str, ...]] = {}
    resets: list[tuple[Reset, tuple[str, ...]]]
    resets = [(Reset(kind=k, timing=t), (name,)) for (k, t), name in _RESETS.items()]
    resets.append((Reset(kind=ResetKind.NONE), ()))
    for reset, flags in resets:
        for compare, leak in product(Compare, (False, True)):
            options = (*flags, *(("NC_HOT_LEAK",) if leak else ()))
            if compare is Compare.GREATER_EQUAL:
                options = (*options, "NC_HOT_EQUAL")
            forms[lif_program(reset, compare=compare, leak=leak)] = options
            cuba = cuba_lif_program(reset, compare=compare, leak=leak)
            forms[cuba] = (*options, "NC_HOT_CURRENT")
    return forms


def is_relay(program: Program) -> bool:
    """True where the program only emits what its one port gives, and nothing else shows."""
    return (
        len(program.ports) == 1
        and not (program.states or program.membrane or program.winner)
        and program.body == (Instruction(Op.COPY, program.emit, program.ports),)
    )


class Registers:
    """Numbers for the registers of one program: ports, states, parameters, constants, results."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.body, self.next = _with_own_results(program)
        constants = tuple(name for name, _ in program.constants)
        clock = (program.clock,) if program.clock else ()
        named = (*program.ports, *program.states, *program.params, *constants, *clock)
        self.temporaries = tuple(i.out for i in self.body)
        self.number = {name: k for k, name in enumerate((*named, *self.temporaries))}
        self.fixed: dict[str, Any] = {}  # register -> pointer, where it is the same in every run

    def parameters(self, memory: Memory, params: dict[str, NDArray[Any]]) -> dict[str, Any]:
        """Pointers to parameters, and to blocks that hold the shared ones and the constants."""
        number = np.dtype(self.program.number)
        shared = {name: number.type(value) for name, value in self.program.constants}
        shared.update({k: number.type(v) for k, v in params.items() if v.ndim == 0})
        arrays = {name: v for name, v in params.items() if v.ndim == 1}
        for name, value in shared.items():
            arrays[name] = np.full(memory.lib.NC_BLOCK, value, dtype=number)
        return {name: as_floats(memory, v) for name, v in arrays.items()}

    def steps(self, params: dict[str, NDArray[Any]]) -> list[int]:
        """1 for registers with an element a neuron that lives outside the block."""
        moving = {*self.program.ports, *self.program.states}
        moving |= {name for name, value in params.items() if value.ndim == 1}
        return [int(name in moving) for name in self.number]


def as_floats(memory: Memory, array: NDArray[Any]) -> Any:
    """Pointer to a parameter, in the type that the kernel's declarations name."""
    if array.dtype == np.float32:
        return memory.view("float", array)
    return memory.ffi.cast("float *", memory.view("int32_t", array))


def _with_own_results(program: Program) -> tuple[tuple[Instruction, ...], tuple[str, ...]]:
    """The body and each state's new register; results that are states are copied first.

    The kernel stores one state after the other, so no new value may lie in a state.
    """
    body, results = list(program.body), []
    new = dict(program.next_state)
    for state in program.states:
        register = new[state]
        if register in program.states:
            body.append(Instruction(Op.COPY, f"{state} next", (register,)))
            register = f"{state} next"
        results.append(register)
    return tuple(body), tuple(results)


def pack_program(memory: Memory, into: Any, population: Population) -> Registers:
    """Fill the program part of one nc_population; returns the register numbers.

    Errors: UnsupportedError for an operation the kernel does not know.
    """
    program = population.program
    registers = Registers(program)
    number = registers.number
    code = memory.structs("nc_instruction", len(registers.body))
    for k, step in enumerate(registers.body):
        arguments = [number[a] for a in step.args] + [0, 0]
        code[k].op = _op_code(memory, population, step.op)
        code[k].out = number[step.out]
        code[k].a, code[k].b, code[k].c = arguments[:3]
    into.program.n_instructions, into.program.body = len(registers.body), code
    into.program.n_states = len(program.states)
    into.program.state = memory.new("uint32_t[]", (number[s] for s in program.states))
    into.program.next = memory.new("uint32_t[]", (number[r] for r in registers.next))
    into.program.emit = number[program.emit]
    into.program.membrane = number[program.membrane] if program.membrane else 0
    into.program.competes = bool(program.winner)
    into.program.winner = number[program.winner] if program.winner else 0
    into.n_registers = len(number)
    into.step = memory.new("uint8_t[]", registers.steps(dict(population.params)))
    into.port = memory.new("uint32_t[]", (number[p] for p in program.ports))
    into.binary = program.is_binary
    registers.fixed = registers.parameters(memory, dict(population.params))
    if program.number == "int32":
        pack_integer(memory, into, population, number)
    else:
        _pack_hot_form(memory, into, population)
    return registers


def _op_code(memory: Memory, population: Population, op: Op) -> int:
    codes = OP_CODES | INTEGER_OP_CODES
    if op not in codes:
        raise UnsupportedError(
            Finding(
                where=population.name,
                what=f"its program uses operation {op}, which the kernel does not know.",
                fix="Use engine='reference'.",
            )
        )
    return int(getattr(memory.lib, codes[op]))


def _pack_hot_form(memory: Memory, into: Any, population: Population) -> None:
    if population.program in hot_forms():
        into.is_hot = 1
        pack_hot(memory, into.hot, population, np.arange(population.n))


def pack_hot(memory: Memory, hot: Any, population: Population, order: NDArray[np.int64]) -> None:
    """Fill one nc_hot; parameters of single neurons in the order of `order` (n,)."""
    params = population.params
    hot.form = sum(getattr(memory.lib, flag) for flag in hot_forms()[population.program])
    hot.per_neuron = any(value.ndim == 1 for value in params.values())
    width = padded(population.n) if hot.per_neuron else 1
    for name, value in params.items():
        full = aligned_zeros((width,), np.float32)
        full[: population.n] = value[order] if value.ndim == 1 else value
        setattr(hot, name, memory.view("float", full))
        if name in ("alpha", "beta"):
            kept = {v: memory.lib.nc_still(float(v)) for v in np.unique(full)}
            still = aligned_zeros((width,), np.int32)
            still[:] = [kept[v] for v in full]
            setattr(hot, f"still_{name}", memory.view("int32_t", still))
