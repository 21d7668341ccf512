"""What an export gave: files, and for each node whether it is exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from neurochain.errors import Finding

__all__ = ["Divergence", "Fidelity", "Manifest", "Measured", "NodeNote"]


class Fidelity(StrEnum):
    """How faithful one node's export is."""

    EXACT = "exact"  # others execute it as the graph says
    ROUNDED = "rounded"  # the same, but the reader's float32 parameters are not exactly ours
    APPROXIMATE = "approximate"  # the same up to float32 rounding, within the bound that is named
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
class Divergence:
    """One population on the same input: the network here, and what was written as others run it.

    differing  (sample, step, neuron) at which only one of the two spikes, out of `compared`
    first_step earliest step, over all samples, at which they differ; None where they never do
    state_difference
               the greatest, of any state (and of values that are sent instead of spikes) after any
               step; None where the other side shows none
    """

    name: str
    spikes_here: int
    spikes_there: int
    differing: int
    compared: int
    first_step: int | None
    state_difference: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What an export was run on.

    consumer  program that ran it; versions: distribution -> version
    input     where it is from: "given", or how it was drawn
    """

    consumer: str
    versions: Mapping[str, str]
    input: str
    samples: int
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Files written, one note a node, and what is worth knowing about the whole.

    reader      which program the files were written for
    divergence  one entry a population, None where nothing was measured
    measured    on what; None where nothing was measured
    unmeasured  why nothing was, and what to do; "" where there is nobody to measure with
    """

    format: str
    files: tuple[Path, ...]
    notes: tuple[NodeNote, ...]
    findings: tuple[Finding, ...] = ()
    reader: str = "reference"
    divergence: tuple[Divergence, ...] | None = None
    measured: Measured | None = None
    unmeasured: str = ""

    @property
    def exact(self) -> bool:
        """Whether others execute every node as the graph says."""
        return all(note.fidelity is Fidelity.EXACT for note in self.notes)

    @property
    def lossy(self) -> bool:
        """Whether others execute some node differently."""
        return any(note.fidelity is Fidelity.LOSSY for note in self.notes)
