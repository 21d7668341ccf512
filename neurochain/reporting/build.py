"""From the Activity of one or several batches to records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np

from neurochain.accounting import LAYER_COUNTS, POPULATION_COUNTS, Activity
from neurochain.errors import InternalError
from neurochain.mapping import Placement
from neurochain.network import I64
from neurochain.reporting.energy import with_energy
from neurochain.reporting.mapped_records import merge_mapped
from neurochain.reporting.placed import placement_record
from neurochain.reporting.records import (
    CountSet,
    Evaluation,
    LayerRecord,
    LayerStep,
    Meta,
    PopulationRecord,
    PopulationStep,
    RunRecord,
    Spread,
)
from neurochain.reporting.trace_records import Traces

__all__ = ["count_set", "merge", "run_record", "spread"]

Step = TypeVar("Step", LayerStep, PopulationStep)


def count_set(activity: Activity) -> CountSet:
    """The record of one batch."""
    return msgspec.convert(activity.to_dict(), CountSet)


def merge(a: CountSet, b: CountSet) -> CountSet:
    """Counts of two batches of the same network: integers add up, step by step and in total."""
    if (a.counting, a.steps) != (b.counting, b.steps):
        raise InternalError("two batches differ in their set or in their number of steps.")
    return CountSet(
        counting=a.counting,
        samples=a.samples + b.samples,
        steps=a.steps,
        layers=_each(_merge_layers, a.layers, b.layers),
        populations=_each(_merge_populations, a.populations, b.populations),
        mapped=merge_mapped(a.mapped, b.mapped),
    )


def run_record(
    meta: Meta,
    model: CountSet,
    deployed: CountSet,
    *,
    predictions: Sequence[int] | None = None,
    evaluation: Evaluation | None = None,
    warnings: Sequence[str] = (),
    traces: Traces | None = None,
    placement: Placement | None = None,
) -> RunRecord:
    """Put a run's record together, with the estimates that are made unless lists are named."""
    record = RunRecord(
        meta=meta,
        layers=model.layers,
        populations=model.populations,
        deployed=deployed,
        predictions=None if predictions is None else list(predictions),
        evaluation=evaluation,
        warnings=list(warnings),
        traces=traces,
        placement=placement_record(placement),
    )
    return with_energy(record)


def spread(values: I64) -> Spread:
    """Mean, standard deviation, least, median and greatest of (sample,) integers."""
    return Spread(
        mean=float(values.mean()),
        sd=float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        min=int(values.min()),
        median=float(np.median(values)),
        max=int(values.max()),
    )


Record = TypeVar("Record", LayerRecord, PopulationRecord)


def _each(
    join: Callable[[Record, Record], Record], a: list[Record], b: list[Record]
) -> list[Record]:
    if [r.name for r in a] != [r.name for r in b]:
        raise InternalError("two batches of one network list different layers.")
    return [join(x, y) for x, y in zip(a, b, strict=True)]


def _merge_layers(a: LayerRecord, b: LayerRecord) -> LayerRecord:
    steps = _steps(a.per_timestep, b.per_timestep)
    return msgspec.structs.replace(a, **_sums(a, b, LAYER_COUNTS), per_timestep=steps)


def _merge_populations(a: PopulationRecord, b: PopulationRecord) -> PopulationRecord:
    sums = _sums(a, b, (*POPULATION_COUNTS, "updates"))
    rate = sums["spikes_out"] / sums["updates"] if sums["updates"] else 0.0
    steps = _steps(a.per_timestep, b.per_timestep)
    return msgspec.structs.replace(a, **sums, rate=rate, per_timestep=steps)


def _sums(a: Any, b: Any, names: Sequence[str]) -> dict[str, int]:
    return {name: getattr(a, name) + getattr(b, name) for name in names}


def _steps(a: list[Step], b: list[Step]) -> list[Step]:
    return [
        type(x)(**{name: getattr(x, name) + getattr(y, name) for name in x.__struct_fields__})
        for x, y in zip(a, b, strict=True)
    ]
