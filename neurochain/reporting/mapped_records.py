"""Records of what a run costs a placed network, and how two batches add up."""

from __future__ import annotations

from typing import Any

import msgspec

from neurochain.accounting.mapped import CORE_COUNTS, NODE_COUNTS, MappedSums
from neurochain.errors import InternalError
from neurochain.reporting.record import Record

__all__ = [
    "CoreRecord",
    "LinksRecord",
    "MappedLayerRecord",
    "MappedNodeRecord",
    "MappedRecord",
    "NodeStep",
    "mapped_sums_of",
    "merge_mapped",
]


class NodeStep(Record, frozen=True, kw_only=True):
    """Counts of one node at one step of the chip, summed over samples."""

    spikes: int
    packets: int
    packets_same_tile: int
    hops_x: int
    hops_y: int
    updates_input: int
    updates: int


class MappedNodeRecord(Record, frozen=True, kw_only=True):
    """What a population or input sends, and its updates.

    placed             false for an input outside the mesh: no hops of its packets are counted
    held               false where the membrane is no state: every neuron then counts as updated
    packets            one a spike and core that its neuron reaches, its own included
    packets_same_tile  those without a hop
    updates_input      neurons that received an event or have a bias
    updates            these, and those whose membrane was not 0 before the step
    """

    name: str
    input: bool
    placed: bool
    held: bool
    neurons: int
    spikes: int
    packets: int
    packets_same_tile: int
    hops_x: int
    hops_y: int
    updates_input: int
    updates: int
    per_timestep: list[NodeStep]


class MappedLayerRecord(Record, frozen=True, kw_only=True):
    """Synaptic events of a projection at the step of the spike; `by_core` as `cores` are listed."""

    name: str
    synaptic_events: int
    by_core: list[int]
    per_timestep: list[int]


class CoreRecord(Record, frozen=True, kw_only=True):
    """The work of one core; x, y: its router."""

    core: int
    x: int
    y: int
    neurons: int
    updates_input: int
    updates: int
    spikes: int
    packets_out: int
    packets_in: int
    synaptic_events: int


class LinksRecord(Record, frozen=True, kw_only=True):
    """Packets over every link of the mesh, XY routing.

    east, west    (height, width - 1): link k of row y joins columns k and k + 1
    south, north  (height - 1, width); south leads to larger y
    """

    east: list[list[int]]
    west: list[list[int]]
    south: list[list[int]]
    north: list[list[int]]


class MappedRecord(Record, frozen=True, kw_only=True):
    """Packets, hops and the work of cores of a run of a placed network.

    steps                 of the chip: in pipelined timing more than those of the input
    tiles                 routers with a core in use
    longest_x, longest_y  hops of the longest way that a packet took
    max_link_load         packets over the busiest link in the whole run
    """

    target: str
    chips: int
    samples: int
    steps: int
    tiles: int
    longest_x: int
    longest_y: int
    max_link_load: int
    layers: list[MappedLayerRecord]
    nodes: list[MappedNodeRecord]
    cores: list[CoreRecord]
    links: LinksRecord


def mapped_sums_of(record: MappedRecord | None) -> MappedSums | None:
    """What energy is linear in."""
    if record is None:
        return None
    return MappedSums(
        frames=record.samples * record.steps,
        chips=record.chips,
        tiles=record.tiles,
        longest=(record.longest_x, record.longest_y),
        neurons=tuple(core.neurons for core in record.cores),
        events={layer.name: tuple(layer.by_core) for layer in record.layers},
        nodes={
            node.name: (
                node.placed,
                node.neurons,
                {name: getattr(node, name) for name in NODE_COUNTS},
            )
            for node in record.nodes
        },
        inputs=frozenset(node.name for node in record.nodes if node.input),
        core_counts={
            name: tuple(getattr(core, name) for core in record.cores) for name in CORE_COUNTS
        },
    )


def merge_mapped(a: MappedRecord | None, b: MappedRecord | None) -> MappedRecord | None:
    """Two batches of one placed network. Errors: InternalError where they are of two."""
    if a is None or b is None:
        if a is not b:
            raise InternalError("of two batches only one counted packets.")
        return None
    links = LinksRecord(
        **{name: _added(getattr(a.links, name), getattr(b.links, name)) for name in _LINKS}
    )
    way = max(a, b, key=lambda r: r.longest_x + r.longest_y)
    return msgspec.structs.replace(
        a,
        samples=a.samples + b.samples,
        longest_x=way.longest_x,
        longest_y=way.longest_y,
        max_link_load=max(
            (n for name in _LINKS for row in getattr(links, name) for n in row), default=0
        ),
        layers=[_layer(x, y) for x, y in zip(a.layers, b.layers, strict=True)],
        nodes=[_node(x, y) for x, y in zip(a.nodes, b.nodes, strict=True)],
        cores=[
            msgspec.structs.replace(x, **_sums(x, y, CORE_COUNTS))
            for x, y in zip(a.cores, b.cores, strict=True)
        ],
        links=links,
    )


_LINKS = ("east", "west", "south", "north")


def _sums(a: Any, b: Any, names: tuple[str, ...]) -> dict[str, int]:
    return {name: getattr(a, name) + getattr(b, name) for name in names}


def _added(a: Any, b: Any) -> Any:
    """Nested lists of numbers, number by number."""
    if isinstance(a, list):
        return [_added(x, y) for x, y in zip(a, b, strict=True)]
    return a + b


def _layer(a: MappedLayerRecord, b: MappedLayerRecord) -> MappedLayerRecord:
    return msgspec.structs.replace(
        a,
        synaptic_events=a.synaptic_events + b.synaptic_events,
        by_core=_added(a.by_core, b.by_core),
        per_timestep=_added(a.per_timestep, b.per_timestep),
    )


def _node(a: MappedNodeRecord, b: MappedNodeRecord) -> MappedNodeRecord:
    steps = [
        NodeStep(**_sums(x, y, NODE_COUNTS))
        for x, y in zip(a.per_timestep, b.per_timestep, strict=True)
    ]
    return msgspec.structs.replace(a, **_sums(a, b, NODE_COUNTS), per_timestep=steps)
