"""Folding an unrolled run into one step: every step must be the same.

Every expression gets a number (`ids`), equal for equal expressions, with references to neurons
counted back from the step at hand: lag 0 is this step, lag 1 the one before. At the first step,
where there is nothing before, zeros stand for a lag of 1.
"""

from __future__ import annotations

import hashlib
from typing import Any

from neurochain.errors import Finding
from neurochain.frontends.modules._kinds import label_of
from neurochain.frontends.modules._time import Timing
from neurochain.frontends.modules._values import (
    AddValue,
    ConstValue,
    LeafValue,
    NeuronCall,
    ProbeValue,
    SpikeValue,
    StateValue,
    Value,
    ViewValue,
)

__all__ = ["Expressions", "check_steps", "number_calls"]

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
    """Numbers for expressions, relative to a step."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.forms: list[tuple[Any, ...]] = []
        self.values: list[Value] = []
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
        if isinstance(value, LeafValue):
            argument = self.of(value.call.argument, step, depth)
            return ("leaf", value.call.name, value.call.key, argument)
        if isinstance(value, AddValue):
            return ("add", self.of(value.left, step, depth), self.of(value.right, step, depth))
        if isinstance(value, ViewValue):
            digest = hashlib.sha256(value.index.tobytes()).hexdigest()
            return ("view", self.of(value.base, step, depth), value.shape, digest)
        if isinstance(value, ConstValue):
            return ("zero",) if value.zero else ("const", id(value))
        if isinstance(value, ProbeValue):
            return ("probe", value.argument)
        return ("other", id(value))

    def _input_form(self, value: Value, step: int) -> tuple[Any, ...]:
        use = self.timing.uses[id(value)]
        lag = 0 if use.step is None else step - use.step
        label = value.label if isinstance(value, ViewValue) else ""
        digest = hashlib.sha256(use.index.tobytes()).hexdigest()
        return ("input", lag, use.shape, digest, label)

    def starts(self, first: int, later: int) -> bool:
        """True where `first` is `later` with silence for everything before the first step."""
        if first == later:
            return True
        a, b = self.forms[first], self.forms[later]
        silent = a[0] in ("zero", "probe")
        if b[0] in ("spike", "state"):
            return silent and b[3] == 1
        if b[0] == "view" and silent:
            return self.starts(first, b[1])
        if a[0] != b[0]:
            return False
        if a[0] == "leaf":
            return bool(a[1:3] == b[1:3]) and self.starts(a[3], b[3])
        if a[0] == "add":
            return self.starts(a[1], b[1]) and self.starts(a[2], b[2])
        if a[0] == "view":
            return bool(a[2:] == b[2:]) and self.starts(a[1], b[1])
        return False


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
                what=f"its input at step {step} is computed otherwise than at step {step - 1} "
                "(or one neuron serves twice in a step).",
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
