"""Counting by enumeration: every (source, target, tap) edge of every layer, one by one.

It knows a network only as raw layer descriptions (weights, strides, kernels, delays) and recorded
emissions and states. It imports nothing of neurochain, and simulates nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any

import numpy as np

INDEX_BYTES = 4  # a sparse entry names its target in 32 bits
POOLS = ("sum_pool", "avg_pool", "max_pool")


@dataclass(kw_only=True)
class Layer:
    """One connection between two nodes, as its maker wrote it down.

    kind: matrix (weights (n_out, n_in)), sparse (entries), diagonal, conv, sum_pool, avg_pool,
    max_pool, identity, route (entries). `weights` are the trained ones; `stored` the ones that are
    executed. `sparse_rows`: a matrix stored as its nonzero trained entries.
    """

    name: str
    kind: str
    source: str
    target: str
    in_shape: tuple[int, ...]
    weights: Any = None
    stored: Any = None
    entries: list[tuple[int, int]] = field(default_factory=list)
    n_out: int = 0
    kernel: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()  # windows along each axis
    groups: int = 1
    delay: int = 0
    bias: Any = None
    bias_from: int = 0
    sparse_rows: bool = False
    known: dict[bool, Edges] = field(default_factory=dict)

    def edges(self, *, deployed: bool) -> Edges:
        """Every edge, enumerated once."""
        if deployed not in self.known:
            self.known[deployed] = enumerate_edges(self, deployed=deployed)
        return self.known[deployed]


@dataclass(kw_only=True)
class Node:
    """A source, or a population: `states` numbers a neuron; `leak` an array (n,) or None."""

    name: str
    n: int
    is_source: bool = False
    is_relay: bool = False
    emits_events: bool = False
    states: int = 0
    leak: Any = None


@dataclass
class Edges:
    """Parallel lists: source, target, trained weight, stored weight; `visited` counts padding."""

    source: np.ndarray
    target: np.ndarray
    trained: np.ndarray
    stored: np.ndarray
    visited: int


def axis_windows(
    positions: int, kernel: int, stride: int, padding: int, dilation: int
) -> list[list]:
    """For each output position along one axis the input coordinates of its taps."""
    starts = range(-padding, -padding + positions * stride, stride)
    return [[start + k * dilation for k in range(kernel)] for start in starts]


def windows(layer: Layer) -> tuple[tuple[int, ...], Iterator[tuple[int, tuple, list]]]:
    """Positions an axis; then per flat position and kernel offset the coordinates it sees."""
    along = [
        axis_windows(*numbers)
        for numbers in zip(
            layer.positions, layer.kernel, layer.stride, layer.padding, layer.dilation, strict=True
        )
    ]
    positions = tuple(len(a) for a in along)

    def each() -> Iterator[tuple[int, tuple, list]]:
        for flat, position in enumerate(product(*(range(p) for p in positions))):
            for tap in product(*(range(k) for k in layer.kernel)):
                seen = [a[p][k] for a, p, k in zip(along, position, tap, strict=True)]
                yield flat, tap, seen

    return positions, each()


def inside(seen: list[int], space: tuple[int, ...]) -> bool:
    return all(0 <= at < size for at, size in zip(seen, space, strict=True))


def flat_index(channel: int, seen: list[int], space: tuple[int, ...]) -> int:
    index = channel
    for at, size in zip(seen, space, strict=True):
        index = index * size + at
    return index


def conv_edges(layer: Layer) -> tuple[list, int]:
    c_out, c_group = layer.weights.shape[:2]
    space = layer.in_shape[1:]
    positions, _ = windows(layer)
    found, visited = [], 0
    for out in range(c_out):
        group = out // (c_out // layer.groups)
        for flat, tap, seen in windows(layer)[1]:
            for c in range(c_group):
                visited += 1
                if inside(seen, space):
                    source = flat_index(group * c_group + c, seen, space)
                    found.append((source, out * prod(positions) + flat, (out, c, *tap)))
    return found, visited


def pool_edges(layer: Layer) -> tuple[list, int]:
    space = layer.in_shape[1:]
    positions, _ = windows(layer)
    found, visited = [], 0
    for channel in range(layer.in_shape[0]):
        for flat, _, seen in windows(layer)[1]:
            visited += 1
            if inside(seen, space):
                target = channel * prod(positions) + flat
                found.append((flat_index(channel, seen, space), target, None))
    return found, visited


def enumerate_edges(layer: Layer, *, deployed: bool) -> Edges:
    """Every edge of a layer, as trained (all of a matrix) or as stored (the entries kept)."""
    n_in = prod(layer.in_shape)
    if layer.kind == "matrix":
        found = [(i, j, (j, i)) for j in range(layer.n_out) for i in range(n_in)]
        visited = len(found)
        if deployed and layer.sparse_rows:
            found = [edge for edge in found if layer.weights[edge[2]] != 0]
    elif layer.kind == "sparse":
        found = [(i, j, (k,)) for k, (i, j) in enumerate(layer.entries)]
        visited = n_in * layer.n_out
    elif layer.kind == "route":
        found = [(i, j, None) for i, j in layer.entries]
        visited = len(found)
    elif layer.kind in ("diagonal", "identity"):
        found = [(i, i, (i,)) for i in range(n_in)]
        visited = n_in
    elif layer.kind == "conv":
        found, visited = conv_edges(layer)
    else:
        found, visited = pool_edges(layer)
    ones = np.ones(len(found))
    weighted = layer.weights is not None
    return Edges(
        np.array([e[0] for e in found], dtype=int),
        np.array([e[1] for e in found], dtype=int),
        np.array([layer.weights[e[2]] for e in found]) if weighted else ones,
        np.array([layer.stored[e[2]] for e in found]) if weighted else ones,
        visited,
    )


def arriving(layer: Layer, emitted: np.ndarray) -> np.ndarray:
    """(sample, step, n_in): what the source emitted `delay` steps before; nothing before step 0."""
    late = np.zeros(emitted.shape)
    steps = max(emitted.shape[1] - layer.delay, 0)
    late[:, layer.delay :] = emitted[:, :steps]
    return late


def count_layer(
    layer: Layer,
    nodes: Mapping[str, Node],
    emitted: Mapping[str, np.ndarray],
    state_bytes: np.ndarray | None,
    *,
    deployed: bool,
) -> dict[str, np.ndarray]:
    """Every layer count, (sample, step)."""
    values = emitted[layer.source]
    edges = layer.edges(deployed=deployed)
    weight = edges.stored if deployed else edges.trained
    weighted = layer.weights is not None
    counts = {key: np.zeros(values.shape[:2], dtype=int) for key in LAYER_KEYS}
    counts["dense_inbounds"][:] = len(edges.source)
    counts["dense_padded"][:] = edges.visited
    dense_maximum = (
        layer.kind == "max_pool"
        and not nodes[layer.source].is_source
        and not nodes[layer.source].emits_events
    )
    x = arriving(layer, values)
    counts["events_in"] = (x != 0).sum(axis=2)
    counts["events_nonbinary"] = ((x != 0) & (abs(x) != 1)).sum(axis=2)
    carried = x[:, :, edges.source]  # the value that each edge carries
    ac, mac = abs(carried) == 1, (carried != 0) & (abs(carried) != 1)
    if weighted or (deployed and layer.kind in ("sum_pool", "avg_pool")):
        counts["synops_effective_ac"] = (ac & (weight != 0)).sum(axis=2)
        counts["synops_effective_mac"] = (mac & (weight != 0)).sum(axis=2)
        counts["synops_nominal_ac"] = ac.sum(axis=2)
        counts["synops_nominal_mac"] = mac.sum(axis=2)
    elif layer.kind in ("identity", "route"):
        counts["adds"] = (carried != 0).sum(axis=2)
    elif not dense_maximum:
        counts["pool_adds"] = (carried != 0).sum(axis=2)
    if layer.bias is not None:
        for t in range(layer.bias_from, values.shape[1]):
            counts["bias_adds"][:, t] = len(layer.bias)
    if dense_maximum:
        sizes = [int((edges.target == j).sum()) for j in sorted(set(edges.target.tolist()))]
        counts["comparisons"][:] = sum(size - 1 for size in sizes)
    counts["synops_nominal"] = counts["synops_nominal_ac"] + counts["synops_nominal_mac"]
    if weighted:
        width = layer.stored.dtype.itemsize if deployed else 4
        effective = counts["synops_effective_ac"] + counts["synops_effective_mac"]
        sparse = layer.kind == "sparse" or (deployed and layer.sparse_rows)
        counts["weight_read_bytes"] = (
            effective * (width + INDEX_BYTES) if sparse else counts["synops_nominal"] * width
        )
    if state_bytes is not None:
        counts["state_read_bytes"] = counts["state_write_bytes"] = state_bytes
    return counts


def touched(node: Node, layers: list[Layer], emitted: Mapping[str, np.ndarray]) -> np.ndarray:
    """(sample, step, n): neurons with an event through a nonzero weight, a bias or a leak."""
    hit = np.zeros(emitted[node.name].shape, dtype=bool)
    for layer in layers:
        if layer.target != node.name:
            continue
        edges = layer.edges(deployed=True)
        x = arriving(layer, emitted[layer.source])
        for sample, t in np.ndindex(*x.shape[:2]):
            live = (edges.stored != 0) & (x[sample, t, edges.source] != 0)
            hit[sample, t, edges.target[live]] = True
        if layer.bias is not None:
            hit[:, layer.bias_from :, layer.bias != 0] = True
    if node.leak is not None:
        hit[:, :, np.broadcast_to(node.leak, (node.n,)) != 0] = True
    return hit


def count_population(
    node: Node,
    layers: list[Layer],
    emitted: Mapping[str, np.ndarray],
    states: list[Mapping[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    """Every population count; `states` holds the node's states before step 0 and after each."""
    values = emitted[node.name]
    counts = {key: np.zeros(values.shape[:2], dtype=int) for key in POPULATION_KEYS}
    counts["neuron_updates_dense"][:] = node.n
    counts["neuron_updates_input"] = touched(node, layers, emitted).sum(axis=2)
    for t in range(values.shape[1]):
        differs = np.zeros((values.shape[0], node.n), dtype=bool)
        for name, after in states[t + 1].items():
            before = states[t][name]
            differs |= after.view(np.uint32) != before.view(np.uint32)
        counts["neuron_updates_changed"][:, t] = differs.sum(axis=1)
    if node.emits_events:
        counts["spikes_out"] = (values != 0).sum(axis=2)
    traffic = counts["neuron_updates_input"] * node.states * 4
    counts["state_read_bytes"] = counts["state_write_bytes"] = traffic
    return counts


def count_network(
    nodes: list[Node],
    layers: list[Layer],
    emitted: Mapping[str, np.ndarray],
    states: Mapping[str, list[Mapping[str, np.ndarray]]],
    *,
    deployed: bool,
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, dict[str, np.ndarray]]]:
    """(layer name -> counts, population name -> counts) of one set."""
    known = {node.name: node for node in nodes}
    populations = {
        node.name: count_population(node, layers, emitted, states[node.name])
        for node in nodes
        if not node.is_source and not node.is_relay
    }
    counted, charged = {}, set()
    for layer in layers:
        pays = layer.target in populations and layer.target not in charged
        charged.add(layer.target)
        traffic = populations[layer.target]["state_read_bytes"] if pays else None
        counted[layer.name] = count_layer(layer, known, emitted, traffic, deployed=deployed)
    return counted, populations


LAYER_KEYS = (
    *("events_in", "events_nonbinary", "synops_effective_ac", "synops_effective_mac"),
    *("synops_nominal", "synops_nominal_ac", "synops_nominal_mac", "dense_inbounds"),
    *("dense_padded", "bias_adds", "pool_adds", "adds", "comparisons", "weight_read_bytes"),
    *("state_read_bytes", "state_write_bytes"),
)
POPULATION_KEYS = (
    *("neuron_updates_dense", "neuron_updates_input", "neuron_updates_changed", "spikes_out"),
    *("state_read_bytes", "state_write_bytes"),
)
