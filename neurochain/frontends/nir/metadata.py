"""What NIR cannot say, as JSON text under metadata["neurochain"], bound to its graph by a digest.

NIR allows metadata but gives it no meaning, and a file may be changed by programs that do not know
ours. So the text carries a SHA-256 of the graph as it reads back, and holds only while it matches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from neurochain.graph import (
    IF,
    LIF,
    Affine,
    Compare,
    Conv,
    CubaLI,
    CubaLIF,
    CurrentOrder,
    Edge,
    Graph,
    Node,
    Output,
    Reset,
    ResetKind,
    ResetTiming,
    Threshold,
    WeightNode,
)

__all__ = ["FORMAT", "Facts", "NeuronFacts", "decode", "digest", "encode", "facts_of", "restore"]

FORMAT = 1
_NOT_IN_NIR = ("reset", "compare", "current", "signal", "positions", "divisors", "inhibition")
SAME = ResetTiming.SAME_STEP
Pair = tuple[str, str]


class NeuronFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one spiking neuron is discretised."""

    compare: Compare
    reset: ResetKind | None = None
    timing: ResetTiming | None = None


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything about a Graph that NIR has no field for.

    order     node names
    edges     (source, target, delay in steps or None) in declared order
    unbiased  convolutions without a bias (NIR's need one: it is written as zeros)
    signals   outputs that read a membrane
    old_currents  CubaLI and CubaLIF whose membrane takes the current of the last step
    """

    format: int
    digest: str
    dt_s: float
    recurrent_bias_at_0: bool
    source: str
    order: list[str]
    edges: list[tuple[str, str, int | None]]
    neurons: dict[str, NeuronFacts] = {}
    unbiased: list[str] = []
    signals: dict[str, str] = {}
    old_currents: list[str] = []
    metadata: dict[str, Any] = {}


def facts_of(graph: Graph, graph_digest: str, metadata: Mapping[str, Any]) -> Facts:
    """The facts of `graph`; `metadata` is the part of its metadata that JSON can hold."""
    return Facts(
        format=FORMAT,
        digest=graph_digest,
        dt_s=graph.dt_s,
        recurrent_bias_at_0=graph.recurrent_bias_at_0,
        source=graph.source,
        order=list(graph.nodes),
        edges=[(e.source, e.target, e.delay_steps) for e in graph.edges],
        neurons={
            name: _neuron_facts(node)
            for name, node in graph.nodes.items()
            if isinstance(node, IF | LIF | CubaLIF | Threshold)
        },
        unbiased=[
            name
            for name, node in graph.nodes.items()
            if isinstance(node, Affine | Conv) and node.bias is None
        ],
        signals={
            name: node.signal
            for name, node in graph.nodes.items()
            if isinstance(node, Output) and node.signal != "spike"
        },
        old_currents=[
            name
            for name, node in graph.nodes.items()
            if isinstance(node, CubaLI | CubaLIF) and node.current is CurrentOrder.OLD
        ],
        metadata=dict(metadata),
    )


def _neuron_facts(node: IF | LIF | CubaLIF | Threshold) -> NeuronFacts:
    if isinstance(node, Threshold):
        return NeuronFacts(compare=node.compare)
    return NeuronFacts(compare=node.compare, reset=node.reset.kind, timing=node.reset.timing)


def encode(facts: Facts) -> str:
    """Facts -> text; the same facts give the same text."""
    return msgspec.json.encode(facts, order="deterministic").decode()


def decode(text: str) -> Facts | str:
    """Text -> facts, or the reason why not."""
    try:
        facts = msgspec.json.decode(text, type=Facts)
    except (msgspec.DecodeError, RecursionError) as error:
        return f"it cannot be read ({error})"
    if facts.format != FORMAT:
        return f"its format is {facts.format}, not {FORMAT}"
    return facts


def digest(nodes: Mapping[str, Node], edges: Sequence[Pair]) -> str:
    """SHA-256 of types, parameters and edges, whatever the order in the file.

    `nodes` as they read back without our metadata: discretisation is not part of the graph.
    """
    state = hashlib.sha256()
    for name in sorted(nodes):
        node = nodes[name]
        state.update(repr((name, type(node).__name__)).encode())
        for item in dataclass_fields(node):
            if item.name not in _NOT_IN_NIR:
                state.update(item.name.encode())
                state.update(_bytes(getattr(node, item.name)))
    for edge in sorted(edges):
        state.update(repr(edge).encode())
    return f"sha256:{state.hexdigest()}"


def _bytes(value: Any) -> bytes:
    if isinstance(value, np.ndarray):
        little = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
        return repr((value.shape, little.dtype.str)).encode() + little.tobytes()
    return repr(value).encode()


def restore(
    nodes: Mapping[str, Node], edges: Sequence[Pair], facts: Facts
) -> tuple[dict[str, Node], tuple[Edge, ...]] | str:
    """Nodes and edges as they were written, or the reason why the facts do not fit."""
    if sorted(facts.order) != sorted(nodes):
        return "its node names are others"
    if sorted((s, t) for s, t, _ in facts.edges) != sorted(edges):
        return "its edges are others"
    if any(delay is not None and delay < 0 for _, _, delay in facts.edges):
        return "it holds a negative delay"
    if not 0 < facts.dt_s < float("inf"):
        return f"its dt is {facts.dt_s}"
    if not set(facts.signals.values()) <= {"spike", "membrane"}:
        return "it names an unknown signal"
    if any(n.reset is ResetKind.VALUE and n.timing is not SAME for n in facts.neurons.values()):
        return "it resets to a value in another step"
    restored = {name: _restore_node(name, nodes[name], facts) for name in facts.order}
    return restored, tuple(Edge(*edge) for edge in facts.edges)


def _restore_node(name: str, node: Node, facts: Facts) -> Node:
    if isinstance(node, CubaLI | CubaLIF) and name in facts.old_currents:
        node = replace(node, current=CurrentOrder.OLD)
    neuron = facts.neurons.get(name)
    if isinstance(node, Threshold) and neuron is not None:
        return replace(node, compare=neuron.compare)
    if isinstance(node, IF | LIF | CubaLIF) and neuron is not None and neuron.reset is not None:
        reset = Reset(kind=neuron.reset, timing=neuron.timing or ResetTiming.SAME_STEP)
        return replace(node, compare=neuron.compare, reset=reset)
    if isinstance(node, WeightNode) and name in facts.unbiased:
        return replace(node, bias=None)
    if isinstance(node, Output) and name in facts.signals:
        return replace(node, signal=facts.signals[name])
    return node
