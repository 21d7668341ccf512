"""What a run costs a placed network: packets, hops, and the work of every core.

All of it is counted at the step in which a spike is sent: its packets, their hops, and the synaptic
events that they cause at the cores they reach. Arrays are (sample, step) or (sample, step, core) on
the chip's time axis, which in pipelined timing is `latency` steps longer than the input.
Definitions: docs/counting.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neurochain.network import I64

__all__ = [
    "CORE_COUNTS",
    "NODE_COUNTS",
    "MappedActivity",
    "MappedLayer",
    "MappedNode",
    "MappedSums",
    "mapped_sums",
]

NODE_COUNTS = (
    "spikes",
    "packets",
    "packets_same_tile",
    "hops_x",
    "hops_y",
    "updates_input",
    "updates",
)
"""packets: one a spike and core that its neuron reaches, its own included. packets_same_tile: those
that pass no hop. updates_input: neurons that received an event, or have a bias. updates: these, and
neurons whose membrane was not 0 before the step. Both are 0 of inputs."""

CORE_COUNTS = ("updates_input", "updates", "spikes", "packets_out", "packets_in", "synaptic_events")
"""Of each core; packets from inputs outside the mesh are in packets_in alone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MappedLayer:
    """One projection. synaptic_events (sample, step, core): nonzero weights that spikes meet."""

    name: str
    synaptic_events: I64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MappedNode:
    """What one population or input sends, and its updates. counts[name] (sample, step).

    input   whether it is an input, which has no updates and no spikes of its own to pay for
    placed  False for an input outside the mesh: its packets pass no hop that is counted
    held    False where the program's membrane is no state: every neuron then counts as updated
    """

    name: str
    input: bool
    placed: bool
    held: bool
    neurons: int
    counts: Mapping[str, I64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MappedActivity:
    """Counts of a run on placed cores.

    cores, x, y, neurons  (cores,) used cores, their routers, and how many neurons lie there
    tiles                 routers with a core in use
    core_counts[name]     (sample, step, core), names in CORE_COUNTS
    links                 packets over every link in the whole run, XY routing: east and west
                          (height, width - 1), south and north (height - 1, width)
    longest               (x, y) hops of the longest way that a packet took
    """

    target: str
    chips: int
    cores: I64
    x: I64
    y: I64
    neurons: I64
    tiles: int
    layers: tuple[MappedLayer, ...]
    nodes: tuple[MappedNode, ...]
    core_counts: Mapping[str, I64]
    links: tuple[I64, I64, I64, I64]
    longest: tuple[int, int]

    @property
    def max_link_load(self) -> int:
        """Packets over the busiest link."""
        return max(int(load.max(initial=0)) for load in self.links)

    def total(self, name: str) -> int:
        """A node count summed over everything."""
        return sum(int(node.counts[name].sum()) for node in self.nodes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, summed over samples and steps, with per-step lists."""
        first = self.core_counts["updates"]
        east, west, south, north = (load.tolist() for load in self.links)
        return {
            "target": self.target,
            "chips": self.chips,
            "samples": first.shape[0],
            "steps": first.shape[1],
            "tiles": self.tiles,
            "longest_x": self.longest[0],
            "longest_y": self.longest[1],
            "max_link_load": self.max_link_load,
            "layers": [
                {
                    "name": layer.name,
                    "synaptic_events": int(layer.synaptic_events.sum()),
                    "by_core": layer.synaptic_events.sum(axis=(0, 1)).tolist(),
                    "per_timestep": layer.synaptic_events.sum(axis=(0, 2)).tolist(),
                }
                for layer in self.layers
            ],
            "nodes": [_node_dict(node) for node in self.nodes],
            "cores": self._core_rows(),
            "links": {"east": east, "west": west, "south": south, "north": north},
        }

    def _core_rows(self) -> list[dict[str, int]]:
        sums = {name: values.sum(axis=(0, 1)) for name, values in self.core_counts.items()}
        return [
            {
                "core": int(core),
                "x": int(self.x[k]),
                "y": int(self.y[k]),
                "neurons": int(self.neurons[k]),
                **{name: int(values[k]) for name, values in sums.items()},
            }
            for k, core in enumerate(self.cores)
        ]


def _node_dict(node: MappedNode) -> dict[str, Any]:
    columns = {name: node.counts[name].sum(axis=0).tolist() for name in NODE_COUNTS}
    length = len(columns["packets"])
    return {
        "name": node.name,
        "input": node.input,
        "placed": node.placed,
        "held": node.held,
        "neurons": node.neurons,
        **{name: sum(values) for name, values in columns.items()},
        "per_timestep": [{name: columns[name][t] for name in NODE_COUNTS} for t in range(length)],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedSums:
    """The same summed over (a part of) samples and steps: what energy is linear in.

    events[layer]         synaptic events of each core
    nodes[name]           (placed, neurons, {count: number})
    core_counts[name]     of each core
    """

    frames: int
    chips: int
    tiles: int
    longest: tuple[int, int]
    neurons: tuple[int, ...]
    events: Mapping[str, tuple[int, ...]]
    nodes: Mapping[str, tuple[bool, int, Mapping[str, int]]]
    inputs: frozenset[str]
    core_counts: Mapping[str, tuple[int, ...]]


def mapped_sums(mapped: MappedActivity, samples: slice, steps: slice) -> MappedSums:
    """Sums over a part of the samples and steps."""

    def cores(values: I64) -> tuple[int, ...]:
        return tuple(values[samples, steps].sum(axis=(0, 1)).tolist())

    shape = mapped.core_counts["updates"][samples, steps].shape
    return MappedSums(
        frames=shape[0] * shape[1],
        chips=mapped.chips,
        tiles=mapped.tiles,
        longest=mapped.longest,
        neurons=tuple(mapped.neurons.tolist()),
        events={layer.name: cores(layer.synaptic_events) for layer in mapped.layers},
        nodes={
            node.name: (
                node.placed,
                node.neurons,
                {name: int(node.counts[name][samples, steps].sum()) for name in NODE_COUNTS},
            )
            for node in mapped.nodes
        },
        inputs=frozenset(node.name for node in mapped.nodes if node.input),
        core_counts={name: cores(mapped.core_counts[name]) for name in CORE_COUNTS},
    )
