"""Loihi's resonate-and-fire neurons, int32: Lava's RF and RF_IZ.

    re' = clip( cos re / 2^bits - sin im / 2^bits + 2^state_exp a_re )   (quotients toward zero)
    im' = clip( sin re / 2^bits + cos im / 2^bits + 2^state_exp a_im )
    RF:    z = [re' >= vth and im' >= 0 and im < 0]
    RF_IZ: z = [im' >= vth];  re' = 0 and im' = vth - 1 where z

Parameters: cos, sin (decays times 2^bits), vth at full scale (times 2^state_exp), state_exp, bits.
"""

from __future__ import annotations

from neurochain.network import Op, PortKind, Program
from neurochain.programs._build import Builder
from neurochain.programs._loihi import MOST_STATE, clip

__all__ = ["loihi_rf_iz_program", "loihi_rf_program"]


def loihi_rf_program() -> Program:
    """Build the program of RF; states re, im; ports a_re, a_im; no reset."""
    b = Builder()
    re, im = _resonator(b)
    b(Op.GE, "strong", re, "vth")
    b(Op.GE, "after", im, "zero")
    b(Op.LT, "before", "im", "zero")
    b(Op.MUL, "crosses", "after", "before")
    b(Op.MUL, "both", "strong", "crosses")
    b(Op.NE, "z", "both", "zero")
    return _program(b, "loihi.rf", re, im, threshold=(re, "vth", ">="))


def loihi_rf_iz_program() -> Program:
    """Build the program of RF_IZ."""
    b = Builder()
    re, im = _resonator(b)
    b(Op.GE, "z", im, "vth")
    b(Op.SELECT, "re_after", "z", "zero", re)
    b(Op.SUB, "below", "vth", "one")
    b(Op.SELECT, "im_after", "z", "below", im)
    return _program(b, "loihi.rf_iz", "re_after", "im_after", threshold=(im, "vth", ">="))


def _resonator(b: Builder) -> tuple[str, str]:
    b(Op.SCALE, "cos_re", "cos", "re", "bits")
    b(Op.SCALE, "sin_im", "sin", "im", "bits")
    b(Op.SCALE, "sin_re", "sin", "re", "bits")
    b(Op.SCALE, "cos_im", "cos", "im", "bits")
    b(Op.SHIFT_LEFT, "driven_re", "a_re", "state_exp")
    b(Op.SHIFT_LEFT, "driven_im", "a_im", "state_exp")
    b(Op.SUB, "turned_re", "cos_re", "sin_im")
    b(Op.ADD, "turned_im", "sin_re", "cos_im")
    b(Op.ADD, "sum_re", "turned_re", "driven_re")
    b(Op.ADD, "sum_im", "turned_im", "driven_im")
    return clip(b, "re_new", "sum_re"), clip(b, "im_new", "sum_im")


def _program(
    b: Builder, name: str, re: str, im: str, *, threshold: tuple[str, str, str]
) -> Program:
    return Program(
        name=name,
        number="int32",
        ports=("a_re", "a_im"),
        states=("re", "im"),
        params=("cos", "sin", "vth", "state_exp", "bits"),
        constants=(("zero", 0), ("one", 1), ("most", MOST_STATE), ("least", -MOST_STATE)),
        body=tuple(b.body),
        next_state=(("re", re), ("im", im)),
        emit="z",
        emits=PortKind.EVENT,
        membrane=im,
        threshold=threshold,
    )
