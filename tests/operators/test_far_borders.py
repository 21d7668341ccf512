"""Windows whose far border is not the near one: torch's ceil_mode and "same" padding, exactly."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest

from neurochain.network import Network, OutputPort, Population, PortKind, Projection, Source
from neurochain.operators import Conv, MaxPool, Pool, output_size, pool_divisors
from neurochain.programs import relay_program
from neurochain.simulators import Record, has_kernel, run

GEOMETRIES = 300
ENGINES = ("reference", "event") if has_kernel() else ("reference",)


def engine_step(operator: Any, x: np.ndarray, engine: str) -> np.ndarray:
    """x (batch, n_in) through the operator in an engine."""
    relay = relay_program(PortKind.ANALOG)
    network = Network(
        sources=(Source(name="in", shape=operator.in_shape, emits=PortKind.ANALOG),),
        populations=(
            Population(name="out", shape=operator.out_shape, program=relay, emits=PortKind.ANALOG),
        ),
        projections=(Projection(name="p", source="in", target="out", operator=operator),),
        outputs=(OutputPort(name="o", node="out"),),
        dt_s=1e-3,
    )
    found = run(network, {"in": x[:, None]}, engine=engine, record=Record(emissions=("out",)))
    return found.emissions["out"][:, 0]


def dyadic(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Quarters, a third of them zero: sums are exact in any order."""
    values = rng.integers(-8, 9, shape) / 4
    return np.where(rng.random(shape) < 0.3, 0, values).astype(np.float32)


def pool_geometry(rng: np.random.Generator, axes: int, dilated: bool = False) -> dict[str, Any]:
    """What torch takes: padding at most half the kernel, at least one position."""
    while True:
        g: dict[str, Any] = {
            "space": tuple(int(n) for n in rng.integers(1, 10, axes)),
            "kernel": tuple(int(n) for n in rng.integers(1, 6, axes)),
            "stride": tuple(int(n) for n in rng.integers(1, 5, axes)),
            "dilation": tuple(int(n) for n in rng.integers(1, 4 if dilated else 2, axes)),
        }
        g["padding"] = tuple(int(rng.integers(0, k // 2 + 1)) for k in g["kernel"])
        g["ceil"] = bool(rng.integers(2))
        zipped = zip(*(g[k] for k in ("space", "kernel", "stride", "padding", "dilation")))  # noqa: B905
        # torch wants a position by the floor rule's formula, whatever the mode
        g["positions"] = tuple(output_size(*v, ceil=g["ceil"]) for v in zipped)
        if min(g["positions"]) > 0:
            return g


@pytest.mark.torch
@pytest.mark.parametrize("axes", [1, 2])
def test_average_pools_are_torchs(axes: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(axes)
    call = getattr(torch.nn.functional, f"avg_pool{axes}d")
    seen = {"hangs": 0, "divisors": 0, "override": 0}
    for k in range(GEOMETRIES):
        g = pool_geometry(rng, axes)
        include = bool(rng.integers(2))
        override = int(rng.choice([1, 2, 3, 7, -4])) if axes == 2 and rng.random() < 0.2 else None
        shape = (int(rng.integers(1, 3)), *g["space"])
        x = dyadic(rng, 2, *shape)
        options = {} if override is None else {"divisor_override": override}
        wanted = call(
            torch.from_numpy(x), g["kernel"], g["stride"], g["padding"], ceil_mode=g["ceil"],
            count_include_pad=include, **options,
        ).numpy()  # fmt: skip
        divisors = pool_divisors(
            g["space"], g["kernel"], g["stride"], g["padding"], g["positions"],
            include_padding=include, override=override,
        )  # fmt: skip
        operator = Pool(
            in_shape=shape, out_shape=(shape[0], *g["positions"]), kernel=g["kernel"],
            stride=g["stride"], padding=g["padding"], average=True, divisors=divisors,
        )  # fmt: skip
        assert wanted.shape[1:] == operator.out_shape, g
        assert operator.faults() == [], g
        flat = x.reshape(2, -1)
        found = operator.reference_step(flat)
        assert found.dtype == np.float32
        assert np.array_equal(found, wanted.reshape(2, -1)), (g, include, override)
        if k % 10 == 0:
            for engine in ENGINES:
                assert engine_step(operator, flat, engine).tobytes() == found.tobytes(), g
        seen["hangs"] += any(b > p for b, p in zip(operator.window.behind[-axes:], g["padding"]))  # noqa: B905
        seen["divisors"] += divisors is not None and override is None
        seen["override"] += override is not None
    assert min(seen["hangs"], seen["divisors"]) > GEOMETRIES / 20
    assert axes == 1 or seen["override"] > GEOMETRIES / 10


@pytest.mark.torch
@pytest.mark.parametrize("axes", [1, 2])
def test_max_pools_are_torchs(axes: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(10 + axes)
    call = getattr(torch.nn.functional, f"max_pool{axes}d")
    blind = hangs = 0
    for k in range(GEOMETRIES):
        g = pool_geometry(rng, axes, dilated=True)
        shape = (2, *g["space"])
        x = dyadic(rng, 2, *shape) - np.float32(2.5)  # negative: padding must not win
        wanted = call(
            torch.from_numpy(x), g["kernel"], g["stride"], g["padding"], g["dilation"],
            ceil_mode=g["ceil"],
        ).numpy()  # fmt: skip
        operator = MaxPool(
            in_shape=shape, out_shape=(2, *g["positions"]), kernel=g["kernel"], stride=g["stride"],
            padding=g["padding"], dilation=g["dilation"],
        )  # fmt: skip
        assert wanted.shape[1:] == operator.out_shape, g
        if np.isinf(wanted).any():  # taps on padding alone: refused
            assert "padding alone" in operator.faults()[0]
            blind += 1
            continue
        assert operator.faults() == [], g
        flat = x.reshape(2, -1)
        found = operator.reference_step(flat)
        assert np.array_equal(found, wanted.reshape(2, -1)), g
        if k % 10 == 0:
            spikes = (x > -2.5).astype(np.float32).reshape(2, -1)
            for engine in ENGINES:
                assert engine_step(operator, flat, engine).tobytes() == found.tobytes(), g
                active = engine_step(operator, spikes, engine) > 0
                assert np.array_equal(active, operator.touch(spikes > 0))
        hangs += any(b > p for b, p in zip(operator.window.behind[-axes:], g["padding"]))  # noqa: B905
    assert hangs > GEOMETRIES / 20
    assert blind < GEOMETRIES / 2


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize("axes", [1, 2])
def test_same_padding_is_torchs(axes: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(20 + axes)
    call = getattr(torch.nn.functional, f"conv{axes}d")
    uneven = 0
    for k in range(GEOMETRIES // 3):
        space = tuple(int(n) for n in rng.integers(1, 9, axes))
        kernel = tuple(int(n) for n in rng.integers(1, 6, axes))
        dilation = tuple(int(n) for n in rng.integers(1, 3, axes))
        groups = int(rng.integers(1, 3))
        weights = dyadic(rng, 2 * groups, 2, *kernel)
        total = [d * (n - 1) for d, n in zip(dilation, kernel, strict=True)]
        operator = Conv(
            in_shape=(2 * groups, *space), out_shape=(2 * groups, *space), weights=weights,
            stride=(1,) * axes, padding=tuple(t // 2 for t in total), dilation=dilation,
            groups=groups,
        )  # fmt: skip
        assert operator.faults() == [], (space, kernel, dilation)
        x = dyadic(rng, 2, *operator.in_shape)
        wanted = call(
            torch.from_numpy(x), torch.from_numpy(weights), None, 1, "same", dilation, groups
        ).numpy()
        flat = x.reshape(2, -1)
        found = operator.reference_step(flat)
        assert np.array_equal(found, wanted.reshape(2, -1)), (space, kernel, dilation)
        if k % 10 == 0:
            for engine in ENGINES:
                assert engine_step(operator, flat, engine).tobytes() == found.tobytes()
        uneven += any(t % 2 for t in total)
    assert uneven > GEOMETRIES / 30


def test_sizes_of_both_modes_by_hand() -> None:
    """5 elements, kernel 2, stride 2: the last one is left over, or has a window of its own."""
    assert output_size(5, 2, 2, 0) == 2
    assert output_size(5, 2, 2, 0, ceil=True) == 3
    assert output_size(4, 1, 3, 0, ceil=True) == 2
    assert output_size(4, 2, 4, 1, ceil=True) == 2  # starts at -1 and 3
    assert output_size(4, 2, 5, 1, ceil=True) == 1  # the next would start at 4, behind the input


def test_divisors_by_hand() -> None:
    """-1..1 | 2..4 over 4 elements with padding 1: the second hangs over by nothing."""
    arguments: Any = ((4,), (3,), (3,), (1,), (2,))
    assert pool_divisors(*arguments, include_padding=True) is None
    without = pool_divisors(*arguments, include_padding=False)
    assert without is not None
    assert without.tolist() == [2.0, 2.0]
    over = pool_divisors((5,), (2,), (2,), (0,), (3,), include_padding=True)
    assert over is not None
    assert over.tolist() == [2.0, 2.0, 1.0]
    fixed = pool_divisors(*arguments, include_padding=True, override=-5)
    assert fixed is not None
    assert fixed.tolist() == [-5.0, -5.0]


def test_padding_behind_is_what_the_positions_need() -> None:
    numbers: dict[str, Any] = {"kernel": (3,), "stride": (2,), "padding": (1,), "average": False}
    for size, positions, behind in ((5, 2, 0), (5, 3, 1), (6, 3, 0), (4, 2, 0), (4, 3, 2)):
        operator = Pool(in_shape=(1, size), out_shape=(1, positions), **numbers)
        assert operator.faults() == []
        assert operator.window.behind[1] == behind
    for size, positions, text in (
        (5, 4, "(2,) to (3,)"),
        (5, 1, "(2,) to (3,)"),
        (6, 5, "(3,) to (4,)"),
    ):
        operator = Pool(in_shape=(1, size), out_shape=(1, positions), **numbers)
        assert any(f"{text} positions, not" in fault for fault in operator.faults())


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"divisors": np.ones(4, np.float32), "average": False}, "a sum has no divisors"),
        ({"divisors": np.ones(4)}, "not float32"),
        ({"divisors": [1.0] * 4}, "not float32"),
        ({"divisors": np.ones(5, np.float32)}, "wanted (4,)"),
        ({"divisors": np.array([1, 0, 1, 1], np.float32)}, "0, NaN or infinite"),
        ({"divisors": np.array([1, np.nan, 1, 1], np.float32)}, "0, NaN or infinite"),
    ],
)
def test_divisors_that_make_no_sense(changes: dict[str, Any], text: str) -> None:
    numbers: dict[str, Any] = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0)}
    sound: dict[str, Any] = {"average": True, "divisors": np.full(4, 3, np.float32)}
    shapes: dict[str, Any] = {"in_shape": (2, 4, 4), "out_shape": (2, 2, 2)}
    assert Pool(**shapes, **numbers, **sound).faults() == []
    assert any(text in f for f in Pool(**shapes, **numbers, **(sound | changes)).faults())


def test_the_mean_of_a_position_is_its_own() -> None:
    divisors = np.array([1, 2, 4], np.float32)
    operator = Pool(in_shape=(2, 6), out_shape=(2, 3), kernel=(2,), stride=(2,), padding=(0,),
                    average=True, divisors=divisors)  # fmt: skip
    x = np.arange(12, dtype=np.float32)[None]
    wanted = [1, 2.5, 2.25, 13, 8.5, 5.25]
    assert operator.reference_step(x)[0].tolist() == wanted
    for engine in ENGINES:
        assert engine_step(operator, x, engine)[0].tolist() == wanted
    assert operator.dense_padded == prod(operator.out_shape) * 2
