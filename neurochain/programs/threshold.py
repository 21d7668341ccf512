"""The memoryless threshold (NIR Threshold)."""

from __future__ import annotations

from neurochain.graph import Compare
from neurochain.network import Instruction, PortKind, Program
from neurochain.programs._build import compare_op

__all__ = ["threshold_program"]


def threshold_program(compare: Compare) -> Program:
    """z = [x > theta], or [x >= theta]."""
    suffix = ".ge" if compare is Compare.GREATER_EQUAL else ""
    return Program(
        name=f"threshold{suffix}",
        ports=("x",),
        states=(),
        params=("theta",),
        constants=(),
        body=(Instruction(compare_op(compare), "z", ("x", "theta")),),
        next_state=(),
        emit="z",
        emits=PortKind.EVENT,
        threshold=("x", "theta", compare.value),
    )
