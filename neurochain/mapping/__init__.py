"""Partition and placement: the neurons of a network on the cores of a target, under every limit."""

from neurochain.mapping.counting import PacketCounter
from neurochain.mapping.limits import CORE_LIMITS, Limits, Packing, limits_of
from neurochain.mapping.mapper import METHODS, OBJECTIVES, map_network
from neurochain.mapping.mesh import Mesh
from neurochain.mapping.placement import CoreRow, Placement
from neurochain.mapping.traffic import Costs

__all__ = [
    "CORE_LIMITS",
    "METHODS",
    "OBJECTIVES",
    "CoreRow",
    "Costs",
    "Limits",
    "Mesh",
    "PacketCounter",
    "Packing",
    "Placement",
    "limits_of",
    "map_network",
]
