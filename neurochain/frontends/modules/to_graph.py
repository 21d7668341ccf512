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
        found = trace(module, given.x, given.states)
        if time_axis is not None and found.one_step:
            given = given.one_step(time_axis)
            found = trace(module, given.x, given.states)
        result = Reading(module, given, found, step_s).result()
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
