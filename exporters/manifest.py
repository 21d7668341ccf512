"""What an export gave: files, and for each node whether it is exact."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from neurochain.errors import Finding

__all__ = ["Fidelity", "Manifest", "NodeNote"]


class Fidelity(StrEnum):
    """How faithful one node's export is."""

    EXACT = "exact"  # others execute it as the graph says
    LOSSY = "lossy"  # others execute it differently
    REFUSED = "refused"  # the format cannot hold it


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeNote:
    """One node (or edge) of an export, with the reason and a way out where it is not exact."""

    name: str
    kind: str
    fidelity: Fidelity
    reason: str = ""
    fix: str = ""

    @property
    def finding(self) -> Finding:
        """The note as a finding."""
        return Finding(where=f"{self.name} ({self.kind})", what=self.reason, fix=self.fix)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Files written, one note a node, and what is worth knowing about the whole."""

    format: str
    files: tuple[Path, ...]
    notes: tuple[NodeNote, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether others execute every node as the graph says."""
        return all(note.fidelity is Fidelity.EXACT for note in self.notes)
