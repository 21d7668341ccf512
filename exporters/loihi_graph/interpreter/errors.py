"""What is wrong with a graph, and where."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MOST_FAULTS", "Fault", "GraphError"]

MOST_FAULTS = 20
"""Named at once; more are counted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """where: a place in the files ("cores[2].x", "tensor synapse.weight"); what: with numbers."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class GraphError(ValueError):
    """The files are no loihi-graph, are damaged, or ask for more than a core has."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = tuple(faults)
        shown = [str(fault) for fault in faults[:MOST_FAULTS]]
        if len(faults) > MOST_FAULTS:
            shown.append(f"and {len(faults) - MOST_FAULTS} more")
        super().__init__("\n".join(shown))
