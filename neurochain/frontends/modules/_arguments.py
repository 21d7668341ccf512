"""Arguments of forward beside the first: which are inputs, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

from neurochain.errors import Finding, Severity
from neurochain.frontends.modules._calls import Trace
from neurochain.frontends.modules._fold import Expressions
from neurochain.frontends.modules._sample import Sample, top
from neurochain.frontends.modules._time import reachable
from neurochain.frontends.modules._values import NeuronCall, ProbeValue, Value

__all__ = ["FurtherInputs", "argument_notes", "check_arguments", "neuron_states"]


class FurtherInputs(Exception):  # noqa: N818 - no error: the trace is made again
    """Arguments of forward that are read at every step and carry no state: they are inputs."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


def check_arguments(
    trace: Trace,
    given: Mapping[str, torch.Tensor],
    returned: Iterable[Value],
    expressions: Expressions,
    steps: int,
) -> None:
    """Raise FurtherInputs where the last step reads arguments that carry no state.

    What is only the start of a state is read at the first step alone.
    """
    calls: list[NeuronCall] = [c for made in trace.tracer.neuron_calls.values() for c in made]
    stack = [expressions.of(c.current, c.step) for c in calls if c.step == steps - 1]
    stack += [expressions.of(value, steps - 1) for value in returned]
    seen: set[int] = set()
    read: set[str] = set()
    while stack:
        number = stack.pop()
        if number in seen:
            continue
        seen.add(number)
        form = expressions.forms[number]
        if form[0] == "probe":
            read.add(form[1])
        elif form[0] == "ref":  # what an earlier step left: the same of the last step
            left = expressions.operations.made.get(form[1:3], {}).get(steps - 1)
            stack += [] if left is None else [expressions.of(left, steps - 1)]
        stack += expressions.parts(number)
    passed = _passed(trace)
    names = [name for name in given if name in read and not {name, top(name)} & passed]
    if names:
        raise FurtherInputs(names)


def _passed(trace: Trace) -> set[str]:
    """Arguments that carry a state from call to call."""
    return {slot.argument for slot in trace.slots} | {name for name, _ in trace.threaded}


def neuron_states(trace: Trace) -> set[str]:
    """Arguments that neurons took for states: they start from rest, whatever the sample holds."""
    calls = [c for made in trace.tracer.neuron_calls.values() for c in made]
    states = [value for call in calls for value in call.states.values()]
    return {value.argument for value in states if isinstance(value, ProbeValue)}


def argument_notes(trace: Trace, sample: Sample, roots: Iterable[Value]) -> list[Finding]:
    """What becomes of values that were given for arguments which are no inputs."""
    used = {v.argument for v in reachable(roots) if isinstance(v, ProbeValue)}
    slots = neuron_states(trace)
    threaded = dict(trace.threaded)
    findings = []
    for name, value in sample.arguments.items():
        if name in trace.tracer.inputs:
            continue
        if name in slots and bool(value.any()):
            what = "is a state that is not zero in the sample; the network starts from rest."
            findings.append(_note(name, what, Severity.WARNING, "Give initial_state to simulate."))
        elif top(name) in threaded and not sample.named:
            place = threaded[top(name)] + 1
            what = f"is taken for a state: returned value {place} is given for it at the next step."
            fix = "Give the sample as a dict by argument where it is an input."
            findings.append(_note(name, what, Severity.INFO, fix))
        elif name not in used | slots:
            what = "changes nothing that forward returns; it is no input of the network."
            findings.append(_note(name, what, Severity.INFO, ""))
    return findings


def _note(name: str, what: str, severity: Severity, fix: str) -> Finding:
    return Finding(where=f"argument {name}", what=what, fix=fix, severity=severity)
