"""Loihi's LIF with spikes of two signs, int32: Lava's TernaryLIF.

The dynamics of `loihi_lif`; it emits +1 where v > 2^6 vth_hi, -1 where v < 2^6 vth_lo, and v = 0
after either.
"""

from __future__ import annotations

from neurochain.network import Op, PortKind, Program
from neurochain.programs._build import Builder
from neurochain.programs._loihi import current, leaky, membrane, threshold

__all__ = ["loihi_ternary_program"]


def loihi_ternary_program() -> Program:
    """Build the program; parameters du, dv, vth_hi, vth_lo, bias."""
    b = Builder()
    v = membrane(b, current(b, "x"))
    b(Op.GT, "up", v, threshold(b, "vth_hi"))
    b(Op.LT, "down", v, threshold(b, "vth_lo"))
    b(Op.SUB, "z", "up", "down")
    b(Op.SELECT, "v_after", "z", "zero", v)
    return leaky(
        b,
        "loihi.ternary",
        v,
        params=("vth_hi", "vth_lo", "bias"),
        compared="vth_hi_full",
        emits=PortKind.GRADED,
    )
