"""network.yaml: groups, edges and their places, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.exporters.sanafe.architecture import SYNAPSES
from neurochain.exporters.sanafe.edges import edges
from neurochain.exporters.sanafe.groups import Groups
from neurochain.exporters.sanafe.layout import Group, Layout
from neurochain.mapping import Placement
from neurochain.network import I64, Network, Population

__all__ = ["input_units", "network_lines"]

_FULL = 4096


def network_lines(
    network: Network,
    placement: Placement,
    layout: Layout,
    groups: Groups,
    synapses: Mapping[str, str],
) -> Iterator[str]:
    """The lines of the file. synapses: population -> the price of its synaptic events."""
    units = input_units(groups)
    yield from ("network:", "  name: network", "  groups:")
    for group in groups.groups:
        yield f"    - name: {group.name}"
        if group.train is None:
            population = next(p for p in network.populations if p.name == group.node)
            yield from _neurons(population, SYNAPSES[synapses[group.node]])
        else:
            yield from _inputs(group, units[group.name])
    yield "  edges:"
    yield from _edge_lines(network, placement, layout, groups)
    yield "mappings:"
    for group in groups.groups:
        if group.train is None:
            yield from _places(group)
            continue
        for k, (tile, offset) in enumerate(zip(group.tile, group.offset, strict=True)):
            unit = units[group.name][k]
            yield f'  - {group.name}.{k}: {{core: {tile}.{offset}, soma: "inputs[{unit}]"}}'


def input_units(groups: Groups) -> dict[str, I64]:
    """Group -> (n,) which of its core's inputs each neuron is."""
    used: dict[tuple[int, int], int] = {}
    found = {}
    for group in groups.groups:
        if group.train is None:
            continue
        numbers = np.empty(len(group.tile), dtype=np.int64)
        for k, core in enumerate(zip(group.tile.tolist(), group.offset.tolist(), strict=True)):
            numbers[k] = used.get(core, 0)
            used[core] = int(numbers[k]) + 1
        found[group.name] = numbers
    return found


def _neurons(population: Population, synapse: str) -> Iterator[str]:
    """A population; runs of neurons with the same parameters are one line."""
    yield (
        f"      attributes: {{soma_hw_name: lif, dendrite_hw_name: sum_{synapse}, "
        f"synapse_hw_name: {synapse}, "
        "log_spikes: true, soma: {reset_mode: hard, reset: 0.0}}"
    )
    yield "      neurons:"
    names = ("du", "dv", "vth", "bias")
    columns = np.stack(
        [np.broadcast_to(population.params[name], (population.n,)) for name in names], axis=1
    )
    for begin, end in _runs(columns):
        du, dv, vth, bias = (int(value) for value in columns[begin])
        text = f"threshold: {vth}.0, leak_decay: {(_FULL - dv) / _FULL!r}"
        if du != _FULL - 1:
            text += f", input_decay: {(_FULL - 1 - du) / _FULL!r}"
        if bias:
            text += f", bias: {bias / 64!r}"
        yield f"        - {begin}..{end - 1}: {{soma: {{{text}}}}}"


def _runs(rows: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Ranges of equal rows."""
    change = np.flatnonzero((rows[1:] != rows[:-1]).any(axis=1)) + 1
    bounds = [0, *change.tolist(), len(rows)]
    yield from pairwise(bounds)


def _inputs(group: Group, units: I64) -> Iterator[str]:
    units_used = "dendrite_hw_name: sum_dense, synapse_hw_name: dense"
    yield f"      attributes: {{{units_used}, log_spikes: true}}"
    yield "      neurons:"
    train = group.train if group.train is not None else np.zeros((0, 0), dtype=np.bool_)
    for k in range(len(group.tile)):
        last = np.flatnonzero(train[:, k])
        until = int(last[-1]) + 1 if last.size else 1
        spikes = ", ".join("1" if fired else "0" for fired in train[:until, k])
        yield f'        - {k}: {{soma_hw_name: "inputs[{units[k]}]", soma: {{spikes: [{spikes}]}}}}'


def _edge_lines(
    network: Network, placement: Placement, layout: Layout, groups: Groups
) -> Iterator[str]:
    names = {group.node: group.name for group in groups.groups if group.train is None}
    for p in network.projections:
        tile, _ = layout.place(placement.core_of[p.target])
        late = f", delay: {p.delay - 1}" if p.delay > 1 else ""
        for source, target, weight in edges(p):
            for where, sender in groups.senders[p.source].items():
                chosen = slice(None) if where < 0 else tile[target] == where
                triples = zip(
                    sender.index[source[chosen]].tolist(),
                    target[chosen].tolist(),
                    weight[chosen].tolist(),
                    strict=True,
                )
                to = names[p.target]
                for i, j, w in triples:
                    yield f"    - {sender.group}.{i} -> {to}.{j}: {{weight: {w}.0{late}}}"
    for start in groups.starts:
        for j, w in zip(start.neurons.tolist(), start.weights.tolist(), strict=True):
            yield f"    - {start.group}.0 -> {start.target}.{j}: {{weight: {w / 64!r}}}"


def _places(group: Group) -> Iterator[str]:
    address = np.stack([group.tile, group.offset], axis=1)
    for begin, end in _runs(address):
        tile, offset = address[begin]
        yield f"  - {group.name}.{begin}..{end - 1}: {{core: {tile}.{offset}, soma: lif}}"
