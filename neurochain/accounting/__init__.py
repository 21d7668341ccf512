"""Exact counts of operations."""

from neurochain.accounting.activity import (
    LAYER_COUNTS,
    POPULATION_COUNTS,
    Activity,
    LayerActivity,
    PopulationActivity,
    count,
)
from neurochain.accounting.mapped import CORE_COUNTS, NODE_COUNTS, MappedActivity
from neurochain.accounting.raw import POPULATION_COLUMNS, PROJECTION_COLUMNS, RawCounts
from neurochain.accounting.widths import stored_widths

__all__ = [
    "CORE_COUNTS",
    "LAYER_COUNTS",
    "NODE_COUNTS",
    "POPULATION_COLUMNS",
    "POPULATION_COUNTS",
    "PROJECTION_COLUMNS",
    "Activity",
    "LayerActivity",
    "MappedActivity",
    "PopulationActivity",
    "RawCounts",
    "count",
    "stored_widths",
]
