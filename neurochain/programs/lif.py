"""Leaky integrate-and-fire: the decay acts on the membrane. Integrate-and-fire has beta = 1.

    v = beta v + gain x (+ gain rec) + leak;  z = [v > theta];  then the reset

snnTorch's Leaky and RLeaky, NIR's LIF and IF. On equality at the threshold the neuron is silent,
unless `compare` is ">=". Order of operations and reset rules: `_membrane.membrane_program`.
"""

from __future__ import annotations

from neurochain.graph import Compare, Reset
from neurochain.network import Program
from neurochain.programs._membrane import Features, membrane_program

__all__ = ["lif_program"]


def lif_program(
    reset: Reset,
    *,
    compare: Compare = Compare.GREATER,
    recurrent: bool = False,
    gain: bool = False,
    leak: bool = False,
) -> Program:
    """Build the program; parameters beta, theta and, as asked, gain, leak, v_reset."""
    return membrane_program(
        Features(reset=reset, compare=compare, recurrent=recurrent, gain=gain, leak=leak)
    )
