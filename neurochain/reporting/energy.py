"""From the counts of a record to its estimates, twin and definitions."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from neurochain.accounting import LAYER_COUNTS, POPULATION_COUNTS
from neurochain.accounting.definitions import Calls, definitions, neurobench_of_calls
from neurochain.accounting.energy import (
    TERMS,
    Estimate,
    LayerSums,
    PopulationSums,
    Range,
    RunSums,
    Twin,
    ann_twin,
    default_estimates,
    model_of,
)
from neurochain.accounting.energy.estimate import Part
from neurochain.accounting.prices import PriceList, find_prices
from neurochain.reporting.chips import chip_caveat
from neurochain.reporting.energy_records import (
    Bounds,
    DefinitionRecord,
    EnergyRecord,
    LatencyRecord,
    PriceRecord,
    RowEnergy,
    SourceRecord,
    TermRecord,
    TwinRecord,
)
from neurochain.reporting.mapped_records import mapped_sums_of
from neurochain.reporting.records import CountSet, RunRecord

__all__ = ["sums", "with_energy"]

_TWINS = ("horowitz45-fp32", "horowitz45-int8")
_SETS = ("model", "deployed")


def with_energy(
    record: RunRecord,
    prices: Sequence[PriceList] = (),
    *,
    step_time_s: float | None = None,
    static: bool = False,
) -> RunRecord:
    """The record with every estimate that the price lists allow, of both sets of counts.

    Without lists: those of the arithmetic of the weights (float32 for the model set), and a chip's.
    Errors: InputError as of the models.
    """
    estimates: list[EnergyRecord] = []
    for counting in _SETS:
        run = sums(record.counts(counting))
        weights = record.meta.weights if counting == "deployed" else "float32"
        found = [
            e for p in prices for e in model_of(run, p, step_time_s=step_time_s, static=static)
        ]
        if not prices:
            found = list(default_estimates(run, weights, network=record.meta.weights))
        estimates += [_of_chip(record, _record(estimate)) for estimate in found]
    model = record.counts("model")
    bench = neurobench_of_calls(sums(model), _calls(model))
    return msgspec.structs.replace(
        record,
        energy=estimates,
        twins=[_twin_in(record, name) for name in _TWINS],
        neurobench=bench.to_dict(),
        definitions=[
            DefinitionRecord(
                tool=d.tool, counts=d.counts, ac=d.ac, mac=d.mac, total=d.total, differs=d.differs
            )
            for d in definitions(sums(model), bench)
        ],
    )


def _of_chip(record: RunRecord, e: EnergyRecord) -> EnergyRecord:
    """With a caveat where it is not of the network's chip."""
    said = chip_caveat(record, e)
    return msgspec.structs.replace(e, caveats=[said, *e.caveats]) if said else e


def sums(counts: CountSet) -> RunSums:
    """What energy is linear in."""
    return RunSums(
        counting=counts.counting,
        samples=counts.samples,
        steps=counts.steps,
        layers=tuple(
            LayerSums(
                name=x.name,
                kind=x.kind,
                source=x.source,
                target=x.target,
                in_shape=tuple(x.in_shape),
                out_shape=tuple(x.out_shape),
                params=x.params,
                weights=x.weights,
                nonzero_params=x.nonzero_params,
                weight_bits=x.weight_bits,
                connections=x.connections,
                kernel=tuple(x.kernel),
                stride=tuple(x.stride),
                counts={name: getattr(x, name) for name in LAYER_COUNTS},
            )
            for x in counts.layers
        ),
        populations=tuple(
            PopulationSums(
                name=p.name,
                program=p.program,
                neurons=p.neurons,
                states=p.states,
                spiking=p.spiking,
                counts={name: getattr(p, name) for name in POPULATION_COUNTS},
                values=p.values,
            )
            for p in counts.populations
        ),
        mapped=mapped_sums_of(counts.mapped),
    )


def _calls(counts: CountSet) -> Calls:
    """One call a layer and step: all samples in one batch."""

    def column(steps: Sequence[object], *names: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        values = [sum(getattr(step, name) for name in names) for step in steps]
        return np.array(values, dtype=np.int64)

    synops = ("synops_effective_ac", "synops_effective_mac")
    return Calls(
        effective={x.name: column(x.per_timestep, *synops) for x in counts.layers},
        nonbinary={x.name: column(x.per_timestep, "events_nonbinary") for x in counts.layers},
        updates={
            p.name: column(p.per_timestep, "neuron_updates_changed") for p in counts.populations
        },
    )


def _twin_in(record: RunRecord, name: str) -> TwinRecord:
    """Both in one arithmetic: the ratio of MAC to AC is the number format's."""
    prices = find_prices(name)
    return _twin(ann_twin(sums(record.counts("model")), prices, prices))


def _twin(twin: Twin) -> TwinRecord:
    return TwinRecord(
        profile_id=twin.prices.id,
        snn_profile_id=twin.snn_prices.id,
        connections=twin.connections,
        ann=_bounds(twin.ann_joules),
        snn=_bounds(twin.snn_joules),
        spikes_per_synapse=twin.spikes_per_synapse,
        break_even=twin.break_even,
        break_even_rate=twin.break_even_rate,
    )


def _bounds(joules: Range) -> Bounds:
    return Bounds(low_j=joules.low, nominal_j=joules.nominal, high_j=joules.high)


def _record(estimate: Estimate) -> EnergyRecord:
    prices = estimate.prices
    frames = max(1, estimate.samples * estimate.steps)
    latency = estimate.latency
    return EnergyRecord(
        profile_id=prices.id,
        title=prices.title,
        model=estimate.model,
        counting="deployed" if estimate.counting == "deployed" else "model",
        node_nm=prices.node_nm,
        voltage_v=prices.voltage_v,
        voltage_note=prices.voltage_note,
        sources=[
            SourceRecord(id=s.id, text=s.text, doi=s.doi, url=s.url, bibtex=s.bibtex.strip())
            for s in prices.sources
        ],
        caveats=list(prices.caveats),
        prices=_prices(prices, memory=estimate.model in ("memory-aware", "lemaire")),
        terms=[
            TermRecord(
                name=t.name,
                count=t.count,
                low_j=t.joules.low,
                nominal_j=t.joules.nominal,
                high_j=t.joules.high,
            )
            for t in estimate.terms
        ],
        rows=[_row(estimate, part, name) for part, name in estimate.rows],
        total=_bounds(estimate.total),
        per_sample=_bounds(estimate.total.times(1 / max(1, estimate.samples))),
        per_step=_bounds(estimate.total.times(1 / frames)),
        included=[TERMS[k] for k in estimate.included],
        partial=[f"{TERMS[k]}: {text}" for k, text in sorted(estimate.partial.items())],
        excluded=[TERMS[k] for k in estimate.missing],
        unpriced=dict(estimate.unpriced),
        notes=list(estimate.notes),
        latency=None
        if latency is None
        else LatencyRecord(
            serial_s=latency.serial_s,
            floor_s=latency.floor_s,
            cores=latency.cores,
            barrier_low_s=latency.barrier_low_s,
            barrier_high_s=latency.barrier_high_s,
            uncertainty_percent=latency.uncertainty_percent,
            busiest_s=latency.busiest_s,
            route_s=latency.route_s,
        ),
    )


def _row(estimate: Estimate, part: Part, name: str) -> RowEnergy:
    joules = estimate.row(part, name)
    cells = [cell for cell in estimate.cells if (cell.part, cell.row) == (part, name)]
    return RowEnergy(
        part=part,
        name=name,
        low_j=joules.low,
        nominal_j=joules.nominal,
        high_j=joules.high,
        terms={cell.term: cell.joules.nominal for cell in cells},
    )


def _prices(prices: PriceList, *, memory: bool) -> list[PriceRecord]:
    """Every number of the list that the model may use."""

    def number(
        quantity: str,
        energy: float,
        low: float | None,
        high: float | None,
        source: list[str],
        caveat: str,
        *,
        bound: str = "nominal",
        time_ns: float | None = None,
        node_nm: float | None = None,
        voltage_v: float | None = None,
    ) -> PriceRecord:
        return PriceRecord(
            quantity=quantity,
            energy_pj=energy,
            low_pj=low,
            high_pj=high,
            bound=bound,
            time_ns=time_ns,
            node_nm=node_nm or prices.node_nm,
            voltage_v=voltage_v or prices.voltage_v,
            source=source,
            caveat=caveat,
        )

    found = [
        number(
            p.quantity, p.energy_pj, p.low_pj, p.high_pj, p.source, p.caveat,
            bound=p.bound, time_ns=p.time_ns, node_nm=p.node_nm, voltage_v=p.voltage_v,
        )
        for p in prices.prices.values()
    ]  # fmt: skip
    if memory:
        found += [
            number(
                f"32-bit access, memory of {m.capacity_bytes:,.0f} bytes",
                *(m.energy_pj, m.low_pj, m.high_pj, m.source, m.caveat),
            )
            for m in prices.memory
        ]
        if prices.dram is not None:
            d = prices.dram
            found.append(
                number("32-bit access, DRAM", d.energy_pj, d.low_pj, d.high_pj, d.source, d.caveat)
            )
    return found
