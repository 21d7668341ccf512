"""The records of a report: what run.json holds. Counts are integers, units stand in the names."""

from __future__ import annotations

from typing import Literal

import msgspec

from neurochain.reporting.energy_records import DefinitionRecord, EnergyRecord, TwinRecord
from neurochain.reporting.mapped_records import MappedRecord
from neurochain.reporting.placed import PlacementRecord
from neurochain.reporting.record import Record
from neurochain.reporting.trace_records import Traces

__all__ = [
    "SCHEMA",
    "SCHEMA_VERSION",
    "CountSet",
    "Evaluation",
    "LayerRecord",
    "LayerStep",
    "Meta",
    "PopulationRecord",
    "PopulationStep",
    "QuantisedLayer",
    "RunRecord",
    "Spread",
]

SCHEMA = "neurochain.run"
SCHEMA_VERSION = 2


class LayerStep(Record, frozen=True, kw_only=True):
    """Counts of one layer at one step, summed over samples."""

    events_in: int
    events_nonbinary: int
    synops_effective_ac: int
    synops_effective_mac: int
    synops_nominal: int


class LayerRecord(Record, frozen=True, kw_only=True):
    """One weight layer or pool (a projection), summed over samples and steps."""

    name: str
    kind: str
    source: str
    target: str
    in_shape: list[int]
    out_shape: list[int]
    params: int
    weights: int
    nonzero_params: int
    weight_bits: int
    connections: int
    kernel: list[int]
    stride: list[int]
    events_in: int
    events_nonbinary: int
    synops_effective_ac: int
    synops_effective_mac: int
    synops_nominal: int
    synops_nominal_ac: int
    synops_nominal_mac: int
    dense_inbounds: int
    dense_padded: int
    bias_adds: int
    pool_adds: int
    adds: int
    comparisons: int
    weight_read_bytes: int
    state_read_bytes: int
    state_write_bytes: int
    per_timestep: list[LayerStep]


class PopulationStep(Record, frozen=True, kw_only=True):
    """Counts of one population at one step, summed over samples."""

    neuron_updates_input: int
    neuron_updates_changed: int
    spikes_out: int


class PopulationRecord(Record, frozen=True, kw_only=True):
    """One neuron population, summed over samples and steps.

    `updates` is `neuron_updates_dense`; `rate` is spikes per neuron and step; `values` are the
    numbers that an snnTorch neuron of this kind holds, null for other neurons.
    """

    name: str
    program: str
    neurons: int
    states: int
    spiking: bool
    neuron_updates_dense: int
    neuron_updates_input: int
    neuron_updates_changed: int
    spikes_out: int
    state_read_bytes: int
    state_write_bytes: int
    updates: int
    rate: float
    per_timestep: list[PopulationStep]
    values: int | None = None


class CountSet(Record, frozen=True, kw_only=True):
    """All counts of a run in one of the two sets: as trained (model) or as lowered (deployed).

    mapped  of a placed network; the same in both sets, and stored with the deployed one
    """

    counting: Literal["model", "deployed"]
    samples: int
    steps: int
    layers: list[LayerRecord]
    populations: list[PopulationRecord]
    mapped: MappedRecord | None = None


class QuantisedLayer(Record, frozen=True, kw_only=True):
    """What integer weights cost in one layer, in units of the trained weights."""

    layer: str
    scale: float
    largest_error: float
    rms_error: float
    zeroed: int


class Meta(Record, frozen=True, kw_only=True):
    """Where the counts come from.

    model          name of a zoo model or of the file
    model_hash     SHA-256 of the executed network (structure, parameters, arithmetic)
    input_hash     SHA-256 over the nonzero inputs of all samples, whatever file they came in
    seed           of the input encoding, null where nothing is random
    timesteps      steps of a sample
    samples        number of samples
    batch_size     samples run at once; no count depends on it
    weights        arithmetic of the weights: float32, int8 or int16, or a chip's (loihi, xylo)
    target         the target that the network was compiled for; null: none, or not known
    quantisation   the cost of integer weights, layer by layer
    counting_mode  "event": an operation is counted where an event causes it
    verified       whether the network was equal to the PyTorch module it came from; null: unknown
    date           only where asked for, so that the same input gives the same bytes
    """

    tool_version: str
    model: str
    model_hash: str
    input: str
    input_hash: str
    seed: int | None
    timesteps: int
    dt_s: float
    samples: int
    batch_size: int
    engine: str
    weights: str
    quantisation: list[QuantisedLayer]
    counting_mode: Literal["event"] = "event"
    verified: bool | None = None
    target: str | None = None
    date: str | None = None


class Spread(Record, frozen=True, kw_only=True):
    """A quantity over samples. `sd` is the sample standard deviation (n - 1)."""

    mean: float
    sd: float
    min: int
    median: float
    max: int


class Evaluation(Record, frozen=True, kw_only=True):
    """Decisions on labelled samples.

    decoding            how the output is read: count, first_spike, membrane_max, ...
    confusion           rows: true class, columns: decided class
    synops_per_sample   effective synaptic operations (AC + MAC) of the model set
    spikes_per_sample   spikes of all populations
    """

    decoding: str
    samples: int
    correct: int
    accuracy: float
    confusion: list[list[int]]
    synops_per_sample: Spread
    spikes_per_sample: Spread


class RunRecord(Record, frozen=True, kw_only=True):
    """A run: the counts as trained on top, the counts as deployed below `deployed`.

    energy       estimates, each of one set of counts by one price list
    twins        the same topology as a conventional network
    neurobench   by NeuroBench's own names, all samples as one batch; null: a network does not tell
    definitions  what other tools would count
    traces       what some neurons did in the first sample
    placement    the cores that the network lies on; null: it was not placed
    """

    schema: Literal["neurochain.run"] = "neurochain.run"
    schema_version: Literal[2] = 2
    meta: Meta
    counting: Literal["model"] = "model"
    layers: list[LayerRecord]
    populations: list[PopulationRecord]
    deployed: CountSet
    predictions: list[int] | None = None
    evaluation: Evaluation | None = None
    warnings: list[str] = msgspec.field(default_factory=list)
    energy: list[EnergyRecord] = msgspec.field(default_factory=list)
    twins: list[TwinRecord] = msgspec.field(default_factory=list)
    neurobench: dict[str, float | int | None] = msgspec.field(default_factory=dict)
    definitions: list[DefinitionRecord] = msgspec.field(default_factory=list)
    traces: Traces | None = None
    placement: PlacementRecord | None = None

    def counts(self, counting: str) -> CountSet:
        """The set called "model" or "deployed"."""
        if counting == "deployed":
            return self.deployed
        return CountSet(
            counting="model",
            samples=self.meta.samples,
            steps=self.meta.timesteps,
            layers=self.layers,
            populations=self.populations,
            mapped=self.deployed.mapped,
        )
