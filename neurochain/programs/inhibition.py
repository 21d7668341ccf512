"""Inhibition among the neurons of a population: only the one furthest above its threshold fires."""

from __future__ import annotations

from dataclasses import replace

from neurochain.errors import InternalError
from neurochain.network import Instruction, Op, Program

__all__ = ["inhibited"]


def inhibited(program: Program) -> Program:
    """The same neuron under snnTorch's `inhibition`.

    shift = v - theta, and of all neurons only the one with the largest shift (the first of equals)
    keeps its spike. No state notices, so a reset must compare the membrane itself (snnTorch with
    reset_delay=True) and not follow the spike of the same step.
    """
    if program.threshold is None or program.winner:
        raise InternalError(f"program {program.name}: has no threshold, or a winner already.")
    if any(program.emit in step.args for step in program.body):
        raise InternalError(f"program {program.name}: its reset follows the spike of the step.")
    value, limit, _ = program.threshold
    return replace(
        program,
        name=f"{program.name}.inhibition",
        body=(*program.body, Instruction(Op.SUB, "shift", (value, limit))),
        winner="shift",
    )
