"""Loihi's LIF with a refractory period, int32: the Loihi 1 emulators' compartment.

As `loihi_lif`, but for `silent` steps after a spike v stays 0 while u goes on. silent = 0: none;
it is Lava's refractory_period (a float model there), nengo-loihi's refract_delay - 1 and
brian2-loihi's refractory - 1.
"""

from __future__ import annotations

from neurochain.network import Op, Program
from neurochain.programs._build import Builder
from neurochain.programs._loihi import current, fire, leaky, membrane

__all__ = ["loihi_refractory_program"]


def loihi_refractory_program() -> Program:
    """Build the program; parameters of `loihi_lif` and silent; state `wait` counts steps left."""
    b = Builder()
    free = membrane(b, current(b, "x"))
    b(Op.GT, "waits", "wait", "zero")
    v = b(Op.SELECT, "v_held", "waits", "v", free)
    fire(b, v)
    b(Op.SUB, "wait_less", "wait", "waits")
    b(Op.SELECT, "wait_new", "z", "silent", "wait_less")
    return leaky(b, "loihi.refractory", v, params=("vth", "bias", "silent"), waits=True)
