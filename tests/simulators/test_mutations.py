"""A fault seeded in either engine, or in the network one of them gets, is seen."""

import sys
from dataclasses import fields, replace

import numpy as np
import pytest
from engine_cases import (
    BUILDERS,
    DTYPES,
    PROGRAMS,
    dense,
    differences,
    everything,
    inputs_for,
    one_projection,
)

from neurochain.network import Op, PortKind
from neurochain.simulators import event, reference
from neurochain.simulators.event import programs, windows

EVALUATE = sys.modules[
    "neurochain.programs.evaluate"
]  # the package exports a function of that name
EVENT = PortKind.EVENT


def _case(name="lif.subtract.next_step", builder=dense, dtype="float32", shape=(24,), delay=0):
    rng = np.random.default_rng(11)
    network = one_projection(rng, builder, dtype, EVENT, shape, PROGRAMS[name], delay)
    return network, inputs_for(rng, network, batch=2, steps=30)


def _compare(network, inputs, other=None):
    record = everything(network)
    a = reference.run_reference(network, inputs, record=record)
    return differences(a, event.run_event(other or network, inputs, record=record))


SWAPS = {Op.ADD: Op.SUB, Op.SUB: Op.ADD, Op.MUL: Op.ADD, Op.GT: Op.GE, Op.GE: Op.GT}
USERS = {
    Op.ADD: "li.leak",
    Op.SUB: "lif.subtract.same_step_once",
    Op.MUL: "cuba_lif.none.gain",
    Op.GT: "threshold",
    Op.GE: "threshold.ge",
}


def _at_threshold(name):
    """A case in which `>` and `>=` differ: whole weights, and a threshold that is met."""
    network, inputs = _case(name)
    if not name.startswith("threshold"):
        return network, inputs
    (edge,), (population,) = network.projections, network.populations
    ones = replace(edge.operator, weights=np.ones_like(edge.operator.weights))
    theta = {"theta": np.full((), inputs["s"].sum(axis=2).max(), dtype=np.float32)}
    return (
        replace(
            network,
            projections=(replace(edge, operator=ones, bias=None),),
            populations=(replace(population, params=theta),),
        ),
        inputs,
    )


@pytest.mark.parametrize("op", SWAPS)
def test_an_operation_of_the_kernel(op, monkeypatch):
    network, inputs = _at_threshold(USERS[op])
    assert _compare(network, inputs) == []
    codes = {**programs.OP_CODES, op: programs.OP_CODES[SWAPS[op]]}
    monkeypatch.setattr(programs, "OP_CODES", codes)
    assert _compare(network, inputs)


@pytest.mark.parametrize("op", SWAPS)
def test_an_operation_of_the_reference(op, monkeypatch):
    network, inputs = _at_threshold(USERS[op])
    assert _compare(network, inputs) == []
    table = dict(EVALUATE.OPERATIONS)
    table[op] = table[SWAPS[op]]
    monkeypatch.setattr(EVALUATE, "OPERATIONS", table)
    assert _compare(network, inputs)


def test_a_select_with_its_arms_exchanged(monkeypatch):
    network, inputs = _case("lif.value.same_step")
    assert _compare(network, inputs) == []
    table = dict(EVALUATE.OPERATIONS)
    select = table[Op.SELECT]
    table[Op.SELECT] = lambda a, b, c: select(a, c, b)
    monkeypatch.setattr(EVALUATE, "OPERATIONS", table)
    assert _compare(network, inputs)


OPTIONS = {"NC_HOT_CURRENT", "NC_HOT_LEAK", "NC_HOT_EQUAL"}  # besides how the membrane is reset


@pytest.mark.parametrize("name", sorted(p.name for p in programs.hot_forms()))
def test_a_hot_form_in_the_place_of_another(name, monkeypatch):
    network, inputs = _case(name)
    forms = programs.hot_forms()
    program = network.populations[0].program
    form = forms[program]
    options = set(form) & OPTIONS
    other = next(f for f in forms.values() if f != form and set(f) & OPTIONS == options)
    monkeypatch.setattr(programs, "hot_forms", lambda: {program: other})
    assert _compare(network, inputs)


def _edge(network, **changes):
    return replace(network, projections=(replace(network.projections[0], **changes),))


def _one_weight(weights):
    changed = weights.copy()
    flat = changed.reshape(-1)
    flat[flat.size // 2] += 1
    return changed


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("builder", ["dense", "csr", "diagonal", "conv"])
def test_one_weight(builder, dtype):
    shape = (2, 5, 5) if builder == "conv" else (24,)
    network, inputs = _case(builder=BUILDERS[builder], dtype=dtype, shape=shape)
    operator = network.projections[0].operator
    changed = replace(operator, weights=_one_weight(operator.weights))
    assert _compare(network, inputs) == []
    assert _compare(network, inputs, _edge(network, operator=changed))


@pytest.mark.parametrize("delay", [0, 1, 2])
def test_a_delay(delay):
    network, inputs = _case(delay=delay)
    longer = _edge(network, delay=delay + 1)
    assert _compare(network, inputs) == []
    record = everything(network)
    a = reference.run_reference(network, inputs, record=record)
    b = event.run_event(longer, inputs, record=record)
    assert a.counts.projections["e"].tobytes() != b.counts.projections["e"].tobytes()


def test_a_bias_and_its_first_step():
    network, inputs = _case()
    edge = network.projections[0]
    bias = np.zeros(edge.operator.n_out, dtype=np.float32)
    bias[0] = 0.5
    network = _edge(network, bias=bias, bias_from_step=0)
    assert _compare(network, inputs) == []
    assert _compare(network, inputs, _edge(network, bias=bias, bias_from_step=1))
    assert _compare(network, inputs, _edge(network, bias=bias * np.float32(1.000001)))


@pytest.mark.parametrize("field", ["beta", "theta"])
def test_a_parameter_by_one_bit(field):
    network, inputs = _case()
    (population,) = network.populations
    value = np.nextafter(population.params[field], np.float32(9), dtype=np.float32)
    params = {**population.params, field: np.asarray(value)}
    other = replace(network, populations=(replace(population, params=params),))
    assert _compare(network, inputs, other)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("number", ["stride", "padding", "dilation"])
@pytest.mark.parametrize("builder", ["conv", "pool", "max_pool"])
def test_a_number_of_the_window(builder, number, axis, monkeypatch):
    """The kernel gets tables made with another number: outputs beyond the size are cut off."""
    rng = np.random.default_rng(3)
    network = one_projection(rng, BUILDERS[builder], "float32", EVENT, (2, 8, 8))
    operator = network.projections[0].operator
    changes = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1)}
    if builder == "conv":
        changes["weights"] = rng.normal(0, 1, (4, 2, 3, 3)).astype(np.float32)
        changes["groups"] = 1
    else:
        changes["kernel"] = (3, 3)
    names = {f.name for f in fields(operator)}
    changes = {k: v for k, v in changes.items() if k in names}
    channels = 4 if builder == "conv" else 2
    operator = replace(operator, out_shape=(channels, 8, 8), **changes)
    (population,) = network.populations
    params = {k: v.reshape(-1)[:1].reshape(()) for k, v in population.params.items()}
    population = replace(population, shape=operator.out_shape, params=params)
    edge = replace(network.projections[0], operator=operator, bias=None, model_fanout=None)
    network = replace(network, populations=(population,), projections=(edge,))
    inputs = inputs_for(rng, network, batch=2, steps=20)
    assert _compare(network, inputs) == []

    table = windows.axis_table
    place = {"stride": 2, "padding": 3, "dilation": 4}[number]
    calls = iter(range(2))

    def wrong(*arguments):
        arguments = list(arguments)
        if next(calls) == axis:
            arguments[place] += 1
        return table(*arguments)

    monkeypatch.setattr(windows, "axis_table", wrong)
    assert _compare(network, inputs)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_an_entry_of_a_fanout_table(which):
    network, inputs = _case()
    packed = event.pack(network)
    inputs["s"][0, 0, 3] = 1.0
    fan = network.projections[0].operator.fanout(nonzero=False).astype(np.uint32)
    fan[3] += 1
    packed.edges[0].fan[which].fan = packed.memory.view("void", fan)
    packed.edges[0].fan[which].width = 4
    prepared = event.pack_inputs(network, inputs)
    record = everything(network)
    wrong = event.run_packed(packed, prepared, record=record)
    found = differences(reference.run_reference(network, inputs, record=record), wrong)
    assert found == ["('projection', 'e')"]


def test_the_order_of_a_float_sum():
    network, inputs = _case("relay.analog")
    edge = network.projections[0]
    order = np.arange(24)[::-1]
    weights = np.ascontiguousarray(edge.operator.weights[:, order])
    turned = _edge(network, operator=replace(edge.operator, weights=weights))
    record = everything(network)
    a = reference.run_reference(network, inputs, record=record)
    b = event.run_event(turned, {"s": inputs["s"][..., order].copy()}, record=record)
    assert np.allclose(a.emissions["p"], b.emissions["p"], atol=1e-5)
    assert a.emissions["p"].tobytes() != b.emissions["p"].tobytes()
