"""A recurrent bias moved to the layer in front, because nirtorch leaves it out at step 0.

A bias on a recurrent branch is there at every step, like one in front of the neuron; nirtorch takes
the branch's whole output to be 0 at the first step. In front, every reader delivers it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurochain.graph import Affine, Graph, Linear, NeuronNode, Node

__all__ = ["without_recurrent_bias"]


def without_recurrent_bias(graph: Graph) -> tuple[Graph, dict[str, tuple[str, ...]]]:
    """The graph with recurrent biases moved where that is possible, and what was rounded by it.

    A bias that is 0 is dropped. One that the graph itself delays stays, and so does one without a
    matrix in front of its neuron that feeds nothing else.
    """
    nodes: dict[str, Node] = dict(graph.nodes)
    rounded: dict[str, tuple[str, ...]] = {}
    for name, node in graph.nodes.items():
        if not isinstance(node, Affine) or node.bias is None:
            continue
        target = _closes(graph, name)
        if target is None:
            continue
        if not np.any(node.bias):
            nodes[name] = Linear(weight=node.weight)
            continue
        front = _front(graph, nodes, name, target)
        if front is None or not graph.recurrent_bias_at_0:
            continue
        layer = nodes[front]
        bias, exact = _sum(layer, node)
        nodes[front] = Affine(weight=layer.weight, bias=bias)  # type: ignore[attr-defined]
        nodes[name] = Linear(weight=node.weight)
        if not exact:
            rounded[front] = (f"float32 rounding: its bias is the sum of its own and {name}'s",)
    return replace(graph, nodes=nodes), rounded


def _closes(graph: Graph, name: str) -> str | None:
    """The neuron that `name` both reads and feeds, where it does nothing else."""
    sources = [e.source for e in graph.edges if e.target == name]
    targets = [e.target for e in graph.edges if e.source == name]
    if sources == targets and len(sources) == 1 and isinstance(graph.nodes[sources[0]], NeuronNode):
        return sources[0]
    return None


def _front(graph: Graph, nodes: dict[str, Node], name: str, target: str) -> str | None:
    """A matrix that feeds `target` and nothing else."""
    for edge in graph.edges:
        alone = sum(e.source == edge.source for e in graph.edges) == 1
        matrix = isinstance(nodes[edge.source], Affine | Linear)
        late = any(e.delay_steps for e in graph.edges if edge.source in (e.source, e.target))
        if edge.target == target and edge.source != name and alone and matrix and not late:
            return edge.source
    return None


def _sum(layer: Node, node: Affine) -> tuple[np.ndarray, bool]:
    own = getattr(layer, "bias", None)
    added = np.asarray(node.bias, dtype=np.float32)
    if own is None:
        return added, True
    first = np.asarray(own, dtype=np.float32)
    total = first + added
    return total, bool(np.all(total.astype(np.float64) == first.astype(np.float64) + added))
