"""What other tools would count for the same run, and why they differ."""

from neurochain.accounting.definitions.neurobench import (
    Calls,
    NeuroBench,
    calls_of,
    neurobench,
    neurobench_of_calls,
)
from neurochain.accounting.definitions.others import Definition, definitions

__all__ = [
    "Calls",
    "Definition",
    "NeuroBench",
    "calls_of",
    "definitions",
    "neurobench",
    "neurobench_of_calls",
]
