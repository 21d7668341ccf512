"""From a trace to a FrontendResult: every check in order, all findings of a stage at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import nn

from neurochain.errors import Finding, InputError, Severity, UnsupportedError
from neurochain.frontends.modules._arguments import argument_notes, check_arguments, neuron_states
from neurochain.frontends.modules._batch import is_batched
from neurochain.frontends.modules._build import Builder
from neurochain.frontends.modules._calls import Trace, flat
from neurochain.frontends.modules._cycles import cycle_findings
from neurochain.frontends.modules._encoders import encoder_fact, encoder_findings
from neurochain.frontends.modules._fold import (
    Expressions,
    check_refs,
    check_steps,
    number_calls,
)
from neurochain.frontends.modules._kinds import label_of
from neurochain.frontends.modules._operations import Operations, steps_by_visits
from neurochain.frontends.modules._outputs import DecodedOutput, decode, step_output
from neurochain.frontends.modules._region import is_spike
from neurochain.frontends.modules._sample import Sample
from neurochain.frontends.modules._scan import (
    dropped_findings,
    neuron_features,
    notes,
    scan,
    start_notes,
    unread_findings,
)
from neurochain.frontends.modules._series import gather_series, late_finding
from neurochain.frontends.modules._settle import settle
from neurochain.frontends.modules._time import Timing, input_timing, reachable
from neurochain.frontends.modules._values import InputValue, NeuronCall, OpValue, Value
from neurochain.frontends.result import EncoderFact, FrontendResult, InputFact, StateArgument, Style
from neurochain.graph import Graph

__all__ = ["Reading"]


class Reading:
    """Turns a trace into a result; raises where something cannot be compiled."""

    def __init__(self, module: nn.Module, sample: Sample, trace: Trace, dt_s: float) -> None:
        self.module = module
        self.sample = sample
        self.trace = trace
        self.calls = trace.tracer.neuron_calls
        self.dt_s = dt_s
        self.findings: list[Finding] = list(trace.tracer.findings)
        followed = [
            [(p, v) for p, v in enumerate(items) if v is not None] for items in trace.values
        ]
        self.returned: list[tuple[int, Value]] = followed[-1] if followed else []
        self.values: list[Value] = [v for items in followed for _, v in items]
        self.builder: Builder | None = None

    def result(self) -> FrontendResult:
        """The whole road."""
        self._check_failure()
        self._raise()
        self._settle()
        self.findings += encoder_findings(self.trace.tracer, self._roots())
        self._raise()
        timing, steps = self._timing(self._inputs())
        self.findings += number_calls(self.calls, steps)
        self._raise()
        visits = self.trace.tracer.visits
        operations = Operations(self.trace.tracer.operations, visits, steps)
        expressions = Expressions(timing, operations)
        given, returned = self.sample.arguments, [value for _, value in self.returned]
        check_arguments(self.trace, given, returned, expressions, steps)
        self.findings += check_steps(self.calls, expressions, self.trace.one_step)
        batched, problems = is_batched(self.trace.tracer, timing.frame)
        self.findings += problems
        encoder = self._encoder(timing, batched)
        self._raise()
        builder = self.builder = self._build(expressions, timing, steps, batched)
        self.findings += dropped_findings(self.trace, self._roots())
        self._raise()
        self._raise_broken(builder)
        self.findings += notes(self.module, self.trace, self.sample.was_training)
        self.findings += start_notes(builder)
        self.findings += argument_notes(self.trace, self.sample, self._roots())
        result = self._assemble(builder, timing, steps, batched)
        return replace(result, encoder=encoder)

    def _raise(self) -> None:
        if any(f.severity is Severity.ERROR for f in self.findings):
            self.findings += neuron_features(self.module, self.findings)
            raise UnsupportedError(*self.findings)

    def _raise_broken(self, builder: Builder) -> None:
        if builder.broken:
            raise InputError(*builder.broken)

    def _check_failure(self) -> None:
        """Raise where forward failed by itself; look further where the trace was stopped."""
        failure = self.trace.failure
        if failure is None and not self.trace.stopped:
            return
        self.findings += scan(self.module, self.findings)
        if failure is None:
            return
        finding = Finding(
            where=label_of("", self.module),
            what=f"forward fails on a sample of shape {tuple(self.sample.x.shape)}: "
            f"{type(failure).__name__}: {str(failure).rstrip('.')}.",
            fix="Give one call's input: a step where a call is a step, the whole sequence where "
            "forward loops over time.",
        )
        if self.findings:
            raise UnsupportedError(*self.findings, finding) from failure
        raise InputError(finding) from failure

    def _inputs(self) -> list[InputValue]:
        """The samples, the first argument's first; raises where there is nothing to compile."""
        inputs = self.trace.tracer.inputs
        used = {id(getattr(v, "base", v)) for v in reachable(self._roots())}
        if "" not in inputs or id(inputs[""]) not in used:
            raise UnsupportedError(
                Finding(where="forward", what="does not use its input.", fix="Use it.")
            )
        return list(inputs.values())

    def _settle(self) -> None:
        """Look through what was done once for all steps."""
        visits = self.trace.tracer.visits
        places = [place for place, _ in self.returned]
        made = self.trace.tracer.operations
        values = settle([*self.values, *self._roots(), *made], visits)
        self.returned = list(zip(places, values[len(self.values) - len(places) :], strict=False))
        self.values = values[: len(self.values)]

    def _roots(self) -> list[Value]:
        """What is computed for neurons and for the caller."""
        calls = [call for made in self.calls.values() for call in made]
        states = [v for call in calls for v in (call.current, *call.states.values())]
        return [*self.values, *states]

    def _timing(self, samples: list[InputValue]) -> tuple[Timing, int]:
        """Time axis and number of steps."""
        visits = self.trace.tracer.visits
        made = [
            value
            for value in self.trace.tracer.operations
            if value.call is not None and visits[value.call.site] > 1
        ]
        timing, problems = input_timing(reachable([*self._roots(), *made]), samples)
        self.findings += problems
        self._raise()
        if self.trace.one_step:
            return timing, len(self.trace.returned)
        for one in (timing, *timing.further.values()):
            if one.axis is not None:
                return timing, one.steps
        if self.calls:
            return timing, min(len(made) for made in self.calls.values())
        return timing, steps_by_visits(reachable(self._roots()), self.trace.tracer.visits)

    def _encoder(self, timing: Timing, batched: bool) -> EncoderFact | None:
        """How the encoder inside forward is answered, where there is one."""
        encoding = self.trace.tracer.encoding
        if encoding is None:
            return None
        fact = encoder_fact(encoding, timing, batched, self.trace.one_step)
        if isinstance(fact, EncoderFact):
            return fact
        self.findings.append(fact)
        return None

    def _build(
        self, expressions: Expressions, timing: Timing, steps: int, batched: bool
    ) -> Builder:
        """The graph of the last step: neurons in the order they ran, then outputs."""
        builder = Builder(expressions=expressions, batched=batched, dt_s=self.dt_s)
        reserved = list(self.trace.tracer.names.values())
        builder.add_input(timing.frame, reserved)
        for name, further in timing.further.items():
            builder.add_input(further.frame, reserved, name)
        last = [c for c in self.trace.tracer.order if c.step == steps - 1]
        outputs = self._outputs(expressions, steps, last)
        self.findings += check_refs(expressions)
        self._raise()
        builder.name_neurons(last)
        for call in last:
            builder.add_neuron(call)
        for output in outputs:
            builder.add_output(output)
        self.findings += builder.findings
        self.findings += builder.loose_ends()
        self.findings += cycle_findings(builder.edges)
        self.findings += unread_findings(self.trace, {f.module for f in builder.populations})
        if not builder.populations and not self.findings:
            self.findings.append(
                Finding(
                    where=label_of("", self.module),
                    what="has no spiking neuron between input and output.",
                    fix="neurochain compiles spiking networks; put neurons such as snntorch.Leaky "
                    "after the layers.",
                )
            )
        return builder

    def _outputs(
        self, expressions: Expressions, steps: int, last: list[NeuronCall]
    ) -> list[DecodedOutput]:
        """What forward returns, without states that only go into the next call."""
        threaded = {slot.returned for slot in self.trace.slots} | self._threaded_places()
        found: list[DecodedOutput] = []
        carried: list[DecodedOutput] = []
        returned = self.returned
        if not self.trace.one_step:
            returned = gather_series(self.trace.whole, returned, steps, expressions)
        for place, value in returned:
            if self.trace.one_step:
                output = step_output(value, place, steps, expressions)
            else:
                output = decode(value, place, steps, expressions)
            if isinstance(output, Finding):
                self.findings.append(output)
            elif output is not None:
                late = late_finding(output, expressions)
                self.findings += [late] if late is not None else []
                (carried if place in threaded else found).append(output)
        ends = _ends(expressions, last)
        found += [o for o in carried if expressions.forms[o.expression][1:3] in ends]
        found = [o for o in found if not _is_inner_state(expressions, o)]
        found.sort(key=lambda output: output.returned)
        if not found and not self.findings:
            self.findings.append(
                Finding(
                    where="forward",
                    what="returns nothing that a network computes.",
                    fix="Return the spikes of the last layer.",
                )
            )
        return _spikes_first(expressions, found)

    def _threaded_places(self) -> set[int]:
        """Flat places of returned items that only go into the next call."""
        if not self.trace.threaded:
            return set()
        first = len(flat(self.trace.whole[0]))
        return set(range(first, len(flat(self.trace.whole))))

    def _assemble(
        self, builder: Builder, timing: Timing, steps: int, batched: bool
    ) -> FrontendResult:
        loop = not self.trace.one_step
        slots = {slot.argument for slot in self.trace.slots}
        rest = neuron_states(self.trace)
        style = Style.TIME_LOOP
        if not loop:
            passed = self.trace.slots or self.trace.threaded
            style = Style.EXPLICIT_STATE if passed else Style.ONE_STEP
        graph = Graph(
            nodes=builder.nodes, edges=tuple(builder.edges), dt_s=self.dt_s, source="snntorch"
        )
        return FrontendResult(
            graph=graph,
            style=style,
            time_axis=timing.axis,
            batched=batched,
            batch=timing.frame[0] if batched else 1,
            static_input=loop and timing.axis is None,
            inputs=tuple(
                InputFact(
                    argument=name,
                    node=builder.inputs[name],
                    shape=one.frame[1:] if batched else one.frame,
                    time_axis=one.axis,
                    static=loop and one.axis is None,
                )
                for name, one in timing.further.items()
            ),
            steps=steps if loop else None,
            input_shape=timing.frame[1:] if batched else timing.frame,
            sample_shape=tuple(self.sample.x.shape),
            populations=tuple(builder.populations),
            state_arguments=self._state_arguments(builder),
            outputs=tuple(builder.outputs),
            threaded=self.trace.threaded,
            first_arguments={
                name: np.where(name in rest, np.float32(0), value.detach().numpy())
                for name, value in self.trace.first.items()
                if value is not None and value.numel() and name not in slots
            },
            none_arguments=tuple(name for name, v in self.trace.first.items() if v is None),
            findings=tuple(self.findings),
        )

    def _state_arguments(self, builder: Builder) -> tuple[StateArgument, ...]:
        facts = {(fact.module, fact.site): fact for fact in builder.populations}
        arguments = []
        for slot in self.trace.slots:
            fact = facts[slot.name, slot.call % facts[slot.name, 0].sites]
            arguments.append(
                StateArgument(
                    argument=slot.argument,
                    node=fact.node,
                    state=slot.state,
                    shape=fact.shape,
                    returned=slot.returned,
                )
            )
        return tuple(arguments)


def _ends(expressions: Expressions, last: list[NeuronCall]) -> set[tuple[str, int]]:
    """(module, site) of the neurons whose spikes no other neuron reads."""
    read: set[tuple[str, int]] = set()
    for call in last:
        stack = [expressions.of(call.current, call.step)]
        while stack:
            number = stack.pop()
            form = expressions.forms[number]
            if form[0] == "spike":
                read.add(form[1:3])
            stack += expressions.parts(number)
    return {(call.name, call.site) for call in last} - read


def _is_inner_state(expressions: Expressions, output: DecodedOutput) -> bool:
    """A synaptic current handed back by a neuron is a state, not an output."""
    form = expressions.forms[output.expression]
    return bool(form[0] == "state" and form[4] != "mem")


def _spikes_first(expressions: Expressions, outputs: list[DecodedOutput]) -> list[DecodedOutput]:
    """The main output first: what is no membrane, in the order returned."""

    def late(output: DecodedOutput) -> bool:
        form = expressions.forms[output.expression]
        value = expressions.values[output.expression]
        return form[0] == "state" or (isinstance(value, OpValue) and not is_spike(value))

    return sorted(outputs, key=late)
