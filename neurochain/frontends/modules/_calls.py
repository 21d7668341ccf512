"""Calling forward under the tracer: once, and twice more where one call is one step."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import nn

from neurochain.errors import Finding
from neurochain.frontends.modules._carried import Carried, attributes
from neurochain.frontends.modules._changes import (
    counter_findings,
    generator_findings,
    generators,
    numbers,
    parameter_findings,
    parameters,
)
from neurochain.frontends.modules._hidden import hidden_findings, reach
from neurochain.frontends.modules._kinds import label_of
from neurochain.frontends.modules._marks import value_of
from neurochain.frontends.modules._sample import Sample, extra_arguments, pack, top
from neurochain.frontends.modules._snapshot import at_rest
from neurochain.frontends.modules._tracer import Tracer
from neurochain.frontends.modules._values import (
    NeuronCall,
    ProbeValue,
    SpikeValue,
    StateValue,
    TraceStopError,
    Value,
)

__all__ = ["ONE_STEP_CALLS", "Trace", "flat", "follow", "trace"]

ONE_STEP_CALLS = 3

Frame = Mapping[str, torch.Tensor]


@dataclass(slots=True, kw_only=True, eq=False)
class Slot:
    """Where an argument of forward arrived: a state of the n-th call of a neuron."""

    argument: str
    name: str
    call: int
    state: str
    returned: int | None


@dataclass(slots=True, kw_only=True, eq=False)
class Trace:
    """What one to three calls of forward did. `returned` and `values` hold a flat list a call.

    threaded  (argument, place among the returned items): what a call returned there, states as a
              whole, is the argument of the next call
    first     arguments of the first call beside the sample
    carried   numbers that a loop leaves for its next call
    failure   the exception that forward raised by itself, None where it ran
    """

    tracer: Tracer
    returned: list[list[Any]]
    values: list[list[Value | None]]
    one_step: bool
    slots: list[Slot]
    threaded: tuple[tuple[str, int], ...] = ()
    whole: Any = None
    first: Mapping[str, torch.Tensor | None] = field(default_factory=dict)
    carried: Sequence[Finding] = ()
    stopped: bool = False
    failure: Exception | None = None


def flat(item: Any) -> list[Any]:
    """Leaves of nested tuples, lists and dicts, in order."""
    if isinstance(item, (tuple, list)):
        return [leaf for part in item for leaf in flat(part)]
    if isinstance(item, Mapping):
        return [leaf for part in item.values() for leaf in flat(part)]
    return [item]


def trace(
    module: nn.Module,
    sample: Sample,
    *,
    inputs: Collection[str] = (),
    one_step: bool | None = None,
    inside: bool = False,
    again: bool = False,
) -> Trace:
    """Follow `module` on `sample`.

    inputs: further arguments of forward that are inputs like the first; all others carry states.
    one_step: whether a call is a step, None where it is found out. inside: look into neurons.
    again: call a loop twice, to see what it leaves behind; such a trace is not read.
    """
    given = {k: v for k, v in sample.arguments.items() if top(k) not in inputs}
    frame = {"": sample.x, **{k: v for k, v in sample.arguments.items() if top(k) in inputs}}
    run = partial(
        _run, module, frame, one_step=one_step, inside=inside, named=sample.named, again=again
    )
    needed, optional = ([n for n in names if n not in inputs] for names in extra_arguments(module))
    names = [*needed, *optional]
    known = {top(name) for name in given}
    empty = {name: torch.zeros(0) for name in needed if name not in known}
    if given:
        return run(given | empty)
    if optional:
        with_all = run(empty | {name: torch.zeros(0) for name in optional})
        arrived = {slot.argument for slot in with_all.slots}
        if with_all.failure is None and arrived >= set(optional):
            return with_all
    found = run(empty)
    if names and not found.slots and (found.failure is not None or found.one_step):
        by_none = run(dict.fromkeys(needed), names=names)
        if by_none.failure is None and by_none.threaded:
            return by_none
    return found


def _run(
    module: nn.Module,
    frame: Frame,
    arguments: Mapping[str, torch.Tensor | None],
    *,
    one_step: bool | None,
    inside: bool,
    named: bool,
    names: Sequence[str] = (),
    again: bool = False,
) -> Trace:
    """One trace, from rest: what an earlier trace left in the module is no state."""
    tops = [] if named else list(dict.fromkeys(map(top, arguments)))
    with at_rest(module, weights=False):  # to_graph keeps them
        frames = [frame] * ONE_STEP_CALLS
        return follow(
            module, frames, arguments, one_step, names or tops, inside=inside, again=again
        )


def follow(
    module: nn.Module,
    frames: Sequence[Frame],
    arguments: Mapping[str, torch.Tensor | None],
    one_step: bool | None,
    names: Sequence[str],
    *,
    live: bool = False,
    inside: bool = False,
    spikes: Sequence[torch.Tensor] | None = None,
    again: bool = False,
) -> Trace:
    """Call forward under the tracer, on every frame where a call is a step, else on the first.

    frames     the inputs of every call by argument, "" for the first one
    arguments  of the first call; names: those among which states may be threaded
    live, inside, spikes   as in Tracer; again: as in trace
    """
    tracer = Tracer(module, live=live, inside=inside, spikes=spikes)
    result = Trace(tracer=tracer, returned=[], values=[], one_step=False, slots=[], first=arguments)
    given = parameters(module)
    chance = generators()
    dice = torch.random.get_rng_state()
    counted: list[Finding] = []
    at_first = attributes(module) if again else {}
    try:
        with tracer.active():
            marked = {
                k: v if v is None else tracer.mark_probe(v.clone(), k) for k, v in arguments.items()
            }
            _call(result, module, frames[0], pack(marked))
            result.one_step = not _is_loop(tracer) if one_step is None else one_step
            if result.one_step and not _slots_suffice(result.slots, arguments):
                result.threaded = _threads(result.whole, names, arguments)
                result.slots = [] if result.threaded else result.slots
            for frame in frames[1:] if result.one_step else ():
                with tracer.asleep():
                    before, hidden = numbers(module), None if live else reach(module)
                _call(result, module, frame, _next_arguments(result, marked))
                with tracer.asleep():
                    found = counter_findings(tracer.names, before, module)
                    if hidden is not None and not found:
                        found = hidden_findings(hidden, module)
                    counted = found or counted
            if again and not result.one_step:
                with tracer.asleep():
                    left = Carried(module, at_first, tracer.carried)
                _call(result, module, frames[0], pack(marked))
                with tracer.asleep():
                    result.carried = left.findings()
        tracer.findings += [*counted, *parameter_findings(tracer.names, given, module)]
        tracer.findings += generator_findings(chance)
        unseen = not tracer.draws and tracer.encoding is None
        if unseen and not live and not torch.equal(dice, torch.random.get_rng_state()):
            tracer.refuse(
                label_of("", module),
                "draws random numbers in forward.",
                "Draw them outside, and pass what they make as the input.",
            )
    except TraceStopError:
        result.stopped = True
    except Exception as error:  # whatever the user's forward raises is reported as its own
        result.failure = error
    if tracer.encoding is not None:
        tracer.encoding.finish()
    return result


def _call(result: Trace, module: nn.Module, frame: Frame, arguments: Mapping[str, Any]) -> None:
    inputs = {name: result.tracer.mark_input(x.clone(), name) for name, x in frame.items()}
    first = inputs.pop("")
    result.whole = module(first, **pack(inputs), **arguments)
    returned = flat(result.whole)
    result.returned.append(returned)
    result.values.append([value_of(item) for item in returned])  # marks may go with the trace
    if len(result.returned) == 1:
        result.slots = _slots(result.tracer, returned)


def _threads(
    whole: Any, names: Sequence[str], arguments: Mapping[str, torch.Tensor | None]
) -> tuple[tuple[str, int], ...]:
    """forward(x, a, b) that returns (y, a', b'): which argument gets which returned item.

    A value that was given for an argument is of the same shape as what returns at its place.
    """
    if not names or not isinstance(whole, tuple) or len(whole) != len(names) + 1:
        return ()
    for place, name in enumerate(names, start=1):
        given = [v for k, v in arguments.items() if top(k) == name]
        if given and all(v is not None and v.numel() for v in given):
            shapes = [tuple(v.shape) for v in given if v is not None]
            if [tuple(getattr(item, "shape", ())) for item in flat(whole[place])] != shapes:
                return ()
    return tuple((name, place) for place, name in enumerate(names, start=1))


def _slots_suffice(slots: list[Slot], arguments: Mapping[str, torch.Tensor | None]) -> bool:
    """True where neurons took what forward was given for states; some may be for other uses."""
    if not arguments or not all(v is not None and v.numel() for v in arguments.values()):
        return bool(slots)
    return {slot.argument for slot in slots if slot.returned is not None} >= set(arguments)


def _next_arguments(result: Trace, first: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the next call: what the last one returned."""
    if result.threaded:
        return {name: result.whole[place] for name, place in result.threaded}
    return pack(_threaded(result, first))


def _slots(tracer: Tracer, returned: list[Any]) -> list[Slot]:
    """Which argument arrived as which state, and where the new value of that state came back."""
    slots = []
    for name, calls in tracer.neuron_calls.items():
        for number, call in enumerate(calls):
            for state, value in call.states.items():
                if isinstance(value, ProbeValue):
                    place = _place(returned, calls[-1] if _chained(calls) else call, state)
                    slots.append(
                        Slot(
                            argument=value.argument,
                            name=name,
                            call=number,
                            state=state,
                            returned=place,
                        )
                    )
    return slots


def _place(returned: list[Any], call: NeuronCall, state: str) -> int | None:
    for place, item in enumerate(returned):
        if _is_state(value_of(item), call, state):
            return place
    return None


def _is_state(value: Value | None, call: NeuronCall, state: str) -> bool:
    if isinstance(value, SpikeValue):
        return state == "spk" and value.call is call
    return isinstance(value, StateValue) and value.call is call and value.state == state


def _threaded(result: Trace, first: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the next call: the states that the last one returned."""
    places = {slot.argument: slot.returned for slot in result.slots}
    arguments = dict(first)
    for name in first:
        place = places.get(name)
        if place is not None:
            arguments[name] = result.returned[-1][place]
    return arguments


def _chained(calls: list[NeuronCall]) -> bool:
    """True where a call starts from what an earlier call of the same neuron left."""
    return any(
        isinstance(value, (SpikeValue, StateValue)) and value.call.name == call.name
        for call in calls
        for value in call.states.values()
    )


def _is_loop(tracer: Tracer) -> bool:
    """True where forward itself goes over time.

    Neurons that are known say so by starting from what they left; without any, arithmetic that is
    done several times does (which may also be a loop over layers: the reading finds out).
    """
    if tracer.neuron_calls:
        return any(_chained(calls) for calls in tracer.neuron_calls.values())
    return any(count > 1 for count in tracer.visits.values())
