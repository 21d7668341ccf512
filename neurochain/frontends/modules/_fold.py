"""Folding an unrolled run into one step: every step must be the same.

Every expression gets a number (`ids`), equal for equal expressions, with references to neurons
counted back from the step at hand: lag 0 is this step, lag 1 the one before. At the first step,
where there is nothing before, zeros stand for a lag of 1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding
from neurochain.frontends.modules._kinds import label_of
from neurochain.frontends.modules._operations import Operations
from neurochain.frontends.modules._time import Timing
from neurochain.frontends.modules._values import (
    ConstValue,
    JoinValue,
    LeafValue,
    NeuronCall,
    OpValue,
    ProbeValue,
    SequenceValue,
    SpikeValue,
    StateValue,
    Value,
    ViewValue,
)
from neurochain.program import Op
from neurochain.programs.evaluate import OPERATIONS

__all__ = ["Expressions", "check_refs", "check_steps", "number_calls"]

_DEEPEST = 200


def number_calls(calls: dict[str, list[NeuronCall]], steps: int) -> list[Finding]:
    """Give every neuron call its step and its place in the step."""
    findings = []
    for name, made in calls.items():
        if not steps or len(made) % steps:
            findings.append(
                Finding(
                    where=label_of(name, made[0].module),
                    what=f"is called {len(made)} times in {steps} steps.",
                    fix="Call every neuron equally often in every step.",
                )
            )
            continue
        sites = len(made) // steps
        for number, call in enumerate(made):
            call.step, call.site = divmod(number, sites)
    return findings


class Expressions:
    """Numbers for expressions, relative to a step. Equal numbers: equal computations.

    forms[k] is a tuple whose first item says what it is, and refers to other forms by number:
      ("input", lag, shape, digest, label, source)   ("probe", argument)
      ("zero",)   ("const", digest)
      ("spike", module, site, lag)   ("state", module, site, lag, state)
      ("leaf", name, key, argument)   ("view", base, shape, digest)   ("join", (part, size), ...)
      ("stack", dim, item, ...)   ("op", operation, argument, ...)
      ("ref", site, place, lag): a scalar operation of an earlier step
    """

    def __init__(self, timing: Timing, operations: Operations) -> None:
        self.timing = timing
        self.operations = operations
        self.forms: list[tuple[Any, ...]] = []
        self.values: list[Value] = []
        self.initial: dict[tuple[int, int], NDArray[np.float32]] = {}
        self._ids: dict[tuple[Any, ...], int] = {}
        self._known: dict[tuple[int, int], int] = {}

    def of(self, value: Value, step: int, depth: int = 0) -> int:
        """Number of `value` as seen from `step`."""
        key = (id(value), step)
        if key not in self._known:
            form = ("deep",) if depth > _DEEPEST else self._form(value, step, depth + 1)
            self._known[key] = self._intern(form, value)
        return self._known[key]

    def _intern(self, form: tuple[Any, ...], value: Value) -> int:
        if form not in self._ids:
            self._ids[form] = len(self.forms)
            self.forms.append(form)
            self.values.append(value)
        return self._ids[form]

    def _form(self, value: Value, step: int, depth: int) -> tuple[Any, ...]:
        if id(value) in self.timing.uses:
            return self._input_form(value, step)
        if isinstance(value, SpikeValue):
            return ("spike", value.call.name, value.call.site, step - value.call.step)
        if isinstance(value, StateValue):
            call = value.call
            return ("state", call.name, call.site, step - call.step, value.state)
        if isinstance(value, OpValue):
            return self._op_form(value, step, depth)
        if isinstance(value, ConstValue):
            return _const_form(value)
        return self._structure_form(value, step, depth)

    def _structure_form(self, value: Value, step: int, depth: int) -> tuple[Any, ...]:
        if isinstance(value, LeafValue):
            argument = self.of(value.call.argument, step, depth)
            return ("leaf", value.call.name, value.call.key, argument)
        if isinstance(value, ViewValue):
            digest = hashlib.sha256(value.index.tobytes()).hexdigest()
            return ("view", self.of(value.base, step, depth), value.shape, digest)
        if isinstance(value, JoinValue):
            parts = [(self.of(part, step, depth), prod(part.shape)) for part in value.parts]
            return ("join", *parts)
        if isinstance(value, SequenceValue) and None not in value.items:
            items = [self.of(i, step, depth) for i in value.items if i is not None]
            return ("stack", value.dim, *items)
        if isinstance(value, ProbeValue):
            return ("probe", value.argument)
        return ("other", id(value))

    def _op_form(self, value: OpValue, step: int, depth: int) -> tuple[Any, ...]:
        place = self.operations.place(value)
        if place is not None and place.step < step:
            return ("ref", place.site, place.place, step - place.step)
        return ("op", value.op, *(self.of(a, step, depth) for a in value.args))

    def _input_form(self, value: Value, step: int) -> tuple[Any, ...]:
        use = self.timing.uses[id(value)]
        lag = 0 if use.step is None else step - use.step
        label = value.label if isinstance(value, ViewValue) else ""
        digest = hashlib.sha256(use.index.tobytes()).hexdigest()
        return ("input", lag, use.shape, digest, label, use.source)

    def constant(self, number: int) -> NDArray[np.float32] | None:
        """What a form is that depends on nothing, None for others."""
        form = self.forms[number]
        value = self.values[number]
        if isinstance(value, ProbeValue):
            return value.data
        if form[0] == "zero":
            return np.zeros((), dtype=np.float32)
        if isinstance(value, ConstValue):
            return value.data
        if form[0] == "op" and isinstance(value, OpValue) and value.constant:
            args = [self.constant(k) for k in form[2:]]
            if all(a is not None for a in args):
                return np.asarray(OPERATIONS[Op(form[1])](*args), dtype=np.float32)
        return None

    def starts(self, first: int, later: int) -> bool:
        """True where `first` is `later` with what stands before the first step.

        Spikes and states of neurons are 0 before; for scalar operations what stood there is noted
        in `initial`, and has to be the same wherever it is looked at.
        """
        if first == later:
            return True
        a, b = self.forms[first], self.forms[later]
        value = self.values[first]
        silent = a[0] == "zero" or (isinstance(value, ProbeValue) and not value.data.any())
        if b[0] in ("spike", "state"):
            return silent and b[3] == 1
        if b[0] == "ref":
            return b[3] == 1 and self._note_initial((b[1], b[2]), first)
        if b[0] == "view" and silent:
            return self.starts(first, b[1])
        if b[:2] == ("op", "add") and self._starts_sum(first, b):
            return True
        if b[0] == "op" and self.constant(first) is not None and a[0] != "op":
            return self._rests_at(later, first)
        if b[0] == "leaf" and silent and _keeps_silence(self.values[later]):
            return self.starts(first, b[3])
        if a[0] != b[0] or len(a) != len(b):
            return False
        fixed, parts = _PARTS.get(a[0], (lambda form: form, lambda form: []))
        return bool(fixed(a) == fixed(b)) and all(
            self.starts(x, y) for x, y in zip(parts(a), parts(b), strict=True)
        )

    def _rests_at(self, later: int, first: int) -> bool:
        """True where an operation on what was 0 before the first step gives what stood there."""
        read: set[tuple[int, int]] = set()
        value, wanted = self._at_rest(later, read), self.constant(first)
        if value is None or wanted is None or not bool(np.all(value == wanted)):
            return False
        for where in read:
            self.initial.setdefault(where, np.zeros((), dtype=np.float32))
        return True

    def _at_rest(self, number: int, read: set[tuple[int, int]]) -> NDArray[np.float32] | None:
        """What an expression is before the first step; None where it depends on more.

        Values of earlier steps are their initial ones, or 0; `read` gathers them.
        """
        form = self.forms[number]
        if form[0] == "ref" and form[3] == 1:
            read.add((form[1], form[2]))
            return self.initial.get((form[1], form[2]), np.zeros((), dtype=np.float32))
        if form[0] != "op":
            return self.constant(number)
        args = [self._at_rest(part, read) for part in form[2:]]
        if any(a is None for a in args):
            return None
        return np.asarray(OPERATIONS[Op(form[1])](*args), dtype=np.float32)

    def _starts_sum(self, first: int, sum_form: tuple[Any, ...]) -> bool:
        """A sum one term of which is 0 before the first step, and was left out there."""
        for term, silent in ((sum_form[2], sum_form[3]), (sum_form[3], sum_form[2])):
            if self._silent(silent) and self.starts(first, term):
                return self._note_silence(silent)
        return False

    def _silent(self, number: int) -> bool:
        """True for what is 0 where spikes of the step before are 0."""
        form = self.forms[number]
        if form[0] in ("spike", "ref"):
            return bool(form[3] == 1) and self.initial.get(form[1:3], np.zeros(())).any() == 0
        if form[0] == "leaf":
            return _keeps_silence(self.values[number]) and self._silent(form[3])
        return form[0] == "view" and self._silent(form[1])

    def _note_silence(self, number: int) -> bool:
        """Note that what `number` is made of starts from 0."""
        form = self.forms[number]
        if form[0] == "ref":
            known = self.initial.setdefault((form[1], form[2]), np.zeros((), dtype=np.float32))
            return not known.any()
        return all(self._note_silence(part) for part in self.parts(number))

    def _note_initial(self, where: tuple[int, int], first: int) -> bool:
        value = self.constant(first)
        if value is None:
            return False
        if value.size and bool((value == value.reshape(-1)[0]).all()):
            value = np.asarray(value.reshape(-1)[0])
        known = self.initial.setdefault(where, value)
        return known.shape == value.shape and bool((known == value).all())

    def parts(self, number: int) -> list[int]:
        """Numbers of the forms that a form is made of, within its step."""
        form = self.forms[number]
        _, parts = _PARTS.get(form[0], (None, lambda form: []))
        return list(parts(form))


_PARTS: dict[str, tuple[Callable[[tuple[Any, ...]], Any], Callable[[tuple[Any, ...]], Any]]] = {
    "leaf": (lambda form: form[1:3], lambda form: form[3:]),
    "view": (lambda form: form[2:], lambda form: form[1:2]),
    "op": (lambda form: form[1], lambda form: form[2:]),
    "stack": (lambda form: form[1], lambda form: form[2:]),
    "join": (lambda form: [n for _, n in form[1:]], lambda form: [k for k, _ in form[1:]]),
}
"""Form -> (what in it is no part, its parts)."""


def _keeps_silence(value: Value) -> bool:
    """True for a layer that makes zeros of zeros: it was left out before the first step."""
    if not isinstance(value, LeafValue):
        return False
    module: Any = value.call.module
    return getattr(module, "bias", None) is None and getattr(module, "shift", None) is None


def _const_form(value: ConstValue) -> tuple[Any, ...]:
    """By its numbers; by one number where all are equal."""
    data = value.data
    if data.size and bool((data == data.reshape(-1)[0]).all()):
        number = float(data.reshape(-1)[0])
        return ("zero",) if number == 0 else ("const", number)
    return ("const", data.shape, hashlib.sha256(data.tobytes()).hexdigest())


def check_steps(
    calls: dict[str, list[NeuronCall]], expressions: Expressions, one_step: bool
) -> list[Finding]:
    """Every call of every step must be the same as in the step before, and keep its own state."""
    findings = []
    for name, made in calls.items():
        label = label_of(name, made[0].module)
        by_site: dict[int, list[NeuronCall]] = {}
        for call in made:
            by_site.setdefault(call.site, []).append(call)
        for site_calls in by_site.values():
            findings += _current_findings(label, site_calls, expressions)
            findings += _state_findings(label, site_calls, expressions, one_step)
    return findings


def check_refs(expressions: Expressions) -> list[Finding]:
    """Every operation that a later step reads must be the same in every step.

    Goes on until nothing new is read: what makes up a value of the step before counts too.
    """
    operations = expressions.operations
    findings: list[Finding] = []
    seen: set[tuple[int, int]] = set()
    while True:
        found = {(f[1], f[2]) for f in expressions.forms if f[0] == "ref"} - seen
        if not found:
            return findings
        for where in sorted(found):
            seen.add(where)
            findings += _ref_findings(expressions, where, operations.made.get(where, {}))


def _ref_findings(
    expressions: Expressions, where: tuple[int, int], made: dict[int, OpValue]
) -> list[Finding]:
    steps = sorted(made)
    numbers = [expressions.of(made[step], step) for step in steps]
    last = made[steps[-1]].call if steps else None
    label = f"{last.owner or 'forward'} ({last.kind})" if last else "forward"
    wanted = list(range(expressions.operations.steps))
    if steps not in (wanted, wanted[1:]):  # at the first step all may be constant
        return [
            Finding(
                where=label,
                what=f"computes a value at steps {steps[:6]} only, and later steps read it.",
                fix="Do the same in every step.",
            )
        ]
    for k in range(1, len(numbers)):
        same = numbers[k] == numbers[k - 1]
        if same or (steps[k] == 1 and expressions.starts(numbers[0], numbers[1])):
            continue
        return [
            Finding(
                where=label,
                what=f"computes otherwise at step {steps[k]} than at step {steps[k - 1]}.",
                fix="Do the same in every step, from constants before the first.",
            )
        ]
    return []


def _change(expressions: Expressions, before: int, after: int) -> str:
    """Where two forms first differ, in words."""
    a, b = expressions.forms[before], expressions.forms[after]
    if a[0] == b[0] == "leaf" and a[1:3] != b[1:3]:
        return (
            f" (it goes through {a[1]}, then through {b[1]}: layers that change from step to step, "
            "as in BatchNormTT, are not compiled)"
        )
    if a[0] == b[0] == "const":
        return " (a constant changes from step to step: random numbers, or a table over steps)"
    if a[0] == b[0] and len(a) == len(b):
        pairs = zip(expressions.parts(before), expressions.parts(after), strict=True)
        for x, y in pairs:
            if x != y:
                return _change(expressions, x, y)
    return " (or one neuron serves twice in a step)"


def _current_findings(
    label: str, calls: list[NeuronCall], expressions: Expressions
) -> list[Finding]:
    numbers = [expressions.of(call.current, call.step) for call in calls]
    for step in range(1, len(numbers)):
        same = numbers[step] == numbers[step - 1]
        if same or (step == 1 and expressions.starts(numbers[0], numbers[1])):
            continue
        return [
            Finding(
                where=label,
                what=f"its input at step {step} is computed otherwise than at step {step - 1}"
                f"{_change(expressions, numbers[step - 1], numbers[step])}.",
                fix="Do the same in every step, with one neuron module for each place.",
            )
        ]
    return []


def _state_findings(
    label: str, calls: list[NeuronCall], expressions: Expressions, one_step: bool
) -> list[Finding]:
    for call in calls:
        for state, value in call.states.items():
            form = expressions.forms[expressions.of(value, call.step)]
            if call.step == 0:
                problem = _start_problem(state, form)
            else:
                problem = _carry_problem(call, state, form, one_step)
            if problem:
                return [Finding(where=label, what=problem[0], fix=problem[1])]
    return []


def _start_problem(state: str, form: tuple[Any, ...]) -> tuple[str, str] | None:
    if form[0] in ("zero", "probe"):
        return None
    if form[0] == "const":
        return (
            f"its state {state} starts from values that are not zero.",
            "Start from zeros here, and give initial_state when you simulate.",
        )
    return f"its first state {state} is computed by the network.", "Start from zeros."


def _carry_problem(
    call: NeuronCall, state: str, form: tuple[Any, ...], one_step: bool
) -> tuple[str, str] | None:
    head = "spike" if state == "spk" else "state"
    tail = () if state == "spk" else (state,)
    if form == (head, call.name, call.site, 1, *tail):
        return None
    if form[0] in ("zero", "probe", "const"):
        when = "at every call" if one_step else f"at step {call.step}"
        return (
            f"its state {state} is reset {when}.",
            (
                "Reset only before the first step; where forward loops over time, give a sample of "
                "at least 2 steps; where states are passed, return their new values."
            ),
        )
    return (
        (
            f"the state {state} it starts from at step {call.step} is not the one it left "
            f"({' '.join(str(part) for part in form)})."
        ),
        "Give each neuron back its own state of the step before, unchanged.",
    )
