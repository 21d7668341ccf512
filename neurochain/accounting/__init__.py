"""Exact counts of operations."""

from neurochain.accounting.raw import POPULATION_COLUMNS, PROJECTION_COLUMNS, RawCounts

__all__ = ["POPULATION_COLUMNS", "PROJECTION_COLUMNS", "RawCounts"]
