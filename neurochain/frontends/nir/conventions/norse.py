"""Norse 1.1.0, `norse.torch.from_nir`.

    LIF      v += dt/tau (x + v_leak - v); v := 0 where v > v_threshold; starts at v_leak
    IF       v += x; the same
    CubaLIF  i += dt/tau_syn (w_in x + v_leak - i), starts at v_leak; then LIF driven by r i
    LI       as it is written by to_nir: v += dt/tau (x + v_leak - v)
r of LIF, IF and LI and v_reset are not looked at. Cycles go through nirtorch, which leaves out a
recurrent bias at step 0.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurochain.errors import Severity
from neurochain.frontends.nir.conventions.base import Convention, Reading, Scope, given_dt
from neurochain.graph import (
    IF,
    LI,
    LIF,
    CubaLIF,
    Node,
    Reset,
    ResetKind,
    SumPool,
    as_f64,
)

__all__ = ["NORSE"]


def _node(scope: Scope, node: Node) -> Node:
    if isinstance(node, IF):
        scope.ignored(node, r=1.0, v_reset=0.0)
        r = np.full_like(node.r, 1.0 / scope.dt_s)
        return replace(node, r=as_f64(r), v_reset=as_f64(0.0 * node.r), reset=Reset())
    if isinstance(node, LIF):
        scope.ignored(node, r=1.0, v_reset=0.0)
        return _from_leak(scope, replace(node, r=as_f64(np.ones_like(node.r))))
    if isinstance(node, CubaLIF):
        scope.ignored(node, v_reset=0.0)
        return _from_leak(scope, node)
    if isinstance(node, LI):
        scope.ignored(node, r=1.0)
        scope.zero(node, "v_leak")
        return replace(node, r=as_f64(np.ones_like(node.r)))
    if isinstance(node, SumPool):
        scope.only_zero_padding(node)
    return node


def _from_leak(scope: Scope, node: LIF | CubaLIF) -> LIF | CubaLIF:
    """Membranes start at v_leak and are zeroed: kept here relative to v_leak, they start at 0.

    With u = v - v_leak and, for CubaLIF, j = i - v_leak: the membrane is driven by r j + r v_leak.
    """
    leak = node.v_leak
    if not np.any(leak):
        zero = as_f64(np.zeros_like(leak))
        return replace(node, v_reset=zero, reset=Reset(kind=ResetKind.ZERO))
    scope.note(
        "its membrane starts at v_leak in Norse; it is kept relative to v_leak here.",
        severity=Severity.INFO,
    )
    pull = node.r * leak if isinstance(node, CubaLIF) else 0.0 * leak
    return replace(
        node,
        v_leak=as_f64(pull),
        v_threshold=as_f64(node.v_threshold - leak),
        v_reset=as_f64(-leak),
        reset=Reset(kind=ResetKind.VALUE),
    )


NORSE = Convention(
    title="Norse 1.1",
    time_step=given_dt("Norse", "from_nir takes 1e-3 where none is given"),
    node=_node,
    reads=(IF, LIF, CubaLIF, LI, SumPool),
    reading=Reading(recurrent_bias_at_0=False),
    batch=True,
)
