"""Records of what counts cost, and of what others would count. Joules and seconds in SI units."""

from __future__ import annotations

from typing import Literal

from neurochain.reporting.record import Record

__all__ = [
    "Bounds",
    "DefinitionRecord",
    "EnergyRecord",
    "LatencyRecord",
    "PriceRecord",
    "RowEnergy",
    "SourceRecord",
    "TermRecord",
    "TwinRecord",
]


class Bounds(Record, frozen=True, kw_only=True):
    """Joules. high_j is null where a price has no upper bound."""

    low_j: float
    nominal_j: float
    high_j: float | None


class SourceRecord(Record, frozen=True, kw_only=True):
    """A publication that a number is from."""

    id: str
    text: str
    doi: str
    url: str
    bibtex: str


class PriceRecord(Record, frozen=True, kw_only=True):
    """One number of a price list, as it was used."""

    quantity: str
    energy_pj: float
    low_pj: float | None
    high_pj: float | None
    bound: str
    time_ns: float | None
    node_nm: float
    voltage_v: float | None
    source: list[str]
    caveat: str


class TermRecord(Record, frozen=True, kw_only=True):
    """One term over all layers and populations; `count` operations, or bytes of memory traffic."""

    name: str
    count: int
    low_j: float
    nominal_j: float
    high_j: float | None


class RowEnergy(Record, frozen=True, kw_only=True):
    """Energy of one layer or population, or of the chip; `terms`: nominal joules of each term."""

    part: Literal["layer", "population", "chip"]
    name: str
    low_j: float
    nominal_j: float
    high_j: float | None
    terms: dict[str, float]


class LatencyRecord(Record, frozen=True, kw_only=True):
    """Seconds of one step of one sample. `serial_s`: one core does all; `floor_s`: all cores do.

    Of a placed network an average step takes `busiest_s` (the core with the most work), `route_s`
    (the longest way of a packet) and the barrier; both are null where nothing is placed.
    """

    serial_s: float
    floor_s: float
    cores: int
    barrier_low_s: float
    barrier_high_s: float
    uncertainty_percent: float
    busiest_s: float | None = None
    route_s: float | None = None


class EnergyRecord(Record, frozen=True, kw_only=True):
    """An estimate: exact counts times the prices of one list.

    model     arithmetic, memory-aware, lemaire or chip-profile
    counting  the set of counts that was priced
    total     of the run; per_sample and per_step are the same, shared out
    included, partial, excluded   of the ten terms that an energy report carries or names
    unpriced  operations that were counted and have no price in this model
    """

    profile_id: str
    title: str
    model: str
    counting: Literal["model", "deployed"]
    node_nm: float
    voltage_v: float | None
    voltage_note: str
    sources: list[SourceRecord]
    caveats: list[str]
    prices: list[PriceRecord]
    terms: list[TermRecord]
    rows: list[RowEnergy]
    total: Bounds
    per_sample: Bounds
    per_step: Bounds
    included: list[str]
    partial: list[str]
    excluded: list[str]
    unpriced: dict[str, int]
    notes: list[str]
    latency: LatencyRecord | None
    estimate: Literal[True] = True


class TwinRecord(Record, frozen=True, kw_only=True):
    """The same topology as a conventional network, dense, in one pass; arithmetic only, a sample.

    connections         multiply-accumulates of one pass
    spikes_per_synapse  effective synaptic operations a connection and sample
    break_even          of these, so many cost what one multiply-accumulate of the twin costs
    break_even_rate     the same a step
    """

    profile_id: str
    snn_profile_id: str
    connections: int
    ann: Bounds
    snn: Bounds
    spikes_per_synapse: float | None
    break_even: float | None
    break_even_rate: float | None


class DefinitionRecord(Record, frozen=True, kw_only=True):
    """Operations a sample, over all steps, as a tool or paper defines them."""

    tool: str
    counts: str
    ac: float | None
    mac: float | None
    total: float
    differs: str
