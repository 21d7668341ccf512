"""Writing a neuron program: registers are named as they are made, resets are said once."""

from __future__ import annotations

from neurochain.errors import InternalError
from neurochain.graph import Compare, Reset, ResetKind, ResetTiming
from neurochain.network import Instruction, Op

__all__ = ["Builder", "after_spike", "before_decay", "before_spike", "compare_op"]

_ONCE = (ResetTiming.SAME_STEP_ONCE, ResetTiming.SAME_STEP_ONCE_DISCARD)
_DISCARD = (ResetTiming.NEXT_STEP_DISCARD, ResetTiming.SAME_STEP_ONCE_DISCARD)


class Builder:
    """Collects instructions; each call returns the register it wrote."""

    def __init__(self) -> None:
        self.body: list[Instruction] = []

    def __call__(self, op: Op, out: str, *args: str) -> str:
        """Append out := op(args) and return `out`."""
        self.body.append(Instruction(op, out, args))
        return out


def compare_op(compare: Compare) -> Op:
    """The comparison as an operation."""
    return Op.GT if compare is Compare.GREATER else Op.GE


def _acts_late(reset: Reset) -> bool:
    return reset.kind is not ResetKind.NONE and reset.timing is not ResetTiming.SAME_STEP


def before_decay(b: Builder, reset: Reset, compare: Compare) -> str:
    """Compute R where the rule needs it; return the register of the membrane that decays.

    Zero, next step: (1 - R) v, multiplied as snnTorch does it.
    """
    if not _acts_late(reset):
        return "v"
    if reset.kind is ResetKind.VALUE:
        raise InternalError("a reset to a value acts in the same step")
    b(compare_op(compare), "fired_before", "v", "theta")
    if reset.kind is ResetKind.ZERO and reset.timing not in _DISCARD:
        b(Op.SUB, "kept", "one", "fired_before")
        return b(Op.MUL, "v_kept", "kept", "v")
    return "v"


def before_spike(b: Builder, reset: Reset, v: str) -> str:
    """Apply the delayed rule to the new membrane `v`; return its register.

    Subtract: v - R theta. Zero with discard: v - R v.
    """
    if not _acts_late(reset):
        return v
    if reset.kind is ResetKind.SUBTRACT:
        b(Op.MUL, "taken", "fired_before", "theta")
        return b(Op.SUB, "v_new", v, "taken")
    if reset.timing in _DISCARD:
        b(Op.MUL, "taken", "fired_before", v)
        return b(Op.SUB, "v_new", v, "taken")
    return v


def after_spike(b: Builder, reset: Reset, v: str) -> str:
    """Apply the rule of the same step, given spike register "z"; return the stored membrane."""
    if reset.kind is ResetKind.NONE:
        return v
    subtract = reset.kind is ResetKind.SUBTRACT
    if reset.timing in _ONCE:
        b(Op.SUB, "once", "z", "fired_before")
        b(Op.MUL, "corrected", "once", "theta" if subtract else v)
        return b(Op.SUB, "v_after", v, "corrected")
    if reset.timing is not ResetTiming.SAME_STEP:
        return v
    if subtract:
        b(Op.MUL, "corrected", "z", "theta")
        return b(Op.SUB, "v_after", v, "corrected")
    target = "v_reset" if reset.kind is ResetKind.VALUE else "zero"
    return b(Op.SELECT, "v_after", "z", target, v)
