"""Current-based leaky integrate-and-fire: a synaptic current stands before the membrane.

    i = alpha i + gain x (+ gain rec);  v = beta v + drive i + leak;  z = [v > theta];  reset

snnTorch's Synaptic and RSynaptic, NIR's CubaLIF; the membrane takes the new current, with
`old_current` the one before this step's update. On equality at the threshold the neuron is silent,
unless `compare` is ">=".
"""

from __future__ import annotations

from neurochain.graph import Compare, Reset
from neurochain.network import Program
from neurochain.programs._membrane import Features, membrane_program

__all__ = ["cuba_lif_program"]


def cuba_lif_program(
    reset: Reset,
    *,
    compare: Compare = Compare.GREATER,
    recurrent: bool = False,
    gain: bool = False,
    drive: bool = False,
    old_current: bool = False,
    leak: bool = False,
) -> Program:
    """Build the program; parameters alpha, beta, theta and gain, drive, leak, v_reset as asked."""
    return membrane_program(
        Features(
            current=True,
            reset=reset,
            compare=compare,
            recurrent=recurrent,
            gain=gain,
            drive=drive,
            old_current=old_current,
            leak=leak,
        )
    )
