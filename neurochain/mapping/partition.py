"""Layers cut into cores (units that have no place on the chip yet), under every limit of a core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neurochain.errors import Finding, FitError
from neurochain.mapping.axons import AxonLists, axon_lists, leaving_axons, resources
from neurochain.mapping.demand import Demand
from neurochain.mapping.fill import BlockedError, fill
from neurochain.mapping.fit import neuron_finding, rounds_finding
from neurochain.mapping.limits import Limits
from neurochain.network import I64

__all__ = ["CutError", "Partition", "partition"]

_ROUNDS = 12


class CutError(FitError):
    """Layers that do not fit, cut in this order; beyond: used / most of what exceeds, summed."""

    def __init__(self, beyond: float, *findings: Finding) -> None:
        super().__init__(*findings)
        self.beyond = beyond


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """core_of[node] (n,) unit of each neuron, units numbered in the order they were filled.

    lists   projection -> its input axon lists
    used    limit -> (cores,), of every limit in CORE_LIMITS
    """

    core_of: Mapping[str, I64]
    cores: int
    lists: Mapping[str, AxonLists]
    used: Mapping[str, I64]


def partition(
    demand: Demand,
    limits: Limits,
    orders: Mapping[str, I64],
    *,
    even: bool = False,
) -> Partition:
    """Fill cores with every node's neurons in the order given; small layers share a core.

    orders  node -> (n,) permutation of its neurons
    even    the cores of a layer get about as many neurons each, where that takes no more cores

    A layer's output axons depend on how the layers behind it are cut, which may be filled later or
    be the layer itself: filling is repeated with the axons counted, until they fit.
    Errors: FitError, with every layer that has a neuron too large for a core.
    """
    leaving = {node: np.zeros(demand.size(node), dtype=np.int64) for node in demand.shapes}
    for _ in range(_ROUNDS):
        begins = _filled(demand, limits, orders, leaving, even=even)
        cut = _joined(demand, limits, _cut(demand, limits, orders, begins))
        most = limits.core.get("output_axons")
        if most is None or (cut.used["output_axons"] <= most).all():
            return cut
        counted = leaving_axons(demand, cut.lists)
        leaving = {node: np.maximum(leaving[node], counted[node]) for node in leaving}
    worst = int(cut.used["output_axons"].max())
    raise CutError(
        worst / max(limits.core["output_axons"], 1), rounds_finding(cut.core_of, cut.used, limits)
    )


def _filled(
    demand: Demand,
    limits: Limits,
    orders: Mapping[str, I64],
    leaving: Mapping[str, I64],
    *,
    even: bool,
) -> dict[str, I64]:
    """Node -> where its cores begin. Errors: FitError, all layers at once."""
    begins, findings, beyond = {}, [], 0.0
    for node in demand.shapes:
        feeds, profiles = demand.feeding(node), demand.profiles.get(node, {})
        rest = (orders[node], feeds, profiles, leaving[node], limits)
        try:
            begins[node] = fill(*rest)
            parts = len(begins[node])
            if even and parts > 1:
                spread = fill(*rest, -(-len(orders[node]) // parts))
                begins[node] = spread if len(spread) == parts else begins[node]
        except BlockedError as found:
            findings.append(neuron_finding(node, feeds, found, limits))
            beyond += found.used / max(found.most, 1)
    if findings:
        raise CutError(beyond, *findings)
    return begins


def _cut(
    demand: Demand, limits: Limits, orders: Mapping[str, I64], begins: Mapping[str, I64]
) -> Partition:
    core_of, cores = {}, 0
    for node, order in orders.items():
        sizes = np.diff(np.append(begins[node], len(order)))
        where = np.empty(len(order), dtype=np.int64)
        where[order] = np.repeat(np.arange(cores, cores + len(sizes)), sizes)
        core_of[node] = where
        cores += len(sizes)
    return _counted(demand, limits, core_of, cores)


def _counted(demand: Demand, limits: Limits, core_of: Mapping[str, I64], cores: int) -> Partition:
    lists = {
        link.name: axon_lists(link.synapses, core_of[link.target], cores) for link in demand.links
    }
    used = resources(demand, core_of, lists, limits, cores)
    return Partition(core_of=core_of, cores=cores, lists=lists, used=used)


def _joined(demand: Demand, limits: Limits, cut: Partition) -> Partition:
    """Neighbours in the order of filling on one core, as long as the sum fits.

    What is counted of two cores on one is at most the sum, but for lists without index: they grow
    with the neurons of their layer, so the result is counted again.
    """
    limited = [cut.used[name] for name in limits.core]
    most = np.asarray(list(limits.core.values()), dtype=np.int64)
    each = np.stack(limited, axis=1) if limited else np.zeros((cut.cores, 0), dtype=np.int64)
    onto = np.zeros(cut.cores, dtype=np.int64)
    running = each[0].copy()
    for core in range(1, cut.cores):
        together = running + each[core]
        if (together <= most).all():
            onto[core], running = onto[core - 1], together
        else:
            onto[core], running = onto[core - 1] + 1, each[core].copy()
    if onto[-1] == cut.cores - 1:
        return cut
    core_of = {node: onto[where] for node, where in cut.core_of.items()}
    joined = _counted(demand, limits, core_of, int(onto[-1]) + 1)
    fits = all((joined.used[name] <= limit).all() for name, limit in limits.core.items())
    return joined if fits else cut
