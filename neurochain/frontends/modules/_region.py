"""Scalar operations between layers, as the program of one population.

What a layer reads is one number a neuron. The operations that lead to it, down to what other layers
and neurons deliver, become one straight-line program: each thing delivered is a port, each constant
a parameter, each value of the step before a state.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.frontends.modules._fold import Expressions
from neurochain.frontends.modules._values import OpValue
from neurochain.program import Instruction, Op, PortKind, Program

__all__ = ["COMPARISONS", "Region", "assemble", "is_spike", "maker_of"]

_THRESHOLDS = {Op.GT: ">", Op.GE: ">="}
COMPARISONS = frozenset({Op.GT, Op.GE, Op.LT, Op.LE, Op.EQ, Op.NE})
_LITERALS = {0.0: "zero", 1.0: "one"}

Where = tuple[int, int]


@dataclass(slots=True, kw_only=True, eq=False)
class Region:
    """A program and what it is made of.

    ports     port -> number of the expression that it delivers
    params, initial   as in graph.Custom, of one sample
    states    state -> (site, place) of the operation that it is the last value of
    membrane  number of the expression recorded as the membrane, None where there is none
    problems  what cannot be said as a program
    """

    program: Program
    ports: dict[str, int]
    params: dict[str, NDArray[np.float32]]
    initial: dict[str, NDArray[np.float32]]
    states: dict[str, Where]
    membrane: int | None
    problems: list[str] = field(default_factory=list)


class _Assembly:
    """Registers of one program, made on demand."""

    def __init__(self, expressions: Expressions, batched: bool, kind_of: Any, owner: str) -> None:
        self.expressions = expressions
        self.owner = owner
        self.batched = batched
        self.kind_of = kind_of
        self.body: list[Instruction] = []
        self.registers: dict[int, str] = {}
        self.kinds: dict[str, PortKind] = {}
        self.ports: dict[str, int] = {}
        self.params: dict[str, NDArray[np.float32]] = {}
        self.constants: dict[str, float] = {}
        self.states: dict[Where, str] = {}
        self.problems: list[str] = []
        self.root = -1

    def is_spike_of_another(self, number: int) -> bool:
        """True for spikes that another module computes of its own values: another population.

        A surrogate gradient is a module too, but compares what the neuron around it has computed.
        """
        value = self.expressions.values[number]
        owner = owner_of(value)
        if number == self.root or owner == self.owner or self.owner.startswith(f"{owner}."):
            return False
        if not isinstance(value, OpValue) or not is_spike(value):
            return False
        makers = {owner_of(part) for part in _compared(value) if isinstance(part, OpValue)}
        return owner in makers or any(m.startswith(f"{owner}.") for m in makers)

    def register(self, number: int) -> str:
        """The register that holds an expression."""
        if number not in self.registers:
            self.registers[number] = self._made(number)
        return self.registers[number]

    def _made(self, number: int) -> str:
        form = self.expressions.forms[number]
        data = None if form[0] == "probe" else self.expressions.constant(number)
        if data is not None:
            return self._parameter(data)
        if form[0] == "op" and not self.is_spike_of_another(number):
            return self._operation(Op(form[1]), form[2:])
        if form[0] == "ref":
            if form[3] != 1:
                self.problems.append(f"reads a value of {form[3]} steps ago.")
            return self._state((form[1], form[2]))
        name = f"x{len(self.ports)}"
        self.ports[name] = number
        self.kinds[name] = self.kind_of(number)
        return name

    def _operation(self, op: Op, numbers: tuple[int, ...]) -> str:
        """One operation; a factor of 1 (as snnTorch's graded_spikes_factor is) changes nothing."""
        args = tuple(self.register(k) for k in numbers)
        if op in (Op.MUL, Op.DIV) and args[1] == "one":
            return args[0]
        if op is Op.MUL and args[0] == "one":
            return args[1]
        return self.instruction(op, args)

    def instruction(self, op: Op, args: tuple[str, ...]) -> str:
        """Append one operation."""
        out = f"r{len(self.body)}"
        self.body.append(Instruction(op, out, args))
        self.kinds[out] = _kind(op, args, self.kinds)
        return out

    def _state(self, where: Where) -> str:
        if where not in self.states:
            self.states[where] = f"s{len(self.states)}"
            self.kinds[self.states[where]] = PortKind.ANALOG
        return self.states[where]

    def _parameter(self, data: NDArray[np.float32]) -> str:
        """A literal 0 or 1, or a parameter: one number, or one a neuron of a sample."""
        values = np.asarray(data, dtype=np.float32)
        if values.size and bool((values == values.reshape(-1)[0]).all()):
            values = np.asarray(values.reshape(-1)[0])
            literal = _LITERALS.get(float(values))
            if literal is not None:
                self.constants[literal] = float(values)
                self.kinds[literal] = PortKind.EVENT
                return literal
        elif self.batched:
            if not bool((values == values[:1]).all()):
                self.problems.append("uses a constant that differs between samples of the batch.")
            values = values[0]
        for name, known in self.params.items():
            if known.shape == values.shape and known.tobytes() == values.tobytes():
                return name
        name = f"p{len(self.params)}"
        self.params[name] = values
        whole = bool((values == np.rint(values)).all())
        self.kinds[name] = PortKind.GRADED if whole else PortKind.ANALOG
        return name

    def own(self, register: str) -> str:
        """A register of the body: results are never inputs, states or parameters themselves."""
        if any(step.out == register for step in self.body):
            return register
        return self.instruction(Op.COPY, (register,))


def owner_of(value: Any) -> str:
    """Qualified name of the module in whose forward an operation stands."""
    call = value.call if isinstance(value, OpValue) else None
    return call.owner if call is not None else ""


def maker_of(value: Any) -> tuple[str, str]:
    """(qualified name, class) of the module that an operation belongs to.

    That of a surrogate gradient's module is the neuron's around it, whose membrane it compares.
    """
    call = value.call if isinstance(value, OpValue) else None
    if call is None:
        return "", ""
    if isinstance(value, OpValue) and is_spike(value):
        for part in _compared(value):
            around = part.call if isinstance(part, OpValue) else None
            if around is not None and call.owner.startswith(f"{around.owner}."):
                return around.owner, around.kind
    return call.owner, call.kind


def is_spike(value: OpValue) -> bool:
    """A comparison, or one times a constant."""
    if Op(value.op) in COMPARISONS:
        return True
    inner = [part for part in value.args if isinstance(part, OpValue) and not part.constant]
    return value.op == "mul" and len(inner) == 1 and is_spike(inner[0])


def _compared(value: OpValue) -> tuple[Any, ...]:
    """What the comparison of a spike compares."""
    if Op(value.op) in COMPARISONS:
        return value.args
    inner = next(part for part in value.args if isinstance(part, OpValue) and not part.constant)
    return _compared(inner)


def _kind(op: Op, args: tuple[str, ...], kinds: dict[str, PortKind]) -> PortKind:
    """What a result can be: 0 or 1, whole numbers, or anything."""
    if op in COMPARISONS:
        return PortKind.EVENT
    values = args[1:] if op is Op.SELECT else args
    given = {kinds[a] for a in values}
    keeps = (Op.MUL, Op.MAX, Op.MIN, Op.COPY, Op.SELECT, Op.ABS, Op.FLOOR)
    if op in keeps and given == {PortKind.EVENT}:
        return PortKind.EVENT
    if op is Op.FLOOR:
        return PortKind.GRADED
    if op is Op.DIV or PortKind.ANALOG in given:
        return PortKind.ANALOG
    return PortKind.GRADED


def assemble(
    expressions: Expressions, number: int, *, batched: bool, name: str, kind_of: Any
) -> Region:
    """The program of an expression.

    kind_of: PortKind of what an expression that is no scalar operation delivers.
    """
    work = _Assembly(expressions, batched, kind_of, owner_of(expressions.values[number]))
    work.root = number
    emit = work.own(work.register(number))
    next_state: dict[str, str] = {}
    definitions: dict[str, int] = {}
    while len(next_state) < len(work.states):
        for where, state in list(work.states.items()):
            if state in next_state:
                continue
            definition = _definition(expressions, where)
            if definition is None:
                work.problems.append("keeps a value that is not computed in every step.")
                definition = number
            definitions[state] = definition
            next_state[state] = work.own(work.register(definition))
    threshold = _threshold(work, emit)
    membrane, membrane_number = _membrane(work, threshold, next_state, definitions)
    program = Program(
        name=_name(name, work.body),
        ports=tuple(work.ports),
        states=tuple(work.states.values()),
        params=tuple(work.params),
        constants=tuple(sorted(work.constants.items())),
        body=tuple(work.body),
        next_state=tuple((s, next_state[s]) for s in work.states.values()),
        emit=emit,
        emits=work.kinds[emit],
        membrane=membrane,
        threshold=threshold,
    )
    initial = _initial(work)
    return Region(
        program=program,
        ports=work.ports,
        params=work.params,
        initial=initial,
        states={state: where for where, state in work.states.items()},
        membrane=membrane_number,
        problems=work.problems,
    )


def _definition(expressions: Expressions, where: Where) -> int | None:
    """The expression whose last value a state is, as seen from the last step."""
    operations = expressions.operations
    made = operations.made.get(where, {})
    last = operations.steps - 1
    value: OpValue | None = made.get(last)
    return None if value is None else expressions.of(value, last)


def _initial(work: _Assembly) -> dict[str, NDArray[np.float32]]:
    """States that do not start at 0."""
    found = {}
    for where, state in work.states.items():
        data = work.expressions.initial.get(where)
        if data is None or not data.any():
            continue
        if data.ndim and work.batched:
            if not bool((data == data[:1]).all()):
                work.problems.append("starts from values that differ between samples of the batch.")
            data = data[0]
        found[state] = np.asarray(data, dtype=np.float32)
    return found


def _threshold(work: _Assembly, emit: str) -> tuple[str, str, str] | None:
    """(value, limit, comparison) where what is emitted is a comparison with > or >=.

    Times a parameter it is a graded spike: decided by the same comparison.
    """
    by_out = {step.out: step for step in work.body}
    step = by_out[emit]
    if step.op is Op.COPY or (step.op is Op.MUL and step.args[1] in work.params):
        step = by_out.get(step.args[0], step)
    if step.op not in _THRESHOLDS:
        return None
    return (step.args[0], step.args[1], _THRESHOLDS[step.op])


def _membrane(
    work: _Assembly,
    threshold: tuple[str, str, str] | None,
    next_state: dict[str, str],
    definitions: dict[str, int],
) -> tuple[str, int | None]:
    """The state that is most like a membrane: what is compared, else the first that is no spike."""
    candidates = [s for s in next_state if work.kinds[next_state[s]] is not PortKind.EVENT]
    if not candidates:
        return "", None
    compared = [
        s for s in candidates if threshold and next_state[s] in _ancestry(work, threshold[0])
    ]
    state = (compared or candidates)[-1 if compared else 0]
    return next_state[state], definitions[state]


def _ancestry(work: _Assembly, register: str) -> set[str]:
    """Registers that a register is computed from, itself included."""
    by_out = {step.out: step for step in work.body}
    stack, seen = [register], set()
    while stack:
        name = stack.pop()
        if name not in seen:
            seen.add(name)
            stack += by_out[name].args if name in by_out else ()
    return seen


def _name(kind: str, body: list[Instruction]) -> str:
    """A readable name that is different for every program."""
    text = repr([(step.op.value, step.out, step.args) for step in body])
    return f"{kind}.{hashlib.sha256(text.encode()).hexdigest()[:8]}"
