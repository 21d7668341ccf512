"""The layer table as numbers: one row per layer with the population it feeds, and the totals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from neurochain.reporting.energy_records import EnergyRecord, RowEnergy
from neurochain.reporting.records import CountSet, LayerRecord, PopulationRecord

__all__ = ["Row", "rows", "totals", "unlisted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. None where the quantity does not exist for the line.

    nonzero_percent    nonzero weights of all weights, biases left out
    effective_percent  effective synaptic operations of the connections a dense engine would visit
    updates            neuron updates caused by input (a nonzero weight's event, or a bias)
    rate               spikes per neuron and step
    energy_nj          a sample, of one estimate: the layer's and its population's
    """

    layer: str
    kind: str
    out_shape: tuple[int, ...] = ()
    params: int | None = None
    nonzero_percent: float | None = None
    events_in: int | None = None
    ac: int | None = None
    mac: int | None = None
    effective_percent: float | None = None
    bias_adds: int | None = None
    pool_adds: int | None = None
    adds: int | None = None
    comparisons: int | None = None
    updates: int | None = None
    spikes_out: int | None = None
    rate: float | None = None
    energy_nj: float | None = None
    energy_percent: float | None = None


def rows(counts: CountSet, energy: EnergyRecord | None = None) -> list[Row]:
    """A row per layer in execution order; a population's figures stand with its last layer.

    With `energy`, a row more for what is neither: static power, packets of inputs.
    """
    table = _rows(counts)
    if energy is None:
        return table
    return [*(_priced(row, counts, energy) for row in table), *_rest(counts, energy)]


def unlisted(counts: CountSet, energy: EnergyRecord) -> list[RowEnergy]:
    """What costs energy and is neither a layer nor a population: static power, packets of inputs.

    With these the rows of a table add up to its total.
    """
    names = {("layer", x.name) for x in counts.layers}
    names |= {("population", p.name) for p in counts.populations}
    return [row for row in energy.rows if (row.part, row.name) not in names and row.nominal_j]


def _rest(counts: CountSet, energy: EnergyRecord) -> list[Row]:
    return [
        Row(
            layer=row.name,
            kind=row.part,
            energy_nj=1e9 * row.nominal_j / max(1, counts.samples),
            energy_percent=100.0 * row.nominal_j / energy.total.nominal_j,
        )
        for row in unlisted(counts, energy)
    ]


def _rows(counts: CountSet) -> list[Row]:
    populations = {p.name: p for p in counts.populations}
    last = {layer.target: layer.name for layer in counts.layers}
    shown = [
        _row(layer, populations.get(layer.target) if last[layer.target] == layer.name else None)
        for layer in counts.layers
    ]
    alone = [p for p in counts.populations if p.name not in last]
    return [*shown, *(_population_row(p) for p in alone)]


def totals(counts: CountSet, energy: EnergyRecord | None = None) -> Row:
    """The sums over all layers and populations."""
    total = _totals(counts)
    if energy is None:
        return total
    nj = energy.per_sample.nominal_j * 1e9
    return replace(total, energy_nj=nj, energy_percent=100.0 if nj else None)


def _priced(row: Row, counts: CountSet, energy: EnergyRecord) -> Row:
    """The row with the energy of its layer and of the population whose figures it shows."""
    joules = {(e.part, e.name): e.nominal_j for e in energy.rows}
    targets = {layer.name: layer.target for layer in counts.layers}
    spent = joules.get(("layer", row.layer), 0.0) if row.params is not None else 0.0
    if row.params is None:
        spent += joules.get(("population", row.layer), 0.0)
    elif row.updates is not None:
        spent += joules.get(("population", targets[row.layer]), 0.0)
    whole = energy.total.nominal_j
    return replace(
        row,
        energy_nj=1e9 * spent / max(1, counts.samples),
        energy_percent=100.0 * spent / whole if whole else None,
    )


def _totals(counts: CountSet) -> Row:
    layers, populations = counts.layers, counts.populations
    ac = sum(x.synops_effective_ac for x in layers)
    mac = sum(x.synops_effective_mac for x in layers)
    dense = sum(x.dense_inbounds for x in layers if x.params)
    weights = sum(x.weights for x in layers)
    updates = sum(p.updates for p in populations)
    spikes = sum(p.spikes_out for p in populations)
    return Row(
        layer="total",
        kind="",
        params=sum(x.params for x in layers),
        nonzero_percent=_percent(sum(x.nonzero_params for x in layers if x.params), weights),
        events_in=sum(x.events_in for x in layers),
        ac=ac,
        mac=mac,
        effective_percent=_percent(_effective(x for x in layers if x.params), dense),
        bias_adds=sum(x.bias_adds for x in layers),
        pool_adds=sum(x.pool_adds for x in layers),
        adds=sum(x.adds for x in layers),
        comparisons=sum(x.comparisons for x in layers),
        updates=sum(p.neuron_updates_input for p in populations),
        spikes_out=spikes,
        rate=spikes / updates if updates else None,
    )


def _row(layer: LayerRecord, population: PopulationRecord | None) -> Row:
    return Row(
        layer=layer.name,
        kind=layer.kind,
        out_shape=tuple(layer.out_shape),
        params=layer.params,
        nonzero_percent=_percent(layer.nonzero_params, layer.weights),
        events_in=layer.events_in,
        ac=layer.synops_effective_ac,
        mac=layer.synops_effective_mac,
        effective_percent=_percent(
            _effective([layer]), layer.dense_inbounds if layer.params else 0
        ),
        bias_adds=layer.bias_adds,
        pool_adds=layer.pool_adds,
        updates=None if population is None else population.neuron_updates_input,
        spikes_out=None if population is None else population.spikes_out,
        rate=None if population is None else population.rate,
    )


def _population_row(population: PopulationRecord) -> Row:
    return Row(
        layer=population.name,
        kind=population.program,
        updates=population.neuron_updates_input,
        spikes_out=population.spikes_out,
        rate=population.rate,
    )


def _effective(layers: Iterable[LayerRecord]) -> int:
    return sum(x.synops_effective_ac + x.synops_effective_mac for x in layers)


def _percent(part: int, whole: int) -> float | None:
    return 100.0 * part / whole if whole else None
