"""Neuron programs as the kernel wants them: register numbers, and the hot forms where they fit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from neurochain.errors import Finding, UnsupportedError
from neurochain.graph import Reset, ResetKind, ResetTiming
from neurochain.network import F32, Instruction, Op, Population, Program
from neurochain.programs import cuba_lif_program, lif_program
from neurochain.simulators.event.kernel import Memory, kernel

__all__ = ["OP_CODES", "HotForm", "Registers", "hot_forms", "is_binary", "pack_program"]

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

_COMPARISONS = frozenset({Op.GT, Op.GE, Op.LT, Op.LE, Op.EQ, Op.NE})


@dataclass(frozen=True, slots=True, kw_only=True)
class HotForm:
    """A program that the kernel has a fused loop for; parameters in the loop's order."""

    name: str
    params: tuple[str, ...]


@cache
def hot_forms() -> dict[Program, HotForm]:
    """Programs with a fused loop. Any other form (gain, leak, recurrent, >=) is interpreted."""
    lif, cuba = ("beta", "theta"), ("alpha", "beta", "theta")
    zero, subtract = ResetKind.ZERO, ResetKind.SUBTRACT
    same, late = ResetTiming.SAME_STEP, ResetTiming.NEXT_STEP
    discard = ResetTiming.NEXT_STEP_DISCARD
    return {
        program(Reset(kind=kind, timing=timing)): HotForm(name=name, params=params)
        for program, params, kind, timing, name in (
            (lif_program, lif, zero, late, "NC_LIF_ZERO_NEXT"),
            (lif_program, lif, subtract, late, "NC_LIF_SUBTRACT_NEXT"),
            (lif_program, lif, zero, same, "NC_LIF_ZERO_SAME"),
            (lif_program, lif, subtract, same, "NC_LIF_SUBTRACT_SAME"),
            (cuba_lif_program, cuba, subtract, late, "NC_CUBA_SUBTRACT_NEXT"),
            (cuba_lif_program, cuba, zero, discard, "NC_CUBA_ZERO_NEXT_DISCARD"),
            (cuba_lif_program, cuba, zero, same, "NC_CUBA_ZERO_SAME"),
        )
    }


def is_binary(program: Program) -> bool:
    """True where the emitted register is a comparison: nothing but 0.0 and 1.0."""
    return any(i.out == program.emit and i.op in _COMPARISONS for i in program.body)


class Registers:
    """Numbers for the registers of one program: ports, states, parameters, constants, results."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.body, self.next = _with_own_results(program)
        constants = tuple(name for name, _ in program.constants)
        named = (*program.ports, *program.states, *program.params, *constants)
        self.temporaries = tuple(i.out for i in self.body)
        self.number = {name: k for k, name in enumerate((*named, *self.temporaries))}
        self.fixed: dict[str, Any] = {}  # register -> pointer, where it is the same in every run

    def parameters(self, memory: Memory, params: dict[str, F32]) -> dict[str, Any]:
        """Pointers to parameters, and to blocks that hold the shared ones and the constants."""
        shared = {name: np.float32(value) for name, value in self.program.constants}
        shared.update({k: np.float32(v) for k, v in params.items() if v.ndim == 0})
        pointers = {name: memory.view("float", v) for name, v in params.items() if v.ndim == 1}
        for name, value in shared.items():
            block = np.full(memory.lib.NC_BLOCK, value, dtype=np.float32)
            pointers[name] = memory.view("float", block)
        return pointers

    def steps(self, params: dict[str, F32]) -> list[int]:
        """1 for registers with an element a neuron that lives outside the block."""
        moving = {*self.program.ports, *self.program.states}
        moving |= {name for name, value in params.items() if value.ndim == 1}
        return [int(name in moving) for name in self.number]


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
    into.binary = is_binary(program)
    registers.fixed = registers.parameters(memory, dict(population.params))
    _pack_hot_form(memory, into, population)
    return registers


def _op_code(memory: Memory, population: Population, op: Op) -> int:
    if op not in OP_CODES:
        raise UnsupportedError(
            Finding(
                where=population.name,
                what=f"its program uses operation {op}, which the kernel does not know.",
                fix="Use engine='reference'.",
            )
        )
    return int(getattr(memory.lib, OP_CODES[op]))


def _pack_hot_form(memory: Memory, into: Any, population: Population) -> None:
    form = hot_forms().get(population.program)
    if form is None:
        return
    values = [population.params[name] for name in form.params]
    into.form = getattr(kernel()[1], form.name)
    into.per_neuron = any(v.ndim == 1 for v in values)
    for k, value in enumerate(values):
        full = np.broadcast_to(value, (population.n,)) if into.per_neuron else value.reshape(1)
        into.param[k] = memory.view("float", full)
