"""Activity: exact counts per layer, population, sample and step, in two labelled sets.

*model* counts the network as trained: the fan-out of the trained weights, pooling as additions.
*deployed* counts it as lowered: the stored (quantised, sparse) weights, pooling as projections.
Both come from the same run; neuron updates and spikes are those of the network that was executed.
Definitions: docs/counting.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.accounting.mapped import MappedActivity
from neurochain.accounting.raw import POPULATION_COLUMNS, PROJECTION_COLUMNS, RawCounts
from neurochain.accounting.widths import stored_widths
from neurochain.network import I64, Network, Operator, Population, PortKind, Projection
from neurochain.operators import Conv, Csr, Dense, Identity, MaxPool, Pool, Route

__all__ = [
    "LAYER_COUNTS",
    "POPULATION_COUNTS",
    "Activity",
    "LayerActivity",
    "PopulationActivity",
    "count",
]

LAYER_COUNTS = (
    "events_in",
    "events_nonbinary",
    "synops_effective_ac",
    "synops_effective_mac",
    "synops_nominal",
    "synops_nominal_ac",
    "synops_nominal_mac",
    "dense_inbounds",
    "dense_padded",
    "bias_adds",
    "pool_adds",
    "adds",
    "comparisons",
    "weight_read_bytes",
    "state_read_bytes",
    "state_write_bytes",
)
POPULATION_COUNTS = (
    "neuron_updates_dense",
    "neuron_updates_input",
    "neuron_updates_changed",
    "spikes_out",
    "state_read_bytes",
    "state_write_bytes",
)
_TRAINED_BITS = 32
_STEPWISE_LAYER = (
    "events_in",
    "events_nonbinary",
    "synops_effective_ac",
    "synops_effective_mac",
    "synops_nominal",
)
_STEPWISE_POPULATION = ("neuron_updates_input", "neuron_updates_changed", "spikes_out")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerActivity:
    """Counts of one projection. counts[name] (sample, step) int64, names in LAYER_COUNTS.

    params    weights and biases as trained; `weights` without the biases
    kernel    of a convolution or pool, with its stride; () for what has none
    """

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
    counts: Mapping[str, I64]

    def total(self, name: str) -> int:
        """Sum over samples and steps."""
        return int(self.counts[name].sum())

    def to_dict(self) -> dict[str, Any]:
        """Plain data: sums, and the main counts of each step summed over samples."""
        return {
            "name": self.name,
            "kind": self.kind,
            "source": self.source,
            "target": self.target,
            "in_shape": list(self.in_shape),
            "out_shape": list(self.out_shape),
            "params": self.params,
            "weights": self.weights,
            "nonzero_params": self.nonzero_params,
            "weight_bits": self.weight_bits,
            "connections": self.connections,
            "kernel": list(self.kernel),
            "stride": list(self.stride),
            **{name: self.total(name) for name in LAYER_COUNTS},
            "per_timestep": _stepwise(self.counts, _STEPWISE_LAYER),
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PopulationActivity:
    """Counts of one population. counts[name] (sample, step) int64, names in POPULATION_COUNTS.

    states   state variables a neuron
    spiking  False for integrators, which do not fire
    values   numbers that an snnTorch neuron of this kind holds (decays, thresholds), None where it
             is no such neuron
    """

    name: str
    program: str
    neurons: int
    states: int
    spiking: bool
    counts: Mapping[str, I64]
    values: int | None = None

    def total(self, name: str) -> int:
        """Sum over samples and steps."""
        return int(self.counts[name].sum())

    def to_dict(self) -> dict[str, Any]:
        """Plain data: sums, the firing rate per neuron and step, and each step's main counts."""
        dense = self.total("neuron_updates_dense")
        return {
            "name": self.name,
            "program": self.program,
            "neurons": self.neurons,
            "states": self.states,
            "spiking": self.spiking,
            **({} if self.values is None else {"values": self.values}),
            **{name: self.total(name) for name in POPULATION_COUNTS},
            "updates": dense,
            "rate": self.total("spikes_out") / dense if dense else 0.0,
            "per_timestep": _stepwise(self.counts, _STEPWISE_POPULATION),
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Activity:
    """All counts of a run. `counting` is "model" or "deployed".

    mapped  packets, hops and the work of cores, of a placed network whose spikes were recorded;
            the same in both sets, since it is what the chip does
    """

    counting: str
    samples: int
    steps: int
    layers: tuple[LayerActivity, ...]
    populations: tuple[PopulationActivity, ...]
    mapped: MappedActivity | None = None

    def per_sample(self, name: str) -> I64:
        """A layer count summed over layers and steps, (sample,) int64."""
        total = np.zeros(self.samples, dtype=np.int64)
        for layer in self.layers:
            total += layer.counts[name].sum(axis=1)
        return total

    def total(self, name: str) -> int:
        """A layer count summed over everything."""
        return int(self.per_sample(name).sum())

    def to_dict(self) -> dict[str, Any]:
        """Plain data, summed over samples and steps, with per-step lists."""
        return {
            "counting": self.counting,
            "samples": self.samples,
            "steps": self.steps,
            "layers": [layer.to_dict() for layer in self.layers],
            "populations": [population.to_dict() for population in self.populations],
            **({} if self.mapped is None else {"mapped": self.mapped.to_dict()}),
        }


def _stepwise(counts: Mapping[str, I64], names: tuple[str, ...]) -> list[dict[str, int]]:
    columns = {name: counts[name].sum(axis=0).tolist() for name in names}
    length = len(next(iter(columns.values())))
    return [{name: values[t] for name, values in columns.items()} for t in range(length)]


def count(
    network: Network, raw: RawCounts, *, deployed: bool, widths: Mapping[str, int] | None = None
) -> Activity:
    """Turn an engine's raw counts into Activity; `widths`: bits of stored weights by projection."""
    if widths is None:
        widths = stored_widths(network) if deployed else {}
    first = next(iter(raw.populations.values()))
    samples, steps = first.shape[:2]
    populations = tuple(
        _population(p, raw.populations[p.name]) for p in network.populations if not p.is_relay
    )
    by_name = {p.name: p for p in populations}
    layers = []
    charged: set[str] = set()
    for projection in network.projections:
        # state traffic belongs to the population: it is charged to the first layer that feeds it
        owner = None if projection.target in charged else by_name.get(projection.target)
        charged.add(projection.target)
        bits = widths.get(projection.name, 0) if deployed else _TRAINED_BITS
        layers.append(_layer(network, projection, raw, owner, bits, deployed=deployed))
    return Activity(
        counting="deployed" if deployed else "model",
        samples=samples,
        steps=steps,
        layers=tuple(layers),
        populations=populations,
    )


def _population(population: Population, raw: I64) -> PopulationActivity:
    columns = {name: raw[..., k] for k, name in enumerate(POPULATION_COLUMNS)}
    spiking = population.fires or population.emits is PortKind.EVENT
    touched = columns["updates_input"]
    width = 4 * len(population.program.states)
    counts = {
        "neuron_updates_dense": np.full_like(touched, population.n),
        "neuron_updates_input": touched,
        "neuron_updates_changed": columns["updates_changed"],
        "spikes_out": columns["emitted"] if spiking else np.zeros_like(touched),
        "state_read_bytes": touched * width,
        "state_write_bytes": touched * width,
    }
    return PopulationActivity(
        name=population.name,
        program=population.program.name,
        neurons=population.n,
        states=len(population.program.states),
        spiking=spiking,
        counts=MappingProxyType(counts),
        values=_held_values(population),
    )


def _held_values(population: Population) -> int | None:
    """Decays and thresholds of snnTorch's Leaky and Synaptic; of other neurons it is not known."""
    known = population.program.name.startswith(("lif.", "cuba_lif."))
    if not known or not set(population.params) <= {"alpha", "beta", "theta"}:
        return None
    return sum(int(np.size(value)) for value in population.params.values())


def _layer(
    network: Network,
    projection: Projection,
    raw: RawCounts,
    owner: PopulationActivity | None,
    bits: int,
    *,
    deployed: bool,
) -> LayerActivity:
    operator = projection.operator
    columns = {
        name: raw.projections[projection.name][..., k] for k, name in enumerate(PROJECTION_COLUMNS)
    }
    counts = {name: np.zeros_like(columns["events_unit"]) for name in LAYER_COUNTS}
    counts["events_in"] = columns["events_unit"] + columns["events_other"]
    counts["events_nonbinary"] = columns["events_other"]
    weights = operator.weight
    matrix = not deployed and isinstance(operator, Csr) and operator.from_matrix
    connections = operator.n_in * operator.n_out if matrix else _connections(operator)
    counts["dense_inbounds"] = np.full_like(columns["events_unit"], connections)
    counts["dense_padded"] = np.full_like(columns["events_unit"], operator.dense_padded)
    if weights is not None or (deployed and isinstance(operator, Pool)):
        _synops(counts, columns, operator.n_out if matrix else None, deployed=deployed)
    elif isinstance(operator, Identity | Route):
        counts["adds"] = columns["nominal_unit"] + columns["nominal_other"]
    else:
        _pooling(counts, columns, network, projection)
    if projection.bias is not None:
        start = raw.bias_from.get(projection.name, np.full(1, projection.bias_from_step))
        steps = np.arange(columns["events_unit"].shape[1])
        counts["bias_adds"] += (steps >= start[:, None]) * np.int64(operator.n_out)
    elif owner is not None and _has_own_bias(network.node(projection.target)):
        counts["bias_adds"] += np.int64(operator.n_out)
    if weights is not None:
        counts["weight_read_bytes"] = _weight_bytes(counts, projection, bits, matrix)
    if owner is not None:
        counts["state_read_bytes"] = owner.counts["state_read_bytes"]
        counts["state_write_bytes"] = owner.counts["state_write_bytes"]
    return LayerActivity(
        name=projection.name,
        kind=operator.kind,
        source=projection.source,
        target=projection.target,
        in_shape=operator.in_shape,
        out_shape=operator.out_shape,
        params=_stored(projection, matrix=matrix) + _biases(projection),
        weights=_stored(projection, matrix=matrix),
        nonzero_params=_nonzero(projection, weights, deployed=deployed),
        weight_bits=0 if weights is None else bits,
        connections=connections,
        kernel=_kernel(operator),
        stride=tuple(getattr(operator, "stride", ())),
        counts=MappingProxyType(counts),
    )


def _has_own_bias(node: object) -> bool:
    """An integer neuron adds its bias itself; it is counted with the first layer that feeds it."""
    return (
        isinstance(node, Population)
        and node.program.number == "int32"
        and "bias" in node.params
        and bool(np.any(node.params["bias"]))
    )


def _connections(operator: Any) -> int:
    """Structural connections inside the border."""
    return int(operator.fanout(nonzero=False).sum())


def _synops(
    counts: dict[str, I64], columns: Mapping[str, I64], matrix_fanout: int | None, *, deployed: bool
) -> None:
    """Effective and nominal synops, split by the value of each event."""
    chosen = "effective" if deployed else "model"
    counts["synops_effective_ac"] = columns[f"{chosen}_unit"]
    counts["synops_effective_mac"] = columns[f"{chosen}_other"]
    for column, name in (("unit", "ac"), ("other", "mac")):
        nominal = columns[f"nominal_{column}"]
        if matrix_fanout is not None:
            nominal = columns[f"events_{column}"] * matrix_fanout
        counts[f"synops_nominal_{name}"] = nominal
    counts["synops_nominal"] = counts["synops_nominal_ac"] + counts["synops_nominal_mac"]


def _pooling(
    counts: dict[str, I64],
    columns: Mapping[str, I64],
    network: Network,
    projection: Projection,
) -> None:
    """An addition an event and window; maxima of currents are dense comparisons."""
    source = network.node(projection.source)
    operator = projection.operator
    currents = isinstance(source, Population) and source.emits is not PortKind.EVENT
    if isinstance(operator, MaxPool) and currents:
        per_step = _connections(operator) - operator.n_out  # k inputs take k - 1 comparisons
        counts["comparisons"] = np.full_like(columns["events_unit"], per_step)
        return
    counts["pool_adds"] = columns["nominal_unit"] + columns["nominal_other"]


def _weight_bytes(
    counts: Mapping[str, I64], projection: Projection, bits: int, matrix: bool
) -> I64:
    """What an event-driven core fetches: whole rows, or nonzero entries with their index.

    Weights narrower than a byte lie packed: a step's are rounded up to whole bytes.
    """
    operator = projection.operator
    if isinstance(operator, Csr) and not matrix:
        effective = counts["synops_effective_ac"] + counts["synops_effective_mac"]
        return -(-effective * bits // 8) + effective * operator.targets.dtype.itemsize
    return -(-counts["synops_nominal"] * bits // 8)


def _stored(projection: Projection, *, matrix: bool) -> int:
    """Weights as trained, zeros included."""
    operator = projection.operator
    if operator.weight is None:
        return 0
    return operator.n_in * operator.n_out if matrix else int(operator.weight.size)


def _biases(projection: Projection) -> int:
    """Biases as trained: a convolution has one a channel."""
    operator = projection.operator
    if operator.weight is None or projection.bias is None:
        return 0
    return operator.n_out if isinstance(operator, Dense | Csr) else operator.out_shape[0]


def _kernel(operator: Operator) -> tuple[int, ...]:
    """Size of the window, () where there is none."""
    if isinstance(operator, Conv):
        return tuple(operator.weights.shape[2:])
    return tuple(getattr(operator, "kernel", ()))


def _nonzero(projection: Projection, weights: NDArray[Any] | None, *, deployed: bool) -> int:
    """Nonzero weights, without biases."""
    if weights is None:
        return 0
    if not deployed and projection.model_nonzero is not None:
        return projection.model_nonzero
    return int(np.count_nonzero(weights))
