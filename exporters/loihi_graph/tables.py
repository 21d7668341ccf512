"""A network and its placement as flat tables: compartments, axons, synapses.

All rows lie core by core. A compartment's, input axon's or output axon's local number is its row
less the first row of its core.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neurochain.exporters.loihi_graph.synapses import synapses_of
from neurochain.mapping import Placement
from neurochain.network import I64, Network

__all__ = ["Axons", "Compartments", "Tables", "tables_of"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compartments:
    """begin (cores + 1,); population (index), neuron: (n,), by core, population, neuron.

    Of inputs that are placed on cores: population -1 - k is input k, neuron its element.
    """

    begin: I64
    population: I64
    neuron: I64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Axons:
    """Lists of synapses that an event addresses, by core, projection, source.

    begin                          (cores + 1,)
    core, projection, source       (axons,): row of the core, index, element of the source node
    synapses                       (axons + 1,) first row of each list
    compartment, weight            (synapses,) local number in the core, ascending in a list
    """

    begin: I64
    core: I64
    projection: I64
    source: I64
    synapses: I64
    compartment: I64
    weight: I64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tables:
    """cores (used cores,) numbers; `leaving` and `entering` address axons of `axons` by row.

    leaving   begin (cores + 1,); compartment (local), axon (row): (n,)
    entering  source -> (element, axon row), each (n,)
    """

    cores: I64
    compartments: Compartments
    axons: Axons
    leaving_begin: I64
    leaving_compartment: I64
    leaving_axon: I64
    entering: Mapping[str, tuple[I64, I64]]


def tables_of(network: Network, placement: Placement) -> Tables:
    """Every compartment, axon and synapse of a placed network."""
    row_of = {
        node.name: np.searchsorted(placement.cores, placement.core_of[node.name])
        for node in network.nodes
        if node.name in placement.core_of
    }
    compartments, local = _compartments(network, row_of, len(placement.cores))
    axons = _axons(network, row_of, local, len(placement.cores))
    begin, compartment, axon = _leaving(network, row_of, local, axons)
    return Tables(
        cores=placement.cores,
        compartments=compartments,
        axons=axons,
        leaving_begin=begin,
        leaving_compartment=compartment,
        leaving_axon=axon,
        entering=_entering(network, row_of, axons),
    )


def _begins(row: I64, cores: int) -> I64:
    """Where each core's rows begin, of rows sorted by core."""
    return np.searchsorted(row, np.arange(cores + 1)).astype(np.int64)


def _compartments(
    network: Network, row_of: Mapping[str, I64], cores: int
) -> tuple[Compartments, dict[str, I64]]:
    """The compartments, and the local number of every neuron by node."""
    numbers = {s.name: -1 - k for k, s in enumerate(network.sources)}
    numbers |= {p.name: k for k, p in enumerate(network.populations)}
    sizes = [len(row) for row in row_of.values()]
    population = np.repeat([numbers[name] for name in row_of], sizes)
    neuron = np.concatenate([np.arange(n) for n in sizes])
    row = np.concatenate(list(row_of.values()))
    order = np.lexsort((neuron, population, row))
    begin = _begins(row[order], cores)
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order)) - begin[row[order]]
    ends = np.cumsum(sizes)
    local = {name: number[end - n : end] for name, n, end in zip(row_of, sizes, ends, strict=True)}
    found = Compartments(begin=begin, population=population[order], neuron=neuron[order])
    return found, local


def _axons(
    network: Network, row_of: Mapping[str, I64], local: Mapping[str, I64], cores: int
) -> Axons:
    """Sort the synapses of each projection into lists, then the lists of all by core."""
    empty = np.zeros(0, dtype=np.int64)
    heads: list[I64] = [np.stack([empty] * 5)]  # core, projection, source, first synapse, count
    compartments, weights, done = [empty], [empty], 0
    for k, projection in enumerate(network.projections):
        found = synapses_of(projection.operator)
        row = row_of[projection.target][found.target]
        compartment = local[projection.target][found.target]
        order = np.lexsort((compartment, found.source, row))
        row, source = row[order], found.source[order]
        new = np.flatnonzero(np.diff(row, prepend=-1) | np.diff(source, prepend=-1))
        count = np.diff(np.append(new, len(row)))
        heads.append(np.stack([row[new], np.full_like(new, k), source[new], new + done, count]))
        compartments.append(compartment[order])
        weights.append(found.weight[order])
        done += len(row)
    core, projections, source, first, count = np.concatenate(heads, axis=1)
    order = np.lexsort((source, projections, core))
    first, count = first[order], count[order]
    ends = np.cumsum(count)
    gathered = np.arange(done) + np.repeat(first - (ends - count), count)
    return Axons(
        begin=_begins(core[order], cores),
        core=core[order],
        projection=projections[order],
        source=source[order],
        synapses=np.append(0, ends).astype(np.int64),
        compartment=np.concatenate(compartments)[gathered],
        weight=np.concatenate(weights)[gathered],
    )


def _leaving(
    network: Network, row_of: Mapping[str, I64], local: Mapping[str, I64], axons: Axons
) -> tuple[I64, I64, I64]:
    """Output axons by core, compartment and axon: first row of each core, compartment, axon."""
    rows, compartments, found = [], [], []
    for k, projection in enumerate(network.projections):
        if projection.source not in row_of:
            continue
        axon = np.flatnonzero(axons.projection == k)
        source = axons.source[axon]
        rows.append(row_of[projection.source][source])
        compartments.append(local[projection.source][source])
        found.append(axon)
    if not rows:
        return np.zeros(len(axons.begin), dtype=np.int64), *(np.zeros(0, dtype=np.int64),) * 2
    row, compartment, axon = (np.concatenate(a) for a in (rows, compartments, found))
    order = np.lexsort((axon, compartment, row))
    return _begins(row[order], len(axons.begin) - 1), compartment[order], axon[order]


def _entering(
    network: Network, row_of: Mapping[str, I64], axons: Axons
) -> dict[str, tuple[I64, I64]]:
    """Source -> what each of its elements reaches, by element and axon; none where it is placed."""
    entering = {}
    for node in network.sources:
        outside = node.name not in row_of
        used = [k for k, p in enumerate(network.projections) if outside and p.source == node.name]
        axon = np.flatnonzero(np.isin(axons.projection, used))
        element = axons.source[axon]
        order = np.lexsort((axon, element))
        entering[node.name] = element[order], axon[order]
    return entering
