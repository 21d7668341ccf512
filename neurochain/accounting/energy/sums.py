"""What energy is linear in: counts summed over samples and steps, by layer and population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from neurochain.accounting.activity import LAYER_COUNTS, POPULATION_COUNTS, Activity
from neurochain.accounting.mapped import MappedSums, mapped_sums
from neurochain.network import I64

__all__ = ["LayerSums", "PopulationSums", "RunSums", "sums_of"]

EVERY = slice(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSums:
    """One projection. `counts` by the names of LAYER_COUNTS; kernel and stride of convolutions."""

    name: str
    kind: str
    source: str
    target: str
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    params: int
    weights: int
    nonzero_params: int
    weight_bits: int
    connections: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    counts: Mapping[str, int]

    @property
    def synops(self) -> int:
        """Effective synaptic operations."""
        return self.counts["synops_effective_ac"] + self.counts["synops_effective_mac"]

    @property
    def sparse_rows(self) -> bool:
        """Whether the weights are kept as rows of (index, weight)."""
        return self.kind == "csr" and self.connections < prod(self.in_shape) * prod(self.out_shape)

    @property
    def weight_bytes(self) -> int:
        """Memory that holds weights and biases, in whole bytes.

        Weights have `weight_bits`, biases are float32; sparse rows have an index of 4 bytes an
        entry. What a chip's neurons hold themselves (thresholds, decays, biases) is not in it.
        """
        index = 4 * self.weights if self.sparse_rows else 0
        return -(-self.weights * self.weight_bits // 8) + 4 * (self.params - self.weights) + index


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationSums:
    """One population. `counts` by the names of POPULATION_COUNTS."""

    name: str
    program: str
    neurons: int
    states: int
    spiking: bool
    counts: Mapping[str, int]
    values: int | None = None

    @property
    def state_bytes(self) -> int:
        """Memory that holds the state of all neurons."""
        return 4 * self.states * self.neurons


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSums:
    """A run, or a part of one: `frames` is the number of (sample, step) pairs.

    mapped  of a placed network; its own steps are the chip's
    """

    counting: str
    samples: int
    steps: int
    layers: tuple[LayerSums, ...]
    populations: tuple[PopulationSums, ...]
    mapped: MappedSums | None = None

    @property
    def frames(self) -> int:
        """Samples times steps."""
        return self.samples * self.steps

    @property
    def synops(self) -> int:
        """Effective synaptic operations."""
        return sum(layer.synops for layer in self.layers)


def sums_of(activity: Activity, samples: slice = EVERY, steps: slice = EVERY) -> RunSums:
    """Sums over (a part of) the samples and steps of a run."""

    def added(counts: Mapping[str, I64], names: tuple[str, ...]) -> dict[str, int]:
        return {name: int(counts[name][samples, steps].sum()) for name in names}

    return RunSums(
        counting=activity.counting,
        samples=len(range(activity.samples)[samples]),
        steps=len(range(activity.steps)[steps]),
        layers=tuple(
            LayerSums(
                name=layer.name,
                kind=layer.kind,
                source=layer.source,
                target=layer.target,
                in_shape=layer.in_shape,
                out_shape=layer.out_shape,
                params=layer.params,
                weights=layer.weights,
                nonzero_params=layer.nonzero_params,
                weight_bits=layer.weight_bits,
                connections=layer.connections,
                kernel=layer.kernel,
                stride=layer.stride,
                counts=added(layer.counts, LAYER_COUNTS),
            )
            for layer in activity.layers
        ),
        populations=tuple(
            PopulationSums(
                name=population.name,
                program=population.program,
                neurons=population.neurons,
                states=population.states,
                spiking=population.spiking,
                counts=added(population.counts, POPULATION_COUNTS),
                values=population.values,
            )
            for population in activity.populations
        ),
        mapped=None if activity.mapped is None else mapped_sums(activity.mapped, samples, steps),
    )
