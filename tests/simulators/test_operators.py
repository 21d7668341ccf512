"""What the operators mean: explicit edges by brute force, and torch."""

from itertools import product

import numpy as np
import pytest
from engine_cases import BUILDERS, DTYPES, WINDOWED, random_shape

from neurochain.network import PortKind
from neurochain.operators import Conv, Csr, Dense, Diagonal, Identity, MaxPool, Pool, Route


def _coordinates(shape):
    return {place: k for k, place in enumerate(np.ndindex(*shape))}


def _window_edges(operator, kernel, dilation, same_channel):
    """(source, target, weight index) of every tap inside the border, by its definition."""
    sources = _coordinates(operator.in_shape)
    for (c_out, *place), target in _coordinates(operator.out_shape).items():
        for taps in np.ndindex(*kernel):
            at = tuple(
                p * s - pad + t * d
                for p, s, pad, t, d in zip(
                    place, operator.stride, operator.padding, taps, dilation, strict=True
                )
            )
            for c_in in [c_out] if same_channel else range(operator.in_shape[0]):
                if (c_in, *at) in sources:
                    yield sources[(c_in, *at)], target, (c_out, c_in, *taps)


def _conv_edges(operator):
    c_out, c_group = operator.weights.shape[:2]
    per_group = c_out // operator.groups
    for source, target, (o, c, *taps) in _window_edges(
        operator, operator.weights.shape[2:], operator.dilation, False
    ):
        if o // per_group == c // c_group:
            yield source, target, operator.weights[(o, c % c_group, *taps)]


def edges(operator):
    """Every connection as (source, target, weight)."""
    match operator:
        case Dense(weights=w):
            return [(i, j, w[j, i]) for j, i in product(*map(range, w.shape))]
        case Csr(indptr=start, targets=t, weights=w):
            rows = np.repeat(np.arange(start.size - 1), np.diff(start))
            return list(zip(rows.tolist(), t.tolist(), w, strict=True))
        case Diagonal(weights=w):
            return [(i, i, w[i]) for i in range(w.size)]
        case Identity():
            return [(i, i, np.float32(1)) for i in range(operator.n_in)]
        case Route(index=index):
            return [(i, j, np.float32(1)) for j, i in enumerate(index.tolist()) if i >= 0]
        case Conv():
            return list(_conv_edges(operator))
        case Pool(kernel=kernel):
            ones = (1,) * len(kernel)
            found = _window_edges(operator, kernel, ones, True)
            return [(i, j, np.float32(1)) for i, j, _ in found]
        case MaxPool(kernel=kernel, dilation=dilation):
            found = _window_edges(operator, kernel, dilation, True)
            return [(i, j, np.float32(1)) for i, j, _ in found]


def _example(name, seed, dtype="float32"):
    rng = np.random.default_rng([seed, *name.encode()])
    shape = random_shape(rng)
    while name in WINDOWED and len(shape) == 1:
        shape = random_shape(rng)
    return BUILDERS[name](rng, dtype, shape), rng


def _values(rng, operator, batch=2):
    """Quarters: every sum is exact, so the order does not matter here."""
    return (rng.integers(-8, 9, (batch, operator.n_in)) / 4).astype(np.float32)


def _exact(operator):
    """The same operator with dyadic weights."""
    weights = operator.weight
    if weights is not None and weights.dtype == np.float32:
        weights[...] = np.round(weights * 16) / 16
    return operator


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BUILDERS)
def test_a_step_is_the_sum_or_maximum_over_edges(name, dtype, seed):
    operator, rng = _example(name, seed, dtype)
    x = _values(rng, _exact(operator))
    wanted = np.zeros((2, operator.n_out))
    if isinstance(operator, MaxPool):
        wanted -= np.inf
    for i, j, w in edges(operator):
        if isinstance(operator, MaxPool):
            wanted[:, j] = np.maximum(wanted[:, j], x[:, i])
        else:
            wanted[:, j] += x[:, i].astype(np.float64) * float(w)
    if isinstance(operator, Pool):
        planes = wanted.astype(np.float32).reshape(2, operator.out_shape[0], -1)
        wanted = (planes / operator.size).astype(np.float64).reshape(2, -1)
    assert np.array_equal(operator.reference_step(x).astype(np.float64), wanted)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", BUILDERS)
def test_fanout_and_touch_follow_the_edges(name, seed):
    operator, rng = _example(name, seed, "int8")
    nominal, effective = (np.zeros(operator.n_in, dtype=np.int64) for _ in range(2))
    active = rng.random((2, operator.n_in)) < 0.3
    touched = np.zeros((2, operator.n_out), dtype=bool)
    for i, j, w in edges(operator):
        nominal[i] += 1
        effective[i] += w != 0
        touched[:, j] |= active[:, i] & (w != 0)
    assert operator.fanout(nonzero=True).tolist() == effective.tolist()
    assert operator.fanout(nonzero=False).tolist() == nominal.tolist()
    assert np.array_equal(operator.touch(active), touched)


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", WINDOWED)
def test_windows_are_torchs(name, seed):
    torch = pytest.importorskip("torch")
    operator, rng = _example(name, seed)
    x = _values(rng, _exact(operator))
    axes = len(operator.in_shape) - 1
    functions = torch.nn.functional
    pads = [*zip(operator.padding, operator.window.behind[-axes:], strict=True)]
    given = functions.pad(
        torch.from_numpy(x).reshape(2, *operator.in_shape),
        [n for pair in reversed(pads) for n in pair],
        value=-np.inf if isinstance(operator, MaxPool) else 0.0,
    )
    if isinstance(operator, Conv):
        weight = torch.from_numpy(operator.weights)
        call = getattr(functions, f"conv{axes}d")
        wanted = call(given, weight, None, operator.stride, 0, operator.dilation, operator.groups)
    elif isinstance(operator, MaxPool):
        call = getattr(functions, f"max_pool{axes}d")
        wanted = call(given, operator.kernel, operator.stride, 0, operator.dilation)
    else:
        call = getattr(functions, f"avg_pool{axes}d")
        wanted = call(given, operator.kernel, operator.stride) * float(np.prod(operator.kernel))
    inside = (slice(None), slice(None), *(slice(n) for n in operator.out_shape[1:]))
    wanted = wanted.numpy()[inside].reshape(2, operator.out_shape[0], -1)
    if isinstance(operator, Pool):
        wanted = wanted / operator.size
    found = operator.reference_step(x).reshape(wanted.shape)
    assert np.allclose(found, wanted, rtol=0, atol=0 if name != "pool" else 1e-6)


def test_kinds_of_results():
    event, graded, analog = PortKind.EVENT, PortKind.GRADED, PortKind.ANALOG
    operator, _ = _example("max_pool", 0)
    assert [operator.port_kind(k) for k in PortKind] == [event, graded, analog]
    assert [_example("dense", 0)[0].port_kind(k) for k in PortKind] == [analog] * 3
    operator, _ = _example("pool", 0)
    kinds = [operator.port_kind(k) for k in PortKind]
    assert kinds == ([analog] * 3 if operator.average else [graded, graded, analog])
