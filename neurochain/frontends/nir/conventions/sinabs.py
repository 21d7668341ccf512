"""sinabs 3.1.3, `sinabs.from_nir`.

    LIF  v = exp(-1/tau) v + x; z = trunc(v / theta), several spikes a step; v -= z theta
    LI   v = exp(-1/tau) v + x; emits v
    IF   v = v + x; z as above; v is held above -theta
tau counts steps, r is not looked at for LIF and IF. With spike_fn=SingleSpike, which files do not
hold, z is 1 where v >= theta. The decay is rounded once to float32; torch's may differ in the last
bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from neurochain.frontends.nir.conventions.base import Convention, Reading, Scope, tau_of_decay
from neurochain.frontends.nir.draft import Draft
from neurochain.graph import (
    IF,
    LI,
    LIF,
    Compare,
    NeuronNode,
    Node,
    Reset,
    ResetKind,
    SumPool,
    as_f64,
)
from neurochain.programs import sinabs_program

__all__ = ["SINABS", "SINABS_SINGLE"]


def _steps(draft: Draft, given: float | None) -> tuple[float, str]:
    """tau is in steps; dt only says how long a step is."""
    if given is None:
        return 1.0, "time constants are in steps"
    return given, "given as the length of a step; time constants are in steps"


def _node(single: bool) -> Callable[[Scope, Node], Node]:
    def convert(scope: Scope, node: Node) -> Node:
        if scope.name in scope.cycles and isinstance(node, NeuronNode):
            scope.refuse(
                "stands on a cycle; the import of sinabs runs each layer over the whole sequence "
                "and has none.",
                "Use --convention reference if the file comes from elsewhere.",
            )
            return node
        if isinstance(node, LIF):
            return _lif(scope, node, single)
        if isinstance(node, LI):
            return _li(scope, node)
        if isinstance(node, IF):
            return _if(scope, node, single)
        if isinstance(node, SumPool):
            scope.only_zero_padding(node)
        return node

    return convert


def _lif(scope: Scope, node: LIF, single: bool) -> Node:
    scope.zero(node, "v_leak")
    scope.ignored(node, r=1.0, v_reset=0.0)
    if not single:
        program = sinabs_program(leak=True, clamp=False)
        return scope.several(program, alpha=_decay(node.tau), theta=node.v_threshold)
    tau = tau_of_decay(_decay(node.tau), scope.dt_s)
    return replace(
        node,
        tau=tau,
        r=as_f64(tau / scope.dt_s),
        v_reset=as_f64(np.zeros_like(tau)),
        reset=Reset(kind=ResetKind.SUBTRACT),
        compare=Compare.GREATER_EQUAL,
    )


def _if(scope: Scope, node: IF, single: bool) -> Node:
    scope.ignored(node, r=1.0, v_reset=0.0)
    if single:
        scope.refuse(
            "sinabs holds the membrane of an IF above -v_threshold; together with one spike a step "
            "no neuron program here does.",
            "Give --convention sinabs, where several spikes a step are meant.",
        )
        return node
    program = sinabs_program(leak=False, clamp=True)
    return scope.several(program, theta=node.v_threshold, v_min=-node.v_threshold)


def _li(scope: Scope, node: LI) -> Node:
    scope.zero(node, "v_leak")
    if not np.allclose(node.r, 1.0, rtol=1e-6, atol=0.0):
        scope.refuse(
            f"r is {np.ravel(node.r)[0]:g}; sinabs reads only 1.",
            "Use --convention reference if the file comes from elsewhere.",
        )
    tau = tau_of_decay(_decay(node.tau), scope.dt_s)
    return replace(node, tau=tau, r=as_f64(tau / scope.dt_s))


def _decay(tau: np.ndarray) -> np.ndarray:
    """exp(-1 / tau) of the float32 time constant, rounded to float32."""
    exact = np.exp(-1.0 / tau.astype(np.float32).astype(np.float64))
    return np.asarray(exact.astype(np.float32).astype(np.float64))


def _convention(single: bool) -> Convention:
    return Convention(
        title="sinabs 3.1",
        time_step=_steps,
        node=_node(single),
        reads=(LIF, LI, IF, SumPool),
        reading=Reading(),
        euler=False,
    )


SINABS = _convention(single=False)
SINABS_SINGLE = _convention(single=True)
