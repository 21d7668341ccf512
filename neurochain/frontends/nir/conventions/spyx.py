"""Spyx 1.0.0, `spyx.nir`.

    LIF      z = [v > theta] of the old v; v = (1 - dt/tau) v + x - z theta
    IF       idem without decay
    CubaLIF  z idem; i = (1 - dt/tau_syn) i + x; v = (1 - dt/tau_mem) (v - z theta) + i
So spikes leave one step late. r, w_in, v_leak and v_reset are not looked at. Chains only.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurochain.frontends.nir.conventions.base import Convention, Reading, Scope, given_dt
from neurochain.graph import (
    IF,
    LIF,
    Affine,
    CubaLIF,
    Flatten,
    Node,
    Reset,
    ResetKind,
    ResetTiming,
    SumPool,
    as_f64,
)

__all__ = ["SPYX"]

_DELAYED = Reset(kind=ResetKind.SUBTRACT, timing=ResetTiming.NEXT_STEP)


def _node(scope: Scope, node: Node) -> Node:
    if isinstance(node, IF):
        scope.ignored(node, v_reset=0.0)
        r = np.full_like(node.r, 1.0 / scope.dt_s)
        return replace(node, r=as_f64(r), v_reset=as_f64(0.0 * r), reset=_DELAYED)
    if isinstance(node, LIF):
        scope.ignored(node, v_leak=0.0, v_reset=0.0)
        zero = as_f64(np.zeros_like(node.tau))
        r = as_f64(node.tau / scope.dt_s)
        return replace(node, r=r, v_leak=zero, v_reset=zero, reset=_DELAYED)
    if isinstance(node, CubaLIF):
        return _cuba(scope, node)
    if isinstance(node, Affine) and scope.name in scope.cycles and np.any(node.bias):
        scope.refuse(
            "Spyx drops the bias of a recurrent layer.",
            "Set it to 0, or use --convention reference to have it count.",
        )
    if isinstance(node, SumPool):
        scope.only_zero_padding(node)
    if isinstance(node, Flatten):
        _check_order(scope)
    return node


def _cuba(scope: Scope, node: CubaLIF) -> Node:
    """The old spike is taken off before the membrane decays: a reset in the same step."""
    scope.ignored(node, v_leak=0.0, v_reset=0.0)
    zero = as_f64(np.zeros_like(node.tau_mem))
    return replace(
        node,
        r=as_f64(node.tau_mem / scope.dt_s),
        w_in=as_f64(node.tau_syn / scope.dt_s),
        v_leak=zero,
        v_reset=zero,
        reset=Reset(kind=ResetKind.SUBTRACT),
    )


def _check_order(scope: Scope) -> None:
    """Spyx flattens (y, x, channel), NIR (channel, y, x), and its files keep the weights."""
    scope.refuse(
        "Spyx flattens with the channels last and writes the weights behind it in that order.",
        "Reorder the weights, and use --convention reference with --spike-latency 1 --reset "
        "subtract.",
    )


SPYX = Convention(
    title="Spyx 1.0",
    time_step=given_dt("Spyx", "to_nir takes 1 where none is given"),
    node=_node,
    reads=(IF, LIF, CubaLIF, SumPool),
    reading=Reading(spike_latency=1),
)
