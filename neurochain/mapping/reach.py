"""Where the spikes of each neuron go: its synapses core by core, and its packets."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from neurochain.mapping.axons import axon_lists
from neurochain.mapping.incoming import incoming
from neurochain.mapping.placement import Placement
from neurochain.network import I64, Network, Projection

__all__ = ["Rows", "layer_rows", "packet_rows"]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Entries of each neuron: neuron i has those of begin[i] to begin[i + 1].

    core    (entries,) position of the core in `Placement.cores`
    weight  (entries,) how often a spike counts there: synapses, or 1 for a packet
    """

    begin: I64
    core: I64
    weight: I64

    def of(self, neurons: I64) -> tuple[I64, I64]:
        """(k,) neurons, repetitions allowed -> (entries,) which of the k, and which entry."""
        counts = np.diff(self.begin)[neurons]
        ends = np.cumsum(counts)
        entry = np.repeat(self.begin[neurons] - (ends - counts), counts)
        entry += np.arange(entry.size)
        return np.repeat(np.arange(len(neurons)), counts), entry


def layer_rows(placement: Placement, projection: Projection) -> Rows:
    """The nonzero weights of each source neuron, by the core of their targets."""
    operator = projection.operator
    where = np.searchsorted(placement.cores, placement.core_of[projection.target])
    lists = axon_lists(incoming(operator, projection.name), where, len(placement.cores))
    return _rows(operator.n_in, lists.sources, lists.cores, lists.synapses)


def packet_rows(network: Network, placement: Placement, layers: dict[str, Rows], node: str) -> Rows:
    """The cores that each neuron reaches by any projection: a packet each, its own included."""
    n, cores = prod(network.node(node).shape), len(placement.cores)
    keys = [np.zeros(0, dtype=np.int64)]
    for p in network.projections:
        if p.source == node:
            rows = layers[p.name]
            keys.append(np.repeat(np.arange(n), np.diff(rows.begin)) * cores + rows.core)
    each = np.unique(np.concatenate(keys))
    return _rows(n, each // cores, each % cores, np.ones(len(each), dtype=np.int64))


def _rows(n: int, neuron: I64, core: I64, weight: I64) -> Rows:
    order = np.argsort(neuron, kind="stable")
    begin = np.concatenate([[0], np.cumsum(np.bincount(neuron, minlength=n))]).astype(np.int64)
    return Rows(begin=begin, core=core[order], weight=weight[order])
