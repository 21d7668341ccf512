"""Every operation of integer programs, in both engines, against Python's own integers."""

from fractions import Fraction
from math import floor, trunc

import numpy as np
import pytest

from neurochain.errors import InputError, InternalError, UnsupportedError
from neurochain.network import (
    Instruction,
    Network,
    Op,
    OutputPort,
    Population,
    PortKind,
    Program,
    Projection,
    Source,
)
from neurochain.operators import Dense, Pool
from neurochain.programs import loihi_lif_program, loihi_relay_program
from neurochain.programs.evaluate import INTEGER_OPERATIONS
from neurochain.simulators import Record, run

EDGES = (-(2**31), -(2**31) + 1, -4097, -4096, -7, -1, 0, 1, 2, 6, 31, 32, 4095, 2**23, 2**31 - 1)
EXACT = {
    Op.ADD: lambda a, b, c: a + b,
    Op.SUB: lambda a, b, c: a - b,
    Op.MUL: lambda a, b, c: a * b,
    Op.GT: lambda a, b, c: a > b,
    Op.GE: lambda a, b, c: a >= b,
    Op.LT: lambda a, b, c: a < b,
    Op.LE: lambda a, b, c: a <= b,
    Op.EQ: lambda a, b, c: a == b,
    Op.NE: lambda a, b, c: a != b,
    Op.SELECT: lambda a, b, c: b if a else c,
    Op.COPY: lambda a, b, c: a,
    Op.MAX: lambda a, b, c: max(a, b),
    Op.MIN: lambda a, b, c: min(a, b),
    Op.ABS: lambda a, b, c: abs(a),
    Op.NEG: lambda a, b, c: -a,
    Op.SHIFT_LEFT: lambda a, b, c: a * 2 ** (b % 32),
    Op.SHIFT_RIGHT: lambda a, b, c: floor(Fraction(a, 2 ** (b % 32))),
    Op.SCALE: lambda a, b, c: trunc(Fraction(a * b, 2 ** (c % 32))),
    Op.MOD: lambda a, b, c: a - b * floor(Fraction(a, b)) if b else 0,
}
ARGUMENTS = dict.fromkeys(Op, 2) | {Op.SELECT: 3, Op.SCALE: 3, Op.COPY: 1, Op.ABS: 1, Op.NEG: 1}


def _wrapped(value):
    return (int(value) + 2**31) % 2**32 - 2**31


def _alone(population, weight=1, **source):
    n = population.n
    eye = Dense(
        in_shape=(n,), out_shape=population.shape, weights=weight * np.eye(n, dtype=np.int16)
    )
    return Network(
        sources=(Source(name="in", shape=(n,), **source),),
        populations=(population,),
        projections=(Projection(name="f", source="in", target="p", operator=eye, delay=1),),
        outputs=(OutputPort(name="out", node="p"),),
        dt_s=1e-3,
        arithmetic="loihi",
    )


def test_every_operation_has_an_expectation():
    assert set(EXACT) == set(INTEGER_OPERATIONS)


@pytest.mark.parametrize("engine", ["reference", "event"])
@pytest.mark.parametrize("op", EXACT)
def test_operation(op, engine):
    a, b = (v.reshape(-1) for v in np.meshgrid(EDGES, EDGES))
    c = np.resize(EDGES, a.size)
    program = Program(
        name=op.value,
        number="int32",
        ports=("x",),
        states=("s",),
        params=("a", "b", "c"),
        constants=(("zero", 0),),
        body=(
            Instruction(op, "y", ("a", "b", "c")[: ARGUMENTS[op]]),
            Instruction(Op.NE, "z", ("y", "zero")),
        ),
        next_state=(("s", "y"),),
        emit="z",
        emits=PortKind.EVENT,
        membrane="y",
        watch=(("y", 4095),),
    )
    params = {name: v.astype(np.int32) for name, v in zip("abc", (a, b, c), strict=True)}
    network = _alone(Population(name="p", shape=a.shape, program=program, params=params))
    x = {"in": np.zeros((1, 1, a.size), np.float32)}
    result = run(network, x, engine=engine, record=Record(membranes=("p",)))
    triples = zip(a.tolist(), b.tolist(), c.tolist(), strict=True)
    wanted = [_wrapped(EXACT[op](*abc)) for abc in triples]
    assert result.membranes["p"][0, 0].tolist() == wanted
    assert result.emissions["p"][0, 0].tolist() == [int(w != 0) for w in wanted]
    assert result.overflow["p"][0, 0].tolist() == [sum(abs(w) > 4095 for w in wanted)]


@pytest.mark.parametrize("engine", ["reference", "event"])
def test_values_too_large_for_an_event_are_refused(engine):
    relay = loihi_relay_program()
    population = Population(name="p", shape=(2,), program=relay, emits=relay.emits)
    network = _alone(population, weight=2, emits=PortKind.GRADED)
    most = np.full((1, 3, 2), 2**23, np.float32)
    result = run(network, {"in": most}, engine=engine, record=Record(emissions=("p",)))
    assert result.emissions["p"][0].tolist() == [[0, 0], [2**24, 2**24], [2**24, 2**24]]
    with pytest.raises(UnsupportedError, match="p: emits a value"):
        run(network, {"in": -most - 1}, engine=engine)


@pytest.mark.parametrize("engine", ["reference", "event"])
@pytest.mark.parametrize("value", [0.5, 2.0**24 + 2, -(2.0**30)])
def test_fractions_and_large_numbers_do_not_enter(engine, value):
    relay = loihi_relay_program()
    population = Population(name="p", shape=(2,), program=relay, emits=relay.emits)
    network = _alone(population, emits=PortKind.GRADED)
    with pytest.raises(InputError, match="input in"):
        run(network, {"in": np.full((1, 2, 2), value, np.float32)}, engine=engine)


@pytest.mark.parametrize("engine", ["reference", "event"])
def test_a_state_with_a_fraction_is_refused(engine):
    params = {k: np.int32(v) for k, v in {"du": 1, "dv": 1, "vth": 9, "bias": 0}.items()}
    params = {k: np.asarray(v) for k, v in params.items()}
    population = Population(name="p", shape=(2,), program=loihi_lif_program(), params=params)
    x = {"in": np.zeros((1, 2, 2), np.float32)}
    for wrong in (0.5, 2**31):
        state = {"p": {"v": np.full((1, 2), wrong)}}
        with pytest.raises(InputError, match="32-bit whole"):
            run(_alone(population), x, engine=engine, initial_state=state)


def _lif(**changed):
    params = {k: np.asarray(1, np.int32) for k in ("du", "dv", "vth", "bias")}
    return Population(
        name="p", shape=(4, 4, 4), program=loihi_lif_program(), params=params | changed
    )


def _of(operator, population=None, *, arithmetic="loihi", **edge):
    return Network(
        sources=(Source(name="in", shape=operator.in_shape),),
        populations=(population or _lif(),),
        projections=(
            Projection(name="f", source="in", target="p", operator=operator, delay=1, **edge),
        ),
        outputs=(),
        dt_s=1e-3,
        arithmetic=arithmetic,
    )


def _dense(dtype):
    return Dense(in_shape=(3,), out_shape=(4, 4, 4), weights=np.ones((64, 3), dtype))


def test_what_is_no_integer_network():
    pool = Pool(
        in_shape=(4, 8, 8),
        out_shape=(4, 4, 4),
        kernel=(2, 2),
        stride=(2, 2),
        padding=(0, 0),
        average=False,
    )
    bias = np.zeros(64, np.float32)
    wrong = [
        lambda: _of(pool),
        lambda: _of(_dense(np.float32)),
        lambda: _of(_dense(np.int8), scale=np.float32(1)),
        lambda: _of(_dense(np.int8), bias=bias),
        lambda: _of(_dense(np.int8), weight_exp=25),
        lambda: _of(_dense(np.int8), arithmetic="int8"),
        lambda: _of(_dense(np.int8), _lif(du=np.asarray(1.0, np.float32))),
    ]
    for make in wrong:
        with pytest.raises(InternalError):
            make()
    assert _of(_dense(np.int8), weight_exp=-24).arithmetic == "loihi"
