"""Numbers of a unit -> integers of Xylo.

Every neuron has a threshold of its own, so every neuron has a scale of its own: its largest weight
is 127, its threshold a whole number. One float unit of neuron j's membrane is q_j of the chip's.
Decays keep 1 - 2^-k of a state. A weight loses its first decay before it reaches the membrane, so
it is divided by what the current keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, Severity, UnsupportedError
from neurochain.network import Operator
from neurochain.operators import Csr, Dense
from neurochain.quantize.loihi.maps import matrix_of
from neurochain.quantize.loihi.plan import F64, Link, Plan, Unit
from neurochain.targets import Target

__all__ = ["XyloUnit", "kept", "round_unit", "rounding_findings"]

_QUIET_THRESHOLD = 1024
"""Of a neuron without weights."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class XyloUnit:
    """q (n,) float; vth, bias (n,), dashes (n,) int32; operators int8 by link."""

    unit: Unit
    q: F64
    dash_syn: NDArray[np.int32]
    dash_mem: NDArray[np.int32]
    vth: NDArray[np.int32]
    bias: NDArray[np.int32]
    operators: Mapping[str, Operator]


def kept(dash: NDArray[np.int32]) -> F64:
    """The share of a state that stays in a step."""
    return np.asarray(1.0 - 2.0 ** -dash.astype(np.float64))


def _dash(share: F64, bits: int, least: int) -> NDArray[np.int32]:
    """The shift whose share is nearest."""
    dashes = np.arange(least, 1 << bits, dtype=np.int32)
    nearest = np.abs(kept(dashes) - share[..., None]).argmin(axis=-1)
    return np.asarray(dashes[nearest], dtype=np.int32)


def round_unit(plan: Plan, unit: Unit, target: Target) -> XyloUnit:
    """The unit in integers. Errors: UnsupportedError where a threshold is below a unit."""
    bits, most = target.number("dash_bits"), (1 << (target.number("state_bits") - 1)) - 1
    largest = (1 << (target.number("weight_bits") - 1)) - 1
    dash_syn = _dash(np.broadcast_to(unit.alpha, (unit.n,)), bits, 1)
    dash_mem = _dash(np.broadcast_to(unit.beta, (unit.n,)), bits, 0)
    links = {link.name: _matrix(link) for link in plan.into(unit.name)}
    peak = np.zeros(unit.n)
    for operator in links.values():
        np.maximum.at(peak, _targets(operator), np.abs(_values(operator)))
    peak = peak / kept(dash_syn)
    with np.errstate(divide="ignore"):
        q = np.where(peak > 0, largest / peak, _QUIET_THRESHOLD / unit.theta)
        q = np.minimum(q, most / np.maximum(np.abs(unit.bias), unit.theta))
    vth = np.floor(q * unit.theta * (1 + 1e-12)).astype(np.int32)
    if (vth < 1).any():
        raise UnsupportedError(_too_low(unit, peak, target))
    q = vth / unit.theta
    factor = q / kept(dash_syn)
    return XyloUnit(
        unit=unit,
        q=q,
        dash_syn=dash_syn,
        dash_mem=dash_mem,
        vth=vth,
        bias=np.rint(unit.bias * q).astype(np.int32),
        operators={name: _rounded(op, factor, largest) for name, op in links.items()},
    )


def _matrix(link: Link) -> Dense | Csr:
    operator = link.operator
    made = operator if isinstance(operator, Dense | Csr) else matrix_of([operator])
    if not isinstance(made, Dense | Csr):  # what matrix_of makes
        raise TypeError(type(made).__name__)
    return made


def _targets(operator: Dense | Csr) -> NDArray[Any]:
    """The neuron of every stored weight."""
    if isinstance(operator, Csr):
        return operator.targets
    return np.repeat(np.arange(operator.n_out), operator.n_in)


def _values(operator: Dense | Csr) -> F64:
    return np.asarray(operator.weights, dtype=np.float64).reshape(-1)


def _rounded(operator: Dense | Csr, factor: F64, largest: int) -> Operator:
    whole = np.rint(_values(operator) * factor[_targets(operator)]).clip(-largest, largest)
    return operator.with_weights(whole.astype(np.int8).reshape(operator.weights.shape))


def _too_low(unit: Unit, peak: F64, target: Target) -> Finding:
    return Finding(
        where=unit.name,
        what=f"threshold {unit.theta:g} and weights of up to {peak.max():g} are too far apart: "
        f"{target.name} holds weights of {target.number('weight_bits')} bits and whole thresholds.",
        fix="Train with a threshold nearer to the weights.",
    )


def rounding_findings(rounded: XyloUnit) -> list[Finding]:
    """Decays that are no powers of two, and weights that became 0."""
    unit, found = rounded.unit, []
    for what, share, dash in (
        ("synaptic current", unit.alpha, rounded.dash_syn),
        ("membrane", unit.beta, rounded.dash_mem),
    ):
        wanted = np.broadcast_to(share, (unit.n,))
        worst = int(np.abs(kept(dash) - wanted).argmax())
        if abs(kept(dash)[worst] - wanted[worst]) > 1e-6:
            found.append(
                Finding(
                    where=unit.name,
                    what=f"its {what} keeps {wanted[worst]:.4g} a step; the nearest that the chip "
                    f"has is {kept(dash)[worst]:.4g}.",
                    fix="Train with decays of 1 - 2^-k.",
                    severity=Severity.WARNING,
                )
            )
    for name, operator in rounded.operators.items():
        stored: Any = operator.weight
        if stored.size and not stored.any():
            found.append(
                Finding(where=name, what="every weight became 0.", severity=Severity.WARNING)
            )
    return found
