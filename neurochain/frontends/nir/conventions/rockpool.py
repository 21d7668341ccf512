"""Rockpool 3.1.0, `rockpool.nn.modules.torch.nir`.

    CubaLIF  i = exp(-dt/tau_syn) (i + x + rec); v = exp(-dt/tau_mem) v + i + v_leak
    LIF      v = exp(-dt/tau) v + x + v_leak
    z = floor(v / theta) where v >= theta, several spikes a step; v -= z theta
w_in and r are not looked at, but for dt: to_nir writes r = tau exp(-dt/tau) / dt. With
max_spikes_per_dt=1, which files do not hold, z is 1 where v >= theta.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, InputError
from neurochain.frontends.nir.conventions.base import Convention, Reading, Scope, tau_of_decay
from neurochain.frontends.nir.draft import Draft
from neurochain.frontends.nir.timestep import shortest
from neurochain.graph import (
    LIF,
    Affine,
    Compare,
    CubaLIF,
    Node,
    Reset,
    ResetKind,
    as_f64,
)
from neurochain.programs import rockpool_program

__all__ = ["ROCKPOOL", "ROCKPOOL_SINGLE"]

F64 = NDArray[np.float64]

AGREEMENT = 1e-4
"""Relative spread of dt over the neurons of a file, which holds r and tau as float32."""


def _dt(draft: Draft, given: float | None) -> tuple[float, str]:
    """Given, or solved from r = tau exp(-dt/tau) / dt."""
    if given is not None:
        return given, "given"
    pairs = [
        (node.tau if isinstance(node, LIF) else node.tau_mem, node.r)
        for node in draft.nodes.values()
        if isinstance(node, LIF | CubaLIF)
    ]
    if not pairs:
        return 1.0, "no node depends on it"
    tau = np.concatenate([np.ravel(t) for t, _ in pairs])
    r = np.concatenate([np.ravel(values) for _, values in pairs])
    if (r > 0).all():
        steps = tau * _rate(1.0 / r)
        dt = float(np.median(steps))
        if (np.abs(steps / dt - 1) <= AGREEMENT).all():
            draft.note(
                f"dt = {dt:g} s was inferred from r, which is tau exp(-dt/tau) / dt.",
                fix="It stays a guess; give --dt to be sure.",
            )
            return shortest(dt, AGREEMENT), "inferred from r"
    raise InputError(
        Finding(
            what="missing dt: r of the neurons does not agree on one.",
            fix="Give --dt SECONDS (Python: dt=), or use --convention reference.",
        )
    )


def _rate(value: F64) -> F64:
    """a with a exp(a) = value, by Newton's method."""
    a = np.log1p(value)
    for _ in range(50):
        e = np.exp(a)
        a = a - (a * e - value) / (e * (1.0 + a))
    return np.asarray(a)


def _node(single: bool) -> Callable[[Scope, Node], Node]:
    def convert(scope: Scope, node: Node) -> Node:
        if isinstance(node, Affine) and scope.name in scope.cycles and np.any(node.bias):
            scope.refuse(
                "Rockpool drops the bias of a recurrent layer.",
                "Set it to 0, or use --convention reference to have it count.",
            )
        if not isinstance(node, LIF | CubaLIF):
            return node
        scope.ignored(node, v_reset=0.0)
        return _lif(scope, node) if single else _several(scope, node)

    return convert


def _lif(scope: Scope, node: LIF | CubaLIF) -> Node:
    dt = scope.dt_s
    tau = node.tau if isinstance(node, LIF) else node.tau_mem
    mem = tau_of_decay(np.exp(-dt / tau), dt)
    shared: dict[str, Any] = {
        "r": as_f64(mem / dt),
        "v_leak": as_f64(node.v_leak * mem / dt),
        "v_reset": as_f64(np.zeros_like(mem)),
        "reset": Reset(kind=ResetKind.SUBTRACT),
        "compare": Compare.GREATER_EQUAL,
    }
    if isinstance(node, LIF):
        return replace(node, tau=mem, **shared)
    scope.ignored(node, w_in=1.0)
    alpha = np.exp(-dt / node.tau_syn)
    syn = tau_of_decay(alpha, dt)
    return replace(node, tau_mem=mem, tau_syn=syn, w_in=as_f64(alpha * syn / dt), **shared)


def _several(scope: Scope, node: LIF | CubaLIF) -> Node:
    dt, current = scope.dt_s, isinstance(node, CubaLIF)
    tau = node.tau_mem if isinstance(node, CubaLIF) else node.tau
    values: dict[str, Any] = {"alpha": np.exp(-dt / tau), "bias": node.v_leak}
    if isinstance(node, CubaLIF):
        scope.ignored(node, w_in=1.0)
        values["beta"] = np.exp(-dt / node.tau_syn)
    program = rockpool_program(current=current, recurrent=scope.name in scope.cycles)
    return scope.several(program, theta=node.v_threshold, **values)


def _convention(single: bool) -> Convention:
    return Convention(
        title="Rockpool 3.1",
        time_step=_dt,
        node=_node(single),
        reads=(LIF, CubaLIF),
        reading=Reading(recurrent_bias_at_0=True),
        euler=False,
        batch=True,
    )


ROCKPOOL = _convention(single=False)
ROCKPOOL_SINGLE = _convention(single=True)
