"""Neurons that fire several times a step: sinabs's MultiSpike and Rockpool's LIFTorch.

    z = floor(v / theta) where v >= theta, else 0;  v = v - z theta

Operations stand in the order of the two packages, so that float32 rounds as theirs does. What is
emitted is a whole number. On equality at the threshold they fire. theta is above 0.
"""

from __future__ import annotations

from neurochain.network import Op, PortKind, Program
from neurochain.programs._build import Builder

__all__ = ["rockpool_program", "sinabs_program"]

MOST = 2.0**16
"""Rockpool's max_spikes_per_dt."""


def sinabs_program(*, leak: bool, clamp: bool) -> Program:
    """v = alpha v + x; z; v = v - z theta; with `clamp` v = max(v - v_min, 0) + v_min.

    Parameters alpha (with `leak`), theta, v_min (with `clamp`), float32.
    """
    b = Builder()
    decayed = b(Op.MUL, "decayed", "alpha", "v") if leak else "v"
    membrane = b(Op.ADD, "filled", decayed, "x")
    after = _fire(b, membrane, capped=False)
    if clamp:
        b(Op.SUB, "above", after, "v_min")
        b(Op.MAX, "held", "above", "zero")
        after = b(Op.ADD, "v_new", "held", "v_min")
    named = {"alpha": leak, "theta": True, "v_min": clamp}
    return Program(
        name="multi_spike.sinabs" + ".leak" * leak + ".clamp" * clamp,
        ports=("x",),
        states=("v",),
        params=tuple(name for name, there in named.items() if there),
        constants=(("zero", 0.0),),
        body=tuple(b.body),
        next_state=(("v", after),),
        emit="z",
        emits=PortKind.GRADED,
        membrane=after,
        threshold=(membrane, "theta", ">="),
    )


def rockpool_program(*, current: bool, recurrent: bool) -> Program:
    """i = beta (i + x + rec); v = alpha v + i + bias, or without `current` v = alpha v + x + bias.

    Then z, at most 2^16, and v = v - z theta. Parameters alpha, beta (with `current`), bias, theta.
    """
    b = Builder()
    arriving = "x"
    states = [("v", "v_after")]
    if current:
        arriving = b(Op.ADD, "i_x", "i", "x")
    if recurrent:
        arriving = b(Op.ADD, "with_rec", arriving, "rec")
    if current:
        arriving = b(Op.MUL, "i_new", arriving, "beta")
        states.insert(0, ("i", "i_new"))
    b(Op.MUL, "decayed", "v", "alpha")
    b(Op.ADD, "filled", "decayed", arriving)
    membrane = b(Op.ADD, "biased", "filled", "bias")
    after = _fire(b, membrane, capped=True)
    return Program(
        name="multi_spike.rockpool" + ".current" * current + ".recurrent" * recurrent,
        ports=("x", "rec") if recurrent else ("x",),
        states=tuple(name for name, _ in states),
        params=("alpha", *(("beta",) if current else ()), "bias", "theta"),
        constants=(("zero", 0.0), ("most", MOST)),
        body=tuple(b.body),
        next_state=tuple(states),
        emit="z",
        emits=PortKind.GRADED,
        membrane=after,
        threshold=(membrane, "theta", ">="),
    )


def _fire(b: Builder, membrane: str, *, capped: bool) -> str:
    """Write z and return the membrane after it."""
    b(Op.GE, "fires", membrane, "theta")
    b(Op.DIV, "ratio", membrane, "theta")
    whole = b(Op.FLOOR, "whole", "ratio")
    if capped:
        whole = b(Op.MIN, "capped", whole, "most")
    b(Op.SELECT, "z", "fires", whole, "zero")
    b(Op.MUL, "taken", "z", "theta")
    return b(Op.SUB, "v_after", membrane, "taken")
