"""Leaky integrator for read-out: emits its membrane and never fires. NIR's LI and I (beta = 1).

v = beta v + gain x (+ gain rec) + leak
"""

from __future__ import annotations

from neurochain.network import Program
from neurochain.programs._membrane import Features, membrane_program

__all__ = ["li_program"]


def li_program(*, recurrent: bool = False, gain: bool = False, leak: bool = False) -> Program:
    """Build the program; parameters beta and, as asked, gain, leak."""
    return membrane_program(Features(recurrent=recurrent, gain=gain, leak=leak))
