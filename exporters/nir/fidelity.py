"""What NIR says about each node, against what the graph means.

NIR: z = [v > v_threshold], then v := v_reset in the same step; edges follow the reference rule.
Whatever gives other spikes than that is lossy: we restore it from our metadata, others do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from neurochain.exporters.manifest import Fidelity, NodeNote
from neurochain.exporters.nir.build import keeps_size
from neurochain.graph import (
    IF,
    LI,
    LIF,
    Affine,
    AvgPool,
    Compare,
    Conv,
    CubaLI,
    CubaLIF,
    CurrentOrder,
    Delay,
    Flatten,
    Graph,
    I,
    Input,
    Linear,
    Node,
    Output,
    ResetKind,
    ResetTiming,
    Scale,
    SumPool,
    Threshold,
)
from neurochain.lowering import lower
from neurochain.lowering.infer import infer_shapes

__all__ = ["judge", "judge_nodes"]

_STRICT: Mapping[str, Any] = {"compare": Compare.GREATER}
_LATER = (ResetTiming.NEXT_STEP, ResetTiming.SAME_STEP_ONCE)
_LOSSY_FIX = "Pass --allow-lossy to write it all the same."


def judge(graph: Graph) -> tuple[NodeNote, ...]:
    """One note a node, and one more for every edge whose delay NIR cannot say."""
    notes = judge_nodes(graph)
    return (*notes, *_delay_notes(graph, notes))


def judge_nodes(graph: Graph, *, compare: Compare = Compare.GREATER) -> list[NodeNote]:
    """One note a node, for a reader who compares as `compare` says; NIR's own is strict."""
    notes = []
    for name, node in graph.nodes.items():
        kind = type(node).__name__
        fault = _name_fault(name)
        rule = _RULES.get(type(node))
        if fault or rule is None:
            reason = fault or f"NIR has no {kind}."
            fix = "Rename it." if fault else "Keep the model as .nchain, or leave it out."
            notes.append(
                NodeNote(name=name, kind=kind, fidelity=Fidelity.REFUSED, reason=reason, fix=fix)
            )
        else:
            known = getattr(node, "compare", None) is compare
            notes.append(rule(graph, name, replace(node, **_STRICT) if known else node))
    return notes


def _name_fault(name: str) -> str:
    """HDF5 splits names at '/', and '.' is the group itself."""
    if not name or "/" in name or name in (".", "..") or not name.isprintable():
        return "its name cannot stand in an HDF5 file."
    return "its name is too long." if len(name) > 512 else ""


def _note(name: str, node: Node, reason: str = "", *, refused: bool = False) -> NodeNote:
    fidelity = Fidelity.LOSSY if reason else Fidelity.EXACT
    fix = _LOSSY_FIX if reason else ""
    if refused:
        fidelity, fix = Fidelity.REFUSED, "Keep the model as .nchain."
    return NodeNote(name=name, kind=type(node).__name__, fidelity=fidelity, reason=reason, fix=fix)


def _exact(graph: Graph, name: str, node: Node) -> NodeNote:
    return _note(name, node)


def _pool(graph: Graph, name: str, node: Any) -> NodeNote:
    axes = len(node.kernel_size)
    if axes != 2:
        return _note(name, node, f"NIR pools over 2 axes; this one has {axes}.", refused=True)
    if node.positions is not None:
        return _note(name, node, "NIR's pools have no windows beyond the border.", refused=True)
    if getattr(node, "divisors", None) is not None:
        return _note(name, node, "NIR divides by the kernel's size everywhere.", refused=True)
    return _note(name, node)


def _conv(graph: Graph, name: str, node: Conv) -> NodeNote:
    axes = len(node.stride)
    if axes > 2:
        return _note(name, node, f"NIR convolves over 1 or 2 axes, not {axes}.", refused=True)
    if node.positions is not None and not keeps_size(node, _arriving(graph, name)):
        return _note(
            name, node, "NIR pads both sides alike, unless it keeps the size.", refused=True
        )
    return _note(name, node)


def _arriving(graph: Graph, name: str) -> tuple[int, ...]:
    """Shape that enters a node."""
    shapes, _ = infer_shapes(graph.nodes, graph.edges)
    sources = [edge.source for edge in graph.edges if edge.target == name]
    return shapes.get(sources[0], ()) if sources else ()


def _threshold(graph: Graph, name: str, node: Threshold) -> NodeNote:
    return _note(name, node, _compare_fault(node.compare))


def _compare_fault(compare: Compare) -> str:
    return "" if compare is Compare.GREATER else "NIR compares with >; this one with >=."


def _spiking(graph: Graph, name: str, node: IF | LIF | CubaLIF) -> NodeNote:
    if getattr(node, "inhibition", False):
        return _note(name, node, "NIR's neurons do not inhibit one another.", refused=True)
    fault = _compare_fault(node.compare) or _reset_fault(node)
    return _note(name, node, fault or (_current_fault(node) if isinstance(node, CubaLIF) else ""))


def _cuba_li(graph: Graph, name: str, node: CubaLI) -> NodeNote:
    return _note(name, node, _current_fault(node))


def _current_fault(node: CubaLI | CubaLIF) -> str:
    if node.current is CurrentOrder.NEW:
        return ""
    return "its membrane takes the current of the last step; others take that of this step."


def _reset_fault(node: IF | LIF | CubaLIF) -> str:
    """Empty where the spikes are those of NIR's rule.

    Zeroing the stored membrane before it decays is zeroing it right after the spike. "Once" adds
    a correction that is 0 unless a membrane of 0 is above the threshold.
    """
    kind, timing = node.reset.kind, node.reset.timing
    if timing is ResetTiming.SAME_STEP and kind in (ResetKind.ZERO, ResetKind.VALUE):
        return ""
    if kind is ResetKind.ZERO and timing in _LATER and bool((node.v_threshold >= 0).all()):
        return ""
    how = kind.value if kind is ResetKind.NONE else f"{kind}, {timing}"
    return f"NIR resets to v_reset in the same step; this one's reset is: {how}."


def _output(graph: Graph, name: str, node: Output) -> NodeNote:
    if node.signal == "spike":
        return _note(name, node)
    sources = [graph.nodes[edge.source] for edge in graph.edges if edge.target == name]
    if all(isinstance(source, LI | I | CubaLI) for source in sources):
        return _note(name, node)
    return _note(name, node, "it reads a membrane; in NIR spiking neurons give spikes only.")


def _delay_notes(graph: Graph, notes: list[NodeNote]) -> list[NodeNote]:
    """Edges with a delay of their own, where the rule would give another timing."""
    if not any(e.delay_steps for e in graph.edges) or any(
        note.fidelity is Fidelity.REFUSED for note in notes
    ):
        return []
    by_rule = replace(graph, edges=tuple(replace(e, delay_steps=None) for e in graph.edges))
    if _timing(graph) == _timing(by_rule):
        return []
    return [
        NodeNote(
            name=f"{edge.source} -> {edge.target}",
            kind="edge",
            fidelity=Fidelity.LOSSY,
            reason=f"it has a delay of {edge.delay_steps} steps of its own; NIR's edges have none.",
            fix=f"Put a Delay node on it. {_LOSSY_FIX}",
        )
        for edge in graph.edges
        if edge.delay_steps
    ]


def _timing(graph: Graph) -> list[tuple[str, str, str, int, int]]:
    return sorted(
        (p.name, p.source, p.target, p.delay, p.bias_from_step) for p in lower(graph).projections
    )


_RULES: Mapping[type[Node], Callable[[Graph, str, Any], NodeNote]] = {
    Input: _exact,
    Output: _output,
    Affine: _exact,
    Linear: _exact,
    Scale: _exact,
    Conv: _conv,
    SumPool: _pool,
    AvgPool: _pool,
    Flatten: _exact,
    Delay: _exact,
    Threshold: _threshold,
    I: _exact,
    LI: _exact,
    CubaLI: _cuba_li,
    IF: _spiking,
    LIF: _spiking,
    CubaLIF: _spiking,
}
