"""Integer sums are exact or refused, never wrong."""

import numpy as np
import pytest
from engine_cases import differences, everything, run_both

from neurochain.errors import UnsupportedError
from neurochain.network import Network, Population, PortKind, Projection, Source
from neurochain.operators import Conv, Csr, Dense, Diagonal
from neurochain.programs import relay_program
from neurochain.simulators.event import pack, pack_inputs, prepare, run_event
from neurochain.simulators.event.limits import _float_below


def _operators(dtype):
    top = np.iinfo(dtype).max
    weights = np.full((1, 64), top, dtype=dtype)
    kernel = np.full((1, 64, 1, 1), top, dtype=dtype)
    return {
        "dense": Dense(in_shape=(64, 1, 1), out_shape=(1, 1, 1), weights=weights),
        "csr": Csr.from_dense(weights, (64, 1, 1), (1, 1, 1)),
        "conv": Conv(
            in_shape=(64, 1, 1),
            out_shape=(1, 1, 1),
            weights=kernel,
            stride=(1, 1),
            padding=(0, 0),
            dilation=(1, 1),
        ),
        "diagonal": Diagonal(
            in_shape=(64, 1, 1), out_shape=(64, 1, 1), weights=np.ascontiguousarray(weights[0])
        ),
    }


def _network(operator, kind):
    program = relay_program(PortKind.ANALOG)
    return Network(
        sources=(Source(name="s", shape=(64, 1, 1), emits=kind),),
        populations=(
            Population(name="p", shape=operator.out_shape, program=program, emits=PortKind.ANALOG),
        ),
        projections=(
            Projection(name="e", source="s", target="p", operator=operator, scale=np.float32(0.5)),
        ),
        outputs=(),
        dt_s=1.0,
        arithmetic=operator.weight.dtype.name,
    )


def _inputs(value):
    return {"s": np.full((1, 2, 64), value, dtype=np.float32)}


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize("operator", _operators(np.int8))
def test_sums_beyond_32_bits_are_exact(operator, dtype):
    weighted = _operators(dtype)[operator]
    network = _network(weighted, PortKind.GRADED)
    for value in (2.0**15, 2.0**20, -(2.0**24) + 1, 2.0**38):
        assert differences(*run_both(network, _inputs(value))) == []
        total = run_event(network, _inputs(value), record=everything(network)).emissions["p"][0, 0]
        exact = int(value) * int(np.iinfo(dtype).max) * (1 if operator == "diagonal" else 64)
        assert total[0] == np.float32(exact) * np.float32(0.5)


@pytest.mark.parametrize("operator", _operators(np.int8))
@pytest.mark.parametrize("value", [2.0**62, -(2.0**63), 1e30])
def test_sums_beyond_64_bits_are_refused(operator, value):
    network = _network(_operators(np.int16)[operator], PortKind.GRADED)
    with pytest.raises(UnsupportedError, match=r"projection e.*64 bits"):
        run_event(network, _inputs(value))


@pytest.mark.parametrize("bound", [1, 2**24 + 1, 2**31 - 1, 2**63 - 1, (2**63 - 1) // 12_345])
def test_limits_round_down(bound):
    limit = _float_below(bound)
    assert limit <= bound < float(np.nextafter(np.float32(limit), np.float32(np.inf)))


def _two_that_fail():
    """Populations `a`, `b` of values times 2 and times 1, so that some values fail in `a` alone."""
    relay = relay_program(PortKind.ANALOG)
    weights = {"a": np.full((200, 2), 2, np.int8), "b": np.full((200, 2), 1, np.int8)}
    return Network(
        sources=tuple(Source(name=f"s{n}", shape=(2,), emits=PortKind.GRADED) for n in weights),
        populations=tuple(
            Population(name=n, shape=(200,), program=relay, emits=relay.emits) for n in weights
        ),
        projections=tuple(
            Projection(
                name=f"e{n}",
                source=f"s{n}",
                target=n,
                operator=Dense(in_shape=(2,), out_shape=(200,), weights=w),
            )
            for n, w in weights.items()
        ),
        outputs=(),
        dt_s=1.0,
        arithmetic="int8",
    )


@pytest.mark.parametrize("chunk", [1, 3, 100])
@pytest.mark.parametrize(("batch", "threads"), [(1, 1), (1, 3), (6, 1), (6, 2), (6, 4), (6, 6)])
@pytest.mark.parametrize(("steps", "named"), [((20, 10), "eb"), ((10, 20), "ea"), ((10, 10), "ea")])
def test_the_first_sample_and_step_that_fail_are_named(steps, named, batch, threads, chunk):
    """Whatever the threads and chunks, though later samples fail earlier, and again when asked."""
    x = {name: np.ones((batch, 40, 2), np.float32) for name in ("sa", "sb")}
    first = batch // 2
    x["sa"][first, steps[0]] = x["sb"][first, steps[1]] = 2.0**63
    for sample in range(first + 1, batch):
        x["sa" if named == "eb" else "sb"][sample, 0] = 2.0**63
    network = _two_that_fail()
    inputs = pack_inputs(network, x)
    run = prepare(pack(network), inputs, threads=threads, chunk=chunk)
    for _ in range(2):
        with pytest.raises(UnsupportedError, match=f"projection {named}: .*64 bits"):
            run.advance()
