"""Constants moved into the bias of the layer in front, where every reader delivers them.

A bias on a recurrent branch is there at every step, and so is a leak towards v_leak: both are what
a bias in front of the neuron is. nirtorch leaves the first out at step 0, and some begin at v_leak.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import InternalError
from neurochain.graph import LIF, Affine, Graph, Linear, NeuronNode, Node, WeightNode, as_f64
from neurochain.lowering.neurons import discretise

__all__ = ["constants_in_front"]


@dataclass(slots=True, kw_only=True, eq=False)
class _Moving:
    """The graph's nodes as they become, and what was rounded in which."""

    graph: Graph
    nodes: dict[str, Node]
    rounded: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def layer(self, name: str) -> WeightNode:
        """The matrix called `name`."""
        node = self.nodes[name]
        if not isinstance(node, WeightNode):
            raise InternalError(f"{name} holds no weights")
        return node

    def add(self, name: str, values: NDArray[np.float64], what: str) -> None:
        """Add `values` to the bias of the matrix `name`."""
        layer = self.layer(name)
        own = np.zeros(()) if layer.bias is None else layer.bias.astype(np.float32)
        exact = own.astype(np.float64) + values
        bias = exact.astype(np.float32)
        self.nodes[name] = Affine(weight=layer.weight, bias=bias)
        if not np.array_equal(bias, exact):
            note = f"float32 rounding: its bias holds {what} as well"
            self.rounded[name] = (*self.rounded.get(name, ()), note)


def constants_in_front(graph: Graph) -> tuple[Graph, dict[str, tuple[str, ...]]]:
    """The graph with recurrent biases and leaks moved where that is possible, and what it rounded.

    A recurrent bias of 0 is dropped. What the graph itself delays stays, and so does what has no
    feed-forward matrix in front of its neuron that feeds nothing else.
    Errors: InputError for parameters without a meaning.
    """
    moving = _Moving(graph=graph, nodes=dict(graph.nodes))
    for name, node in graph.nodes.items():
        if isinstance(node, Affine) and node.bias is not None:
            _move_bias(moving, name, node)
        elif isinstance(node, LIF) and np.any(node.v_leak):
            _move_leak(moving, name, node)
    return replace(graph, nodes=moving.nodes), moving.rounded


def _move_bias(moving: _Moving, name: str, node: Affine) -> None:
    graph = moving.graph
    target = _closes(graph, name)
    if target is None or node.bias is None:
        return
    if np.any(node.bias):
        front = _front(graph, target)
        if front is None or not graph.recurrent_bias_at_0:
            return
        moving.add(front, node.bias.astype(np.float32).astype(np.float64), f"that of {name}")
    moving.nodes[name] = Linear(weight=node.weight)


def _move_leak(moving: _Moving, name: str, node: LIF) -> None:
    front = _front(moving.graph, name)
    if front is None:
        return
    n = len(moving.layer(front).weight)
    found = discretise(name, node, n, moving.graph.dt_s, recurrent=False).params
    gain = np.asarray(found.get("gain", np.float32(1.0)), dtype=np.float64)
    if "leak" in found and np.all(gain > 0):
        leak = np.asarray(found["leak"], dtype=np.float64) / gain
        moving.add(front, np.broadcast_to(leak, (n,)), f"the leak of {name}")
        moving.nodes[name] = replace(node, v_leak=as_f64(np.zeros_like(node.v_leak)))


def _closes(graph: Graph, name: str) -> str | None:
    """The neuron that `name` both reads and feeds, inside one step, where it does nothing else."""
    touching = [e for e in graph.edges if name in (e.source, e.target)]
    ends = {e.source for e in touching} | {e.target for e in touching}
    if len(touching) != 2 or len(ends) != 2 or any(e.delay_steps for e in touching):
        return None
    (other,) = ends - {name}
    return other if isinstance(graph.nodes[other], NeuronNode) else None


def _front(graph: Graph, target: str) -> str | None:
    """A matrix that feeds `target` and nothing else, and does not depend on it."""
    after = _after(graph, target)
    for edge in graph.edges:
        if edge.target != target or edge.source in after:
            continue
        touching = [e for e in graph.edges if edge.source in (e.source, e.target)]
        alone = sum(e.source == edge.source for e in touching) == 1
        matrix = isinstance(graph.nodes[edge.source], Affine | Linear)
        if matrix and alone and not any(e.delay_steps for e in touching):
            return edge.source
    return None


def _after(graph: Graph, name: str) -> set[str]:
    """What depends on a node."""
    seen: set[str] = set()
    stack = [name]
    while stack:
        here = stack.pop()
        for edge in graph.edges:
            if edge.source == here and edge.target not in seen:
                seen.add(edge.target)
                stack.append(edge.target)
    return seen
