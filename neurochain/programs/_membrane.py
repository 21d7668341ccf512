"""The membrane equation shared by leaky, current-based, spiking and read-out neurons."""

from __future__ import annotations

from dataclasses import dataclass

from neurochain.graph import Compare, Reset, ResetKind, ResetTiming
from neurochain.network import Op, PortKind, Program
from neurochain.programs._build import (
    Builder,
    after_spike,
    before_decay,
    before_spike,
    compare_op,
)

__all__ = ["Features", "membrane_program"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What a membrane neuron has.

    current    a synaptic current i with its own decay alpha stands before the membrane
    recurrent  a second port "rec" is added after port "x"
    gain       inputs are multiplied by `gain` (with a current: gain on i's input)
    drive      the current is multiplied by `drive` on its way to the membrane
    old_current  the membrane takes the current of the last step, before decay and input
    leak       a constant `leak` is added to the membrane every step
    reset      None for an integrator that never fires
    """

    current: bool = False
    recurrent: bool = False
    gain: bool = False
    drive: bool = False
    old_current: bool = False
    leak: bool = False
    reset: Reset | None = None
    compare: Compare = Compare.GREATER


def membrane_program(f: Features) -> Program:
    """Build the program of a membrane neuron.

    Order of execution (float32, one operation at a time; each line only where the feature is on):
        R     = [v > theta]                      (delayed resets)
        v     = (1 - R) v                        (zero, next step)
        i     = alpha i + gain x + gain rec      (current; left to right)
        v     = beta v + drive i                 (current; old_current: i before its update)   or
        v     = beta v + gain x + gain rec       (no current; left to right)
        v     = v + leak
        v     = v - R theta | v - R v            (subtract | zero with discard, next step)
        z     = [v > theta]  or [v >= theta]
        v     = v - (z - R) theta, ...           (same-step rules)
    """
    b = Builder()
    v = "v" if f.reset is None else before_decay(b, f.reset, f.compare)
    states = ["v"]
    inflow = _inflow(b, f)
    if f.current:
        states.insert(0, "i")
        total = b(Op.MUL, "i_decayed", "alpha", "i")
        for k, term in enumerate(inflow):
            total = b(Op.ADD, f"i_{k}", total, term)
        current = total
        seen = "i" if f.old_current else total
        inflow = [b(Op.MUL, "driven", "drive", seen) if f.drive else seen]
    membrane = b(Op.MUL, "v_decayed", "beta", v)
    for k, term in enumerate(inflow):
        membrane = b(Op.ADD, f"v_{k}", membrane, term)
    if f.leak:
        membrane = b(Op.ADD, "v_leaked", membrane, "leak")
    spike = None
    stored = membrane
    if f.reset is not None:
        spike = before_spike(b, f.reset, membrane)
        b(compare_op(f.compare), "z", spike, "theta")
        stored = after_spike(b, f.reset, spike)
    return Program(
        name=_name(f),
        ports=("x", "rec") if f.recurrent else ("x",),
        states=tuple(states),
        params=_params(f),
        constants=_constants(f),
        body=tuple(b.body),
        next_state=(("i", current), ("v", stored)) if f.current else (("v", stored),),
        emit="z" if spike is not None else membrane,
        emits=PortKind.EVENT if spike is not None else PortKind.ANALOG,
        membrane=stored,
        threshold=None if spike is None else (spike, "theta", f.compare.value),
    )


def _inflow(b: Builder, f: Features) -> list[str]:
    """Registers of the scaled inputs, in order."""
    ports = ["x", "rec"] if f.recurrent else ["x"]
    if not f.gain:
        return ports
    return [b(Op.MUL, f"{port}_scaled", "gain", port) for port in ports]


def _params(f: Features) -> tuple[str, ...]:
    named = {
        "alpha": f.current,
        "beta": True,
        "gain": f.gain,
        "drive": f.drive,
        "leak": f.leak,
        "theta": f.reset is not None,
        "v_reset": f.reset is not None and f.reset.kind is ResetKind.VALUE,
    }
    return tuple(name for name, present in named.items() if present)


def _constants(f: Features) -> tuple[tuple[str, float], ...]:
    """The literals that the reset uses."""
    if f.reset is None or f.reset.kind is not ResetKind.ZERO:
        return ()
    if f.reset.timing is ResetTiming.SAME_STEP:
        return (("zero", 0.0),)
    if f.reset.timing in (ResetTiming.NEXT_STEP, ResetTiming.SAME_STEP_ONCE):
        return (("one", 1.0),)
    return ()


def _name(f: Features) -> str:
    """A readable name that is different for every form."""
    kind = ("cuba_" if f.current else "") + ("li" if f.reset is None else "lif")
    parts = [kind]
    if f.reset is not None:
        parts.append(f.reset.kind.value)
        if f.reset.kind is not ResetKind.NONE:
            parts.append(f.reset.timing.value)
        if f.compare is Compare.GREATER_EQUAL:
            parts.append("ge")
    features = ("recurrent", "gain", "drive", "old_current", "leak")
    parts += [name for name in features if getattr(f, name)]
    return ".".join(parts)
