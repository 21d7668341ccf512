"""What there is to put on the chip: neurons and the linear maps between them, still in float.

Relays are gone: what leads from one neuron to another is one link, however many maps it came
through. Gains are in the weights, leaks in the bias, thresholds of single neurons in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding
from neurochain.network import I64, Operator, OutputPort, Source

__all__ = ["F64", "Link", "Plan", "Unit", "UnitKind"]

F64 = NDArray[np.float64]


class UnitKind(StrEnum):
    """What a unit does."""

    LIF = "lif"  # leaky integrate-and-fire, with or without synaptic current
    READOUT = "readout"  # a leaky integrator that never spikes
    ANY = "any"  # spikes where any of its inputs does: max pooling


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unit:
    """n neurons.

    alpha  () or (n,), the share of the synaptic current that stays; 0: none stays
    beta   () or (n,), the share of the membrane that stays
    theta  the threshold of all; spikes where v > theta, or >= where `equal`
    bias   (n,) added to the membrane at every step
    """

    name: str
    shape: tuple[int, ...]
    kind: UnitKind
    alpha: F64
    beta: F64
    theta: float
    equal: bool
    bias: F64

    @property
    def n(self) -> int:
        """Number of neurons."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Link:
    """source -> target through weights (float32), `delay` steps late in zero-delay time.

    fanout, nonzero  of the trained weights, before rounding
    """

    name: str
    source: str
    target: str
    operator: Operator
    delay: int
    fanout: I64
    nonzero: int

    @property
    def weights(self) -> F64:
        """All stored weights."""
        weights: NDArray[Any] | None = self.operator.weight
        return np.zeros(0) if weights is None else weights.astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """Units in execution order, links in declared order."""

    sources: tuple[Source, ...]
    units: tuple[Unit, ...]
    links: tuple[Link, ...]
    outputs: tuple[OutputPort, ...]
    dt_s: float
    findings: tuple[Finding, ...] = ()

    def unit(self, name: str) -> Unit:
        """The unit called `name`; KeyError if there is none."""
        for unit in self.units:
            if unit.name == name:
                return unit
        raise KeyError(name)

    def into(self, name: str) -> tuple[Link, ...]:
        """The links into a unit."""
        return tuple(link for link in self.links if link.target == name)
