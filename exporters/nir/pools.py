"""Mean pools written as sum pools, for a reader that has no mean.

The division goes into the weights behind the pool, or in front of it. It is done only where the
window holds a power of two: then no weight is rounded, and neither is any sum.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from neurochain.graph import AvgPool, Flatten, Graph, Node, SumPool, WeightNode

__all__ = ["without_means"]


def without_means(graph: Graph) -> Graph:
    """The graph with every mean pool replaced where that is exact."""
    nodes: dict[str, Node] = dict(graph.nodes)
    for name, node in graph.nodes.items():
        if not isinstance(node, AvgPool) or node.divisors is not None:
            continue
        size = prod(node.kernel_size)
        if size & (size - 1):
            continue
        behind, in_front = _behind(graph, name), _in_front(graph, name)
        if behind is not None:
            nodes[behind] = _divided(nodes[behind], size, bias=False)
        elif in_front is not None:
            nodes[in_front] = _divided(nodes[in_front], size, bias=True)
        else:
            continue
        nodes[name] = SumPool(
            kernel_size=node.kernel_size,
            stride=node.stride,
            padding=node.padding,
            positions=node.positions,
        )
    return replace(graph, nodes=nodes)


def _behind(graph: Graph, name: str) -> str | None:
    """The layer that alone reads the pool, and reads nothing else."""
    while True:
        readers = [e.target for e in graph.edges if e.source == name]
        if len(readers) != 1 or sum(e.target == readers[0] for e in graph.edges) != 1:
            return None
        name = readers[0]
        if isinstance(graph.nodes[name], WeightNode):
            return name
        if not isinstance(graph.nodes[name], Flatten):
            return None


def _in_front(graph: Graph, name: str) -> str | None:
    """The layer that the pool alone reads."""
    sources = [e.source for e in graph.edges if e.target == name]
    if len(sources) != 1 or not isinstance(graph.nodes[sources[0]], WeightNode):
        return None
    return sources[0] if sum(e.source == sources[0] for e in graph.edges) == 1 else None


def _divided(node: Node, size: int, *, bias: bool) -> Node:
    """Weights (and bias) over a power of two."""
    if not isinstance(node, WeightNode):
        return node
    own = node.bias
    return replace(
        node,
        weight=node.weight / node.weight.dtype.type(size),
        bias=own if own is None or not bias else own / own.dtype.type(size),
    )
