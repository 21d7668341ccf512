"""Loihi's current-based leaky integrate-and-fire neuron, int32: Lava's bit-accurate LIF.

    u = wrap( u (4096 - (du + 1)) / 2^12 toward zero + 2^6 a )
    v = clip( v (4096 - dv) / 2^12 toward zero + u + bias, -(2^23 - 1), 2^23 - 1 )
    z = [v > 2^6 vth];  v = 0 where z

a is what arrives at port x. On equality at the threshold the neuron is silent. Parameters, int32,
in Lava's convention: du (decay of the current is du + 1 of 4096), dv (of 4096), vth (mantissa),
bias at full scale (mantissa 2^exponent). The wrap subtracts or adds 2^24 once where u > 2^23 or
u <= -2^23, as Lava does. Counted, because chips and emulators differ: |a| >= 2^15, |u| >= 2^23
before the wrap, and |v| >= 2^23 before it is cut.
"""

from __future__ import annotations

from neurochain.network import Program
from neurochain.programs._build import Builder
from neurochain.programs._loihi import current, fire, leaky, membrane

__all__ = ["loihi_lif_program"]


def loihi_lif_program() -> Program:
    """Build the program; states u, v; parameters du, dv, vth, bias."""
    b = Builder()
    v = membrane(b, current(b, "x"))
    fire(b, v)
    return leaky(b, "loihi.lif", v)
