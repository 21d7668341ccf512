"""The time step: NIR does not store it.

Two conventions are in use. "Unit input gain" files (snnTorch, SpikingJelly) are written with
r = tau / dt, so dt = tau / r; "physical" files (Norse, NIR's paper) have a free r, and the same
quotient is wrong. So dt is taken from a file only if tau_mem / r, tau_syn / w_in and 1 / r of
neurons without leak agree over every neuron of every node, and dt < tau somewhere. It stays a
guess, and is reported as one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding
from neurochain.graph import IF, LI, LIF, CubaLI, CubaLIF, Delay, I, Node

__all__ = [
    "infer_dt",
    "missing_dt",
    "needs_dt",
    "shortest",
    "step_findings",
    "time_constants",
]

AGREEMENT = 1e-5
"""Relative spread that float32 exports of one dt stay well below (about 5e-8)."""
ROUNDING = 1e-6
"""How far a quotient may be from a short decimal number to be taken as that number."""
EQUAL = 1e-6
"""dt above a time constant by this much counts as equal to it: files round to float32."""

F64 = NDArray[np.float64]


def needs_dt(nodes: Mapping[str, Node]) -> bool:
    """Whether any node's behaviour depends on the time step."""
    return any(isinstance(n, I | LI | IF | LIF | CubaLI | CubaLIF | Delay) for n in nodes.values())


def time_constants(node: Node) -> dict[str, F64]:
    """Time constants of a node by the names of their fields."""
    if isinstance(node, LI | LIF):
        return {"tau": node.tau}
    if isinstance(node, CubaLI | CubaLIF):
        return {"tau_syn": node.tau_syn, "tau_mem": node.tau_mem}
    return {}


def infer_dt(nodes: Mapping[str, Node]) -> float | None:
    """Return dt where the file is in the unit-gain convention throughout, else None."""
    with np.errstate(all="ignore"):
        quotients = [q.reshape(-1) for node in nodes.values() for q in _quotients(node)]
    if not quotients:
        return None
    values = np.concatenate(quotients)
    if not np.isfinite(values).all() or not (values > 0).all():
        return None
    dt = float(np.median(values))
    if (np.abs(values / dt - 1) > AGREEMENT).any():
        return None
    taus = [tau.reshape(-1) for node in nodes.values() for tau in time_constants(node).values()]
    if not taus or not (dt < np.concatenate(taus) * (1 - AGREEMENT)).any():
        return None
    return shortest(dt)


def _quotients(node: Node) -> list[F64]:
    """What dt would be by each of a node's parameters."""
    if isinstance(node, I | IF):
        return [1 / node.r]
    if isinstance(node, LI | LIF):
        return [node.tau / node.r]
    if isinstance(node, CubaLI | CubaLIF):
        return [node.tau_mem / node.r, node.tau_syn / node.w_in]
    return []


def shortest(dt: float, rounding: float = ROUNDING) -> float:
    """The shortest decimal within `rounding` of dt: what an exporter's user wrote (1e-4)."""
    for digits in range(1, 7):
        short = float(f"{dt:.{digits - 1}e}")
        if abs(short / dt - 1) <= rounding:
            return short
    return dt


def missing_dt(nodes: Mapping[str, Node]) -> Finding:
    """The finding where dt is neither given nor recoverable; says what the file's scale is."""
    known = (
        (f"{name}.{field}", float(np.median(tau)))
        for name, node in nodes.items()
        for field, tau in time_constants(node).items()
    )
    first = next(known, None)
    scale = ""
    if first is not None:
        scale = (
            f" Its time constants are of the size of {first[0]} = {first[1]:.4g}; dt is in the "
            "same unit and not larger."
        )
    return Finding(
        what="missing dt: a NIR file does not store the time step, and tau / r does not give it.",
        fix=f"Give --dt SECONDS (Python: dt=).{scale}",
    )


def step_findings(nodes: Mapping[str, Node], dt_s: float) -> list[Finding]:
    """dt must not exceed any time constant; dt equal to it is a decay factor of 0."""
    findings = []
    for name, node in nodes.items():
        for field, tau in time_constants(node).items():
            if (dt_s > tau * (1 + EQUAL)).any():
                findings.append(
                    Finding(
                        where=f"{name} ({type(node).__name__})",
                        what=f"dt {dt_s:g} exceeds {field} {tau.min():g}: the decay factor would "
                        "be negative.",
                        fix=f"Give --dt of at most {tau.min():g}, or check the file's time unit.",
                    )
                )
    return findings
