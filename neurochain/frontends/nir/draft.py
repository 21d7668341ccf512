"""A graph on the way from a file: what has been decided and found so far."""

from __future__ import annotations

from dataclasses import dataclass

from neurochain.errors import Finding, Severity
from neurochain.frontends.nir.metadata import Facts
from neurochain.graph import Edge, Node
from neurochain.graph.components import strong_components

__all__ = ["Draft"]


@dataclass(slots=True, kw_only=True, eq=False)
class Draft:
    """Nodes and edges as they stand, findings to report, facts to print.

    stored      what our own metadata said about the file, None where there is none
    convention  what the decisions are called after in messages ("" for the reference)
    """

    nodes: dict[str, Node]
    edges: tuple[Edge, ...]
    stored: Facts | None
    findings: list[Finding]
    facts: dict[str, str]
    convention: str = ""

    def note(
        self, what: str, *, where: str = "", fix: str = "", severity: Severity = Severity.INFO
    ) -> None:
        """Add a finding, about the whole file or about the node `where`."""
        self.findings.append(Finding(where=where, what=what, fix=fix, severity=severity))

    def overruled(self, name: str, known: object, given: object) -> None:
        """Warn where an option differs from what the file or the convention says."""
        if known is None or known == given:
            return
        whose = f"{self.convention} means" if self.convention else "the file says"
        self.note(
            f"{name} {given} was given, {whose} {known}.",
            fix=f"Leave {name} out to run it as it was written.",
            severity=Severity.WARNING,
        )

    def on_cycles(self) -> set[str]:
        """Names of the nodes whose result comes back to them."""
        pairs = [(edge.source, edge.target) for edge in self.edges]
        component = strong_components(list(self.nodes), pairs)
        return {s for s, t in pairs if component[s] == component[t]}
