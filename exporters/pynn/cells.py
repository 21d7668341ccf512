"""Populations as PyNN's standard cells, in steps of 1 ms.

IF_curr_delta   v = beta v + x: a membrane without synaptic current
IF_curr_exp     i = alpha i + x; v = beta v + P i, with the i of the last step and a factor P that
                its exact solution has: a synaptic current. Weights are divided by P; where the
                network takes the current of this step, the cell's spikes come one step later

Both reset in the step of the spike. Cells compare with >=; thresholds stand one part in 2^30 higher
or lower, far less than float32 tells apart, so that equality counts as it does here.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import InternalError
from neurochain.graph import Compare, Reset, ResetKind, ResetTiming
from neurochain.network import Population
from neurochain.quantize.loihi.forms import features_of

__all__ = ["OTHER", "Cell", "cell_fault", "cell_of"]

F64 = NDArray[np.float64]
_FOREVER, _NOTHING = 1e18, 1 / 800
"""Time constants of decays that keep all and nothing, exp(-1 / tau) being 1 and 0 in float64."""
_BESIDE = 2.0**-30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cell:
    """A standard cell and what weights into it are multiplied by, (n,) or one for all.

    factor   of weights and of biases at a port
    extra    steps that it takes beside the delay of a synapse; -1: one that has to be waited
    leak     added to the membrane in every step, or None
    """

    kind: str
    tau_m: F64
    tau_syn: F64 | None
    theta: F64
    v_reset: F64
    factor: F64
    extra: int
    leak: F64 | None


OTHER = "Use another format, such as brian2 or onnx."


def cell_fault(population: Population) -> tuple[str, str]:
    """Why no standard cell is this neuron, and what to do; ("", "") where one is."""
    if population.program.number != "float32":
        fix = "Export what --target was given, or use another format."
        return "calculates in a chip's integers; PyNN's cells are floats.", fix
    features = features_of(population)
    if population.program.winner:
        return "has neurons that compete; PyNN's cells know nothing of each other.", OTHER
    if features is None:
        return "is no integrate-and-fire neuron that PyNN has as a standard cell.", OTHER
    if features.reset is None:
        return "gives out its membrane; the script records spikes.", "Put spiking neurons there."
    if not _resets_so(features.reset):
        kind, timing = features.reset.kind.value, features.reset.timing.value
        why = (
            f"resets by {kind} ({timing}); PyNN's cells reset to a value in the step of the spike."
        )
        return why, "Train with reset to zero (snnTorch: reset_mechanism='zero')."
    if features.leak and features.current:
        return "has a leak behind a synaptic current, from step 0 on in PyNN.", ""
    return _number_fault(population)


def _resets_so(reset: Reset) -> bool:
    if reset.kind is ResetKind.ZERO:  # at the start of the next step: the same spikes
        return reset.timing is not ResetTiming.NEXT_STEP_DISCARD
    return reset.kind is ResetKind.VALUE and reset.timing is ResetTiming.SAME_STEP


def _number_fault(population: Population) -> tuple[str, str]:
    if population.initial:
        return "does not start at 0.", "Train from rest."
    params = population.params
    if not (params["theta"] > 0).all():
        return "has a threshold that is not above 0.", ""
    for name in ("alpha", "beta"):
        if name in params and not ((params[name] >= 0) & (params[name] <= 1)).all():
            return f"has a {name} outside 0 to 1, which no time constant gives.", ""
    if "alpha" in params and np.unique(params["alpha"]).size > 1:
        return "has several decays of its current.", "Train one a layer."
    return "", ""


def cell_of(population: Population) -> Cell:
    """The cell of a population that has no fault."""
    params = {name: value.astype(np.float64) for name, value in population.params.items()}
    features = features_of(population)
    if features is None:
        raise InternalError(f"{population.name}: no cell is this neuron.")
    beta = params["beta"]
    factor = np.ones(()) * params.get("gain", np.ones(())) * params.get("drive", np.ones(()))
    # a current that keeps nothing is what arrives in the step itself, or arrived in the last one
    current = features.current and bool((params["alpha"] != 0).any())
    extra = int(current) - int(features.old_current)
    tau_syn = None
    if current:
        tau_syn = _tau(params["alpha"].reshape(-1)[:1])[0]
        factor = factor / _response(_tau(beta), tau_syn)
    greater = features.compare is Compare.GREATER
    return Cell(
        kind="IF_curr_exp" if current else "IF_curr_delta",
        tau_m=_tau(beta),
        tau_syn=None if tau_syn is None else np.asarray(tau_syn),
        theta=params["theta"] * (1 + _BESIDE if greater else 1 - _BESIDE),
        v_reset=params.get("v_reset", np.zeros(())),
        factor=np.asarray(factor),
        extra=extra,
        leak=params.get("leak"),
    )


def _tau(kept: F64) -> F64:
    """Time constants in steps."""

    def one(value: float) -> float:
        return _FOREVER if value == 1 else _NOTHING if value == 0 else -1 / log(value)

    flat = [one(float(value)) for value in kept.reshape(-1)]
    return np.asarray(flat, dtype=np.float64).reshape(kept.shape)


def _response(tau_m: F64, tau_syn: np.float64) -> F64:
    """What a current of 1 adds to a membrane in one step (mV of 1 nA on 1 nF)."""
    rate = np.abs(1 / tau_m - 1 / tau_syn)
    same = rate < 1e-12
    share = np.where(same, 1.0, -np.expm1(-rate) / np.where(same, 1.0, rate))
    return np.asarray(np.exp(-np.minimum(1 / tau_m, 1 / tau_syn)) * share)
