"""Numbers so small that a scaled sum, a product or a weight is taken for nothing."""

import platform
from dataclasses import replace

import numpy as np
import pytest
from engine_cases import RESETS, csr, dense, diagonal, everything, one_projection

from neurochain.network import Network, Population, PortKind, Projection, Source
from neurochain.operators import Conv, Csr, Dense, Identity, Pool
from neurochain.programs import li_program, lif_program, relay_program
from neurochain.simulators import Record
from neurochain.simulators.event import pack, pack_inputs, prepare, run_event
from neurochain.simulators.event.kernel import kernel
from neurochain.simulators.reference import run_reference

FLUSH = 0x9FC0  # x86: results and operands below the normal range are zero


def _same(found, expected):
    for kind in ("projections", "populations"):
        ours, theirs = getattr(found.counts, kind), getattr(expected.counts, kind)
        for name, counts in theirs.items():
            assert np.array_equal(ours[name], counts), (kind, name)
    for name, values in expected.emissions.items():
        assert found.emissions[name].tobytes() == values.tobytes(), name
    for key, values in expected.currents.items():
        assert found.currents[key].tobytes() == values.tobytes(), key
    for name, state in expected.final_state.items():
        for key, value in state.items():
            assert found.final_state[name][key].tobytes() == value.tobytes(), (name, key)


def _conv(rng, dtype, shape):
    limits = np.iinfo(dtype)
    weights = rng.integers(limits.min, limits.max, (8, shape[0], 3, 3), dtype=dtype)
    weights[rng.random(weights.shape) < 0.4] = 0
    return Conv(
        in_shape=shape, out_shape=(8, shape[1] - 2, shape[2] - 2), weights=weights,
        stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize("build", [dense, csr, diagonal, _conv])
@pytest.mark.parametrize("seed", range(4))
def test_sums_that_their_scale_makes_zero_have_arrived(build, dtype, seed):
    """A sum of -1e-42 is scaled to -0: the neuron has been reached, and the current is -0."""
    rng = np.random.default_rng([seed, 4])
    shape = (2, 5, 6)
    network = one_projection(rng, build, dtype, PortKind.ANALOG, shape)
    edge = replace(network.projections[0], scale=np.float32(10.0 ** -rng.integers(3, 20)))
    network = replace(network, projections=(edge,))
    x = rng.choice([0, 0, 1e-44, -1e-44, 1e-36, -1e-30, 1e-45], size=(2, 30, 60))
    given = {"s": x.astype(np.float32)}
    for record in (everything(network), Record(emissions=("p",))):
        expected = run_reference(network, given, record=record)
        for version in (0, None):
            run = prepare(
                pack(network), pack_inputs(network, given), record=record, version=version
            )
            run.advance()
            _same(run.result(), expected)


def test_a_readout_that_decays_into_nothing():
    li = li_program()
    half = {name: np.float32(0.5) for name in li.params}
    readout = Population(name="a", shape=(2,), program=li, params=half, emits=li.emits)
    lif = lif_program(RESETS[1])
    neurons = Population(
        name="b", shape=(2,), program=lif, emits=lif.emits,
        params={name: np.float32(0.5) for name in lif.params},
    )  # fmt: skip
    weights = np.array([[-1, 0], [0, 1]], np.int8)
    last = Dense(in_shape=(2,), out_shape=(2,), weights=weights)
    network = Network(
        sources=(Source(name="s", shape=(2,)),),
        populations=(readout, neurons),
        projections=(
            Projection(
                name="e", source="s", target="a", operator=Identity(in_shape=(2,), out_shape=(2,))
            ),
            Projection(
                name="f", source="a", target="b", scale=np.float32(0.013), operator=last
            ),
        ),
        outputs=(), dt_s=1e-3, arithmetic="int8",
    )  # fmt: skip
    x = np.zeros((1, 200, 2), np.float32)
    x[0, 0, 0] = 1
    record = everything(network)
    expected = run_reference(network, {"s": x}, record=record)
    updates = expected.counts.populations["b"][..., 1].sum()
    assert 140 < updates < 200  # until the readout is zero
    _same(run_event(network, {"s": x}, record=record), expected)


def test_a_graded_value_that_is_infinite_meets_a_stored_zero():
    """Inf times 0 is no number: stored zeros count behind what can overflow."""
    relay, lif = relay_program(PortKind.GRADED), lif_program(RESETS[1])
    pooled = Pool(
        in_shape=(1, 1, 2), out_shape=(1, 1, 1), kernel=(1, 2), stride=(1, 2), padding=(0, 0),
        average=False,
    )  # fmt: skip
    sparse = Csr(
        in_shape=(1, 1, 1), out_shape=(2,), indptr=np.array([0, 2]),
        targets=np.array([0, 1], np.int32), weights=np.array([0, 1], np.float32),
    )  # fmt: skip
    params = {name: np.float32(0.5) for name in lif.params}
    network = Network(
        sources=(Source(name="s", shape=(1, 1, 2), emits=PortKind.GRADED),),
        populations=(
            Population(name="a", shape=(1, 1, 1), program=relay, params={}, emits=relay.emits),
            Population(name="b", shape=(2,), program=lif, params=params, emits=lif.emits),
        ),
        projections=(
            Projection(name="e", source="s", target="a", operator=pooled),
            Projection(name="f", source="a", target="b", operator=sparse),
        ),
        outputs=(), dt_s=1e-3, arithmetic="float32",
    )  # fmt: skip
    x = {"s": np.full((1, 1, 2), 3e38, np.float32)}
    with np.errstate(all="ignore"):
        expected = run_reference(network, x)
    assert np.isnan(expected.final_state["b"]["v"][0, 0])
    _same(run_event(network, x), expected)


@pytest.mark.parametrize("divisors", [[-4.0], [4.0], None])
def test_a_silent_step_divided_by_a_negative_number_is_minus_zero(divisors):
    relay = relay_program(PortKind.ANALOG)
    pooled = Pool(
        in_shape=(2, 2, 2), out_shape=(2, 1, 1), kernel=(2, 2), stride=(2, 2), padding=(0, 0),
        average=divisors is not None,
        divisors=None if divisors is None else np.array(divisors, np.float32),
    )  # fmt: skip
    network = Network(
        sources=(Source(name="s", shape=(2, 2, 2)),),
        populations=(
            Population(name="a", shape=(2, 1, 1), program=relay, params={}, emits=relay.emits),
        ),
        projections=(Projection(name="e", source="s", target="a", operator=pooled),),
        outputs=(), dt_s=1e-3, arithmetic="float32",
    )  # fmt: skip
    x = np.zeros((1, 3, 8), np.float32)
    x[0, 1, 2] = 1
    record = Record(emissions=("a",), inputs=(("a", "x"),))
    expected = run_reference(network, {"s": x}, record=record)
    assert np.signbit(expected.emissions["a"][0, 0]).all() == (divisors == [-4.0])
    for threads in (1, 2):
        _same(run_event(network, {"s": x}, record=record, threads=threads), expected)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="sets MXCSR")
@pytest.mark.parametrize("build", [dense, csr, diagonal])
def test_what_the_processor_is_asked_to_flush_counts_all_the_same(build):
    """As torch.set_flush_denormal(True) asks: packing, inputs, both engines."""
    _, lib = kernel()
    rng = np.random.default_rng(3)
    network = one_projection(rng, build, "float32", PortKind.ANALOG, (12,))
    operator = network.projections[0].operator
    tiny = (operator.weights * np.float32(1e-39)).astype(np.float32)
    edge = replace(network.projections[0], operator=replace(operator, weights=tiny))
    network = replace(network, projections=(edge,))
    x = {"s": rng.choice([0, 1, 1e-41], size=(1, 9, 12)).astype(np.float32)}
    record = everything(network)
    expected = run_reference(network, x, record=record)
    before = lib.nc_plain_arithmetic()
    lib.nc_give_back(FLUSH)
    try:
        found = run_event(network, x, record=record)
        again = run_reference(network, x, record=record)
        flushes = not np.any(np.full(1, 1e-40, np.float32) * np.float32(1))
    finally:
        lib.nc_give_back(before)
    assert flushes, "the caller's own setting is back after each call"
    _same(found, expected)
    _same(again, expected)
