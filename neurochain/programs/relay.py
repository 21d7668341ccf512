"""The relay: adds up what arrives and passes it on; no state, no threshold."""

from __future__ import annotations

from neurochain.network import Instruction, Op, PortKind, Program

__all__ = ["relay_program"]


def relay_program(emits: PortKind) -> Program:
    """y = x. `emits` says what kind of value that is."""
    return Program(
        name=f"relay.{emits.value}",
        ports=("x",),
        states=(),
        params=(),
        constants=(),
        body=(Instruction(Op.COPY, "y", ("x",)),),
        next_state=(),
        emit="y",
        emits=emits,
    )
