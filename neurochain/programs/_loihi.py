"""What the integer neurons of Loihi share: current, membrane, wrap and clip (docs/loihi.md)."""

from __future__ import annotations

from neurochain.network import Op, PortKind, Program
from neurochain.programs._build import Builder

__all__ = [
    "CONSTANTS",
    "MOST_STATE",
    "WATCH",
    "clip",
    "current",
    "fire",
    "leaky",
    "membrane",
    "threshold",
]

MOST_STATE = 2**23 - 1
"""The largest magnitude that a 24-bit state holds, in either direction."""
MOST_INPUT = 2**15 - 1
"""The largest magnitude that the chip's 16-bit input sum holds."""

WATCH = (("x", MOST_INPUT), ("u_sum", MOST_STATE), ("v_sum", MOST_STATE))
"""What is counted: inputs beyond 16 bits, currents that wrap, membranes that are cut."""

CONSTANTS: dict[str, int] = {
    "zero": 0,
    "six": 6,
    "twelve": 12,
    "full_u": 4095,  # the decay of u acts as du + 1
    "full_v": 4096,
    "most": MOST_STATE,
    "least": -MOST_STATE,
    "over": 2**23,
    "under": -(2**23),
    "turn": 2**24,
}


def current(b: Builder, arrived: str, u: str = "u") -> str:
    """u = wrap(u (4096 - (du + 1)) / 2^12 toward zero + 2^6 arrived); returns its register.

    Registers made on the way: "u_sum", before the wrap. The wrap corrects once, and 2^23 stays.
    """
    b(Op.SUB, "u_keep", "full_u", "du")
    b(Op.SCALE, "u_decayed", u, "u_keep", "twelve")
    b(Op.SHIFT_LEFT, "driven", arrived, "six")
    b(Op.ADD, "u_sum", "u_decayed", "driven")
    b(Op.GT, "u_high", "u_sum", "over")
    b(Op.SUB, "u_lowered", "u_sum", "turn")
    b(Op.LE, "u_low", "u_sum", "under")
    b(Op.ADD, "u_raised", "u_sum", "turn")
    b(Op.SELECT, "u_wrapped", "u_low", "u_raised", "u_sum")
    return b(Op.SELECT, "u_new", "u_high", "u_lowered", "u_wrapped")


def membrane(b: Builder, u: str, v: str = "v") -> str:
    """v = clip(v (4096 - dv) / 2^12 toward zero + u + bias); returns its register."""
    b(Op.SUB, "v_keep", "full_v", "dv")
    b(Op.SCALE, "v_decayed", v, "v_keep", "twelve")
    b(Op.ADD, "v_driven", "v_decayed", u)
    b(Op.ADD, "v_sum", "v_driven", "bias")
    return clip(b, "v_new", "v_sum")


def clip(b: Builder, out: str, value: str) -> str:
    """value within -(2^23 - 1) .. 2^23 - 1."""
    b(Op.MAX, f"{out}_above", value, "least")
    return b(Op.MIN, out, f"{out}_above", "most")


def threshold(b: Builder, name: str = "vth") -> str:
    """The threshold at full scale, 2^6 times its mantissa."""
    return b(Op.SHIFT_LEFT, f"{name}_full", name, "six")


def fire(b: Builder, v: str) -> None:
    """z = [v > 2^6 vth];  v = 0 where z. Registers "z" and "v_after"."""
    b(Op.GT, "z", v, threshold(b))
    b(Op.SELECT, "v_after", "z", "zero", v)


def leaky(
    b: Builder,
    name: str,
    v: str,
    *,
    params: tuple[str, ...] = ("vth", "bias"),
    waits: bool = False,
    compared: str = "vth_full",
    emits: PortKind = PortKind.EVENT,
    clock: str = "",
) -> Program:
    """The program of a leaky integrator with states u and v, of what was built.

    It leaves "u_new", "v_after" and the emission "z"; v is the register that is compared with
    `compared`. params: those behind du and dv. waits: a third state "wait", left in "wait_new".
    """
    after = (("u", "u_new"), ("v", "v_after"), *((("wait", "wait_new"),) if waits else ()))
    return Program(
        name=name,
        number="int32",
        ports=("x",),
        states=tuple(state for state, _ in after),
        params=("du", "dv", *params),
        constants=tuple(CONSTANTS.items()),
        body=tuple(b.body),
        next_state=after,
        emit="z",
        emits=emits,
        membrane="v_after",
        threshold=(v, compared, ">"),
        clock=clock,
        watch=WATCH,
    )
