"""Loihi 2's memoryless graded neurons, int32: Lava's GradedVec, GradedReluVec and ProdNeuron.

    GradedVec:     z = a where |a| > vth, else 0
    GradedReluVec: z = a where a > vth, else 0
    ProdNeuron:    p = floor(a1 a2 / 2^exp);  z = p where |p| > vth, else 0

The relay of integer networks passes on what arrives.
"""

from __future__ import annotations

from neurochain.network import Instruction, Op, PortKind, Program
from neurochain.programs._build import Builder

__all__ = ["loihi_graded_program", "loihi_product_program", "loihi_relay_program"]


def loihi_graded_program(*, relu: bool = False) -> Program:
    """Build the program; parameter vth."""
    b = Builder()
    size = "x" if relu else b(Op.ABS, "size", "x")
    b(Op.GT, "sends", size, "vth")
    b(Op.SELECT, "z", "sends", "x", "zero")
    return _program(b, "loihi.graded" + ".relu" * relu, ("x",), ("vth",), (size, "vth", ">"))


def loihi_product_program() -> Program:
    """Build the program; ports x, y; parameters vth, exp. The product is taken modulo 2^32."""
    b = Builder()
    b(Op.MUL, "product", "x", "y")
    b(Op.SHIFT_RIGHT, "scaled", "product", "exp")
    b(Op.ABS, "size", "scaled")
    b(Op.GT, "sends", "size", "vth")
    b(Op.SELECT, "z", "sends", "scaled", "zero")
    return _program(b, "loihi.product", ("x", "y"), ("vth", "exp"), ("size", "vth", ">"))


def _program(
    b: Builder,
    name: str,
    ports: tuple[str, ...],
    params: tuple[str, ...],
    threshold: tuple[str, str, str],
) -> Program:
    return Program(
        name=name,
        number="int32",
        ports=ports,
        states=(),
        params=params,
        constants=(("zero", 0),),
        body=tuple(b.body),
        next_state=(),
        emit="z",
        emits=PortKind.GRADED,
        threshold=threshold,
    )


def loihi_relay_program() -> Program:
    """y = x: adds up what arrives and passes it on."""
    return Program(
        name="loihi.relay",
        number="int32",
        ports=("x",),
        states=(),
        params=(),
        constants=(),
        body=(Instruction(Op.COPY, "y", ("x",)),),
        next_state=(),
        emit="y",
        emits=PortKind.GRADED,
    )
