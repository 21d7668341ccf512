"""Which float32 sums are exact in any order, and how far the others can be off.

An exporter to a tool that adds in an order of its own is exact where every partial sum is a
multiple of one power of two and has at most 24 bits; elsewhere float32's bound for n summands
holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.network import Network, Population, PortKind, Projection
from neurochain.operators import Conv, Csr, Dense, Diagonal, Identity, MaxPool, Pool, Route

__all__ = [
    "Lattice",
    "divides",
    "double_bound",
    "emission_lattices",
    "exact_sums",
    "exact_values",
    "greatest",
    "magnitudes",
    "order_of",
    "quantum",
    "sum_bound",
]

_BITS = 24  # of a float32 significand
_UNIT = 2.0**-_BITS


@dataclass(frozen=True, slots=True)
class Lattice:
    """Values that are multiples of `step`, a power of two, and at most `limit` in magnitude."""

    step: float
    limit: float


def emission_lattices(
    network: Network, given: Mapping[str, Lattice] | None = None
) -> Mapping[str, Lattice]:
    """The lattice of what each node emits; nodes that emit just any float32 are missing.

    given  what is known of sources beside what they say themselves
    """
    found = dict(given or {}) | {
        node.name: Lattice(1.0, 1.0)
        for node in network.nodes
        if node.emits is PortKind.EVENT and not (isinstance(node, Population) and node.is_relay)
    }
    for population in network.populations:
        incoming = network.incoming(population.name)
        if len(incoming) != 1 or incoming[0].bias is not None or population.name in found:
            continue
        source = found.get(incoming[0].source)
        if source is not None and _passes_on(population):
            through = _through(incoming[0], source)
            if through is not None:
                found[population.name] = through
    return found


def _passes_on(population: Population) -> bool:
    program = population.program
    return program.ports == (program.emit,) and not program.states and not program.winner


def _through(projection: Projection, source: Lattice) -> Lattice | None:
    """The lattice of a structural operator's result."""
    operator = projection.operator
    if projection.weight_exp:
        return None
    if isinstance(operator, Identity | Route | MaxPool):
        return source
    if not isinstance(operator, Pool):
        return None
    total = source.limit * prod(operator.kernel)
    if total / source.step > 2.0**_BITS:
        return None
    sizes = np.unique(operator.size)
    if not all(log2(size).is_integer() for size in sizes.tolist() if size > 0) or sizes.min() <= 0:
        return None
    return Lattice(source.step / float(sizes.max()), total / float(sizes.min()))


def quantum(values: NDArray[Any]) -> float:
    """The largest power of two of which every value is a multiple; 1 where all are 0."""
    live = values[values != 0].astype(np.float64)
    if not live.size:
        return 1.0
    fractions, exponents = np.frexp(live)
    whole = np.abs(fractions * 2.0**53).astype(np.int64)
    trailing = np.log2((whole & -whole).astype(np.float64)).astype(np.int64)
    return float(2.0 ** int((exponents - 53 + trailing).min()))


def magnitudes(projection: Projection) -> NDArray[np.float64]:
    """Sum of |w| over what reaches each target (a convolution: each output channel)."""
    operator = projection.operator
    if isinstance(operator, Csr):
        weights = np.abs(operator.weights.astype(np.float64))
        sums = np.bincount(operator.targets, weights, minlength=operator.n_out)
        return np.asarray(sums, dtype=np.float64)
    if isinstance(operator, Dense | Conv):
        weights = operator.weights
        axes = tuple(range(1, weights.ndim))
        return np.asarray(np.abs(weights.astype(np.float64)).sum(axis=axes))
    if isinstance(operator, Diagonal):
        return np.abs(operator.weights.astype(np.float64))
    taps = prod(operator.kernel) if isinstance(operator, Pool) else 1
    return np.full(1, float(taps))


def _terms(projection: Projection) -> int:
    """The most summands of one target."""
    operator = projection.operator
    if isinstance(operator, Csr):
        return int(np.bincount(operator.targets, minlength=1).max()) if operator.targets.size else 0
    if isinstance(operator, Dense):
        return operator.n_in
    if isinstance(operator, Conv):
        return prod(operator.weights.shape[1:])
    return prod(operator.kernel) if isinstance(operator, Pool) else 1


def order_of(projection: Projection) -> float:
    """What any order of its sum is off at most, relative to the sum of |w x|."""
    n = _terms(projection)
    return n * _UNIT / (1 - n * _UNIT)


def greatest(projection: Projection) -> float:
    """What sources of 1 add up to at most, a scale and a mean's division included."""
    scale = 1.0 if projection.scale is None else float(projection.scale)
    operator = projection.operator
    size = float(np.abs(operator.size).min()) if isinstance(operator, Pool) else 1.0
    return float(magnitudes(projection).max(initial=0.0)) * scale / size


def exact_sums(projection: Projection, source: Lattice | None) -> bool:
    """Whether float32 gives the same sums in any order, products included, before any scale."""
    if isinstance(projection.operator, Identity | Route | MaxPool) or _terms(projection) <= 1:
        return True
    if source is None:
        return False
    return _within(projection, source)


def _within(projection: Projection, source: Lattice) -> bool:
    """Whether all that is added up has 24 bits."""
    weight = projection.operator.weight
    step = source.step * (1.0 if weight is None else quantum(weight))
    return bool(magnitudes(projection).max(initial=0.0) * source.limit <= step * 2.0**_BITS)


def divides(projection: Projection) -> bool:
    """Whether it divides by something else than a power of two."""
    operator = projection.operator
    if not isinstance(operator, Pool):
        return False
    return bool((np.abs(np.frexp(np.unique(operator.size))[0]) != 0.5).any())


def exact_values(projection: Projection, source: Lattice | None) -> bool:
    """Whether float32 gives the true number: no sum, product, scale or division rounds."""
    if projection.scale is not None or divides(projection):
        return False
    if isinstance(projection.operator, Identity | Route | MaxPool):
        return True
    if source is None:
        return False
    if _terms(projection) <= 1 and source == Lattice(1.0, 1.0):
        return True
    return _within(projection, source)


def sum_bound(projection: Projection, source: Lattice | None) -> str:
    """How far another order of summation can be off, in words and, where it is known, a number."""
    n, gamma = _terms(projection), order_of(projection)
    if source is None:
        return f"two orders of {n} summands differ by at most {2 * gamma:.2g} x sum |w x|"
    scale = 1.0 if projection.scale is None else float(projection.scale)
    worst = float(magnitudes(projection).max(initial=0.0)) * source.limit * scale
    return f"two orders of {n} summands differ by at most {2 * gamma * worst:.2g}"


def double_bound(projection: Projection, source: Lattice | None) -> str:
    """How far a tool that adds in float64 can be off, in the same words.

    A sum in float64 is nearer to the true one than any order of float32 is, so that the bound of
    two orders holds; a scale's one rounding is less than half of it.
    """
    if exact_values(projection, source):
        return "sums are exact here and there; they join a membrane of float64"
    return f"float64 there: {sum_bound(projection, source)}"
