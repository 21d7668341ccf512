"""Convolutions and pools shared out among the threads of one sample, against the reference."""

import itertools

import numpy as np
import pytest
from engine_cases import input_for, params_for, projection, weights_for

from neurochain.network import Network, Population, PortKind, Projection, Source
from neurochain.operators import Conv, Dense, Pool, output_size
from neurochain.programs import relay_program
from neurochain.simulators import Record
from neurochain.simulators.event import engine, pack, pack_inputs, prepare
from neurochain.simulators.event.programs import hot_forms
from neurochain.simulators.event.runs import run_packed
from neurochain.simulators.reference import run_reference

HOT = [p for p in hot_forms() if len(p.ports) == 1]
STEPS = 23


def _window(rng, shape, pooled):
    """Kernel, stride, padding, positions; pools do not overlap."""
    space = shape[1:]
    while True:
        kernel = tuple(int(k) for k in rng.integers(1, 6, len(space)))
        stride = kernel if pooled else tuple(int(s) for s in rng.integers(1, 3, len(space)))
        padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
        out = tuple(
            output_size(n, k, s, p, 1)
            for n, k, s, p in zip(space, kernel, stride, padding, strict=True)
        )
        if min(out) > 0:
            return kernel, stride, padding, out


def _conv(rng, dtype, shape):
    kernel, stride, padding, out = _window(rng, shape, pooled=False)
    groups = int(rng.choice([g for g in (1, 2, 4) if shape[0] % g == 0]))
    channels = groups * int(rng.choice([4, 8, 12, 16, 3]))  # 3: sums with gaps, not turned
    weights = weights_for(
        rng, dtype, (channels, shape[0] // groups, *kernel), rng.choice([0.0, 0.3])
    )
    return Conv(
        in_shape=shape, out_shape=(channels, *out), weights=weights, stride=stride,
        padding=padding, dilation=(1,) * len(out), groups=groups,
    )  # fmt: skip


def _pool(rng, shape):
    kernel, stride, padding, out = _window(rng, shape, pooled=True)
    average, divisors = bool(rng.integers(2)), None
    if average and rng.integers(2):
        divisors = rng.choice([-4, -1, 2, 3], int(np.prod(out))).astype(np.float32)
    return Pool(
        in_shape=shape, out_shape=(shape[0], *out), kernel=kernel, stride=stride,
        padding=padding, average=average, divisors=divisors,
    )  # fmt: skip


def _neurons(rng, name, shape):
    """Every second population is at rest two steps after its last event, with leaks or without."""
    program, n = HOT[rng.integers(len(HOT))], int(np.prod(shape))
    params = params_for(rng, program, n)
    if rng.integers(2):
        params |= {k: np.float32(0) for k in ("alpha", "beta") if k in params}
        some = np.where(rng.random(n) < 0.5, 0, 0.05).astype(np.float32)
        params |= {"leak": some} if "leak" in params else {}
    return Population(name=name, shape=shape, program=program, params=params, emits=program.emits)


def _network(rng, dtype, kind):
    """in -> conv -> [pool ->] conv -> dense, with biases (late ones too) and delays."""
    space = tuple(int(n) for n in rng.integers(5, 20, rng.integers(1, 3)))
    source = Source(name="in", shape=(int(rng.integers(1, 4)), *space), emits=kind)
    nodes, edges = [source], []

    def add(name, operator, population):
        delay = int(rng.choice([0, 0, 0, 2]))
        before = nodes[-1].name
        bias = False if operator.weight is None else None
        edges.append(
            projection(rng, f"e{name}", before, name, operator, dtype, delay=delay, bias=bias)
        )
        nodes.append(population)

    first = _conv(rng, dtype, source.shape)
    add("a", first, _neurons(rng, "a", first.out_shape))
    if rng.random() < 0.7:
        middle = _pool(rng, nodes[-1].shape)
        relay = relay_program(PortKind.ANALOG)
        pooled = Population(
            name="pool", shape=middle.out_shape, program=relay, params={}, emits=relay.emits
        )
        add("pool", middle, pooled)
    second = _conv(rng, dtype, nodes[-1].shape)
    add("b", second, _neurons(rng, "b", second.out_shape))
    weights = weights_for(rng, dtype, (9, int(np.prod(second.out_shape))), 0.2)
    last = Dense(in_shape=second.out_shape, out_shape=(9,), weights=weights)
    add("c", last, _neurons(rng, "c", (9,)))
    return Network(
        sources=(source,), populations=tuple(nodes[1:]), projections=tuple(edges), outputs=(),
        dt_s=1e-3, arithmetic=dtype,
    )  # fmt: skip


def _shared_network(rng, dtype, kind):
    """One with a convolution whose rows are shared out."""
    while True:
        network = _network(rng, dtype, kind)
        turned = [p.turned for p in pack(network).populations[0 : len(network.populations)]]
        if any(turned):
            return network


def _input(rng, network, batch):
    """Events with long silences, and values of which some steps hold such as leave no marks."""
    (source,) = network.sources
    values = input_for(rng, source.emits, (batch, STEPS, int(np.prod(source.shape))))
    values[:, 6:14] = 0
    return {"in": values}


def _same(found, expected, what):
    for kind in ("projections", "populations"):
        ours, theirs = getattr(found.counts, kind), getattr(expected.counts, kind)
        for name, counts in theirs.items():
            assert np.array_equal(ours[name], counts), (what, kind, name)
    for name, values in expected.emissions.items():
        assert np.array_equal(found.emissions[name], values), (what, name)
    for name, state in expected.final_state.items():
        for key, value in state.items():
            assert found.final_state[name][key].tobytes() == value.tobytes(), (what, name, key)


@pytest.mark.parametrize("dtype", ["float32", "int8", "int16"])
@pytest.mark.parametrize("kind", [PortKind.EVENT, PortKind.GRADED, PortKind.ANALOG])
@pytest.mark.parametrize("seed", range(6))
def test_any_number_of_threads(dtype, kind, seed):
    rng = np.random.default_rng([seed, list(PortKind).index(kind)])
    network = _shared_network(rng, dtype, kind)
    packed = pack(network)
    for batch in (1, 2):
        given = _input(rng, network, batch)
        for emissions in ((), tuple(p.name for p in network.populations)):
            record = Record(emissions=emissions)
            expected = run_reference(network, given, record=record)
            inputs = pack_inputs(network, given)
            for threads, chunk in ((1, None), (2, None), (3, 5), (4, 1), (7, 2), (16, 9)):
                run = prepare(packed, inputs, record=record, threads=threads, chunk=chunk)
                run.advance()
                _same(run.result(), expected, (batch, emissions, threads, chunk))


@pytest.mark.parametrize("seed", range(6))
def test_rest_between_ways_that_share_and_ways_that_do_not(seed):
    """A population at rest in its rows alone is not at rest: chunks go one way or the other."""
    rng = np.random.default_rng([seed, 77])
    network = _shared_network(rng, "float32", PortKind.ANALOG)
    packed = pack(network)
    (source,) = network.sources
    n = int(np.prod(source.shape))
    values = np.zeros((1, 40, n), dtype=np.float32)
    for step in (0, 8, 9, 20, 31):  # of one row of the input: other rows rest
        first = int(rng.integers(n))
        values[0, step, first : first + 9] = 1.0 if step % 2 else np.float32(1e-40)
    expected = run_reference(network, {"in": values}, record=Record(emissions=()))
    for threads, chunk in ((1, 2), (2, 2), (3, 2), (5, 1), (2, 3)):
        run = prepare(
            packed, pack_inputs(network, {"in": values}), record=Record(emissions=()),
            threads=threads, chunk=chunk,
        )  # fmt: skip
        run.advance()
        _same(run.result(), expected, (threads, chunk))


def test_a_run_in_parts_on_several_threads():
    """States go to the order of positions and back at the ends of chunks and runs."""
    rng = np.random.default_rng(5)
    for dtype in ("float32", "int8"):
        network = _shared_network(rng, dtype, PortKind.EVENT)
        given = _input(rng, network, 1)
        expected = run_reference(network, given, record=Record())
        packed, state, found = pack(network), None, []
        for first, end in ((0, 3), (3, 4), (4, STEPS)):
            part = pack_inputs(network, {"in": given["in"][:, first:end]})
            result = run_packed(packed, part, initial_state=state, threads=3)
            state = result.final_state
            found.append(result)
        for name, values in expected.emissions.items():
            together = np.concatenate([result.emissions[name] for result in found], axis=1)
            assert np.array_equal(together, values)
        for name, entries in expected.final_state.items():
            for key, value in entries.items():
                assert np.array_equal(found[-1].final_state[name][key], value)


def test_rest_that_a_worker_without_rows_has_seen():
    """One block of rows and several workers: who has none of them forgets what it knew of all."""
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 0.4, (16, 1, 3, 3)).astype(np.float32)
    operator = Conv(
        in_shape=(1, 5, 5), out_shape=(16, 3, 3), weights=weights, stride=(1, 1),
        padding=(0, 0), dilation=(1, 1), groups=1,
    )  # fmt: skip
    program = next(p for p in HOT if set(p.params) == {"beta", "theta"})
    params = {"beta": np.float32(0.9), "theta": np.float32(0.5)}
    network = Network(
        sources=(Source(name="in", shape=(1, 5, 5), emits=PortKind.ANALOG),),
        populations=(
            Population(
                name="a", shape=(16, 3, 3), program=program, params=params, emits=program.emits
            ),
        ),
        projections=(Projection(name="e", source="in", target="a", operator=operator),),
        outputs=(), dt_s=1e-3, arithmetic="float32",
    )  # fmt: skip
    x = np.zeros((1, 24, 25), np.float32)  # in chunks of 8: of one worker, shared, of one again
    x[0, 0], x[0, 15], x[0, 22], x[0, 23] = 1e-45, 0.2, 1e-45, 0.3
    expected = run_reference(network, {"in": x})
    assert expected.emissions["a"][0, 23].any()
    for threads in (1, 2, 3, 8):
        run = prepare(pack(network), pack_inputs(network, {"in": x}), threads=threads, chunk=8)
        run.advance()
        _same(run.result(), expected, threads)


@pytest.mark.parametrize("seed", range(4))
def test_runs_in_many_calls_and_once_more(seed, monkeypatch):
    """Calls that end in the middle of a sample, chunks of changing length, and from rest again."""
    lengths = itertools.cycle([2, 5, 1, 9])
    monkeypatch.setattr(engine, "CALL_SECONDS", 0.0)
    monkeypatch.setattr(engine, "next_chunk", lambda *_: next(lengths))
    rng = np.random.default_rng([seed, 9])
    kind = (PortKind.EVENT, PortKind.ANALOG)[seed % 2]
    network = _shared_network(rng, "float32", kind)
    given = _input(rng, network, 2)
    expected = run_reference(network, given, record=Record(emissions=()))
    inputs = pack_inputs(network, given)
    for threads in (1, 2, 4, 6):
        run = prepare(pack(network), inputs, record=Record(emissions=()), threads=threads, chunk=9)
        for _ in range(3):
            told = []
            run.advance(told.append)
            assert len(told) > 2
            _same(run.result(), expected, threads)
            run.rewind()
