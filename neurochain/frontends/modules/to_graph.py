"""From a live snnTorch module to a Graph and the facts needed to run the module beside it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn

from neurochain.errors import Finding, InputError, InternalError, Severity, UnsupportedError
from neurochain.frontends.modules._arguments import FurtherInputs
from neurochain.frontends.modules._calls import Trace, trace
from neurochain.frontends.modules._kinds import NEURON_STATES, label_of
from neurochain.frontends.modules._lengths import check_length
from neurochain.frontends.modules._reading import Reading
from neurochain.frontends.modules._sample import Sample, as_sample, top
from neurochain.frontends.modules._snapshot import at_rest
from neurochain.frontends.result import FrontendResult

__all__ = ["DEFAULT_DT_S", "to_graph"]

DEFAULT_DT_S = 1e-3


def to_graph(
    module: nn.Module,
    sample: Any,
    *,
    dt_s: float | None = None,
    time_axis: int | None = None,
) -> FrontendResult:
    """Read a live module, which is left as it was.

    sample     one call's input: a step for modules that take one step a call, the whole sequence
               (or a static image) for modules that loop over time. A tuple, or a dict by name,
               gives values of forward's further arguments too: inputs, or states, which may be
               nested in tuples.
    dt_s       length of a step in seconds, 1e-3 where not given
    time_axis  where the module takes one step a call and `sample` holds many, the axis of time;
               where the module loops, it is checked against the trace

    Errors: UnsupportedError with every finding; InputError for samples that do not fit and for
    weights that are not finite.
    """
    _refuse_machine_code(module)
    given = as_sample(module, sample)
    step_s = DEFAULT_DT_S if dt_s is None else dt_s
    if not step_s > 0:
        raise InputError(f"dt is {step_s} s; it must be above 0. Give a length in seconds.")
    with at_rest(module):
        result = _read(module, given, step_s, time_axis)
    if time_axis is not None and result.time_axis not in (None, time_axis):
        raise InputError(
            f"time_axis={time_axis}, but forward goes over axis {result.time_axis} of the sample. "
            f"Pass time_axis={result.time_axis}, or leave it out."
        )
    if dt_s is not None:
        return result
    note = Finding(
        where="dt",
        what=f"not given; {DEFAULT_DT_S:g} s is assumed. It does not change what the network does.",
        fix="Give dt in seconds where physical time matters.",
        severity=Severity.INFO,
    )
    return replace(result, findings=(*result.findings, note))


def _refuse_machine_code(module: Any) -> None:
    """TorchScript and torch.compile run below Python, where no trace follows.

    A scripted module's mode is kept where it cannot be put back. The class of a compiled one is
    known by name: importing it would import all of torch's compiler.
    """
    parts = dict(module.named_modules()) if isinstance(module, nn.Module) else {}
    scripted = [n for n, part in parts.items() if isinstance(part, torch.jit.ScriptModule)]
    findings = [
        Finding(
            where=label_of(name, parts[name]),
            what="is TorchScript (torch.jit.script, trace or load): what it computes cannot be "
            "followed.",
            fix="Use the Python module that it was made from.",
        )
        for name in scripted
        if name.rpartition(".")[0] not in scripted or not name
    ]
    findings += [
        Finding(
            where=label_of(name, part),
            what="was made by torch.compile; what it runs cannot be followed.",
            fix="Give the module it was made from, its attribute _orig_mod.",
        )
        for name, part in parts.items()
        if type(part).__name__ == "OptimizedModule" and hasattr(part, "_orig_mod")
    ]
    if findings:
        raise UnsupportedError(*findings)


def _read(module: nn.Module, given: Sample, step_s: float, time_axis: int | None) -> FrontendResult:
    """Read once more, with further arguments of forward as inputs, where it finds that they are."""
    inputs: tuple[str, ...] = ()
    while True:
        try:
            return _read_with(module, given, step_s, time_axis, inputs)
        except FurtherInputs as found:
            more = {top(name) for name in found.names} - set(inputs)
            if not more:
                raise InternalError(
                    f"{found} are no inputs, though they were made ones."
                ) from found
            inputs = (*inputs, *sorted(more))


def _read_with(
    module: nn.Module,
    given: Sample,
    step_s: float,
    time_axis: int | None,
    inputs: tuple[str, ...],
) -> FrontendResult:
    """The first way of reading that succeeds; where none does, what the first one found.

    Neurons that are known are leaves first; else they are looked into, as if written by hand (a
    membrane that feeds a layer, a start that is not zero). Without a neuron that is known,
    operations that repeat within a call may be a loop over time, or one over layers.
    """
    failure: UnsupportedError | None = None
    known = any(type(part) in NEURON_STATES for part in module.modules())
    for inside in (False, True) if known else (False,):
        follow = partial(trace, module, inputs=inputs, inside=inside)
        found = follow(given)
        ways = [(found, False)]
        further: FurtherInputs | None = None
        if not found.one_step and not found.tracer.neuron_calls and not _repeats(found):
            ways.append((follow(given, one_step=True), True))
        for way, forced in ways:
            step, seen = given, way
            if time_axis is not None and way.one_step:
                step = given.one_step(time_axis)
                seen = follow(step, one_step=True if forced else None)
            try:
                result = replace(Reading(module, step, seen, step_s).result(), inside=inside)
                if not forced:
                    check_length(module, step, result, seen, step_s, follow)
                return result
            except FurtherInputs as found_inputs:
                further = further or found_inputs  # unless a step a call is meant: the next way
            except UnsupportedError as error:
                failure = failure or error
            except InputError as error:
                raise failure or error from None
        if further is not None:
            raise further
    raise failure or InternalError("a module was read in no way.")


def _repeats(found: Trace) -> bool:
    """True where a layer with weights is used several times: the loop is one over time."""
    calls = Counter(call.name for call in found.tracer.leaf_calls if _has_weights(call.module))
    return any(count > 1 for count in calls.values())


def _has_weights(layer: nn.Module) -> bool:
    return next(layer.parameters(), None) is not None
