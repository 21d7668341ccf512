"""Raw counts: the 64-bit integers an engine takes where the operation happens.

Every array is (sample, step, column), int64. A *unit* event has the value -1 or +1, any other
nonzero value is *other* (a multiply). `model` uses the fan-out of the trained weights, `effective`
that of the stored ones; they differ only where weights were quantised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from neurochain.network import I64

__all__ = ["POPULATION_COLUMNS", "PROJECTION_COLUMNS", "RawCounts"]

PROJECTION_COLUMNS = (
    "events_unit",
    "events_other",
    "nominal_unit",
    "nominal_other",
    "effective_unit",
    "effective_other",
    "model_unit",
    "model_other",
)
"""Per projection: events, and the sums of their fan-outs (structural, nonzero, nonzero as trained).

An event is a nonzero value of the source that reaches the projection in this step (after its
delay; emissions from before step 0 count where an initial state delivers them).
"""

POPULATION_COLUMNS = ("emitted", "updates_input", "updates_changed")
"""Per population: nonzero emissions; neurons that received at least one event through a nonzero
weight or have a nonzero bias or leak in this step; neurons whose stored state bits changed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawCounts:
    """projections[name] (sample, step, 8) and populations[name] (sample, step, 3), int64.

    bias_from[name] (sample,): the first step of this run that adds the projection's bias, for
    projections with `bias_from_step`; it is less where a run carries on from an earlier one.
    """

    projections: Mapping[str, I64]
    populations: Mapping[str, I64]
    bias_from: Mapping[str, I64] = field(default_factory=dict)
