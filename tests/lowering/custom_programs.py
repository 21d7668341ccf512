"""Neuron programs of several ports, for the cases."""

from neurochain.program import Instruction, Op, PortKind, Program

__all__ = ["GATED", "RATIONED"]

GATED = Program(
    name="gated",
    ports=("drive", "gate"),
    states=("v", "trace"),
    params=("decay", "theta"),
    constants=(("half", 0.5),),
    body=(
        Instruction(Op.MUL, "decayed", ("v", "decay")),
        Instruction(Op.ADD, "driven", ("decayed", "drive")),
        Instruction(Op.ABS, "size", ("gate",)),
        Instruction(Op.SUB, "u", ("driven", "size")),
        Instruction(Op.ADD, "limit", ("theta", "trace")),
        Instruction(Op.GT, "z", ("u", "limit")),
        Instruction(Op.SELECT, "v_next", ("z", "gate", "u")),
        Instruction(Op.MUL, "trace_next", ("z", "half")),
    ),
    next_state=(("v", "v_next"), ("trace", "trace_next")),
    emit="z",
    emits=PortKind.EVENT,
    membrane="v_next",
    threshold=("u", "limit", ">"),
)
"""|gate| holds it back; a spike resets it to what the gate carries and raises the threshold."""

RATIONED = Program(
    name="rationed",
    ports=("a", "b", "c"),
    states=(),
    params=("part",),
    constants=(),
    body=(
        Instruction(Op.MUL, "m", ("a", "part")),
        Instruction(Op.SUB, "n", ("m", "b")),
        Instruction(Op.SELECT, "y", ("c", "n", "a")),
    ),
    next_state=(),
    emit="y",
    emits=PortKind.ANALOG,
)
"""An elementwise map of three ports: part * a - b where c is nonzero, else a."""
