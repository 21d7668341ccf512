"""From a live snnTorch module to a Graph and the facts needed to run the module beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from neurochain.errors import Finding, InputError, Severity
from neurochain.frontends.modules._calls import trace
from neurochain.frontends.modules._reading import Reading
from neurochain.frontends.modules._sample import as_sample
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
               (or a static image) for modules that loop over time. A tuple gives values of
               forward's further arguments (initial states) too.
    dt_s       length of a step in seconds, 1e-3 where not given
    time_axis  where the module takes one step a call and `sample` holds many, the axis of time;
               where the module loops, it is checked against the trace

    Errors: UnsupportedError with every finding; InputError for samples that do not fit and for
    weights that are not finite.
    """
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


def _read(module: nn.Module, given: Sample, step_s: float, time_axis: int | None) -> FrontendResult:
    """The first way of reading that succeeds; where none does, what the first one found.

    Neurons that are known are leaves first; else they are looked into, as if written by hand. A loop
    without a neuron that is known may be one over layers instead of time.
    """
    failure: UnsupportedError | None = None
    for inside in (False, True):
        for one_step in (None, True):
            try:
                found = trace(module, given.x, given.states, one_step=one_step, inside=inside)
                if one_step and found.one_step is one_step and not found.guessed:
                    continue
                if time_axis is not None and found.one_step:
                    step = given.one_step(time_axis)
                    found = trace(module, step.x, step.states, one_step=one_step, inside=inside)
                    return Reading(module, step, found, step_s).result()
                return Reading(module, given, found, step_s).result()
            except UnsupportedError as error:
                failure = failure or error
                if not _may_be_otherwise(found, inside):
                    raise failure from None
    if failure is None:
        raise InternalError("a module was not read in any way.")
    raise failure
