"""Enclosures hold what float32 gives for every operand inside the operands' intervals."""

from types import SimpleNamespace

import numpy as np
import pytest

from neurochain.errors import InputError, UnsupportedError
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
from neurochain.operators import Dense, Identity, Pool, Route
from neurochain.programs import evaluate, relay_program
from neurochain.programs.evaluate import OPERATIONS
from neurochain.simulators import Record, run
from neurochain.verification.enclosure import Enclosure, enclose, exact, flow, total
from neurochain.verification.forced import Forced
from neurochain.verification.judge import Verdict, judge_layers

F = np.float32
ARGUMENTS = {
    Op.SELECT: ("a", "b", "c"),
    **dict.fromkeys((Op.COPY, Op.FLOOR, Op.ABS, Op.NEG), ("a",)),
}


def program(*body, ports=("x",), params=()):
    """(op, out, *arguments); the last one is emitted."""
    return Program(
        name="map",
        ports=ports,
        states=(),
        params=params,
        constants=(("zero", 0.0), ("three", 3.0)),
        body=tuple(Instruction(op, out, tuple(args)) for op, out, *args in body),
        next_state=(),
        emit=body[-1][1],
        emits=PortKind.ANALOG,
    )


def one(op):
    return program((op, "y", *ARGUMENTS.get(op, ("a", "b"))), ports=("a", "b", "c"))


def _operand(rng, n):
    """Values of all sizes near each other, near zero and near whole numbers; some are exact."""
    value = rng.normal(0, 1, n) * 10.0 ** rng.integers(-3, 4, n)
    value = np.where(rng.random(n) < 0.3, np.rint(value), value).astype(F).astype(np.float64)
    error = np.abs(value) * 10.0 ** rng.integers(-9, 1, n) + 10.0 ** rng.integers(-9, 0, n)
    return Enclosure(value, np.where(rng.random(n) < 0.2, 0.0, error))


def _inside(rng, enclosure):
    """A float32 number in each interval, often at its ends."""
    place = np.where(rng.random(enclosure.value.shape) < 0.4, rng.choice([-1, 1]), 0)
    place = np.where(place == 0, rng.uniform(-1, 1, enclosure.value.shape), place)
    found = (enclosure.value + place * enclosure.error).astype(F)
    apart = np.abs(found.astype(np.float64) - enclosure.value)
    return np.where(apart <= enclosure.error, found, enclosure.value.astype(F))


@pytest.mark.parametrize("op", OPERATIONS)
def test_results_lie_in_their_enclosure(op):
    rng = np.random.default_rng([*op.encode()])
    operands = {name: _operand(rng, 20_000) for name in "abc"}
    if op is Op.SELECT:
        operands["a"] = Enclosure(np.rint(operands["a"].value), operands["a"].error)
    found = enclose(one(op), operands)["y"]
    for _ in range(8):
        given = {name: _inside(rng, enclosure) for name, enclosure in operands.items()}
        result = evaluate(one(op), given)["y"].astype(np.float64)
        known = np.isfinite(found.error) & np.isfinite(found.value)
        away = np.abs(result[known] - found.value[known])
        assert (away <= found.error[known]).all()
        assert known.mean() > 0.5


@pytest.mark.parametrize("op", OPERATIONS)
def test_shared_operands_give_one_result(op):
    rng = np.random.default_rng([1, *op.encode()])
    given = {name: rng.normal(0, 10, 5000).astype(F) for name in "abc"}
    given["b"][:50] = 0
    given["a"][:10] = 0
    found = enclose(one(op), {name: exact(v) for name, v in given.items()})["y"]
    assert (found.error == 0).all()
    with np.errstate(all="ignore"):
        wanted = evaluate(one(op), given)["y"].astype(np.float64)
    assert np.array_equal(found.value, wanted, equal_nan=True)


def _between(low, high):
    middle = np.array([(low + high) / 2])
    return Enclosure(middle, np.array([(high - low) / 2]))


def test_how_wide_they_are():
    """As narrow as the interval allows: a sure comparison, a floor that crosses nothing."""
    a, b, c = _between(1.25, 1.5), _between(1.75, 2.25), _between(-0.5, 0.5)
    registers = {"a": a, "b": b, "c": c}
    assert enclose(one(Op.FLOOR), registers)["y"].error == 0
    assert enclose(one(Op.FLOOR), {**registers, "a": b})["y"].error == 1
    assert enclose(one(Op.MAX), registers)["y"].error == b.error
    assert enclose(one(Op.MIN), registers)["y"].error == a.error
    assert enclose(one(Op.LT), registers)["y"].error == 0
    assert enclose(one(Op.EQ), registers)["y"].error == 0
    assert enclose(one(Op.NE), {**registers, "b": a})["y"].error == 1
    assert enclose(one(Op.DIV), registers)["y"].error < 0.2
    assert enclose(one(Op.DIV), {**registers, "b": c})["y"].error == np.inf


def test_what_follows_an_unbounded_value_stays_open():
    wide = {"a": _between(1, 2), "b": _between(-1, 1), "c": exact(np.zeros(1))}
    body = (
        (Op.DIV, "q", "a", "b"),
        (Op.MUL, "m", "q", "zero"),
        (Op.ADD, "s", "m", "three"),
        (Op.GT, "z", "s", "zero"),
    )
    values = enclose(program(*body, ports=("a", "b", "c")), wide)
    assert (values["s"].error == np.inf).all()
    assert (values["z"].error == 1).all()


def test_a_route_carries_each_error_to_its_target():
    x = Enclosure(np.array([[1.0, -2.0, 4.0]]), np.array([[0.0, 0.25, 0.5]]))
    route = Route(in_shape=(3,), out_shape=(4,), index=np.array([1, -1, 1, 2]))
    found = total([flow(route, x)], [], (1, 4))
    assert found.value.tolist() == [[-2.0, 0.0, -2.0, 4.0]]
    assert np.allclose(found.error, [[0.25, 0.0, 0.25, 0.5]], rtol=1e-5, atol=0)
    assert found.error[0, 1] == 0


@pytest.mark.parametrize("divisors", [None, [2, 2, 1], [3, 7, -4]])
def test_a_mean_has_the_rounding_of_its_own_divisor(divisors):
    rng = np.random.default_rng(8)
    sizes = None if divisors is None else np.array(divisors, F)
    pool = Pool(
        in_shape=(2, 5), out_shape=(2, 3), kernel=(2,), stride=(2,), padding=(0,), average=True,
        divisors=sizes,
    )  # fmt: skip
    x = _operand(rng, (50, 10))
    found = total([flow(pool, x)], [], (50, 6))
    for _ in range(5):
        result = pool.reference_step(_inside(rng, x)).astype(np.float64)
        assert (np.abs(result - found.value) <= found.error).all()
    halves = exact(rng.integers(-8, 9, (50, 10)) / 2)
    sharp = total([flow(pool, halves)], [], (50, 6)).error == 0
    assert sharp.all() == (divisors != [3, 7, -4])


# --- relays that compute ----------------------------------------------------------------------

AFFINE = program((Op.DIV, "d", "x", "three"), (Op.MAX, "y", "d", "zero"))
TWO = program((Op.NEG, "m", "left"), (Op.ADD, "y", "m", "right"), ports=("left", "right"))


def _network(weights, delay=0):
    """in -> sum (dense, divided, rectified) -> mix (of `sum` and, late, of `in`)."""
    n = weights.shape[0]
    nodes = {"sum": AFFINE, "mix": TWO, "out": relay_program(PortKind.ANALOG)}
    join = Identity(in_shape=(n,), out_shape=(n,))
    dense = Dense(in_shape=(n,), out_shape=(n,), weights=weights)
    return Network(
        sources=(Source(name="in", shape=(n,), emits=PortKind.ANALOG),),
        populations=tuple(
            Population(name=name, shape=(n,), program=p, emits=p.emits) for name, p in nodes.items()
        ),
        projections=(
            Projection(name="a", source="in", target="sum", operator=dense),
            Projection(name="b", source="sum", target="mix", operator=join, port="left"),
            Projection(
                name="c", source="in", target="mix", operator=dense, port="right", delay=delay
            ),
            Projection(name="d", source="mix", target="out", operator=dense),
            Projection(name="e", source="sum", target="out", operator=join, delay=1),
        ),
        outputs=(OutputPort(name="out", node="out"),),
        dt_s=1e-3,
    )


@pytest.fixture(name="case")
def _case():
    rng = np.random.default_rng(3)
    x = rng.normal(0, 1, (12, 20)).astype(F)
    network = _network(rng.normal(0, 1, (20, 20)).astype(F), delay=2)
    return network, x, Forced(network, {"in": x}, {})


@pytest.mark.parametrize("engine", ["event", "reference"])
def test_relays_are_computed_as_the_engines_do(case, engine):
    network, x, forced = case
    names = ("sum", "mix", "out")
    found = run(network, {"in": x[None]}, engine=engine, record=Record(emissions=names)).emissions
    for name in names:
        assert found[name][0].tobytes() == forced.emitted[name].tobytes()
    assert np.count_nonzero(forced.emitted["sum"]) not in (0, x.size)


def test_relays_in_any_order_of_summation_lie_in_their_enclosure(case):
    network, x, forced = case
    a = next(p for p in network.projections if p.name == "a").operator.weights.astype(np.float64)
    inner = np.maximum(x @ a.T.astype(np.float64) / 3, 0)
    late = np.concatenate([np.zeros((2, 20)), x[:-2] @ a.T])
    behind = np.concatenate([np.zeros((1, 20)), inner[:-1]])
    wanted = {"sum": inner, "mix": late - inner, "out": (late - inner) @ a.T + behind}
    for name, values in wanted.items():
        found = forced.enclose_emission(network.node(name), np.arange(12))
        assert (np.abs(values - found.value) <= found.error).all()
        assert (np.abs(forced.emitted[name] - found.value) <= found.error).all()
        assert found.error.max() < 1e-3


def _judged(forced, wanted):
    fact = SimpleNamespace(name="out", nodes=("out",), module="layer")
    verdict = Verdict()
    judge_layers(
        verdict,
        0,
        forced,
        SimpleNamespace(outputs=(fact,)),
        SimpleNamespace(layers={"layer": wanted}),
    )
    return verdict


def test_an_output_is_judged_by_what_its_relay_computes(case):
    _, _, forced = case
    right = forced.emitted["out"].astype(np.float64)
    assert _judged(forced, right).mismatches == 0
    wrong = right.copy()
    wrong[7, 3] += 1e-2
    verdict = _judged(forced, wrong)
    assert verdict.mismatches == 1
    assert (verdict.divergences[0].step, verdict.divergences[0].neuron) == (7, 3)


def test_relays_on_a_cycle_are_refused():
    network = _network(np.eye(3, dtype=F))
    again = Projection(
        name="f",
        source="out",
        target="sum",
        operator=Identity(in_shape=(3,), out_shape=(3,)),
        delay=1,
    )
    looped = Network(
        sources=network.sources,
        populations=network.populations,
        projections=(*network.projections, again),
        outputs=network.outputs,
        dt_s=network.dt_s,
    )
    with pytest.raises(UnsupportedError, match="sum: lies on a cycle without a neuron") as error:
        Forced(looped, {"in": np.zeros((2, 3), F)}, {})
    assert len(error.value.findings) == 3


def test_a_neuron_that_was_not_recorded_is_named():
    from neurochain.graph import Reset
    from neurochain.programs import lif_program

    neuron = lif_program(Reset())
    network = _network(np.eye(3, dtype=F))
    params = {name: np.asarray(0.5, F) for name in neuron.params}
    cell = Population(name="cell", shape=(3,), program=neuron, params=params)
    network = Network(
        sources=network.sources,
        populations=(*network.populations, cell),
        projections=network.projections,
        outputs=(),
        dt_s=1e-3,
    )
    with pytest.raises(InputError, match="cell: the module has no neuron"):
        Forced(network, {"in": np.zeros((2, 3), F)}, {})
