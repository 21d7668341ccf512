"""A neuron rewritten so that one reader's own rule gives the spikes of ours.

A membrane scaled by a positive factor together with its threshold fires the same spikes. That is
how an input gain that a reader ignores, or insists to be another, is moved: out of r and w_in and
into the threshold, which rounds no weight. A scaled threshold that is no float32 becomes its
neighbour on the side where no float32 membrane lies between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.exporters.nir.reader import HABITS, Habits, Reader
from neurochain.graph import IF, LIF, Compare, CubaLIF, as_f64
from neurochain.lowering.neurons import discretise

__all__ = ["Rewritten", "rewrite"]

F64 = NDArray[np.float64]
Spiking = IF | LIF | CubaLIF

NO_DECAY = 2.0**60
"""tau / dt of a membrane that does not decay: 1 - 2**-60 is 1."""
NEIGHBOURS = 16
"""How many float32 on either side of dt / rate are tried as a time constant."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rewritten:
    """A neuron for a reader. rounded: what is not exactly ours; faults: why it cannot be."""

    node: Spiking
    rounded: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ours:
    """The float32 numbers that the network here computes with, as float64, 0-d or a neuron each."""

    theta: F64
    beta: F64
    gain: F64
    alpha: F64
    drive: F64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Theirs:
    """Parameters in NIR's fields; their membrane is ours, times `times`, over `over`."""

    fields: Mapping[str, F64]
    times: F64 | float = 1.0
    over: F64 | float = 1.0
    rounded: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    kind: type[Spiking] | None = None


def rewrite(name: str, node: Spiking, shape: tuple[int, ...], dt_s: float, to: Reader) -> Rewritten:
    """`node` of `shape` as `to` has to find it.

    Errors: InputError for parameters without a meaning.
    """
    found = discretise(name, node, prod(shape), dt_s, recurrent=False).params
    habits = HABITS[to]
    faults = _faults(found, habits)
    if faults:
        return Rewritten(node=node, faults=faults)
    ours = _ours(found, shape)
    theirs = _RULES[to, type(node)](ours, habits.dt_s or dt_s)
    # float32 times float32 is exact in float64, so the quotient is rounded once
    value = ours.theta * theirs.times / theirs.over
    threshold = _threshold(value, node.compare, habits.compare)
    kind = theirs.kind or type(node)
    fields: dict[str, Any] = {key: as_f64(value) for key, value in theirs.fields.items()}
    written = kind(
        **fields,
        v_threshold=as_f64(threshold),
        v_reset=as_f64(0.0),
        reset=node.reset,
        compare=habits.compare,
    )
    return Rewritten(
        node=written,
        rounded=theirs.rounded,
        faults=(*theirs.faults, *_uneven(written, to), *_beyond(written, to)),
    )


def _faults(found: Mapping[str, Any], habits: Habits) -> tuple[str, ...]:
    faults = []
    if "leak" in found:
        faults.append(f"{habits.leak}, and here it is not 0")
    if "v_reset" in found and np.any(found["v_reset"]):
        faults.append(f"{habits.reset_value}, and here it is not 0")
    if not all(np.all(found.get(key, np.float32(1.0)) > 0) for key in ("gain", "drive")):
        faults.append("needs input gains above 0")
    return tuple(faults)


def _ours(found: Mapping[str, Any], shape: tuple[int, ...]) -> _Ours:
    def wide(key: str) -> F64:
        values = np.asarray(found.get(key, np.float32(1.0)), dtype=np.float64)
        return values.reshape(shape if values.size > 1 else ())

    return _Ours(
        theta=wide("theta"),
        beta=wide("beta"),
        gain=wide("gain"),
        alpha=wide("alpha"),
        drive=wide("drive"),
    )


def _threshold(value: F64, ours: Compare, theirs: Compare) -> F64:
    """`value` as a float32 that decides like it on every float32 membrane.

    v > t is v >= the next float32 above t, so each comparison can say the other.
    """
    with np.errstate(over="ignore", under="ignore"):
        near = value.astype(np.float32).astype(np.float64)
    low = np.where(near > value, _next(near, -np.inf), near)
    high = np.where(near < value, _next(near, np.inf), near)
    if ours is theirs:
        return low if ours is Compare.GREATER else high
    return _next(low, np.inf) if ours is Compare.GREATER else _next(high, -np.inf)


def _next(values: F64, towards: float) -> F64:
    """The float32 neighbours of float32 values."""
    return np.nextafter(values.astype(np.float32), np.float32(towards)).astype(np.float64)


def _uneven(node: Spiking, to: Reader) -> tuple[str, ...]:
    """Parameters that must be the same for all neurons of a node."""
    names = ["v_threshold"] if HABITS[to].uniform_threshold else []
    if HABITS[to].uniform_tau:
        names += [n for n in ("tau", "tau_syn", "tau_mem") if hasattr(node, n)]
    counts = {name: np.unique(getattr(node, name)).size for name in names}
    return tuple(
        f"takes one {name} for all neurons of a node; here there are {count}"
        for name, count in counts.items()
        if count > 1
    )


def _beyond(node: Spiking, to: Reader) -> tuple[str, ...]:
    """Thresholds without a meaning there."""
    if not np.isfinite(node.v_threshold).all():
        return ("needs a threshold beyond float32's range",)
    if to is Reader.SNNTORCH and bool((node.v_threshold < 0).any()):
        return ("resets a membrane of 0 otherwise where the threshold is below 0",)
    return ()


def _steps(decay: F64) -> F64:
    """tau / dt of a decay factor."""
    with np.errstate(divide="ignore"):
        return np.where(decay == 1.0, NO_DECAY, 1.0 / (1.0 - decay))


def _differs(what: str, theirs: F64, ours: F64) -> tuple[str, ...]:
    """Said where a number that the reader computes with is not exactly ours."""
    if np.array_equal(theirs, ours):
        return ()
    error = np.max(np.abs(theirs - ours) / np.where(ours == 0.0, 1.0, np.abs(ours)))
    return (f"float32 rounding: its {what} is ours to a relative {float(error):.0e}",)


# --- one rule a reader and kind of neuron -------------------------------------------------------


def _if(ours: _Ours, dt_s: float) -> _Theirs:
    """v + x. SpikingJelly insists on r = 1 / dt; Norse does not read r."""
    return _Theirs(fields={"r": np.asarray(1.0 / dt_s)}, over=ours.gain * ours.drive)


def _if_as_lif(ours: _Ours, dt_s: float) -> _Theirs:
    """snnTorch reads an IF as a neuron that leaks, so it is written as a LIF that does not."""
    return replace(_lif_unit(ours, dt_s), kind=LIF)


def _lif_unit(ours: _Ours, dt_s: float) -> _Theirs:
    """v = (1 - dt / tau) v + x, the decay rounded once to float32 as here."""
    steps = _steps(ours.beta)
    zero = np.zeros(())
    return _Theirs(
        fields={"tau": steps * dt_s, "r": steps, "v_leak": zero}, over=ours.gain * ours.drive
    )


def _lif_spikingjelly(ours: _Ours, dt_s: float) -> _Theirs:
    """v = v - v / (tau / dt) + x with a float32 quotient above 1."""
    theirs = _lif_unit(ours, dt_s)
    steps = theirs.fields["r"].astype(np.float32).astype(np.float64)
    faults = ("takes tau / dt above 1 only; here it is 1",) if np.any(steps <= 1.0) else ()
    return replace(
        theirs,
        fields={**theirs.fields, "tau": steps * dt_s, "r": steps},
        rounded=_differs("decay", np.where(ours.beta == 1.0, 1.0, 1.0 - 1.0 / steps), ours.beta),
        faults=faults,
    )


def _lif_norse(ours: _Ours, dt_s: float) -> _Theirs:
    """v = v + rate (x - v), r not read: the gain is the rate."""
    tau, rate = _norse_tau(ours.beta, dt_s)
    return _Theirs(
        fields={"tau": tau, "r": np.ones(()), "v_leak": np.zeros(())},
        times=rate,
        over=ours.gain,
        rounded=_differs("decay", 1.0 - rate, ours.beta),
    )


def _cuba_unit(ours: _Ours, dt_s: float) -> _Theirs:
    """i = alpha i + x; v = beta v + i."""
    syn, mem = _steps(ours.alpha), _steps(ours.beta)
    fields = {"tau_syn": syn * dt_s, "tau_mem": mem * dt_s, "r": mem, "w_in": syn}
    return _Theirs(fields={**fields, "v_leak": np.zeros(())}, over=ours.gain * ours.drive)


def _cuba_norse(ours: _Ours, dt_s: float) -> _Theirs:
    """i = i + rate (w_in x - i); v = v + rate (r i - v): here w_in and r are read."""
    tau_syn, syn = _norse_tau(ours.alpha, dt_s)
    tau_mem, mem = _norse_tau(ours.beta, dt_s)
    w_in = (ours.gain / syn).astype(np.float32).astype(np.float64)
    r = (ours.drive / mem).astype(np.float32).astype(np.float64)
    return _Theirs(
        fields={
            "tau_syn": tau_syn,
            "tau_mem": tau_mem,
            "r": r,
            "w_in": w_in,
            "v_leak": np.zeros(()),
        },
        rounded=(
            *_differs("synaptic decay", 1.0 - syn, ours.alpha),
            *_differs("decay", 1.0 - mem, ours.beta),
            *_differs("input gain", w_in * syn, ours.gain),
            *_differs("synaptic gain", r * mem, ours.drive),
        ),
    )


def _norse_tau(decay: F64, dt_s: float) -> tuple[F64, F64]:
    """A float32 tau and the rate that Norse computes from it: dt * (1 / tau), both float32.

    Of the float32 around dt / rate, the one whose rate comes nearest to 1 - decay.
    """
    wanted = np.where(decay == 1.0, 1.0 / NO_DECAY, 1.0 - decay)
    tau = (dt_s / wanted).astype(np.float32)
    tries = [tau]
    for towards in (np.float32(-np.inf), np.float32(np.inf)):
        near = tau
        for _ in range(NEIGHBOURS):
            near = np.asarray(np.nextafter(near, towards))
            tries.append(near)
    taus = np.stack(tries)
    rates = (np.float32(dt_s) * (np.float32(1.0) / taus)).astype(np.float64)
    best = np.argmin(np.abs(rates - wanted), axis=0)[None]
    return (
        np.take_along_axis(taus, best, axis=0)[0].astype(np.float64),
        np.take_along_axis(rates, best, axis=0)[0],
    )


_RULES: Mapping[tuple[Reader, type[Spiking]], Callable[[_Ours, float], _Theirs]] = {
    (Reader.NORSE, IF): _if,
    (Reader.NORSE, LIF): _lif_norse,
    (Reader.NORSE, CubaLIF): _cuba_norse,
    (Reader.SPIKINGJELLY, IF): _if,
    (Reader.SPIKINGJELLY, LIF): _lif_spikingjelly,
    (Reader.SPIKINGJELLY, CubaLIF): _cuba_unit,
    (Reader.SNNTORCH, IF): _if_as_lif,
    (Reader.SNNTORCH, LIF): _lif_unit,
    (Reader.SNNTORCH, CubaLIF): _cuba_unit,
}
