"""A network as netx holds it: one layer behind the other, each with its neurons.

netx knows no names, no skips and no second input. A layer is a matrix (with delays, and one from
its own spikes) or a convolution; neurons are Lava's LIF with one setting a layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neurochain.exporters.netx.loader import MOST_WEIGHT, loader_fault
from neurochain.network import I64, Network, Population, PortKind, Projection
from neurochain.operators import Conv, Csr, Dense

__all__ = ["MOST_DELAY", "MOST_ENTRIES", "Layer", "Matrix", "layer_of", "loads_as"]

MOST_DELAY = 62
MOST_ENTRIES = 50_000_000
"""Of a matrix: netx knows no sparse weights in its files."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matrix:
    """weights (n_out, n_in); delay (n_out, n_in) steps beside the one that each layer takes."""

    weights: I64
    delay: I64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """One layer of the file: a convolution, or matrices.

    name, shape  of the population; a convolution keeps (C, H, W), all else is flat
    flatten      whether the layer in front is a convolution and this is none
    """

    name: str
    shape: tuple[int, ...]
    conv: Conv | None = None
    forward: Matrix | None = None
    recurrent: Matrix | None = None
    flatten: bool = False

    @property
    def delayed(self) -> bool:
        """Whether it has delays of its own."""
        parts = [part for part in (self.forward, self.recurrent) if part is not None]
        return any(part.delay.any() for part in parts)

    @property
    def delay(self) -> I64:
        """The one matrix of delays that the file has for both."""
        parts = [part.delay for part in (self.forward, self.recurrent) if part is not None]
        return np.asarray(np.maximum.reduce(parts))


def loads_as(network: Network, before: str, spatial: bool, projection: Projection) -> bool:
    """Whether a projection can be a convolution of the file: spatial in front, and plain."""
    operator = projection.operator
    if not isinstance(operator, Conv) or len(operator.in_shape) != 3 or not spatial:
        return False
    window = operator.window
    plain = tuple(
        (window.size[a] + 2 * window.padding[a] - window.dilation[a] * (window.kernel[a] - 1) - 1)
        // window.stride[a]
        + 1
        for a in (0, 1)
    )
    alone = len(network.incoming(projection.target)) == 1
    return alone and projection.source == before and projection.delay == 1 and plain == window.out


def layer_of(
    network: Network, population: Population, before: str, spatial: bool
) -> tuple[Layer, Mapping[str, str]]:
    """The layer of a population, and why some of its projections cannot be in it.

    before   the node in front; `spatial` where that is the input or a convolution, with (C, H, W)
    """
    incoming = network.incoming(population.name)
    ours = [p for p in incoming if p.source in (before, population.name)]
    if len(ours) == 1 and loads_as(network, before, spatial, ours[0]):
        return _convolution(population, ours[0])
    faults: dict[str, str] = {}
    flatten = spatial and before not in {s.name for s in network.sources}
    parts = []
    for source in (before, population.name):
        group = [p for p in ours if p.source == source]
        size = sum(p.operator.n_in * p.operator.n_out for p in group[:1])
        if size > MOST_ENTRIES:
            why = f"is a matrix of {size:,} weights; {MOST_ENTRIES:,} are written at most."
            faults |= dict.fromkeys((p.name for p in group), why)
            group = []
        parts.append(_matrix(group, faults))
    forward, recurrent = parts
    layer = Layer(name=population.name, shape=(population.n,), forward=forward,
                  recurrent=recurrent, flatten=flatten)  # fmt: skip
    if forward is not None and not faults:
        back = None if recurrent is None else recurrent.weights
        why = _delay_fault(layer) or loader_fault(forward.weights, back, delayed=layer.delayed)
        faults |= dict.fromkeys((p.name for p in ours), why) if why else {}
    return layer, faults


def _convolution(population: Population, projection: Projection) -> tuple[Layer, dict[str, str]]:
    operator = projection.operator
    weights = _shifted(projection, np.asarray(operator.weight).astype(np.int64))
    if weights is None:
        return _refused(population, projection, _exponent(projection))
    if np.abs(weights).max(initial=0) > MOST_WEIGHT:
        peak = int(np.abs(weights).max())
        why = f"has a weight of {peak}; a .net file holds up to {MOST_WEIGHT}, without exponents."
        return _refused(population, projection, why)
    conv = operator.with_weights(weights.astype(np.int16))
    return Layer(name=population.name, shape=population.shape, conv=conv), {}  # type: ignore[arg-type]


def _refused(
    population: Population, projection: Projection, why: str
) -> tuple[Layer, dict[str, str]]:
    return Layer(name=population.name, shape=population.shape), {projection.name: why}


def _exponent(projection: Projection) -> str:
    return f"has an exponent of {projection.weight_exp} that cannot be put into its weights."


def _shifted(projection: Projection, weights: I64) -> I64 | None:
    """Weights with their exponent; None where that would round a sum."""
    exponent = projection.weight_exp
    if exponent >= 0:
        return weights << exponent
    return None if (weights & ((1 << -exponent) - 1)).any() else weights >> -exponent


def _matrix(group: Sequence[Projection], faults: dict[str, str]) -> Matrix | None:
    """All projections from one node to one population as one matrix."""
    if not group:
        return None
    size = (group[0].operator.n_out, group[0].operator.n_in)
    weights, delay = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for projection in group:
        own = _shifted(projection, _entries(projection))
        steps = projection.delay - 1
        if own is None:
            faults[projection.name] = _exponent(projection)
        elif not 0 <= steps <= MOST_DELAY:
            faults[projection.name] = (
                f"takes {projection.delay} steps; a layer of netx takes 1 to {MOST_DELAY + 1}."
            )
        elif ((own != 0) & (weights != 0) & (delay != steps)).any():
            faults[projection.name] = (
                "joins neurons that another projection joins with another delay."
            )
        else:
            delay[own != 0] = steps
            weights += own
    return Matrix(weights=weights, delay=delay)


def _entries(projection: Projection) -> I64:
    """(n_out, n_in) of any operator that sums."""
    operator = projection.operator
    if isinstance(operator, Dense):
        return operator.weights.astype(np.int64)
    if isinstance(operator, Csr):
        full = np.zeros((operator.n_out, operator.n_in), dtype=np.int64)
        sources = np.repeat(np.arange(operator.n_in), np.diff(operator.indptr))
        np.add.at(full, (operator.targets, sources), operator.weights)
        return full
    rows = []
    for first in range(0, operator.n_in, 256):
        ones = np.zeros((min(256, operator.n_in - first), operator.n_in), dtype=np.int64)
        ones[np.arange(len(ones)), first + np.arange(len(ones))] = 1
        rows.append(operator.reference_step(ones))
    return np.ascontiguousarray(np.concatenate(rows).T)


def _delay_fault(layer: Layer) -> str:
    """netx reads one matrix of delays for what comes in and for what comes back."""
    forward, recurrent = layer.forward, layer.recurrent
    if recurrent is None or forward is None or not layer.delayed:
        return ""
    if forward.weights.shape != recurrent.weights.shape:
        n_out, n_in = forward.weights.shape
        return f"has delays and recurrence, which netx holds only where {n_in} is {n_out}."
    both = (forward.weights != 0) & (recurrent.weights != 0)
    if (both & (forward.delay != recurrent.delay)).any():
        return "comes in and comes back with different delays; netx has one matrix for both."
    return ""


def is_spatial(network: Network) -> bool:
    """Whether the input has channels, height and width."""
    source = network.sources[0]
    return len(source.shape) == 3 and source.emits is not PortKind.ANALOG
