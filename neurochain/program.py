"""Neuron programs: straight-line code over float32 scalars, the same for every neuron of a kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from neurochain.errors import InternalError

__all__ = ["Instruction", "Op", "PortKind", "Program"]


class PortKind(StrEnum):
    """What travels on a port in one step."""

    EVENT = "event"  # 0 or 1
    GRADED = "graded"  # whole numbers, as float32
    ANALOG = "analog"  # any float32


class Op(StrEnum):
    """Scalar operations of a neuron program, float32 (IEEE 754). Comparisons give 1.0 or 0.0."""

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


@dataclass(frozen=True, slots=True)
class Instruction:
    """out := op(args); names are registers. Each name is written once (single assignment)."""

    op: Op
    out: str
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A neuron kind: a straight-line program over float32 scalars, the same for every neuron.

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

    def __post_init__(self) -> None:
        known = {*self.ports, *self.states, *self.params, *(n for n, _ in self.constants)}
        size = len(self.ports) + len(self.states) + len(self.params) + len(self.constants)
        if len(known) != size:
            raise InternalError(f"program {self.name}: two registers share a name.")
        for step in self.body:
            missing = [a for a in step.args if a not in known]
            if missing or step.out in known or len(step.args) != _ARITY[step.op]:
                raise InternalError(f"program {self.name}: bad instruction {step}.")
            known.add(step.out)
        named = filter(None, [self.membrane, self.winner])
        needed = {self.emit, *(r for _, r in self.next_state), *named}
        if not needed <= known or {s for s, _ in self.next_state} != set(self.states):
            raise InternalError(f"program {self.name}: results name unknown registers.")


_ARITY = dict.fromkeys(Op, 2) | {Op.COPY: 1, Op.FLOOR: 1, Op.ABS: 1, Op.NEG: 1, Op.SELECT: 3}
