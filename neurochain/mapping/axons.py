"""Input axon lists of every core, counted from a finished partition alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neurochain.mapping.demand import Demand, Link
from neurochain.mapping.incoming import Incoming
from neurochain.mapping.limits import CORE_LIMITS, Limits
from neurochain.network import I64

__all__ = ["AxonLists", "axon_lists", "grouped", "leaving_axons", "resources"]


@dataclass(frozen=True, slots=True, eq=False)
class AxonLists:
    """The lists of a projection: core c has those of begin[c] to begin[c + 1].

    sources, synapses  (lists,) the neuron a list belongs to, and how many synapses it has
    span               (cores,) neurons of the target in each core
    """

    begin: I64
    sources: I64
    synapses: I64
    span: I64

    @property
    def cores(self) -> I64:
        """(lists,) the core of each list."""
        return np.repeat(np.arange(len(self.span)), np.diff(self.begin))


def grouped(core_of: I64, cores: int) -> tuple[I64, I64]:
    """Neurons sorted by core, and where each core's begin, (cores + 1,)."""
    order = np.argsort(core_of, kind="stable")
    begin = np.concatenate([[0], np.cumsum(np.bincount(core_of, minlength=cores))])
    return order, begin


def axon_lists(feeds: Incoming, core_of: I64, cores: int) -> AxonLists:
    """The lists of a projection (its synapses), targets on `core_of` (n_out,) in 0..cores - 1."""
    order, begin = grouped(core_of, cores)
    sizes = np.zeros(cores, dtype=np.int64)
    sources, synapses = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for core in np.flatnonzero(np.diff(begin)):
        _, found = feeds.take(order[begin[core] : begin[core + 1]])
        if not found.size:
            continue
        low = int(found.min())
        counts = np.bincount(found - low)
        live = np.flatnonzero(counts)
        sizes[core] = live.size
        sources.append(live + low)
        synapses.append(counts[live])
    return AxonLists(
        begin=np.concatenate([[0], np.cumsum(sizes)]),
        sources=np.concatenate(sources),
        synapses=np.concatenate(synapses),
        span=np.diff(begin),
    )


def leaving_axons(demand: Demand, lists: Mapping[str, AxonLists]) -> dict[str, I64]:
    """Node -> (n,) output axons of each neuron: one a projection and core it reaches."""
    leaving = {node: np.zeros(demand.size(node), dtype=np.int64) for node in demand.shapes}
    for link in demand.links:
        if link.source in leaving:
            found = lists[link.name].sources
            leaving[link.source] += np.bincount(found, minlength=demand.size(link.source))
    return leaving


def resources(
    demand: Demand,
    core_of: Mapping[str, I64],
    lists: Mapping[str, AxonLists],
    limits: Limits,
    cores: int,
) -> dict[str, I64]:
    """Limit -> (cores,) what is used of it, for every name in CORE_LIMITS."""
    used = {name: np.zeros(cores, dtype=np.int64) for name in CORE_LIMITS}
    for where in core_of.values():
        used["neurons"] += np.bincount(where, minlength=cores)
    used["memory_bits"] += used["neurons"] * limits.bits_per_neuron
    formats: list[set[object]] = [set() for _ in range(cores)]
    for link in demand.links:
        found = lists[link.name]
        used["input_axons"] += np.diff(found.begin)
        used["memory_bits"] += _memory(link, found, limits)
        for core in np.flatnonzero(np.diff(found.begin)):
            formats[core].add(link.format)
    for node, axons in leaving_axons(demand, lists).items():
        used["output_axons"] += _sum_by(core_of[node], axons, cores)
    used["synapse_formats"] += np.asarray([len(f) for f in formats])
    for name in ("decay_profiles", "threshold_profiles"):
        pairs = [
            np.unique(core_of[node].astype(np.int64) * 2**32 + kinds[name])
            for node, kinds in demand.profiles.items()
        ]
        each = np.unique(np.concatenate(pairs)) >> 32
        used[name] += np.bincount(each, minlength=cores)
    return used


def _memory(link: Link, found: AxonLists, limits: Limits) -> I64:
    """(cores,) bits; each core keeps a projection's lists in the cheaper format."""
    packing = limits.packing
    each = packing.list_bits(found.synapses, link.sparse_width)
    sparse = np.diff(np.concatenate([[0], np.cumsum(each)])[found.begin])
    dense = np.diff(found.begin) * packing.list_bits(found.span, link.dense_width)
    return np.asarray(np.minimum(sparse, dense), dtype=np.int64)


def _sum_by(where: I64, values: I64, cores: int) -> I64:
    return np.bincount(where, weights=values, minlength=cores).astype(np.int64)
