"""Every scalar operation of a program: the kernel against NumPy, on numbers of every kind."""

import numpy as np
import pytest

from neurochain.program import _ARITY, Instruction, Op, PortKind, Program
from neurochain.programs import evaluate
from neurochain.programs.evaluate import INTEGER_OPERATIONS, OPERATIONS
from neurochain.simulators.event.integers import INTEGER_OP_CODES
from neurochain.simulators.event.kernel import Memory
from neurochain.simulators.event.programs import OP_CODES

F = np.float32
EDGES = np.array(
    [0.0, -0.0, 1e-45, -1e-45, 1e-38, 0.5, -0.5, 0.99999994, -0.99999994, 1.0, -1.0, 1.5, -1.5,
     2.0**22 + 0.5, -(2.0**22) - 0.5, 8388607.5, -8388607.5, 2.0**23, -(2.0**23), 2.0**23 + 1,
     2.0**31, -(2.0**31), 2.0**31 + 512, 2.0**40, 1e30, -1e30, 3.4028235e38, -3.4028235e38],
    dtype=F,
)  # fmt: skip
BEYOND = np.array([np.inf, -np.inf, np.nan], dtype=F)


def _program(op):
    args = ("a", "b", "c")[: _ARITY[op]]
    return Program(
        name=op.value,
        ports=("a", "b", "c"),
        states=(),
        params=(),
        constants=(),
        body=(Instruction(op, "y", args),),
        next_state=(),
        emit="y",
        emits=PortKind.ANALOG,
    )


def _kernel(op, a, b, c):
    memory, n = Memory(), a.size
    code, program = memory.structs("nc_instruction", 1), memory.structs("nc_program", 1)
    code[0].op = getattr(memory.lib, OP_CODES[op])
    code[0].out, code[0].a, code[0].b, code[0].c = 3, 0, 1, 2
    program[0].n_instructions, program[0].body, program[0].emit = 1, code, 3
    bases = [memory.view("float", v) for v in (a, b, c)]
    base = memory.new("float *[]", [*bases, memory.scratch("float", memory.lib.NC_BLOCK)])
    emitted = np.zeros(n, dtype=F)
    memory.lib.nc_program_step(
        program, base, memory.new("uint8_t[]", [1, 1, 1, 0]), n,
        memory.writable("float", emitted), memory.ffi.NULL, memory.ffi.NULL,
    )  # fmt: skip
    return emitted


def _same(found, wanted):
    """Equal bits; a NaN is a NaN whatever its bits."""
    nan = np.isnan(wanted)
    assert np.array_equal(np.isnan(found), nan)
    assert found[~nan].tobytes() == wanted[~nan].tobytes()


def _check(op, a, b, c):
    a, b, c = (np.ascontiguousarray(v, dtype=F) for v in (a, b, c))
    with np.errstate(all="ignore"):
        wanted = evaluate(_program(op), {"a": a, "b": b, "c": c})["y"]
    assert wanted.dtype == F
    _same(_kernel(op, a, b, c), wanted)


def test_every_operation_is_everywhere():
    assert set(Op) == set(_ARITY) == set(OPERATIONS) | set(INTEGER_OPERATIONS)
    assert set(OPERATIONS) == set(OP_CODES) == set(Op) - set(INTEGER_OP_CODES)


@pytest.mark.parametrize("op", OPERATIONS)
def test_numbers_at_the_edges(op):
    values = np.concatenate([EDGES, BEYOND])
    a, b = (v.reshape(-1) for v in np.meshgrid(values, values))
    _check(op, a, b, b[::-1])


@pytest.mark.parametrize("op", OPERATIONS)
def test_numbers_of_any_bits(op):
    rng = np.random.default_rng([*op.encode()])
    bits = rng.integers(0, 2**32, (3, 100_000), dtype=np.uint32)
    _check(op, *bits.view(F))
    _check(op, *rng.normal(0, 100, (3, 100_003)))
    _check(op, *rng.integers(-3, 4, (3, 1000)))


def test_floor_is_exact():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 2.0**k, 1000) for k in range(-3, 40)]).astype(F)
    x = np.concatenate([x, np.rint(x), np.nextafter(np.rint(x), F(-np.inf)), EDGES])
    wanted = np.array([np.floor(float(v)) for v in x])
    assert np.array_equal(_kernel(Op.FLOOR, x, x, x).astype(np.float64), wanted)
    assert np.signbit(_kernel(Op.FLOOR, np.array([-0.0], F), EDGES, EDGES)).all()


@pytest.mark.torch
@pytest.mark.parametrize("op", [Op.DIV, Op.MAX, Op.MIN, Op.FLOOR, Op.ABS, Op.NEG])
def test_as_torch_computes(op):
    torch = pytest.importorskip("torch")
    names = {Op.MAX: "maximum", Op.MIN: "minimum"}
    rng = np.random.default_rng(1)
    a, b = rng.normal(0, 10, (2, 10_000)).astype(F)
    a[:28], b[100:128] = EDGES, EDGES
    arguments = [torch.from_numpy(v) for v in (a, b)[: _ARITY[op]]]
    wanted = getattr(torch, names.get(op, op.value))(*arguments).numpy()
    assert np.array_equal(_kernel(op, a, b, b), wanted, equal_nan=True)
