"""What a benchmark runs: weights, thresholds and input spikes of one network, all from one seed.

The neuron is the same everywhere, one step an input frame, and adds a bias only where a workload is
recurrent (u is the input itself where it is not):

    u[t] = alpha u[t-1] + W s[t];  v[t] = beta v[t-1] + u[t] + bias;  s[t] = v[t] > theta
    v[t] = 0 where s[t]

Weights are whole numbers in int8's range, decays are dyadic and thresholds lie between the values
that sums can take: sums are exact in float32 in any order, and the same network runs in float32,
int16 and int8 with the same spikes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, InputError

__all__ = [
    "BETA",
    "DEFAULT",
    "RECURRENT_ALPHA",
    "RECURRENT_BETA",
    "RECURRENT_BIAS",
    "WORKLOADS",
    "Matrix",
    "SparseMatrix",
    "Workload",
    "WorkloadLike",
    "choose",
    "make",
]

BETA = 0.875
"""Decay of the membrane in feed-forward workloads."""

RECURRENT_ALPHA = 0.8125
RECURRENT_BETA = 0.953125
RECURRENT_BIAS = 51.5625
"""Recurrent: decay of the current (4.8 ms at 1 ms steps), of the membrane (20.8 ms), and the bias
that drives the membrane to 1100, above the threshold."""

_SEED = 20261126
_WEIGHT_STD = 32.0


class Matrix(Protocol):
    """Sparse weights; rows are sources. indptr (n_in + 1,), indices and data (nnz,)."""

    indptr: NDArray[Any]
    indices: NDArray[Any]
    data: NDArray[Any]
    shape: tuple[int, ...]


class WorkloadLike(Protocol):
    """What a network is built from; `Workload` has it, and so may objects of other programs.

    kind     "mlp", "conv", "rnn" or "sparse"
    T        steps; `batch` samples
    sizes    shape of each layer, the input first
    weights  mlp: (n_in, n_out) a layer; conv: two (c_out, c_in, k, k), then (n_in, n_out)
    thr      threshold of each layer
    csr      rnn, sparse: the weights
    v0       rnn: (n,) membranes at rest
    x        uint8 (T, batch, ...) of 0 and 1; None for rnn
    """

    kind: str
    T: int
    batch: int
    sizes: Any
    weights: Any
    thr: Any
    csr: Any
    v0: Any
    x: Any


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SparseMatrix:
    """See `Matrix`: indptr int64, indices int32 ascending in a row, data int8."""

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    data: NDArray[np.int8]
    shape: tuple[int, int]


@dataclass(slots=True, kw_only=True, eq=False)
class Workload:
    """One benchmark; see `WorkloadLike`. `name` is what the command line calls it."""

    name: str
    kind: str
    T: int
    batch: int
    sizes: tuple[Any, ...]
    thr: tuple[float, ...]
    weights: tuple[NDArray[np.int8], ...] = ()
    csr: SparseMatrix | None = None
    v0: NDArray[np.float32] | None = None
    x: NDArray[np.uint8] | None = None


def _rng(*key: int) -> np.random.Generator:
    return np.random.default_rng([_SEED, *key])


def _normal(rng: np.random.Generator, shape: tuple[int, ...] | int) -> NDArray[np.int8]:
    """Whole numbers, standard deviation 32, at most 127 in size."""
    values = np.rint(rng.standard_normal(shape, dtype=np.float32) * np.float32(_WEIGHT_STD))
    return np.asarray(np.clip(values, -127, 127), dtype=np.int8)


def _spikes(rng: np.random.Generator, shape: tuple[int, ...], rate: float) -> NDArray[np.uint8]:
    return (rng.random(shape, dtype=np.float32) < rate).astype(np.uint8)


def mlp(
    name: str,
    *,
    rate: float,
    thresholds: tuple[float, ...],
    batch: int = 1,
    steps: int = 100,
    sizes: tuple[int, ...] = (784, 1024, 1024, 10),
) -> Workload:
    """Dense layers; every input fires with probability `rate` in every step."""
    rng = _rng(1)
    weights = tuple(_normal(rng, pair) for pair in pairwise(sizes))
    return Workload(
        name=name,
        kind="mlp",
        T=steps,
        batch=batch,
        sizes=sizes,
        thr=thresholds,
        weights=weights,
        x=_spikes(_rng(1, 1, batch), (steps, batch, sizes[0]), rate),
    )


def conv(
    name: str,
    *,
    batch: int = 1,
    steps: int = 100,
    rate: float = 0.02,
    size: int = 34,
    channels: tuple[int, int, int] = (2, 16, 32),
    thresholds: tuple[float, ...] = (83.5, 464.5, 1472.5),
) -> Workload:
    """5x5 convolution - sum pool 2 - 3x3 convolution - sum pool 2 - dense 10; borders kept."""
    rng, (c0, c1, c2) = _rng(2), channels
    half = size // 2
    n = c2 * (half // 2) ** 2
    shapes: tuple[tuple[int, ...], ...] = ((c1, c0, 5, 5), (c2, c1, 3, 3), (n, 10))
    return Workload(
        name=name,
        kind="conv",
        T=steps,
        batch=batch,
        sizes=((c0, size, size), (c1, size, size), (c2, half, half), (10,)),
        thr=thresholds,
        weights=tuple(_normal(rng, shape) for shape in shapes),
        x=_spikes(_rng(2, 1, batch), (steps, batch, c0, size, size), rate),
    )


def _sparse_matrix(
    rng: np.random.Generator,
    shape: tuple[int, int],
    density: float,
    weigh: Callable[[np.random.Generator, NDArray[np.int64]], NDArray[np.int8]],
) -> SparseMatrix:
    """About shape x density connections at random, no two alike; weights by source."""
    n_in, n_out = shape
    drawn = rng.integers(0, n_in * n_out, round(n_in * n_out * density), dtype=np.int64)
    place = np.unique(drawn)
    source = place // n_out
    indptr = np.zeros(n_in + 1, dtype=np.int64)
    np.cumsum(np.bincount(source, minlength=n_in), out=indptr[1:])
    indices = (place % n_out).astype(np.int32)
    return SparseMatrix(indptr=indptr, indices=indices, data=weigh(rng, source), shape=shape)


def rnn(name: str, *, n: int, density: float, steps: int = 1000) -> Workload:
    """80 % excitatory and 20 % inhibitory neurons, driven by their bias; no input."""

    def weigh(rng: np.random.Generator, source: NDArray[np.int64]) -> NDArray[np.int8]:
        excitatory = rng.integers(1, 16, source.size)  # mean 8
        inhibitory = rng.integers(60, 121, source.size)  # mean 90
        return np.where(source < n * 4 // 5, excitatory, -inhibitory).astype(np.int8)

    return Workload(
        name=name,
        kind="rnn",
        T=steps,
        batch=1,
        sizes=(n,),
        thr=(1000.25,),
        csr=_sparse_matrix(_rng(3, n), (n, n), density, weigh),
        v0=np.floor(_rng(3, n, 1).random(n) * 1000).astype(np.float32),
    )


def sparse(
    name: str,
    *,
    rate: float,
    threshold: float,
    steps: int = 200,
    sizes: tuple[int, int] = (65536, 4096),
    density: float = 0.01,
) -> Workload:
    """One layer of random sparse weights."""
    return Workload(
        name=name,
        kind="sparse",
        T=steps,
        batch=1,
        sizes=sizes,
        thr=(threshold,),
        csr=_sparse_matrix(_rng(4), sizes, density, lambda rng, s: _normal(rng, s.size)),
        x=_spikes(_rng(4, 1), (steps, 1, sizes[0]), rate),
    )


# Thresholds at which hidden layers fire at about 3 % a step, whatever the input rate.
_MLP = {0.01: (220.5, 454.5, 420.5), 0.05: (546.5, 467.5, 410.5), 0.2: (1399.5, 485.5, 393.5)}
_SPARSE = {0.001: 58.5, 0.01: 203.5, 0.1: 793.5}

WORKLOADS: Mapping[str, Callable[[str], Workload]] = {
    **{
        f"mlp-b{batch}-p{rate:g}": partial(mlp, rate=rate, thresholds=thresholds, batch=batch)
        for batch in (1, 64)
        for rate, thresholds in _MLP.items()
    },
    **{f"conv-b{batch}": partial(conv, batch=batch) for batch in (1, 16)},
    "rnn-n4000": partial(rnn, n=4000, density=0.02),
    "rnn-n20000": partial(rnn, n=20000, density=0.005),
    **{
        f"sparse-p{rate:g}": partial(sparse, rate=rate, threshold=threshold)
        for rate, threshold in _SPARSE.items()
    },
}
"""Name -> what makes it. b is the batch, p the input rate, n the number of neurons."""

DEFAULT = ("mlp-b1-p0.05", "conv-b1", "rnn-n4000", "sparse-p0.01")


def make(name: str) -> Workload:
    """The workload of that name (one of WORKLOADS)."""
    return WORKLOADS[name](name)


def choose(words: tuple[str, ...]) -> tuple[str, ...]:
    """Names that the words mean: a name, a family ("mlp"), or "all"; nothing means DEFAULT.

    Errors: InputError for a word that means none.
    """
    chosen: list[str] = []
    for word in words or DEFAULT:
        found = [n for n in WORKLOADS if word in (n, n.split("-")[0], "all")]
        if not found:
            raise InputError(
                Finding(
                    where="workload",
                    what=f"{word!r} is unknown.",
                    fix=f"Workloads: {', '.join(WORKLOADS)}; a family such as mlp; or all.",
                )
            )
        chosen += found
    return tuple(dict.fromkeys(chosen))
