"""SpikingJelly 2.0.0, `nir_exchange.import_from_nir`.

    IF       v += x                               r = 1 / dt
    LIF      v += dt/tau (x - (v - v_reset))      r = 1      (decay_input)
             v += x - dt/tau (v - v_reset)        r = tau / dt
    CubaLIF  i = (1 - dt/tau_syn) i + x; v = (1 - dt/tau_mem) v + i
fires where v >= v_threshold, then v := v_reset in the same step; starts at v_reset. One value a
layer. Cycles go through nirtorch, which leaves out a recurrent bias at step 0.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from neurochain.errors import Severity
from neurochain.frontends.nir.conventions.base import Convention, Reading, Scope
from neurochain.frontends.nir.decisions import decide_dt
from neurochain.frontends.nir.draft import Draft
from neurochain.graph import (
    IF,
    LIF,
    AvgPool,
    Compare,
    CubaLIF,
    Node,
    Reset,
    ResetKind,
    as_f64,
)

__all__ = ["SPIKINGJELLY"]

_ELSEWHERE = "Give the --dt it was written with, or use --convention reference."


def _dt(draft: Draft, given: float | None) -> tuple[float, str]:
    """Given, or inferred: r = tau / dt and r = 1 / dt are what it writes, but for decay_input."""
    dt = decide_dt(draft, given)
    return dt, draft.facts["dt"].partition("(")[2].rstrip(")")


def _node(scope: Scope, node: Node) -> Node:
    if isinstance(node, IF):
        _expect(scope, "r", node.r, 1.0 / scope.dt_s, meaning="1 / dt")
    elif isinstance(node, LIF):
        _lif(scope, node)
    elif isinstance(node, CubaLIF):
        _expect(scope, "r", node.r, node.tau_mem / scope.dt_s, meaning="tau_mem / dt")
        _expect(scope, "w_in", node.w_in, node.tau_syn / scope.dt_s, meaning="tau_syn / dt")
        scope.zero(node, "v_leak")
    else:
        return node
    for field in ("r", "v_threshold", "v_reset", "tau", "tau_mem", "tau_syn"):
        values = getattr(node, field, None)
        if values is not None and np.unique(values).size != 1:
            scope.wrong(
                f"{field} differs between neurons; SpikingJelly reads one value a layer.",
                "Use --convention reference if the file comes from elsewhere.",
            )
    return _from_reset(scope, node)


def _lif(scope: Scope, node: LIF) -> None:
    """r is 1 (decay_input) or tau / dt, and it leaks towards v_reset."""
    whole = node.tau / scope.dt_s
    if not (np.allclose(node.r, 1.0, rtol=1e-6) or np.allclose(node.r, whole, rtol=1e-6)):
        scope.wrong(
            f"r is {np.ravel(node.r)[0]:g}; SpikingJelly reads 1 or tau / dt "
            f"({np.ravel(whole)[0]:g}).",
            _ELSEWHERE,
        )
    if not np.allclose(node.v_leak, node.v_reset, rtol=1e-6, atol=1e-12):
        scope.wrong(
            f"v_leak is {np.ravel(node.v_leak)[0]:g}, v_reset {np.ravel(node.v_reset)[0]:g}; "
            "SpikingJelly reads them only where they are equal.",
            "Use --convention reference if the file comes from elsewhere.",
        )


def _expect(scope: Scope, field: str, got: Any, want: Any, *, meaning: str) -> None:
    if not np.allclose(got, want, rtol=1e-6, atol=1e-12):
        scope.wrong(
            f"{field} is {np.ravel(got)[0]:g}; SpikingJelly reads only {meaning} "
            f"({np.ravel(want)[0]:g}).",
            _ELSEWHERE,
        )


def _from_reset(scope: Scope, node: IF | LIF | CubaLIF) -> Node:
    """Membranes start at v_reset: kept here relative to it, they start at 0 and are zeroed."""
    start = node.v_reset
    shifted: dict[str, Any] = {
        "v_threshold": as_f64(node.v_threshold - start),
        "v_reset": as_f64(np.zeros_like(start)),
        "reset": Reset(kind=ResetKind.ZERO),
        "compare": Compare.GREATER_EQUAL,
    }
    if np.any(start):
        scope.note(
            "its membrane starts at v_reset in SpikingJelly; it is kept relative to v_reset here.",
            severity=Severity.INFO,
        )
    if isinstance(node, LIF):
        shifted["v_leak"] = as_f64(np.zeros_like(start))
    elif isinstance(node, CubaLIF):
        shifted["v_leak"] = as_f64(node.v_leak - start)
    return replace(node, **shifted)


SPIKINGJELLY = Convention(
    title="SpikingJelly 2.0",
    time_step=_dt,
    node=_node,
    reads=(IF, LIF, CubaLIF, AvgPool),
    reading=Reading(recurrent_bias_at_0=False),
)
