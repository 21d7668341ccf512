"""What is wrong with a record that has the right form: numbers that no run can have made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import isclose
from typing import Any

from neurochain.accounting.mapped import CORE_COUNTS
from neurochain.reporting.energy_records import EnergyRecord
from neurochain.reporting.mapped_records import MappedRecord, NodeStep
from neurochain.reporting.placed import PlacementRecord
from neurochain.reporting.records import (
    CountSet,
    LayerRecord,
    LayerStep,
    PopulationRecord,
    PopulationStep,
    RunRecord,
)
from neurochain.reporting.trace_records import Traces

__all__ = ["record_faults"]

_LIMIT = 1 << 63
_MOST = 20


def record_faults(record: RunRecord) -> list[str]:
    """At most 20 sentences, each with the place and the numbers; [] for what neurochain writes."""
    meta = record.meta
    sizes = [("samples", meta.samples), ("timesteps", meta.timesteps)]
    found = [f"meta.{name}: is {n}; a run has at least 1" for name, n in sizes if n < 1]
    for counting in ("model", "deployed"):
        found += _of_set(record.counts(counting))
    if record.deployed.mapped is not None:
        found += _of_mapped(record.deployed, record.deployed.mapped)
    if record.placement is not None:
        found += _of_placement(record.placement)
    if record.traces is not None:
        found += _of_traces(record.traces)
    for e in record.energy:
        found += _of_energy(e, record.counts(e.counting))
    return found[:_MOST]


def _of_set(counts: CountSet) -> Iterator[str]:
    where = counts.counting
    if counts.samples < 1 or counts.steps < 1:
        yield f"{where}: {counts.samples} samples of {counts.steps} steps; a run has at least 1"
    for layer in counts.layers:
        yield from _integers(f"{where}: layer {layer.name}", layer, LayerRecord)
        yield from _sums(f"{where}: layer {layer.name}", layer, counts.steps, _names(LayerStep))
    for p in counts.populations:
        yield from _integers(f"{where}: population {p.name}", p, PopulationRecord)
        yield from _sums(f"{where}: population {p.name}", p, counts.steps, _names(PopulationStep))


def _of_mapped(counts: CountSet, mapped: MappedRecord) -> Iterator[str]:
    cores = len(mapped.cores)
    layers, listed = [x.name for x in counts.layers], [x.name for x in mapped.layers]
    if layers != listed or not cores or mapped.samples != counts.samples or mapped.steps < 1:
        yield (
            f"mapped: {cores} cores, {mapped.samples} samples of {mapped.steps} steps, layers "
            f"{', '.join(listed)}; the run has {counts.samples} samples, {', '.join(layers)}"
        )
    for layer in mapped.layers:
        where, events = f"mapped: layer {layer.name}", layer.synaptic_events
        yield from _integers(where, layer, type(layer))
        for name, parts in (("core", layer.by_core), ("step", layer.per_timestep)):
            size = cores if name == "core" else mapped.steps
            if len(parts) != size or sum(parts) != events or min(parts, default=0) < 0:
                yield f"{where}: {events:,} events, by {name} {sum(parts):,} of {len(parts)}"
    for node in mapped.nodes:
        yield from _integers(f"mapped: {node.name}", node, type(node))
        yield from _sums(f"mapped: {node.name}", node, mapped.steps, _names(NodeStep))
    for core in mapped.cores:
        yield from _integers(f"mapped: core {core.core}", core, type(core), CORE_COUNTS)


def _of_placement(placement: PlacementRecord) -> Iterator[str]:
    """Every chip has cores, and each lies in the grid."""
    chips = {core.chip for core in placement.cores}
    if not chips or chips != set(range(placement.chips)):
        yield f"placement: {placement.chips} chips, cores on {len(chips)}"
    for core in placement.cores:
        inside = 0 <= core.x < placement.width and 0 <= core.y < placement.height
        if not inside or min(core.slot, core.used, core.most, *core.holds.values(), 0) < 0:
            yield f"placement: core {core.core} at ({core.x}, {core.y}) holds {core.holds}"


def _of_traces(traces: Traces) -> Iterator[str]:
    """Every shown neuron has its spikes, and a membrane has a least and a greatest value a bin."""
    for p in traces.populations:
        bins = {len(side) for m in p.membranes for side in (m.low, m.high)}
        if len(p.shown) != len(p.spikes) or len(bins) > 1 or 0 in bins:
            yield (
                f"traces: {p.population}: {len(p.shown)} neurons, spikes of {len(p.spikes)}, "
                f"membranes of {sorted(bins)} bins"
            )


def _of_energy(e: EnergyRecord, counts: CountSet) -> Iterator[str]:
    """Terms and rows add up to the total, and a sample is its share of it."""
    where, total = f"energy: {e.model} {e.profile_id}", e.total.nominal_j
    parts = {
        "terms": sum(t.nominal_j for t in e.terms),
        "rows": sum(row.nominal_j for row in e.rows),
        "samples": e.per_sample.nominal_j * counts.samples,
    }
    if total < 0 or any(t.nominal_j < 0 for t in e.terms):
        yield f"{where}: {total} J; an energy is not negative"
    for name, joules in parts.items():
        if not isclose(joules, total, rel_tol=1e-9, abs_tol=1e-30):
            yield f"{where}: total {total} J, {name} add up to {joules} J"


def _integers(
    where: str, item: Any, kind: Any, names: Iterable[str] | None = None
) -> Iterator[str]:
    """Counts are neither negative nor longer than 64 bits."""
    for name in kind.__struct_fields__ if names is None else names:
        value = getattr(item, name)
        if isinstance(value, int) and not 0 <= value < _LIMIT:
            yield f"{where}: {name} is {value:,}; a count is 0 to 2^63 - 1"


def _sums(where: str, item: Any, steps: int, names: Sequence[str]) -> Iterator[str]:
    """The steps add up to the total."""
    if len(item.per_timestep) != steps:
        yield f"{where}: {len(item.per_timestep)} of {steps} steps"
        return
    for name in names:
        values = [getattr(step, name) for step in item.per_timestep]
        whole = getattr(item, name)
        if sum(values) != whole or min(values, default=0) < 0:
            yield f"{where}: {name} is {whole:,}, its steps add up to {sum(values):,}"


def _names(step: Any) -> tuple[str, ...]:
    names: tuple[str, ...] = step.__struct_fields__
    return names
