"""What the pictures of the HTML report show, as numbers and SVG paths.

Lengths are percentages of the width that a picture has; every value stands beside its length, so
that a reader (and a test) need not measure.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil, log10, prod

from neurochain.reporting.energy_records import EnergyRecord
from neurochain.reporting.records import CountSet, PopulationRecord, RunRecord
from neurochain.reporting.trace_records import MembraneTrace, PopulationTrace

__all__ = [
    "Bar",
    "Heat",
    "Segment",
    "Trace",
    "energy_bars",
    "heat_map",
    "log_ticks",
    "membranes",
    "operation_bars",
    "sparsity",
    "term_bar",
]

HEAT_BINS = 200
HEAT_LEVELS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One part of a bar: `value` in `key`'s unit, `percent` of the width."""

    key: str
    value: float
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One row of a picture."""

    name: str
    value: float
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """One population's firing rate over time; paths[k] fills the bins of level k + 1."""

    name: str
    rate: float
    bins: int
    highest: float
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One neuron's membrane as an SVG path in a box of `bins` x 200; theta where there is one.

    low, high   of the membrane; the box holds the threshold as well
    """

    name: str
    neuron: int
    bins: int
    path: str
    low: float
    high: float
    theta: float | None
    theta_y: int | None


def operation_bars(counts: CountSet) -> list[Bar]:
    """AC, MAC and dense operations of each layer a sample, lengths on a logarithmic axis."""
    samples = max(1, counts.samples)
    decades = log_ticks(counts)[-1]
    bars = []
    for x in counts.layers:
        values = {
            "ac": x.synops_effective_ac / samples,
            "mac": x.synops_effective_mac / samples,
            "dense": x.dense_inbounds / samples,
        }
        segments = tuple(
            Segment(key=key, value=v, percent=100 * max(0.0, log10(v)) / decades if v > 0 else 0.0)
            for key, v in values.items()
        )
        bars.append(Bar(name=x.name, value=values["ac"] + values["mac"], segments=segments))
    return bars


def log_ticks(counts: CountSet) -> list[int]:
    """Decades of the logarithmic axis: powers of ten from 0 on."""
    most = max((x.dense_inbounds for x in counts.layers), default=0) / max(1, counts.samples)
    top = max(1, ceil(log10(most))) if most > 0 else 1
    step = ceil(top / 4)
    return [*range(0, top - step + 1, step), top]


def energy_bars(counts: CountSet, energy: EnergyRecord) -> list[Bar]:
    """Nominal joules a sample of each layer and population, longest bar full."""
    samples = max(1, counts.samples)
    most = max((row.nominal_j for row in energy.rows), default=0.0)
    return [
        Bar(
            name=row.name,
            value=row.nominal_j / samples,
            segments=tuple(
                Segment(
                    key=term, value=joules / samples, percent=100 * joules / most if most else 0.0
                )
                for term, joules in row.terms.items()
            ),
        )
        for row in energy.rows
    ]


def term_bar(energy: EnergyRecord) -> Bar:
    """The shares of an estimate's terms."""
    whole = energy.total.nominal_j
    return Bar(
        name=energy.profile_id,
        value=energy.per_sample.nominal_j,
        segments=tuple(
            Segment(
                key=t.name,
                value=t.nominal_j,
                percent=100 * t.nominal_j / whole if whole else 0.0,
            )
            for t in energy.terms
        ),
    )


def heat_map(counts: CountSet) -> list[Heat]:
    """Rates of all populations that fire, on one scale from 0 to the highest bin of all."""
    width = max(1, ceil(counts.steps / HEAT_BINS))
    firing = [p for p in counts.populations if p.spiking]
    rates = [_binned(p, counts.samples, width) for p in firing]
    highest = max((rate for row in rates for rate in row), default=0.0)
    return [
        Heat(
            name=p.name,
            rate=p.rate,
            bins=len(row),
            highest=highest,
            paths=_levels(row, highest),
        )
        for p, row in zip(firing, rates, strict=True)
    ]


def _binned(population: PopulationRecord, samples: int, width: int) -> list[float]:
    spikes = [step.spikes_out for step in population.per_timestep]
    size = max(1, population.neurons * samples)
    parts = [spikes[k : k + width] for k in range(0, len(spikes), width)]
    return [sum(part) / (size * len(part)) for part in parts]


def _levels(row: list[float], highest: float) -> tuple[str, ...]:
    """One path a level; neighbours of the same level are one rectangle."""
    levels = [ceil(HEAT_LEVELS * rate / highest) if highest else 0 for rate in row]
    paths: list[list[str]] = [[] for _ in range(HEAT_LEVELS)]
    start = 0
    for k in range(1, len(levels) + 1):
        if k < len(levels) and levels[k] == levels[start]:
            continue
        if levels[start]:
            paths[levels[start] - 1].append(f"M{start} 0h{k - start}v1h{start - k}z")
        start = k
    return tuple("".join(parts) for parts in paths)


def sparsity(counts: CountSet) -> list[Bar]:
    """Zero inputs (over samples and steps) and zero weights of each weighted layer, in percent."""
    frames = max(1, counts.samples * counts.steps)
    bars = []
    for x in counts.layers:
        if not x.weights:
            continue
        inputs = 100 * (1 - x.events_in / (frames * prod(x.in_shape)))
        weights = 100 * (1 - x.nonzero_params / x.weights)
        segments = (
            Segment(key="inputs", value=inputs, percent=inputs),
            Segment(key="weights", value=weights, percent=weights),
        )
        bars.append(Bar(name=x.name, value=inputs, segments=segments))
    return bars


def membranes(record: RunRecord) -> list[Trace]:
    """Every recorded membrane."""
    if record.traces is None:
        return []
    return [_trace(p, m) for p in record.traces.populations for m in p.membranes]


def _steps(heights: list[int], dx: int) -> str:
    """From each height to the next."""
    return "".join(f"l{dx} {b - a}" for a, b in pairwise(heights))


def _trace(population: PopulationTrace, trace: MembraneTrace) -> Trace:
    """The band between least and greatest value of each bin; a line where a bin is one step."""
    theta = population.threshold
    low = min([*trace.low, *([] if theta is None else [theta])])
    high = max([*trace.high, *([] if theta is None else [theta])])
    span = (high - low) or 1.0

    def y(value: float) -> int:
        return round(200 - 200 * (value - low) / span)

    above, below = [y(v) for v in trace.high], [y(v) for v in trace.low]
    path = f"M.5 {above[0]}" + _steps(above, 1)
    if above != below:
        path += f"v{below[-1] - above[-1]}" + _steps(below[::-1], -1) + "z"
    return Trace(
        name=population.population,
        neuron=trace.neuron,
        bins=len(trace.low),
        path=path,
        low=min(trace.low),
        high=max(trace.high),
        theta=theta,
        theta_y=None if theta is None else y(theta),
    )
