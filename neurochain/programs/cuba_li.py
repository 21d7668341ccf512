"""Current-based leaky integrator for read-out. NIR's CubaLI.

i = alpha i + gain x (+ gain rec);  v = beta v + drive i + leak

With `old_current` the membrane takes the current from before this step's update.
"""

from __future__ import annotations

from neurochain.network import Program
from neurochain.programs._membrane import Features, membrane_program

__all__ = ["cuba_li_program"]


def cuba_li_program(
    *,
    recurrent: bool = False,
    gain: bool = False,
    drive: bool = False,
    old_current: bool = False,
    leak: bool = False,
) -> Program:
    """Build the program; parameters alpha, beta and, as asked, gain, drive, leak."""
    return membrane_program(
        Features(
            current=True,
            recurrent=recurrent,
            gain=gain,
            drive=drive,
            old_current=old_current,
            leak=leak,
        )
    )
