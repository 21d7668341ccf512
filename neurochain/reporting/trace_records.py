"""Records of what single neurons did: a part of one sample, and which part."""

from __future__ import annotations

from neurochain.reporting.record import Record

__all__ = ["MembraneTrace", "PopulationTrace", "Traces"]


class MembraneTrace(Record, frozen=True, kw_only=True):
    """One neuron's membrane after each step: least and greatest value of each bin of steps."""

    neuron: int
    low: list[float]
    high: list[float]


class PopulationTrace(Record, frozen=True, kw_only=True):
    """Some neurons of a population.

    shown      their flat indices, evenly spaced
    spikes     for each, a bit a step (first step: highest bit), as base64
    threshold  where all neurons have the same
    """

    population: str
    neurons: int
    shown: list[int]
    spikes: list[str]
    membranes: list[MembraneTrace]
    threshold: float | None


class Traces(Record, frozen=True, kw_only=True):
    """Spikes and membranes of the first `steps` steps of sample `sample`.

    bin_steps  steps in a bin of a membrane trace
    """

    sample: int
    steps: int
    of_steps: int
    bin_steps: int
    populations: list[PopulationTrace]
