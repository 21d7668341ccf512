"""Placement: every neuron of a network on a core of a chip, and what that takes and costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from neurochain.mapping.mesh import Mesh, link_loads
from neurochain.mapping.traffic import Costs
from neurochain.network import I64

__all__ = ["CoreRow", "Placement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreRow:
    """A line of the resource table. used, most: by limit; most is None where none is known.

    binds: the limit that is nearest to its end, "" where the target limits nothing.
    """

    core: int
    chip: int
    nodes: Mapping[str, int]
    used: Mapping[str, int]
    most: Mapping[str, int | None]
    binds: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placement:
    """Where the neurons of a network lie.

    target, method, seed, objective   what it was made with
    weighed         "recorded" or "assumed": the spikes that `costs` are for
    core_of[node]   (n,) int64 core of each neuron; core c is core c % cores_per_chip of chip
                    c // cores_per_chip. Inputs are here only where they are placed on cores
    cores           (used cores,) int64, ascending
    used[limit]     (used cores,) int64, of every name in `limits.CORE_LIMITS`
    limits          limit -> the most a core has, where a number is known
    mesh            where the routers of all cores of these chips lie
    source, target_core, packets   (routes,) packets from core to core, for the same spikes
    costs, unit     what they cost; energy in `unit` (fJ, or hops where no price is known)
    """

    target: str
    method: str
    seed: int
    objective: str
    weighed: str
    chips: int
    cores_per_chip: int
    core_of: Mapping[str, I64]
    cores: I64
    used: Mapping[str, I64]
    limits: Mapping[str, int]
    source: I64
    target_core: I64
    packets: I64
    costs: Costs
    unit: str
    mesh: Mesh

    def __post_init__(self) -> None:
        for name in ("core_of", "used", "limits"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def rows(self) -> tuple[CoreRow, ...]:
        """The resource table, core by core."""
        nodes: list[dict[str, int]] = [{} for _ in self.cores]
        for node, where in self.core_of.items():
            for core, count in zip(*np.unique(where, return_counts=True), strict=True):
                nodes[int(np.searchsorted(self.cores, core))][node] = int(count)
        return tuple(
            CoreRow(
                core=int(core),
                chip=int(core) // self.cores_per_chip,
                nodes=nodes[k],
                used={name: int(values[k]) for name, values in self.used.items()},
                most={name: self.limits.get(name) for name in self.used},
                binds=self._binds(k),
            )
            for k, core in enumerate(self.cores)
        )

    def link_loads(self) -> tuple[I64, I64, I64, I64]:
        """Packets over every link of the mesh for the spikes that `costs` are for, XY routing.

        East and west (height, width - 1), south and north (height - 1, width), as of
        `neurochain.mapping.mesh.link_loads`; of a run: `MappedActivity.links`.
        """
        return link_loads(self.mesh, self.source, self.target_core, self.packets)

    def _binds(self, k: int) -> str:
        share = {name: self.used[name][k] / max(most, 1) for name, most in self.limits.items()}
        return max(share, key=lambda name: share[name], default="")
