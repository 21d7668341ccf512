"""Packets, hops and the work of cores of a run, from what every neuron emitted.

Spikes are counted event by event, each with the entries of its neuron (`reach.Rows`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.accounting.mapped import CORE_COUNTS, MappedActivity, MappedLayer, MappedNode
from neurochain.errors import InternalError
from neurochain.mapping.mesh import link_loads
from neurochain.mapping.placement import Placement
from neurochain.mapping.reach import Rows, layer_rows, packet_rows
from neurochain.mapping.updates import touch, touch_of, updates_of
from neurochain.network import I64, Network, Population, Source

__all__ = ["PacketCounter"]

_ENTRIES = 2**22
"""Entries of spikes that are handled at once."""


@dataclass(slots=True)
class _Tally:
    """What is added up while nodes are gone through, (frame, core), and packets by (from, to)."""

    cores: dict[str, I64]
    routes: I64


@dataclass(frozen=True, slots=True, eq=False)
class _Packets:
    """The packets of a node's spikes: `rows`, and for each entry its sender's core and its hops.

    own, at, dx, dy   None for a node outside the mesh
    """

    rows: Rows
    own: I64 | None = None
    at: I64 | None = None
    dx: I64 | None = None
    dy: I64 | None = None


class PacketCounter:
    """A placed network made ready once, for counting many runs."""

    def __init__(self, network: Network, placement: Placement) -> None:
        self._network, self._placement = network, placement
        self._layers = {p.name: layer_rows(placement, p) for p in network.projections}
        self._packets = {
            node.name: _packets(network, placement, self._layers, node.name)
            for node in network.nodes
        }
        self._touches = {p.name: touch_of(p.operator) for p in network.projections}

    def count(
        self, emissions: Mapping[str, NDArray[Any]], membranes: Mapping[str, NDArray[Any]]
    ) -> MappedActivity:
        """Count a run on its cores.

        emissions  of every node that sends, inputs included: (sample, step, n), on the chip's time
                   axis
        membranes  of every population whose program has one, (sample, step, n)
        Errors: InternalError where the emissions of a node that projections read are missing.
        """
        network = self._network
        samples, steps = _size(network, emissions)
        frames, count = samples * steps, len(self._placement.cores)
        events = {p.name: np.zeros((frames, count), dtype=np.int64) for p in network.projections}
        tally = _Tally(
            {name: np.zeros((frames, count), dtype=np.int64) for name in CORE_COUNTS},
            np.zeros((count, count), dtype=np.int64),
        )
        nodes = []
        for node in network.nodes:
            spikes = _spikes(emissions.get(node.name))
            sent = _send(self._packets[node.name], spikes, frames, tally)
            for p in network.projections:
                if p.source == node.name:
                    _add(events[p.name], self._layers[p.name], spikes)
                    tally.cores["synaptic_events"] += events[p.name]
            nodes.append(self._node(node, sent, emissions, membranes, (samples, steps), tally))
        return _activity(self._placement, network, tally, events, tuple(nodes), (samples, steps))

    def _node(
        self,
        node: Population | Source,
        sent: dict[str, I64],
        emissions: Mapping[str, NDArray[Any]],
        membranes: Mapping[str, NDArray[Any]],
        shape: tuple[int, int],
        tally: _Tally,
    ) -> MappedNode:
        """What a node sent, and the updates of its neurons."""
        held = False
        updates = {name: np.zeros(shape, dtype=np.int64) for name in ("updates_input", "updates")}
        if isinstance(node, Population):
            touched = np.zeros((*shape, node.n), dtype=np.bool_)
            for p in self._network.incoming(node.name):
                touch(touched, self._touches[p.name], emissions[p.source], p.delay)
            found = updates_of(node, touched, membranes.get(node.name))
            held = found.held
            where = _places(self._placement, node.name)
            for name, mask in (("updates_input", found.touched), ("updates", found.updated)):
                by_core = _by_core(mask.reshape(-1, node.n), where, len(self._placement.cores))
                tally.cores[name] += by_core
                updates[name] = by_core.sum(axis=1).reshape(shape)
        return MappedNode(
            name=node.name,
            input=not isinstance(node, Population),
            placed=node.name in self._placement.core_of,
            held=held,
            neurons=prod(node.shape),
            counts={**{k: v.reshape(shape) for k, v in sent.items()}, **updates},
        )


def _packets(
    network: Network, placement: Placement, layers: dict[str, Rows], node: str
) -> _Packets:
    rows = packet_rows(network, placement, layers, node)
    if node not in placement.core_of:
        return _Packets(rows)
    mesh, used, own = placement.mesh, placement.cores, _places(placement, node)
    at = own[np.repeat(np.arange(len(rows.begin) - 1), np.diff(rows.begin))]
    dx, dy = (np.abs(axis[used[at]] - axis[used[rows.core]]) for axis in (mesh.x, mesh.y))
    return _Packets(rows, own, at, dx, dy)


def _size(network: Network, emissions: Mapping[str, NDArray[Any]]) -> tuple[int, int]:
    """Samples and steps. Errors: InternalError."""
    missing = [p.source for p in network.projections if p.source not in emissions]
    if missing or not emissions:
        raise InternalError(f"counting packets: the spikes of {missing} were not recorded.")
    first = next(iter(emissions.values())).shape
    return int(first[0]), int(first[1])


def _spikes(emitted: NDArray[Any] | None) -> tuple[I64, I64]:
    """(frame, neuron) of everything that is not 0, frames ascending."""
    if emitted is None:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    flat = emitted.reshape(emitted.shape[0] * emitted.shape[1], -1)
    frame, neuron = np.nonzero(flat)
    return frame, neuron


def _pieces(rows: Rows, spikes: tuple[I64, I64]) -> Iterator[tuple[I64, I64]]:
    """(frame, entry) of all entries of all spikes, a limited number at a time."""
    frames, neurons = spikes
    ends = np.cumsum(np.diff(rows.begin)[neurons])
    done = 0
    while done < len(neurons):
        before = ends[done - 1] if done else 0
        stop = max(done + 1, int(np.searchsorted(ends, before + _ENTRIES, side="right")))
        which, entry = rows.of(neurons[done:stop])
        yield frames[done:stop][which], entry
        done = stop


def _scatter(into: I64, frame: I64, core: I64, weight: I64 | None = None) -> None:
    """into[frame, core] += weight (1 without); exact: sums stay below 2^53."""
    low, high = (int(frame[0]), int(frame[-1]) + 1) if len(frame) else (0, 0)
    count = into.shape[1]
    key = (frame - low) * count + core
    found = np.bincount(key, weights=weight, minlength=(high - low) * count)
    into[low:high] += found.astype(np.int64).reshape(high - low, count)


def _add(into: I64, rows: Rows, spikes: tuple[I64, I64]) -> None:
    for frame, entry in _pieces(rows, spikes):
        _scatter(into, frame, rows.core[entry], rows.weight[entry])


def _send(packets: _Packets, spikes: tuple[I64, I64], frames: int, tally: _Tally) -> dict[str, I64]:
    """Packets of a node and their hops, (frame,) each; what cores send and receive is tallied."""
    names = ("spikes", "packets", "packets_same_tile", "hops_x", "hops_y")
    found = {name: np.zeros(frames, dtype=np.int64) for name in names}
    frame, neuron = spikes
    found["spikes"] += np.bincount(frame, minlength=frames)
    if packets.own is not None:
        _scatter(tally.cores["spikes"], frame, packets.own[neuron])
    count = len(tally.routes)
    for frame, entry in _pieces(packets.rows, spikes):
        to = packets.rows.core[entry]
        _scatter(tally.cores["packets_in"], frame, to)
        found["packets"] += np.bincount(frame, minlength=frames)
        if packets.at is None or packets.dx is None or packets.dy is None:
            continue
        at, dx, dy = packets.at[entry], packets.dx[entry], packets.dy[entry]
        _scatter(tally.cores["packets_out"], frame, at)
        for name, value in (("packets_same_tile", dx + dy == 0), ("hops_x", dx), ("hops_y", dy)):
            added = np.bincount(frame, weights=value, minlength=frames)
            found[name] += added.astype(np.int64)
        routes = np.bincount(at * count + to, minlength=count * count)
        tally.routes += routes.reshape(count, count)
    return found


def _places(placement: Placement, node: str) -> I64:
    """(n,) position of each neuron's core in `Placement.cores`."""
    return np.searchsorted(placement.cores, placement.core_of[node]).astype(np.int64)


def _by_core(mask: NDArray[np.bool_], where: I64, count: int) -> I64:
    """(frame, n) -> (frame, core), how many neurons of each core are marked."""
    order = np.argsort(where, kind="stable")
    begin = np.searchsorted(where[order], np.arange(count + 1))
    result = np.zeros((mask.shape[0], count), dtype=np.int64)
    for core in np.flatnonzero(np.diff(begin)):
        chosen = order[begin[core] : begin[core + 1]]
        result[:, core] = np.count_nonzero(mask[:, chosen], axis=1)
    return result


def _activity(
    placement: Placement,
    network: Network,
    tally: _Tally,
    events: dict[str, I64],
    nodes: tuple[MappedNode, ...],
    shape: tuple[int, int],
) -> MappedActivity:
    mesh, used = placement.mesh, placement.cores
    begin, end = np.nonzero(tally.routes)
    packets, at, to = tally.routes[begin, end], used[begin], used[end]
    dx, dy = np.abs(mesh.x[at] - mesh.x[to]), np.abs(mesh.y[at] - mesh.y[to])
    far = int(np.argmax(dx + dy)) if len(packets) else -1
    neurons = np.zeros(len(used), dtype=np.int64)
    for p in network.populations:
        neurons += np.bincount(_places(placement, p.name), minlength=len(used))
    wide = (*shape, len(used))
    return MappedActivity(
        target=placement.target,
        chips=placement.chips,
        cores=used,
        x=mesh.x[used],
        y=mesh.y[used],
        neurons=neurons,
        tiles=len(np.unique(mesh.y[used] * mesh.width + mesh.x[used])),
        layers=tuple(
            MappedLayer(name=name, synaptic_events=values.reshape(wide))
            for name, values in events.items()
        ),
        nodes=nodes,
        core_counts={name: values.reshape(wide) for name, values in tally.cores.items()},
        links=link_loads(mesh, at, to, packets),
        longest=(int(dx[far]), int(dy[far])) if far >= 0 else (0, 0),
    )
