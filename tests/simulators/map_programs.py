"""Programs without state or threshold: what stands between layers, element by element."""

from neurochain.network import Instruction, Op, PortKind, Program


def map_program(name, *body, ports=("x",), params=(), constants=(), emits=PortKind.ANALOG):
    """A program from (op, out, *arguments); the last one is emitted."""
    steps = tuple(Instruction(op, out, tuple(args)) for op, out, *args in body)
    return Program(
        name=f"map.{name}",
        ports=ports,
        states=(),
        params=params,
        constants=constants,
        body=steps,
        next_state=(),
        emit=steps[-1].out,
        emits=emits,
    )


MAPS = {
    p.name: p
    for p in (
        map_program("affine", (Op.MUL, "ax", "gain", "x"), (Op.ADD, "y", "ax", "drive"),
                    params=("gain", "drive")),
        map_program("quotient", (Op.DIV, "y", "x", "theta"), params=("theta",)),
        map_program("relu", (Op.MAX, "y", "x", "zero"), constants=(("zero", 0.0),)),
        map_program("whole", (Op.FLOOR, "y", "x"), emits=PortKind.GRADED),
        map_program("sign", (Op.LE, "y", "zero", "x"), constants=(("zero", 0.0),),
                    emits=PortKind.EVENT),
        map_program("of two", (Op.NEG, "m", "first"), (Op.MIN, "y", "m", "second"),
                    ports=("first", "second")),
        map_program("of three", (Op.ABS, "m", "b"), (Op.MUL, "n", "m", "a"),
                    (Op.NE, "k", "c", "zero"), (Op.SELECT, "y", "k", "n", "c"),
                    ports=("a", "b", "c"), constants=(("zero", 0.0),)),
        map_program("one", (Op.COPY, "y", "one"), constants=(("one", 1.0),), emits=PortKind.EVENT),
    )
}  # fmt: skip
