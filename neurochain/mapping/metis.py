"""Layers cut by METIS: neurons that share sources stay together (pymetis, the extra `mapping`).

METIS cuts a graph into parts of about equal weight that share few edges; it knows no limits. Its
parts are taken as an order of neurons, in which cores are then filled under all limits.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neurochain.errors import Finding, InputError
from neurochain.mapping.demand import Demand
from neurochain.mapping.limits import Limits
from neurochain.mapping.partition import partition
from neurochain.network import I64

__all__ = ["metis_orders"]

_MOST_SYNAPSES = 20_000_000
_SEED = 1


def metis_orders(
    demand: Demand, limits: Limits, spikes: Mapping[str, I64], flat: Mapping[str, I64]
) -> dict[str, I64]:
    """Node -> its neurons, part after part.

    Errors: ImportError without pymetis; InputError for networks of more synapses than METIS holds.
    """
    import pymetis

    total = sum(int(link.synapses.fan_in.sum()) for link in demand.links)
    if total > _MOST_SYNAPSES:
        raise InputError(
            Finding(
                where="method metis",
                what=f"the network has {total:,} synapses, METIS is given {_MOST_SYNAPSES:,}.",
                fix="Use the method hilbert.",
            )
        )
    first, n = {}, 0
    for node in demand.shapes:
        first[node], n = n, n + demand.size(node)
    begin, other, weight = _graph(demand, spikes, first, n)
    parts = partition(demand, limits, flat).cores
    options = pymetis.Options(seed=_SEED, contig=0)
    _, member = pymetis.part_graph(
        max(parts, 1),
        pymetis.CSRAdjacency(begin.tolist(), other.tolist()),
        eweights=weight.tolist(),
        options=options,
    )
    part = np.asarray(member, dtype=np.int64)
    return {
        node: np.argsort(part[at : at + demand.size(node)], kind="stable").astype(np.int64)
        for node, at in first.items()
    }


def _graph(
    demand: Demand, spikes: Mapping[str, I64], first: Mapping[str, int], n: int
) -> tuple[I64, I64, I64]:
    """Both directions of every pair of neurons that are connected, heavier where they spike."""
    ones, others = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    weights = [np.zeros(0, dtype=np.int64)]
    for link in demand.links:
        if link.source not in first:
            continue
        counts, sources = link.synapses.take(np.arange(demand.size(link.target)))
        targets = np.repeat(np.arange(len(counts)), counts) + first[link.target]
        ones.append(sources.astype(np.int64) + first[link.source])
        others.append(targets)
        weights.append(1 + spikes[link.source][sources])
    one, other, weight = (np.concatenate(part) for part in (ones, others, weights))
    keep = one != other
    key = np.concatenate([one[keep] * n + other[keep], other[keep] * n + one[keep]])
    pairs, where = np.unique(key, return_inverse=True)
    total = np.bincount(where.reshape(-1), weights=np.tile(weight[keep], 2), minlength=len(pairs))
    begin = np.searchsorted(pairs // n, np.arange(n + 1))
    return begin, pairs % n, total.astype(np.int64)
