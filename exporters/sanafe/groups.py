"""Groups of neurons as they are written: populations, inputs on cores, and inputs on host cores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.exporters.sanafe.layout import Group, Layout, safe_names
from neurochain.exporters.sanafe.start import clearing_step, start_currents
from neurochain.mapping import Placement
from neurochain.mapping.reach import layer_rows
from neurochain.network import F32, I64, Network, Population

__all__ = ["Edge", "Groups", "Start", "groups_of"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Start:
    """An input of one neuron that clears a layer on one tile: weights (n,) in units of 2^-6."""

    group: str
    target: str
    neurons: I64
    weights: I64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Edge:
    """Which group sends the spikes of a source to a tile: `group` of `neurons` of the source."""

    group: str
    index: I64  # (n,) number in the group, -1 where it has no synapse there


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Groups:
    """senders[node]: tile -> Edge; tile -1: from anywhere, for nodes that lie on cores."""

    groups: tuple[Group, ...]
    senders: Mapping[str, Mapping[int, Edge]]
    starts: tuple[Start, ...]


def groups_of(
    network: Network, placement: Placement, layout: Layout, inputs: Mapping[str, F32], steps: int
) -> Groups:
    """inputs[source] (step, n): what it sends, on the chip's time axis of so many steps."""
    names = safe_names(tuple(node.name for node in network.nodes))
    groups: list[Group] = []
    senders: dict[str, dict[int, Edge]] = {}
    for node in network.nodes:
        name = names[node.name]
        train = None if isinstance(node, Population) else inputs[node.name] != 0
        if node.name in placement.core_of:
            tile, offset = layout.place(placement.core_of[node.name])
            every = np.arange(len(tile))
            groups.append(
                Group(name=name, node=node.name, neurons=every, tile=tile, offset=offset,
                      train=train)
            )  # fmt: skip
            senders[node.name] = {-1: Edge(group=name, index=every)}
            continue
        senders[node.name] = {}
        for tile_, neurons in _tiles_reached(network, placement, layout, node.name).items():
            group = f"{name}_tile{tile_}"
            groups.append(_hosted(group, node.name, neurons, tile_, layout, train))
            index = np.full(int(np.prod(node.shape)), -1, dtype=np.int64)
            index[neurons] = np.arange(len(neurons))
            senders[node.name][tile_] = Edge(group=group, index=index)
    starts = _starts(network, placement, layout, names, steps, groups)
    return Groups(groups=tuple(groups), senders=senders, starts=tuple(starts))


def _hosted(
    name: str, node: str, neurons: I64, tile: int, layout: Layout, train: NDArray[Any] | None
) -> Group:
    return Group(
        name=name,
        node=node,
        neurons=neurons,
        tile=np.full(len(neurons), tile, dtype=np.int64),
        offset=np.full(len(neurons), layout.host, dtype=np.int64),
        train=None if train is None else train[:, neurons],
    )


def _tiles_reached(
    network: Network, placement: Placement, layout: Layout, node: str
) -> dict[int, I64]:
    """Tile -> the neurons of a node with a synapse there."""
    found: dict[int, list[I64]] = {}
    for p in network.projections:
        if p.source != node:
            continue
        rows = layer_rows(placement, p)
        neuron = np.repeat(np.arange(p.operator.n_in), np.diff(rows.begin))
        tile, _ = layout.place(placement.cores[rows.core])
        for one in np.unique(tile):
            found.setdefault(int(one), []).append(neuron[tile == one])
    return {tile: np.unique(np.concatenate(found[tile])) for tile in sorted(found)}


def _starts(
    network: Network,
    placement: Placement,
    layout: Layout,
    names: Mapping[str, str],
    steps: int,
    groups: list[Group],
) -> list[Start]:
    """Clearing inputs, one a layer and tile; their groups are added to `groups`."""
    starts = []
    for population, current in start_currents(network).items():
        tile, _ = layout.place(placement.core_of[population])
        node = next(p for p in network.populations if p.name == population)
        train = np.zeros((steps, 1), dtype=np.bool_)
        train[clearing_step(node) - 1] = True
        for one in np.unique(tile[current != 0]):
            name = f"start_{names[population]}_tile{one}"
            neurons = np.flatnonzero((tile == one) & (current != 0))
            groups.append(_hosted(name, "", np.zeros(1, dtype=np.int64), int(one), layout, train))
            starts.append(Start(group=name, target=names[population], neurons=neurons,
                                weights=current[neurons]))  # fmt: skip
    return starts
