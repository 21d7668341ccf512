"""Operators against an explicit matrix, against torch, in the declared order of summation."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import pytest

from neurochain.errors import InternalError
from neurochain.network import (
    Network,
    Operator,
    OutputPort,
    Population,
    PortKind,
    Projection,
    Source,
)
from neurochain.operators import (
    OPERATORS,
    Conv,
    Csr,
    Dense,
    Diagonal,
    Identity,
    MaxPool,
    Pool,
    Route,
    output_size,
)
from neurochain.programs import relay_program

RNG = np.random.default_rng(6)


def quarters(*shape: int) -> np.ndarray:
    values = RNG.integers(-4, 5, shape) / 4
    return np.where(RNG.random(shape) < 0.3, 0, values).astype(np.float32)


def conv(
    c_in: int, c_out: int, space: tuple[int, ...], kernel: tuple[int, ...], **numbers: Any
) -> Conv:
    axes = len(kernel)
    g = {"stride": (1,) * axes, "padding": (0,) * axes, "dilation": (1,) * axes} | numbers
    groups = g.pop("groups", 1)
    sizes = tuple(
        output_size(*v)
        for v in zip(space, kernel, g["stride"], g["padding"], g["dilation"], strict=True)
    )
    weights = quarters(c_out, c_in // groups, *kernel)
    return Conv(in_shape=(c_in, *space), out_shape=(c_out, *sizes), weights=weights,
                groups=groups, **g)  # fmt: skip


def pool(cls: Any, shape: tuple[int, ...], kernel: tuple[int, ...], **numbers: Any) -> Any:
    axes = len(kernel)
    g = {"stride": kernel, "padding": (0,) * axes} | numbers
    dilation = g.get("dilation", (1,) * axes)
    if cls is MaxPool:
        g["dilation"] = dilation
    zipped = zip(shape[1:], kernel, g["stride"], g["padding"], dilation, strict=True)
    out = (shape[0], *(output_size(*v) for v in zipped))
    return cls(in_shape=shape, out_shape=out, kernel=kernel, **g)


CSR = Csr.from_dense(quarters(5, 6), (6,), (5,))
LINEAR: dict[str, Operator] = {
    "dense": Dense(in_shape=(2, 3), out_shape=(4,), weights=quarters(4, 6)),
    "csr": CSR,
    "csr with empty rows": Csr.from_dense(np.diag([0, 1, 0, 2]).astype(np.float32), (4,), (4,)),
    "diagonal": Diagonal(in_shape=(6,), out_shape=(2, 3), weights=quarters(6)),
    "identity": Identity(in_shape=(6,), out_shape=(2, 3)),
    "route": Route(in_shape=(2, 3), out_shape=(2, 4), index=np.array([0, 5, -1, 0, 2, -1, 0, 1])),
    "conv2d": conv(2, 3, (5, 6), (3, 2)),
    "conv2d border": conv(2, 3, (4, 4), (3, 3), padding=(1, 2)),
    "conv2d stride": conv(1, 2, (7, 6), (3, 2), stride=(2, 3), padding=(1, 1)),
    "conv2d dilation": conv(1, 2, (7, 7), (2, 3), dilation=(3, 2), padding=(2, 1)),
    "conv2d groups": conv(4, 6, (4, 5), (2, 2), groups=2),
    "conv2d depthwise": conv(3, 3, (4, 4), (3, 3), groups=3, padding=(1, 1)),
    "conv2d kernel beyond the input": conv(1, 1, (1, 1), (3, 3), padding=(1, 1)),
    "conv1d": conv(2, 3, (9,), (4,), stride=(2,), padding=(3,)),
    "conv1d groups": conv(4, 4, (6,), (3,), groups=4, dilation=(2,), padding=(2,)),
    "sum pool": pool(Pool, (2, 4, 6), (2, 3), average=False),
    "average pool": pool(Pool, (2, 4, 4), (2, 2), average=True),
    "overlapping pool": pool(
        Pool, (1, 5, 5), (2, 4), stride=(1, 2), padding=(1, 1), average=True
    ),
    "pool 1d": pool(Pool, (3, 8), (4,), stride=(2,), average=False),
}  # fmt: skip
MAXIMA: dict[str, Operator] = {
    "max pool": pool(MaxPool, (2, 4, 6), (2, 3)),
    "max pool border": pool(MaxPool, (2, 5, 5), (3, 3), stride=(2, 1), padding=(1, 1)),
    "max pool dilation": pool(MaxPool, (1, 7, 7), (2, 3), stride=(2, 2), dilation=(2, 3)),
    "max pool 1d": pool(MaxPool, (2, 9), (3,), stride=(2,), padding=(1,)),
}
ALL = LINEAR | MAXIMA
STATE = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def _same_numbers_in_any_order() -> None:
    RNG.bit_generator.state = STATE


def matrix(operator: Operator) -> np.ndarray:
    """(n_out, n_in): one unit input after the other."""
    return operator.reference_step(np.eye(operator.n_in, dtype=np.float32)).T


def with_ones(operator: Operator) -> Operator:
    weight = operator.weight
    return operator if weight is None else replace(operator, weights=np.ones_like(weight))  # type: ignore[type-var]


def test_every_kind_is_tested() -> None:
    assert {operator.kind for operator in ALL.values()} == set(OPERATORS)


@pytest.mark.parametrize("word", LINEAR)
def test_a_linear_operator_is_its_matrix(word: str) -> None:
    operator = LINEAR[word]
    full = matrix(operator)
    x = quarters(5, operator.n_in)
    assert np.array_equal(operator.reference_step(x), x @ full.T)
    assert operator.reference_step(x).dtype == np.float32
    assert operator.accumulates


@pytest.mark.parametrize("word", LINEAR)
def test_fanout_and_touch_follow_the_matrix(word: str) -> None:
    operator = LINEAR[word]
    full, structure = matrix(operator), matrix(with_ones(operator))
    nonzero = operator.fanout(nonzero=True)
    assert nonzero.dtype == operator.fanout(nonzero=False).dtype == np.int64
    assert nonzero.tolist() == np.count_nonzero(full, axis=0).tolist()
    if isinstance(operator, Csr):
        assert operator.fanout(nonzero=False).tolist() == nonzero.tolist()
    else:
        assert (
            operator.fanout(nonzero=False).tolist() == np.count_nonzero(structure, axis=0).tolist()
        )
    active = RNG.random((20, operator.n_in)) < 0.2
    reached = (active[:, None, :] & (full != 0)).any(axis=2)
    assert np.array_equal(operator.touch(active), reached)


@pytest.mark.parametrize("word", MAXIMA)
def test_fanout_and_touch_of_maxima(word: str) -> None:
    operator = MAXIMA[word]
    reached = operator.touch(np.eye(operator.n_in, dtype=np.bool_))
    assert operator.fanout(nonzero=True).tolist() == reached.sum(axis=1).tolist()
    active = RNG.random((20, operator.n_in)) < 0.2
    assert np.array_equal(operator.touch(active), (active.astype(int) @ reached) > 0)
    assert np.array_equal(
        operator.reference_step(active.astype(np.float32)), operator.touch(active)
    )
    assert not operator.accumulates


@pytest.mark.parametrize("word", ALL)
def test_each_sample_is_computed_by_itself(word: str) -> None:
    operator = ALL[word]
    x = np.where(RNG.random((6, operator.n_in)) < 0.5, RNG.normal(size=(6, operator.n_in)), 0)
    whole = operator.reference_step(x.astype(np.float32))
    for k in range(6):
        single = operator.reference_step(x[k : k + 1].astype(np.float32))
        assert single.tobytes() == whole[k : k + 1].tobytes()


@pytest.mark.parametrize("word", ["dense", "csr", "conv2d border", "conv2d groups", "conv1d"])
def test_sums_run_over_ascending_sources(word: str) -> None:
    operator = LINEAR[word]
    weights = RNG.normal(size=operator.weight.shape).astype(np.float32)  # type: ignore[union-attr]
    if isinstance(operator, Csr):
        weights = RNG.normal(size=operator.weights.shape).astype(np.float32)
    operator = replace(operator, weights=weights)  # type: ignore[type-var]
    full = matrix(operator)
    x = RNG.normal(size=operator.n_in).astype(np.float32)
    wanted = np.zeros(operator.n_out, np.float32)
    for i in range(operator.n_in):
        live = full[:, i] != 0
        wanted[live] += x[i] * full[live, i]
    assert np.array_equal(operator.reference_step(x[None])[0], wanted)


@pytest.mark.parametrize("word", [w for w in LINEAR if LINEAR[w].weight is not None])
@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_integer_sums_are_exact(word: str, dtype: type[np.signedinteger[Any]]) -> None:
    operator = LINEAR[word]
    top = np.iinfo(dtype).max
    weights = np.full(operator.weight.shape, top, dtype)  # type: ignore[union-attr]
    operator = replace(operator, weights=weights)  # type: ignore[type-var]
    x = np.full((1, operator.n_in), 3, np.int64)
    found = operator.reference_step(x)
    assert found.dtype == np.int64
    counts = np.zeros(operator.n_out, np.int64)
    for i in range(operator.n_in):
        counts += operator.touch(np.eye(operator.n_in, dtype=np.bool_)[[i]])[0]
    assert found[0].tolist() == (counts * 3 * int(top)).tolist()


def test_maxima_keep_negative_values_and_never_take_padding() -> None:
    operator = MAXIMA["max pool border"]
    assert (operator.reference_step(np.full((1, operator.n_in), -2, np.float32)) == -2).all()


def test_kinds_of_results() -> None:
    event, graded, analog = PortKind.EVENT, PortKind.GRADED, PortKind.ANALOG
    for word in ("dense", "csr", "diagonal", "conv2d", "average pool"):
        assert {LINEAR[word].port_kind(k) for k in PortKind} == {analog}
    assert [LINEAR["sum pool"].port_kind(k) for k in (event, graded, analog)] == [
        graded,
        graded,
        analog,
    ]
    for operator in (LINEAR["identity"], LINEAR["route"], MAXIMA["max pool"]):
        assert [operator.port_kind(k) for k in PortKind] == [*PortKind]


@pytest.mark.torch
@pytest.mark.parametrize("word", [w for w in ALL if "conv" in w or "pool" in w])
def test_as_torch_defines_it(word: str) -> None:
    torch = pytest.importorskip("torch")
    from torch.nn import functional

    operator: Any = ALL[word]
    axes = len(operator.in_shape) - 1
    x = quarters(3, *operator.in_shape)
    if isinstance(operator, Conv):
        call = getattr(functional, f"conv{axes}d")
        y = call(torch.from_numpy(x), torch.from_numpy(operator.weights), None, operator.stride,
                 operator.padding, operator.dilation, operator.groups)  # fmt: skip
    elif isinstance(operator, MaxPool):
        call = getattr(functional, f"max_pool{axes}d")
        y = call(torch.from_numpy(x), operator.kernel, operator.stride, operator.padding,
                 operator.dilation)  # fmt: skip
    else:
        call = getattr(functional, f"avg_pool{axes}d")
        y = call(torch.from_numpy(x), operator.kernel, operator.stride, operator.padding)
        y = y if operator.average else y * prod(operator.kernel)
    assert tuple(y.shape[1:]) == operator.out_shape
    assert np.array_equal(operator.reference_step(x.reshape(3, -1)), y.numpy().reshape(3, -1))


def faulty(word: str, **changes: Any) -> Operator:
    return replace(ALL[word], **changes)  # type: ignore[type-var]


FAULTS: dict[str, tuple[Operator, str]] = {
    "dense shape": (faulty("dense", weights=np.ones((6, 4), np.float32)), "wanted (4, 6)"),
    "dense dtype": (faulty("dense", weights=np.ones((4, 6))), "not float32, int8 or int16"),
    "dense order": (
        faulty("dense", weights=np.ones((6, 4), np.float32).T), "not contiguous"
    ),
    "dense NaN": (faulty("dense", weights=np.full((4, 6), np.nan, np.float32)), "24 of 24 weights"),
    "diagonal": (faulty("diagonal", out_shape=(5,)), "6 sources do not go one to one"),
    "identity": (faulty("identity", out_shape=(5,)), "6 sources do not go one to one"),
    "route type": (
        faulty("route", index=np.zeros(8, np.int32)), "not int64"),
    "route size": (faulty("route", out_shape=(9,)), "wanted (9,)"),
    "route below": (faulty("route", index=np.full(8, -2)), "outside -1..5"),
    "route beyond": (faulty("route", index=np.full(8, 6)), "outside -1..5"),
    "csr target": (faulty("csr", targets=CSR.targets + 5), "outside 0..4"),
    "csr negative": (faulty("csr", targets=CSR.targets - 5), "outside 0..4"),
    "csr index type": (faulty("csr", targets=CSR.targets.astype(np.int64)), "not int64 and int32"),
    "csr rows": (faulty("csr", indptr=CSR.indptr[::-1].copy()), "cut the targets into rows"),
    "csr row count": (faulty("csr", indptr=CSR.indptr[:-1]), "wanted (7,)"),
    "csr length": (faulty("csr", weights=CSR.weights[:-1]), "weights have shape"),
    "csr order": (faulty("csr", targets=CSR.targets[::-1].copy()), "do not ascend"),
    "conv out": (faulty("conv2d", out_shape=(3, 3, 7)), "(3, 5) to (5, 6) positions, not (3, 7)"),
    "conv few": (faulty("conv2d", out_shape=(3, 2, 5)), "not (2, 5)"),
    "conv in": (faulty("conv2d", in_shape=(3, 5, 6)), "wanted (3, 3, 3, 2)"),
    "conv axes": (faulty("conv2d", stride=(1,)), "does not map"),
    "conv stride": (faulty("conv2d", stride=(0, 1)), "at least 1"),
    "conv float": (faulty("conv2d", stride=(1.0, 1)), "plain integers"),
    "conv groups": (faulty("conv2d", groups=2), "2 groups do not divide"),
    "pool channels": (faulty("sum pool", out_shape=(3, 2, 2)), "2 channels do not become 3"),
    "max channels": (faulty("max pool", out_shape=(3, 2, 2)), "2 channels do not become 3"),
    "max out": (faulty("max pool", out_shape=(2, 2, 3)), "not (2, 3)"),
    "max of nothing": (
        MaxPool(in_shape=(1, 1), out_shape=(1, 1), kernel=(2,), stride=(1,), padding=(1,),
                dilation=(2,)), "padding alone"
    ),
}  # fmt: skip


@pytest.mark.parametrize("word", FAULTS)
def test_networks_refuse_faulty_operators(word: str) -> None:
    operator, text = FAULTS[word]
    assert any(text in fault for fault in operator.faults()), operator.faults()
    with pytest.raises(InternalError):
        network_of(operator)


@pytest.mark.parametrize("fanout", [-1, 2**32])
def test_networks_refuse_trained_fan_outs_that_cannot_be_counted(fanout: int) -> None:
    network = network_of(next(operator for operator in ALL.values() if operator.weight is not None))
    edge = network.projections[0]
    table = np.full(edge.operator.n_in, 1, dtype=np.int64)
    replace(network, projections=(replace(edge, model_fanout=table),))
    table[-1] = fanout
    with pytest.raises(InternalError, match=rf"trained fan-outs of .*{fanout}"):
        replace(network, projections=(replace(edge, model_fanout=table),))


@pytest.mark.parametrize("word", ALL)
def test_networks_take_sound_operators(word: str) -> None:
    assert ALL[word].faults() == []
    network_of(ALL[word])


def network_of(operator: Operator) -> Network:
    relay = relay_program(PortKind.ANALOG)
    return Network(
        sources=(Source(name="in", shape=operator.in_shape),),
        populations=(
            Population(name="out", shape=operator.out_shape, program=relay, emits=PortKind.ANALOG),
        ),
        projections=(Projection(name="p", source="in", target="out", operator=operator),),
        outputs=(OutputPort(name="o", node="out"),),
        dt_s=1e-3,
    )
