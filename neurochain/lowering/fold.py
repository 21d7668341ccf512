"""Batch normalisation goes into the weights in front of it, where that changes no bit.

A ScaleShift whose only source is an Affine, Linear or Conv that nothing else reads:
    scale (W x + b) + shift  becomes  (scale W) x + (scale b + shift)
Apart from float32's underflow, this is the same in float32 in two cases.
    Powers of two: every scale is one, and there is no bias, or no shift. Scaling by a power of two
    commutes with every rounding.
    A grid: the map reads spikes, and weights, bias, scale and shift are so short that no sum or
    product of them is rounded (at most 2^24 steps of the finest grid that occurs).
In both, a map with a bias must be all that its target reads: biases are added last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, Severity
from neurochain.graph import (
    IF,
    LIF,
    Affine,
    Conv,
    CubaLIF,
    Custom,
    Edge,
    Flatten,
    Graph,
    Linear,
    MaxPool,
    Node,
    Output,
    Route,
    ScaleShift,
    Threshold,
)
from neurochain.program import PortKind

__all__ = ["Folded", "fold"]

F64 = NDArray[np.float64]
_STEPS = 2.0**24  # whole numbers up to here are float32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Folded:
    """The graph, the same object where nothing was folded, and what is worth saying."""

    graph: Graph
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pair:
    """A map and the normalisation behind it: weight (n, m), the others (n,), float64."""

    name: str
    over: str
    weight: F64
    bias: F64
    scale: F64
    shift: F64


def fold(graph: Graph, *, rounding: bool = False) -> Folded:
    """Fold every ScaleShift that can be; with `rounding` also where weights are rounded by it."""
    findings: list[Finding] = []
    for name in [n for n, node in graph.nodes.items() if isinstance(node, ScaleShift)]:
        pair = _pair(graph, name)
        if pair is None:
            continue
        exact = _is_exact(graph, pair)
        findings.append(_finding(pair, exact, rounding))
        if exact or rounding:
            graph = _merged(graph, pair)
    return Folded(graph=graph, findings=tuple(findings))


def _finding(pair: _Pair, exact: bool, rounding: bool) -> Finding:
    fix = ""
    if exact:
        what = f"is folded into {pair.over}, which rounds nothing."
    elif rounding:
        what = (
            f"is folded into {pair.over}, whose weights are rounded by it: the last bits of "
            "currents differ from the module's."
        )
    else:
        what = (
            f"is kept as a layer of its own: folded into {pair.over} it would round weights, and "
            "the last bits of currents would differ from the module's."
        )
        fix = "compile(..., fold_batchnorm=True), or --fold-batchnorm, folds it all the same."
    return Finding(where=f"{pair.name} (ScaleShift)", what=what, fix=fix, severity=Severity.INFO)


def _pair(graph: Graph, name: str) -> _Pair | None:
    """The map in front of a ScaleShift, if it is one that can take it."""
    node: Any = graph.nodes[name]
    sources = [edge for edge in graph.edges if edge.target == name]
    if len(sources) != 1 or sources[0].delay_steps:
        return None
    over: Any = graph.nodes[sources[0].source]
    readers = [edge.target for edge in graph.edges if edge.source == sources[0].source]
    read = [graph.nodes[edge.target] for edge in graph.edges if edge.source == name]
    if not isinstance(over, Affine | Linear | Conv) or len(readers) != 1:
        return None
    if any(isinstance(target, Output) for target in read) or _reaches(graph, name, name):
        return None
    n = over.weight.shape[0]
    numbers = [_a_channel(values, n) for values in (node.scale, node.shift)]
    if numbers[0] is None or numbers[1] is None:
        return None
    bias = np.zeros(n) if over.bias is None else over.bias.astype(np.float64)
    return _Pair(
        name=name,
        over=sources[0].source,
        weight=over.weight.astype(np.float32).astype(np.float64).reshape(n, -1),
        bias=bias,
        scale=numbers[0],
        shift=numbers[1],
    )


def _a_channel(values: NDArray[Any], channels: int) -> F64 | None:
    """One number a channel, float64; None where a channel has several."""
    numbers = values.astype(np.float32).astype(np.float64)
    if numbers.size == 1:
        return np.full(channels, numbers.reshape(-1)[0])
    rows = numbers.reshape(channels, -1)
    return rows[:, 0].copy() if bool((rows == rows[:, :1]).all()) else None


def _reaches(graph: Graph, start: str, goal: str) -> bool:
    """Whether `start` lies on a cycle through `goal`: there, biases and delays have rules."""
    seen, stack = set(), [start]
    while stack:
        here = stack.pop()
        for edge in graph.edges:
            if edge.source == here and edge.target not in seen:
                seen.add(edge.target)
                stack.append(edge.target)
    return goal in seen


def _is_exact(graph: Graph, pair: _Pair) -> bool:
    """Whether the folded map gives the same bits."""
    if not _held(pair):
        return False
    if pair.bias.any() and not _alone(graph, pair.name):
        return False
    scale = np.abs(pair.scale)
    powers = bool((np.frexp(scale)[0] == 0.5).all() and (np.abs(np.log2(scale)) < 32).all())
    if powers and not (pair.bias.any() and pair.shift.any()):
        return True
    return _reads_spikes(graph, pair.over) and _on_a_grid(pair)


def _held(pair: _Pair) -> bool:
    """Every new weight and bias is a float32."""
    new = [pair.weight * pair.scale[:, None], pair.bias * pair.scale + pair.shift]
    with np.errstate(over="ignore"):
        return all(bool((values.astype(np.float32) == values).all()) for values in new)


def _alone(graph: Graph, name: str) -> bool:
    """What reads a node reads nothing else."""
    targets = {edge.target for edge in graph.edges if edge.source == name}
    return sum(edge.target in targets for edge in graph.edges) == len(targets)


def _reads_spikes(graph: Graph, name: str) -> bool:
    """Whether what enters a node is 0 or 1."""
    while True:
        sources = [edge.source for edge in graph.edges if edge.target == name]
        if len(sources) != 1:
            return False
        name = sources[0]
        node: Node = graph.nodes[name]
        if isinstance(node, IF | LIF | CubaLIF | Threshold):
            return True
        if isinstance(node, Custom):
            return node.program.emits is PortKind.EVENT
        if not isinstance(node, Flatten | Route | MaxPool):
            return False


def _on_a_grid(pair: _Pair) -> bool:
    """No sum over any of the sources, and no product, needs more than float32's 24 bits."""
    weights = np.concatenate([pair.weight, pair.bias[:, None]], axis=1)
    fine = _grid(weights).min(axis=1) * np.where(pair.scale == 0, 1.0, _grid(pair.scale))
    largest = np.abs(pair.scale) * np.abs(weights).sum(axis=1) + np.abs(pair.shift)
    fits = largest <= _STEPS * np.minimum(fine, _grid(pair.shift))
    unscaled = np.abs(weights).sum(axis=1) <= _STEPS * _grid(weights).min(axis=1)
    return bool((fits & unscaled).all())


def _grid(values: F64) -> F64:
    """The largest power of two of which each value is a whole multiple; infinite for 0."""
    mantissa, exponent = np.frexp(values)
    whole = np.abs(mantissa * 2.0**53).astype(np.int64)
    lowest = (whole & -whole).astype(np.float64)
    return np.where(values == 0, np.inf, np.ldexp(lowest, exponent - 53))


def _merged(graph: Graph, pair: _Pair) -> Graph:
    """The map with the new weights, which everything reads that read the ScaleShift."""
    over: Any = graph.nodes[pair.over]
    with np.errstate(over="ignore", under="ignore"):  # infinite weights are refused by `lower`
        weight = (pair.weight * pair.scale[:, None]).astype(np.float32).reshape(over.weight.shape)
        bias = (pair.bias * pair.scale + pair.shift).astype(np.float32)
    new = Affine(weight=weight, bias=bias)
    folded: Node = replace(over, weight=weight, bias=bias) if isinstance(over, Conv) else new
    nodes = {
        name: folded if name == pair.over else node
        for name, node in graph.nodes.items()
        if name != pair.name
    }
    edges = tuple(
        Edge(pair.over, e.target, e.delay_steps, e.port) if e.source == pair.name else e
        for e in graph.edges
        if e.target != pair.name
    )
    return replace(graph, nodes=nodes, edges=edges)
