"""Damage in a packed integer network or its run: the kernel names it, and never crashes."""

import numpy as np
import pytest
from border_cases import Case, less, misaligned, null
from test_border import damaged
from whole_networks import csr, dense, population, record_all

from neurochain.network import Network, OutputPort, PortKind, Projection, Source
from neurochain.programs import (
    loihi_graded_program,
    loihi_lif_program,
    loihi_lif_reset_program,
    loihi_refractory_program,
)
from neurochain.simulators.event import pack, pack_inputs, prepare


def _network():
    rng = np.random.default_rng(3)
    reset = loihi_lif_reset_program()
    populations = (
        population(rng, "p.lif", loihi_lif_program(), (70,)),
        population(rng, "p.wait", loihi_refractory_program(), (40,)),
        population(rng, "p.timed", reset, (33,)),
        population(rng, "p.values", loihi_graded_program(), (20,)),
    )
    timed = populations[2]
    object.__setattr__(  # one interval a neuron: such a program is interpreted
        timed, "params", {**timed.params, "interval": np.arange(1, 34, dtype=np.int32)}
    )
    each = populations[0]
    object.__setattr__(each, "params", {**each.params, "du": np.arange(70, dtype=np.int32)})
    edges = (
        ("lif", "in", dense, 0),
        ("wait", "p.lif", csr, -1),
        ("timed", "p.wait", dense, 2),
        ("values", "in", csr, 0),
    )
    projections = tuple(
        Projection(
            name=name,
            source=source,
            target=p.name,
            operator=build(rng, (30,) if source == "in" else _shape(populations, source), p.shape),
            delay=1,
            weight_exp=exp,
        )
        for (name, source, build, exp), p in zip(edges, populations, strict=True)
    )
    return Network(
        sources=(Source(name="in", shape=(30,), emits=PortKind.EVENT),),
        populations=populations,
        projections=projections,
        outputs=(OutputPort(name="out", node="p.lif"),),
        dt_s=1e-3,
        arithmetic="loihi",
    )


def _shape(populations, name):
    return next(p.shape for p in populations if p.name == name)


@pytest.fixture(scope="module")
def whole():
    rng = np.random.default_rng(0)
    network = _network()
    packed = pack(network)
    inputs = {"in": (rng.random((3, 8, 30)) < 0.3).astype(np.float32)}
    prepared = prepare(
        packed, pack_inputs(network, inputs), record=record_all(network), threads=2, chunk=3
    )
    return Case(packed, prepared)


DAMAGES = [
    ("a float operation", "BAD_KIND population program.body.op", "pop wait program body 0 op", 7),
    ("no operation", "BAD_KIND population program.body.op", "pop wait program body 0 op", 36),
    ("floats hot", "BAD_FLAG population is_hot", "pop wait is_hot", 1),
    ("a relay", "BAD_FLAG population whole", "pop values relay", 1),
    ("competing", "BAD_FLAG population whole", "pop values program competes", 1),
    ("no watches", "NULL population integer.watch", "pop wait integer watch", null),
    (
        "watches misaligned",
        "MISALIGNED population integer.most",
        "pop wait integer most",
        misaligned,
    ),
    ("a watch beyond", "BAD_INDEX population integer.watch", "pop wait integer watch 1", 999),
    ("a negative bound", "BAD_SIZE population integer.most", "pop wait integer most 0", -1),
    ("a clock beyond", "BAD_INDEX population integer.clock", "pop timed integer clock", 999),
    ("a clock in a port", "BAD_PROGRAM population integer.clock", "pop timed integer clock", 0),
    ("a LIF of three states", "BAD_FLAG population is_lif", "pop wait is_lif", 1),
    ("taken for floats", "BAD_KIND population program.body.op", "pop lif whole", 0),
    ("no decay", "NULL population lif.keep_u", "pop lif lif keep_u", null),
    ("a decay beyond 1", "BAD_SIZE population lif.keep_v", "pop lif lif keep_v 3", 4097),
    ("a negative decay", "BAD_SIZE population lif.keep_u", "pop lif lif keep_u 3", -1),
    ("no threshold", "NULL population lif.theta", "pop lif lif theta", null),
    ("a bias misaligned", "MISALIGNED population lif.bias", "pop lif lif bias", misaligned),
    ("a pool", "BAD_KIND projection kind", "edge wait exact", 0),
    ("a negative lift", "BAD_SIZE projection lift", "edge wait lift", -1),
    ("a large lift", "BAD_SIZE projection lift", "edge wait lift", 16),
    ("a small exponent", "BAD_SIZE projection exponent", "edge wait exponent", -32),
    ("a large exponent", "BAD_SIZE projection exponent", "edge wait exponent", 32),
    ("no overflow", "NULL population overflow", "out lif overflow", null),
    ("overflow misaligned", "MISALIGNED population overflow", "out wait overflow", misaligned),
    (
        "a membrane that is no state",
        "BAD_INDEX population membrane_state",
        "out lif membrane_state",
        2,
    ),
    ("overflow in counts", "OVERLAP population ?", "out lif overflow", "=out wait counts"),
    ("a clock misaligned", "MISALIGNED population clock", "out timed clock", misaligned),
    ("fewer neurons", "BAD_SIZE projection n_out", "pop lif n", less),
    ("turned", "BAD_FLAG population whole", "pop values turned", 1),
    ("many steps", "BAD_FLAG population whole", "pop values many_steps", 1),
    ("no bounds", "NULL population integer.most", "pop wait integer most", null),
    (
        "a clock that is written",
        "BAD_PROGRAM population integer.clock",
        "pop timed integer clock",
        "=pop timed program body 0 out",
    ),
    ("a LIF of values", "BAD_FLAG population is_lif", "pop lif binary", 0),
    ("a LIF watched less", "BAD_FLAG population is_lif", "pop lif integer n_watches", less),
]


@pytest.mark.parametrize(("name", "said", "path", "value"), DAMAGES, ids=[d[0] for d in DAMAGES])
def test_one_damage(name, said, path, value, whole):
    status, part, field = said.split()
    with damaged(whole, path, value):
        got = whole.check()
    assert got[0] == getattr(whole.lib, f"NC_{status}"), got
    assert part == got[1]
    assert field in ("?", got[2])
    assert whole.check() == (whole.lib.NC_OK, None, None)


def test_a_clock_that_two_teams_share(whole):
    number = whole.pop("timed").integer.clock
    with damaged(whole, f"scratch timed base {number}", whole.at(f"scratch timed 1 base {number}")):
        assert whole.check()[0] == whole.lib.NC_OVERLAP


def test_it_runs(whole):
    assert whole.advance() == whole.lib.NC_OK
