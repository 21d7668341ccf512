"""What every exporter to a folder is given, and what it has to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurochain.errors import Finding
from neurochain.exporters.consumer import Consumer
from neurochain.exporters.manifest import NodeNote
from neurochain.mapping import Placement
from neurochain.network import F32, Network, Population
from neurochain.targets import Target

__all__ = ["Exporter", "Job", "integer_refusal"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """One export.

    network   what to write
    name      how the source is called, for titles
    inputs    source -> (sample, step, n) float32: input to record or measure with, None: none given
    seed      of the input that an exporter draws where it needs one and none is given
    placement on the cores of a chip, None where there is none
    target    the chip, where it is not one that neurochain ships
    """

    network: Network
    name: str
    inputs: Mapping[str, F32] | None = None
    seed: int = 0
    placement: Placement | None = None
    target: Target | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """A format.

    summary  one line for `--help`
    check    rates every source, projection and population; refuses by a note, never by raising,
             so that all refused nodes are named at once
    write    writes the files into an empty folder; it runs only where nothing is refused, and
             returns what is worth knowing about the whole
    consumer runs what was written, to measure how far it is from the network; None: nobody does
    """

    summary: str
    check: Callable[[Job], Sequence[NodeNote]]
    write: Callable[[Job, Path], Sequence[Finding]]
    consumer: Consumer | None = None


def integer_refusal(population: Population) -> str:
    """Why a format that is written for float32 does not take a population; "" where it does."""
    if population.program.number == "float32":
        return ""
    return "calculates in a chip's integers; this format takes what --target was given."
