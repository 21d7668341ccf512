"""Loihi's LIF that is cleared at given steps, int32: Lava's LIFReset.

Before the dynamics of `loihi_lif`, where t mod interval = offset: u = v = 0. t counts steps from
1. A layer of a pipelined network starts at its own step so (interval longer than the run, offset 1
+ its distance from the input).
"""

from __future__ import annotations

from neurochain.network import Op, Program
from neurochain.programs._build import Builder
from neurochain.programs._loihi import current, fire, leaky, membrane

__all__ = ["loihi_lif_reset_program"]


def loihi_lif_reset_program() -> Program:
    """Build the program; parameters of `loihi_lif` and interval (at least 1), offset.

    Lava takes its offset modulo the interval; here it is given so.
    """
    b = Builder()
    b(Op.MOD, "phase", "t", "interval")
    b(Op.EQ, "clears", "phase", "offset")
    u = b(Op.SELECT, "u_kept", "clears", "zero", "u")
    v = b(Op.SELECT, "v_kept", "clears", "zero", "v")
    after = membrane(b, current(b, "x", u), v)
    fire(b, after)
    params = ("vth", "bias", "interval", "offset")
    return leaky(b, "loihi.lif_reset", after, params=params, clock="t")
