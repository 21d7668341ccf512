"""Whether a placement that was read from a file can be one of its network."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from neurochain.mapping.mesh import Mesh
from neurochain.mapping.placement import Placement
from neurochain.network import Network

__all__ = ["placement_fault"]


def placement_fault(placement: Placement, network: Network) -> str:
    """What is wrong with it, "" where every core, route and count is one that it can have.

    What the layers take in memory is not counted again.
    """
    sizes = {node.name: prod(node.shape) for node in network.nodes}
    missing = {p.name for p in network.populations} - set(placement.core_of)
    if missing or set(placement.core_of) - set(sizes):
        return "it is of another network"
    if any(not _whole(at, sizes[node]) for node, at in placement.core_of.items()):
        return "it is of another network"
    return (
        _mesh_fault(placement.mesh, placement.chips * placement.cores_per_chip)
        or _cores_fault(placement)
        or _used_fault(placement, network)
        or _routes_fault(placement)
    )


def _whole(array: Any, n: int) -> bool:
    return isinstance(array, np.ndarray) and array.dtype == np.int64 and array.shape == (n,)


def _within(array: Any, n: int, most: int) -> bool:
    """(n,) int64 from 0 to most - 1."""
    return _whole(array, n) and (n == 0 or (int(array.min()) >= 0 and int(array.max()) < most))


def _mesh_fault(mesh: Mesh, cores: int) -> str:
    there = _within(mesh.x, cores, mesh.width) and _within(mesh.y, cores, mesh.height)
    return "" if there else "its cores lie beside the mesh"


def _cores_fault(placement: Placement) -> str:
    cores = placement.cores
    if not _within(cores, len(cores), placement.mesh.cores) or (np.diff(cores) <= 0).any():
        return "its cores are not those of its chips, ascending"
    if any(not np.isin(at, cores).all() for at in placement.core_of.values()):
        return "neurons lie on cores that it does not use"
    return ""


def _used_fault(placement: Placement, network: Network) -> str:
    n = len(placement.cores)
    if any(not _within(values, n, 2**62) for values in placement.used.values()):
        return "what its cores use are no whole numbers, one a core"
    above = [k for k, most in placement.limits.items() if (placement.used[k] > most).any()]
    if above:
        return f"a core uses more {above[0]} than it has"
    held = {node: _neurons(placement, node) for node in placement.core_of}
    least = sum(held[p.name] for p in network.populations)
    used = placement.used["neurons"]
    if (used < least).any() or (used > sum(held.values())).any():
        return "its cores hold another number of neurons than they count"
    return ""


def _neurons(placement: Placement, node: str) -> Any:
    at = np.searchsorted(placement.cores, placement.core_of[node])
    return np.bincount(at, minlength=len(placement.cores))


def _routes_fault(placement: Placement) -> str:
    routes, cores = len(placement.packets), placement.mesh.cores
    ends = (placement.source, placement.target_core)
    if _within(placement.packets, routes, 2**62) and all(_within(e, routes, cores) for e in ends):
        return ""
    return "its packets go between cores that it does not have"
