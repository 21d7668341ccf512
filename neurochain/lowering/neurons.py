"""Neuron nodes in discrete time: program and float32 parameters.

Forward Euler with step dt, as snnTorch, Norse and the NIR paper's reference do:
    beta = 1 - dt / tau,  gain = r dt / tau,  leak = (dt / tau) v_leak
    IF, I: beta = 1, gain = r dt
    Cuba*: alpha = 1 - dt / tau_syn, gain = w_in dt / tau_syn, drive = r dt / tau_mem
computed in float64 and rounded once to float32. A gain or drive of exactly 1 and a leak of exactly
0 are left out of the program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, InputError, UnsupportedError
from neurochain.graph import (
    IF,
    LI,
    LIF,
    CubaLI,
    CubaLIF,
    CurrentOrder,
    Custom,
    I,
    NeuronNode,
    Reset,
    ResetKind,
    ResetTiming,
    Threshold,
)
from neurochain.network import F32, Program
from neurochain.programs import (
    cuba_li_program,
    cuba_lif_program,
    inhibited,
    li_program,
    lif_program,
    threshold_program,
)

__all__ = ["Discrete", "discretise"]

FLOAT32_ROUNDING = 1e-6
"""Relative error of a float32 time constant, with room: a decay factor of 0 is often stored so."""

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Discrete:
    """A neuron's program, its parameters and initial states, float32, 0-d or (n,)."""

    program: Program
    params: Mapping[str, F32]
    initial: Mapping[str, F32] = field(default_factory=dict)


def discretise(name: str, node: NeuronNode, n: int, dt_s: float, *, recurrent: bool) -> Discrete:
    """Turn one neuron node of n neurons into its discrete form.

    Errors: InputError where a time constant is not positive, dt exceeds it, or a value overflows.
    """
    reset = getattr(node, "reset", None)
    if isinstance(reset, Reset):
        _check_reset(name, reset)
        _check_inhibition(name, reset, getattr(node, "inhibition", False))
    with np.errstate(all="ignore"):  # what is not finite is refused by `_param`
        return _RULES[type(node)](name, node, n, dt_s, recurrent)


def _check_reset(name: str, reset: Reset) -> None:
    """A rule that no program has is refused."""
    if reset.kind is ResetKind.VALUE and reset.timing is not ResetTiming.SAME_STEP:
        raise UnsupportedError(
            Finding(
                where=name,
                what=f"resets to a value with timing {reset.timing.value}; it acts in the same "
                "step only.",
                fix="Use the timing same_step.",
            )
        )


def _check_inhibition(name: str, reset: Reset, inhibition: bool) -> None:
    """Who competes resets by its own membrane, one step later."""
    late = (ResetTiming.NEXT_STEP, ResetTiming.NEXT_STEP_DISCARD)
    if inhibition and reset.kind is not ResetKind.NONE and reset.timing not in late:
        raise UnsupportedError(
            Finding(
                where=name,
                what=f"inhibits and resets with timing {reset.timing.value}: the reset would "
                "follow the spike that is left.",
                fix="Use the timing next_step.",
            )
        )


def _rate(name: str, field: str, tau: Any, dt_s: float) -> F64:
    """dt / tau, in (0, 1]; a tau rounded to float32 below dt counts as dt."""
    values = np.asarray(tau, dtype=np.float64)
    if not (values > 0).all():
        raise InputError(
            Finding(
                where=name,
                what=f"{field} is {values.min():g} s; it must be above 0.",
                fix="Correct the time constant.",
            )
        )
    rate = dt_s / values
    if (rate > 1 + FLOAT32_ROUNDING).any():
        raise InputError(
            Finding(
                where=name,
                what=f"dt {dt_s:g} s exceeds {field} {values.min():g} s: the decay factor would "
                "be negative.",
                fix=f"Give --dt of at most {values.min():g}, or check the file's time unit.",
            )
        )
    return np.minimum(rate, 1.0)


def _param(name: str, field: str, value: F64, n: int) -> F32:
    """Round to float32; one value where all are equal."""
    with np.errstate(over="ignore"):
        rounded = np.asarray(value, dtype=np.float64).astype(np.float32).reshape(-1)
    if not np.isfinite(rounded).all():
        raise InputError(
            Finding(
                where=name,
                what=f"{field} is not a finite float32.",
                fix="Check the node's parameters and dt.",
            )
        )
    if rounded.size == 1 or (rounded.view(np.uint32) == rounded.view(np.uint32)[0]).all():
        return np.asarray(rounded[0])
    return np.ascontiguousarray(np.broadcast_to(rounded, (n,)))


class _Form:
    """Collects parameters; optional ones are dropped where they change nothing."""

    def __init__(self, name: str, n: int) -> None:
        self.name, self.n = name, n
        self.params: dict[str, F32] = {}

    def put(self, field: str, value: Any) -> None:
        """A parameter that is always there."""
        self.params[field] = _param(self.name, field, value, self.n)

    def put_unless(self, field: str, value: Any, neutral: float) -> bool:
        """A parameter left out where it equals `neutral`; returns whether it is there."""
        rounded = _param(self.name, field, value, self.n)
        if (rounded == np.float32(neutral)).all():
            return False
        self.params[field] = rounded
        return True

    def spiking(self, node: Any) -> None:
        """Threshold and the value of the reset."""
        self.put("theta", node.v_threshold)
        if node.reset.kind is ResetKind.VALUE:
            self.put("v_reset", node.v_reset)

    def done(self, program: Program, *, inhibition: bool = False) -> Discrete:
        """Parameters in the program's order."""
        if inhibition:
            program = inhibited(program)
        return Discrete(program=program, params={k: self.params[k] for k in program.params})


def _lif(name: str, node: LIF, n: int, dt_s: float, recurrent: bool) -> Discrete:
    form, rate = _Form(name, n), _rate(name, "tau", node.tau, dt_s)
    form.put("beta", 1.0 - rate)
    gain = form.put_unless("gain", node.r * rate, 1.0)
    leak = form.put_unless("leak", node.v_leak * rate, 0.0)
    form.spiking(node)
    return form.done(
        lif_program(node.reset, compare=node.compare, recurrent=recurrent, gain=gain, leak=leak),
        inhibition=node.inhibition,
    )


def _if(name: str, node: IF, n: int, dt_s: float, recurrent: bool) -> Discrete:
    form = _Form(name, n)
    form.put("beta", 1.0)
    gain = form.put_unless("gain", node.r * dt_s, 1.0)
    form.spiking(node)
    return form.done(lif_program(node.reset, compare=node.compare, recurrent=recurrent, gain=gain))


def _cuba(form: _Form, node: Any, dt_s: float) -> dict[str, bool]:
    syn = _rate(form.name, "tau_syn", node.tau_syn, dt_s)
    mem = _rate(form.name, "tau_mem", node.tau_mem, dt_s)
    form.put("alpha", 1.0 - syn)
    form.put("beta", 1.0 - mem)
    return {
        "gain": form.put_unless("gain", node.w_in * syn, 1.0),
        "drive": form.put_unless("drive", node.r * mem, 1.0),
        "leak": form.put_unless("leak", node.v_leak * mem, 0.0),
        "old_current": node.current is CurrentOrder.OLD,
    }


def _cuba_lif(name: str, node: CubaLIF, n: int, dt_s: float, recurrent: bool) -> Discrete:
    form = _Form(name, n)
    features = _cuba(form, node, dt_s)
    form.spiking(node)
    return form.done(
        cuba_lif_program(node.reset, compare=node.compare, recurrent=recurrent, **features),
        inhibition=node.inhibition,
    )


def _cuba_li(name: str, node: CubaLI, n: int, dt_s: float, recurrent: bool) -> Discrete:
    form = _Form(name, n)
    return form.done(cuba_li_program(recurrent=recurrent, **_cuba(form, node, dt_s)))


def _li(name: str, node: LI, n: int, dt_s: float, recurrent: bool) -> Discrete:
    form, rate = _Form(name, n), _rate(name, "tau", node.tau, dt_s)
    form.put("beta", 1.0 - rate)
    gain = form.put_unless("gain", node.r * rate, 1.0)
    leak = form.put_unless("leak", node.v_leak * rate, 0.0)
    return form.done(li_program(recurrent=recurrent, gain=gain, leak=leak))


def _i(name: str, node: I, n: int, dt_s: float, recurrent: bool) -> Discrete:
    form = _Form(name, n)
    form.put("beta", 1.0)
    gain = form.put_unless("gain", node.r * dt_s, 1.0)
    return form.done(li_program(recurrent=recurrent, gain=gain))


def _threshold(name: str, node: Threshold, n: int, dt_s: float, recurrent: bool) -> Discrete:
    form = _Form(name, n)
    form.put("theta", node.threshold)
    return form.done(threshold_program(node.compare))


def _custom(name: str, node: Custom, n: int, dt_s: float, recurrent: bool) -> Discrete:
    """The program as it stands; time is discrete in it already."""
    params = {k: _param(name, k, node.params[k], n) for k in node.program.params}
    initial = {k: _param(name, k, v, n) for k, v in node.initial.items()}
    return Discrete(program=node.program, params=params, initial=initial)


_RULES: Mapping[type[NeuronNode], Callable[..., Discrete]] = {
    LIF: _lif,
    IF: _if,
    CubaLIF: _cuba_lif,
    CubaLI: _cuba_li,
    LI: _li,
    I: _i,
    Threshold: _threshold,
    Custom: _custom,
}
