"""snnTorch 1.0.0, `snntorch.export_nir`.

    LIF      Leaky, RLeaky        tau = dt / (1 - beta), r = tau / dt, dt = 1e-4
    CubaLIF  Synaptic, RSynaptic  idem, and w_in = tau_syn / dt
The reset is not in the file: subtract, zero and none are written alike, and so are both values of
reset_delay, graded_spikes_factor and inhibition. (import_from_nir takes "zero", whatever was
trained.) So reset has to be given, and reset_delay where it makes a difference.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurochain.errors import Severity
from neurochain.frontends.nir.conventions.base import Convention, Reading, Scope
from neurochain.frontends.nir.draft import Draft
from neurochain.graph import (
    LIF,
    AvgPool,
    CubaLIF,
    Node,
    Reset,
    ResetKind,
    ResetTiming,
    as_f64,
)

__all__ = ["SNNTORCH"]

DT_S = 1e-4


def _dt(draft: Draft, given: float | None) -> tuple[float, str]:
    """Export and import have it fixed."""
    if given is None:
        return DT_S, "fixed in snnTorch"
    draft.overruled("dt", DT_S, given)
    return given, "given"


def _node(scope: Scope, node: Node) -> Node:
    if not isinstance(node, LIF | CubaLIF):
        return node
    scope.zero(node, "v_leak")
    scope.ignored(node, v_reset=0.0)
    gains = {"r": (node.r, node.tau if isinstance(node, LIF) else node.tau_mem)}
    if isinstance(node, CubaLIF):
        gains["w_in"] = (node.w_in, node.tau_syn)
    for field, (value, tau) in gains.items():
        if not np.allclose(value, tau / scope.dt_s, rtol=1e-5):
            scope.wrong(
                f"{field} is {np.ravel(value)[0]:g}; snnTorch writes "
                f"{np.ravel(tau / scope.dt_s)[0]:g} (its neurons add their input unscaled).",
                "Use --convention reference if the file comes from elsewhere.",
            )
    zero = as_f64(np.zeros_like(node.v_leak))
    return replace(node, v_reset=zero, reset=_reset(scope, node))


def _reset(scope: Scope, node: LIF | CubaLIF) -> Reset:
    """The rule that the caller names, with the timing of the module."""
    kind, delay = scope.options.reset, scope.options.reset_delay
    if kind is None:
        scope.wrong(
            "files of snnTorch do not hold the reset: subtract (its default), zero and none are "
            "written alike.",
            "Give --reset subtract|zero|none as it was trained; or compile the module itself.",
        )
        return Reset()
    if kind is ResetKind.VALUE:
        scope.wrong("snnTorch has no reset to a value.", "Give --reset subtract|zero|none.")
        return Reset()
    if kind is ResetKind.NONE:
        return Reset(kind=kind, timing=ResetTiming.NEXT_STEP)
    recurrent = scope.name in scope.cycles
    discard = kind is ResetKind.ZERO and (recurrent or isinstance(node, CubaLIF))
    if delay is None and (kind is ResetKind.SUBTRACT or discard):
        scope.wrong(
            "files of snnTorch do not hold reset_delay, and it changes the spikes here.",
            "Give --reset-delay yes (its default) or no; or compile the module itself.",
        )
    if delay is False and recurrent and isinstance(node, CubaLIF):
        scope.note(
            "RSynaptic of snnTorch 1.0 resets a step later, whatever its reset_delay.",
            severity=Severity.INFO,
        )
        delay = True
    if delay is False:
        timing = ResetTiming.SAME_STEP_ONCE_DISCARD if discard else ResetTiming.SAME_STEP_ONCE
    else:
        timing = ResetTiming.NEXT_STEP_DISCARD if discard else ResetTiming.NEXT_STEP
    return Reset(kind=kind, timing=timing)


SNNTORCH = Convention(
    title="snnTorch 1.0",
    time_step=_dt,
    node=_node,
    reads=(LIF, CubaLIF, AvgPool),
    reading=Reading(recurrent_bias_at_0=True, takes_reset=True),
)
