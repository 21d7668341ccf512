"""A graph with the weights that an artefact runs: integers times the scale of their layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, InternalError
from neurochain.exporters.lattice import Lattice, emission_lattices, exact_sums, sum_bound
from neurochain.exporters.manifest import Fidelity, NodeNote
from neurochain.graph import Delay, Flatten, Graph, Input, Node, Output, Scale, ScaleShift
from neurochain.graph.nodes import WeightNode
from neurochain.network import Network, Projection
from neurochain.operators import Csr

__all__ = ["as_trained", "rated", "with_stored_weights"]

_WITHOUT_NUMBERS = (Input, Output, Flatten, Delay)


def with_stored_weights(graph: Graph, network: Network) -> tuple[Graph, Mapping[str, str]]:
    """The graph with q x scale in float32 wherever the network has integer weights.

    Also returns, node by node, how far a reader's sums can be off, but of nodes that are exact.
    Errors: InternalError where the network is not that of the graph.
    """
    lattices = emission_lattices(network)
    nodes: dict[str, Node] = dict(graph.nodes)
    bounds: dict[str, str] = {}
    for projection in network.projections:
        integers = projection.operator.weight
        if integers is None or integers.dtype.kind != "i":
            continue
        node = nodes.get(projection.name)
        if not isinstance(node, WeightNode | Scale | ScaleShift):
            raise InternalError(Finding(where=projection.name, what="is no map of the graph."))
        nodes[projection.name] = _scaled(node, projection)
        why = _bound(projection, lattices.get(projection.source))
        if why:
            bounds[projection.name] = why
    return replace(graph, nodes=nodes), bounds


def _scaled(node: Any, projection: Projection) -> Node:
    scale = np.float32(1.0) if projection.scale is None else projection.scale
    weights = np.asarray(_stored(projection).astype(np.float32) * scale, dtype=np.float32)
    field = "weight" if isinstance(node, WeightNode) else "scale"
    before = getattr(node, field)
    if weights.size == before.size:
        weights = weights.reshape(before.shape)
    elif before.size != 1:
        what = f"has {weights.size} weights where the graph has {before.size}."
        raise InternalError(Finding(where=projection.name, what=what))
    else:  # a scalar that the network spreads over the layer: all of it is the same
        weights = weights.reshape(-1)[:1].reshape(before.shape)
    changed: Node = replace(node, **{field: weights})
    return changed


def _stored(projection: Projection) -> NDArray[Any]:
    """The integers in the layout of the graph; sparse rows as a full matrix."""
    operator = projection.operator
    if not isinstance(operator, Csr):
        return np.asarray(operator.weight)
    full = np.zeros((operator.n_out, operator.n_in), dtype=operator.weights.dtype)
    sources = np.repeat(np.arange(operator.n_in), np.diff(operator.indptr))
    full[operator.targets, sources] = operator.weights
    return full


def _bound(projection: Projection, source: Lattice | None) -> str:
    """How far float32 sums of q x scale are from integer sums times scale; "" where they agree."""
    scale = np.float32(1.0) if projection.scale is None else projection.scale
    integers: NDArray[Any] = np.asarray(projection.operator.weight)
    weights = (integers.astype(np.float32) * scale).astype(np.float32)
    kept = bool((weights.astype(np.float64) == integers.astype(np.float64) * float(scale)).all())
    floats = replace(projection, operator=projection.operator.with_weights(weights), scale=None)
    if kept and source is not None and exact_sums(floats, source):
        return ""
    bound = sum_bound(projection, source)
    return f"integers times {float(scale):g} are summed here, their float32 products there: {bound}"


def rated(notes: tuple[NodeNote, ...], bounds: Mapping[str, str]) -> tuple[NodeNote, ...]:
    """The notes, with the bound at every node that is exact but for its sums."""
    return tuple(
        replace(note, fidelity=Fidelity.APPROXIMATE, reason=bounds[note.name])
        if note.name in bounds and note.fidelity in (Fidelity.EXACT, Fidelity.ROUNDED)
        else note
        for note in notes
    )


def as_trained(notes: tuple[NodeNote, ...], graph: Graph) -> tuple[NodeNote, ...]:
    """The notes of a chip's artefact whose graph is written as it was trained: none is exact."""
    why = "is written as it was trained; the artefact has it in a chip's integers."
    return tuple(
        replace(note, fidelity=Fidelity.LOSSY, reason=why)
        if note.fidelity is not Fidelity.REFUSED
        and not isinstance(graph.nodes.get(note.name), (*_WITHOUT_NUMBERS, type(None)))
        else note
        for note in notes
    )
