"""Packets between cores: one for every spike and every core that its neuron reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neurochain.mapping.demand import Demand
from neurochain.mapping.mesh import Mesh, link_loads
from neurochain.mapping.partition import Partition
from neurochain.network import I64

__all__ = ["Costs", "Reach", "Traffic", "costs", "reaches", "traffic_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """Which cores each neuron of a node sends to: neuron, core (pairs,), every pair once."""

    neuron: I64
    core: I64


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """source, target, packets (pairs,) int64; pairs of the same core are left out, `local` counts.

    work (cores,): synaptic events that each core handles, for balance.
    """

    source: I64
    target: I64
    packets: I64
    local: int
    work: I64


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a placement costs for the spikes it was weighed with.

    packets         between different cores (the lambda - 1 metric of the cut)
    hops_x, hops_y  routers that packets pass on, east-west and north-south
    energy          hops times their prices, in the unit of `Limits.unit`
    peak_link       packets over the busiest link
    imbalance       synaptic events of the busiest core over the mean of all, 1: even
    """

    packets: int
    hops_x: int
    hops_y: int
    energy: int
    peak_link: int
    imbalance: float


def reaches(demand: Demand, cut: Partition) -> dict[str, Reach]:
    """Node -> where its neurons send to; two projections to one core share a packet."""
    pairs: dict[str, list[I64]] = {}
    for link in demand.links:
        found = cut.lists[link.name]
        pairs.setdefault(link.source, []).append(found.sources * cut.cores + found.cores)
    result = {}
    for node, keys in pairs.items():
        each = np.unique(np.concatenate(keys)) if len(keys) > 1 else keys[0]
        result[node] = Reach(neuron=each // cut.cores, core=each % cut.cores)
    return result


def traffic_of(demand: Demand, cut: Partition, spikes: Mapping[str, I64]) -> Traffic:
    """Packets between cores. spikes: node -> (n,) int64 spikes of each neuron, for all nodes."""
    keys, weights, local = [], [], 0
    for node, reach in reaches(demand, cut).items():
        if node not in cut.core_of:
            continue  # an input that comes from outside
        sender = cut.core_of[node][reach.neuron]
        sent = spikes[node][reach.neuron]
        inside = sender == reach.core
        local += int(sent[inside].sum())
        keys.append(sender[~inside] * cut.cores + reach.core[~inside])
        weights.append(sent[~inside])
    key = np.concatenate([np.zeros(0, dtype=np.int64), *keys])
    each, where = np.unique(key, return_inverse=True)
    packets = np.zeros(len(each), dtype=np.int64)
    np.add.at(packets, where.reshape(-1), np.concatenate([np.zeros(0, dtype=np.int64), *weights]))
    source, target = np.divmod(each, cut.cores)
    return Traffic(source, target, packets, local, _work(demand, cut, spikes))


def _work(demand: Demand, cut: Partition, spikes: Mapping[str, I64]) -> I64:
    work = np.zeros(cut.cores, dtype=np.int64)
    for link in demand.links:
        found = cut.lists[link.name]
        events = np.cumsum(np.append(0, spikes[link.source][found.sources] * found.synapses))
        work += np.diff(events[found.begin])
    return work


def costs(traffic: Traffic, place: I64, mesh: Mesh) -> Costs:
    """place (cores,): the mesh's core of each unit."""
    source, target = place[traffic.source], place[traffic.target]
    dx = int((np.abs(mesh.x[source] - mesh.x[target]) * traffic.packets).sum())
    dy = int((np.abs(mesh.y[source] - mesh.y[target]) * traffic.packets).sum())
    loads = link_loads(mesh, source, target, traffic.packets)
    mean = float(traffic.work.mean())
    return Costs(
        packets=int(traffic.packets.sum()),
        hops_x=dx,
        hops_y=dy,
        energy=dx * mesh.east_west + dy * mesh.north_south,
        peak_link=max(int(load.max(initial=0)) for load in loads),
        imbalance=float(traffic.work.max()) / mean if mean else 1.0,
    )
