"""Neuron programs: straight-line code over scalars, the same for every neuron of a kind.

Scalars are float32, or int32 for targets that calculate in integers (`Program.number`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from neurochain.errors import InternalError

__all__ = ["Instruction", "Op", "PortKind", "Program"]


class PortKind(StrEnum):
    """What travels on a port in one step."""

    EVENT = "event"  # 0 or 1
    GRADED = "graded"  # whole numbers
    ANALOG = "analog"  # any float32


class Op(StrEnum):
    """Scalar operations of a neuron program. Comparisons give 1 or 0.

    float32: IEEE 754. int32: each result is taken modulo 2^32, as two's complement has it; every
    operation is there but DIV and FLOOR. What stands after "int32" is for integers alone.
    """

    ADD = "add"  # a + b
    SUB = "sub"  # a - b
    MUL = "mul"  # a * b
    GT = "gt"  # a > b
    GE = "ge"  # a >= b
    SELECT = "select"  # b where a != 0 else c
    COPY = "copy"  # a
    DIV = "div"  # a / b
    MAX = "max"  # a where a > b else b: torch.maximum of numbers; of zeros of two signs, b
    MIN = "min"  # a where a < b else b
    FLOOR = "floor"  # the largest whole number that is not above a; -0 stays -0
    ABS = "abs"  # a without its sign
    NEG = "neg"  # -a
    LT = "lt"  # a < b
    LE = "le"  # a <= b
    EQ = "eq"  # a == b
    NE = "ne"  # a != b
    SHIFT_LEFT = "shift_left"  # int32: a 2^b, b modulo 32
    SHIFT_RIGHT = "shift_right"  # int32: floor(a / 2^b), b modulo 32
    SCALE = "scale"  # int32: a b / 2^c toward zero, the product in 64 bits, c modulo 32
    MOD = "mod"  # int32: a - b floor(a / b); 0 where b is 0


@dataclass(frozen=True, slots=True)
class Instruction:
    """out := op(args); names are registers. Each name is written once (single assignment)."""

    op: Op
    out: str
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A neuron kind: a straight-line program over scalars, the same for every neuron.

    number      "float32" or "int32": what every register holds, parameters and states included
    ports       names of the input currents, read as registers of the same name
    states      state variables, read as registers (values from the last step)
    params      parameters, read as registers (scalar or one per neuron)
    constants   named literals
    body        instructions in the order of execution
    next_state  for each state the register that holds its new value
    emit        register that the neuron emits
    emits       kind of what is emitted
    membrane    state (or register) recorded as "the membrane", "" if there is none
    threshold   (value register, threshold register, comparison) of the spike, for margins; None
                where nothing is compared
    winner      register by which the neurons of a population compete, "" where they do not: only
                the neuron with the largest value (the first of equals) emits, the others emit 0.
                It changes no state.
    clock       register that holds the number of this step since rest, counted from 1 ("": none)
    watch       (register, most): neurons and steps in which its magnitude passes `most` are counted
                (`EngineResult.overflow`), in int32 programs
    """

    name: str
    ports: tuple[str, ...]
    states: tuple[str, ...]
    params: tuple[str, ...]
    constants: tuple[tuple[str, float], ...]
    body: tuple[Instruction, ...]
    next_state: tuple[tuple[str, str], ...]
    emit: str
    emits: PortKind
    membrane: str = ""
    threshold: tuple[str, str, str] | None = None
    winner: str = ""
    number: str = "float32"
    clock: str = ""
    watch: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        if self.number not in ("float32", "int32"):
            raise InternalError(f"program {self.name}: no registers hold {self.number!r}.")
        given = [*self.ports, *self.states, *self.params, *(n for n, _ in self.constants)]
        given += [self.clock] if self.clock else []
        known = set(given)
        if len(known) != len(given):
            several = ", ".join(sorted(n for n in known if given.count(n) > 1))
            raise InternalError(f"program {self.name}: several registers are called {several}.")
        for step in self.body:
            missing = [a for a in step.args if a not in known]
            foreign = step.op in (_INTEGER if self.number == "float32" else _FLOAT)
            if missing or step.out in known or len(step.args) != _ARITY[step.op] or foreign:
                raise InternalError(f"program {self.name}: bad instruction {step}.")
            known.add(step.out)
        named = filter(None, [self.membrane, self.winner])
        needed = {self.emit, *(r for _, r in self.next_state), *named, *(r for r, _ in self.watch)}
        if not needed <= known or {s for s, _ in self.next_state} != set(self.states):
            raise InternalError(f"program {self.name}: results name unknown registers.")
        if self.number == "float32" and (self.clock or self.watch):
            raise InternalError(f"program {self.name}: clock and watch are for int32.")

    @property
    def is_binary(self) -> bool:
        """What is emitted is a comparison: nothing but 0 and 1."""
        return any(step.out == self.emit and step.op in _COMPARISONS for step in self.body)


_ARITY = dict.fromkeys(Op, 2) | {
    Op.COPY: 1,
    Op.FLOOR: 1,
    Op.ABS: 1,
    Op.NEG: 1,
    Op.SELECT: 3,
    Op.SCALE: 3,
}
_INTEGER = frozenset({Op.SHIFT_LEFT, Op.SHIFT_RIGHT, Op.SCALE, Op.MOD})
_FLOAT = frozenset({Op.DIV, Op.FLOOR})
_COMPARISONS = frozenset({Op.GT, Op.GE, Op.LT, Op.LE, Op.EQ, Op.NE})
