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
from neurochain.mapping.updates import updates_of
from neurochain.network import I64, Network, Population

__all__ = ["count_mapped"]

Emitted = NDArray[Any]

_ENTRIES = 2**22
"""Entries of spikes that are handled at once."""


@dataclass(slots=True)
class _Tally:
    """What is added up while nodes are gone through, (frame, core), and (core, core) routes."""

    cores: dict[str, I64]
    routes: dict[tuple[int, int], int]


def count_mapped(
    network: Network,
    placement: Placement,
    emissions: Mapping[str, Emitted],
    membranes: Mapping[str, NDArray[Any]],
) -> MappedActivity:
    """Count a run on its cores.

    emissions  of every node that sends, inputs included: (sample, step, n), on the chip's time axis
    membranes  of every population whose program has one, (sample, step, n)
    Errors: InternalError where the emissions of a node that projections read are missing.
    """
    samples, steps = _size(network, emissions)
    shape, frames = (samples, steps), samples * steps
    count = len(placement.cores)
    layers = {p.name: layer_rows(placement, p) for p in network.projections}
    events = {p.name: np.zeros((frames, count), dtype=np.int64) for p in network.projections}
    tally = _Tally({name: np.zeros((frames, count), dtype=np.int64) for name in CORE_COUNTS}, {})
    nodes = []
    for node in network.nodes:
        packets = packet_rows(network, placement, layers, node.name)
        sent = _send(placement, node.name, packets, emissions, frames, tally)
        for p in network.projections:
            if p.source == node.name:
                _add(events[p.name], layers[p.name], emissions, node.name)
                tally.cores["synaptic_events"] += events[p.name]
        held = False
        zeros = {name: np.zeros(shape, dtype=np.int64) for name in ("updates_input", "updates")}
        if isinstance(node, Population):
            found = updates_of(network, node, emissions, membranes, shape)
            held = found.held
            where = _places(placement, node.name)
            for name, mask in (("updates_input", found.touched), ("updates", found.updated)):
                by_core = _by_core(mask.reshape(frames, -1), where, count)
                tally.cores[name] += by_core
                zeros[name] = by_core.sum(axis=1).reshape(shape)
        nodes.append(
            MappedNode(
                name=node.name,
                input=not isinstance(node, Population),
                placed=node.name in placement.core_of,
                held=held,
                neurons=prod(node.shape),
                counts={**{k: v.reshape(shape) for k, v in sent.items()}, **zeros},
            )
        )
    return _activity(placement, network, tally, events, tuple(nodes), shape)


def _size(network: Network, emissions: Mapping[str, Emitted]) -> tuple[int, int]:
    """Samples and steps. Errors: InternalError."""
    missing = [p.source for p in network.projections if p.source not in emissions]
    if missing or not emissions:
        raise InternalError(f"counting packets: the spikes of {missing} were not recorded.")
    first = next(iter(emissions.values())).shape
    return int(first[0]), int(first[1])


def _events(emitted: Emitted) -> tuple[I64, ...]:
    """(frame, neuron) of everything that is not 0, frames ascending."""
    flat = emitted.reshape(emitted.shape[0] * emitted.shape[1], -1)
    return np.nonzero(flat)


def _pieces(rows: Rows, emitted: Emitted) -> Iterator[tuple[I64, I64]]:
    """(frame, entry) of all entries of all spikes, a limited number at a time."""
    frames, neurons = _events(emitted)
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


def _add(into: I64, rows: Rows, emissions: Mapping[str, Emitted], node: str) -> None:
    for frame, entry in _pieces(rows, emissions[node]):
        _scatter(into, frame, rows.core[entry], rows.weight[entry])


def _send(
    placement: Placement,
    node: str,
    rows: Rows,
    emissions: Mapping[str, Emitted],
    frames: int,
    tally: _Tally,
) -> dict[str, I64]:
    """Packets of a node and their hops, (frame,) each; what cores send and receive is tallied."""
    names = ("spikes", "packets", "packets_same_tile", "hops_x", "hops_y")
    found = {name: np.zeros(frames, dtype=np.int64) for name in names}
    emitted = emissions.get(node)
    if emitted is None:
        return found
    mesh, used = placement.mesh, placement.cores
    own = _places(placement, node) if node in placement.core_of else None
    frame, neuron = _events(emitted)
    found["spikes"] += np.bincount(frame, minlength=frames)
    if own is not None:
        _scatter(tally.cores["spikes"], frame, own[neuron])
    sender = np.repeat(np.arange(len(rows.begin) - 1), np.diff(rows.begin))
    for frame, entry in _pieces(rows, emitted):
        to = rows.core[entry]
        _scatter(tally.cores["packets_in"], frame, to)
        found["packets"] += np.bincount(frame, minlength=frames)
        if own is None:
            continue
        at = own[sender[entry]]
        _scatter(tally.cores["packets_out"], frame, at)
        dx, dy = (np.abs(axis[used[at]] - axis[used[to]]) for axis in (mesh.x, mesh.y))
        for name, value in (("packets_same_tile", dx + dy == 0), ("hops_x", dx), ("hops_y", dy)):
            added = np.bincount(frame, weights=value, minlength=frames)
            found[name] += added.astype(np.int64)
        pair, times = np.unique(at * len(used) + to, return_counts=True)
        for key, n in zip(pair.tolist(), times.tolist(), strict=True):
            route = divmod(key, len(used))
            tally.routes[route] = tally.routes.get(route, 0) + n
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
    routes = np.asarray(list(tally.routes), dtype=np.int64).reshape(-1, 2)
    packets = np.asarray(list(tally.routes.values()), dtype=np.int64)
    at, to = used[routes[:, 0]], used[routes[:, 1]]
    dx, dy = np.abs(mesh.x[at] - mesh.x[to]), np.abs(mesh.y[at] - mesh.y[to])
    far = int(np.argmax(dx + dy)) if len(routes) else -1
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
