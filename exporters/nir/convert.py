"""A graph rewritten for one reader, and what that reader makes of each node.

Every file keeps its meaning under the reference convention; what changes is which of the equal ways
to say it is chosen. What a reader cannot run is refused, what it runs otherwise is lossy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from neurochain.errors import Finding, InputError, Severity
from neurochain.exporters.manifest import Fidelity, NodeNote
from neurochain.exporters.nir.bias import constants_in_front
from neurochain.exporters.nir.names import name_faults
from neurochain.exporters.nir.neurons import rewrite
from neurochain.exporters.nir.pools import without_means
from neurochain.exporters.nir.reader import HABITS, Habits, Reader
from neurochain.exporters.nir.schedule import as_scheduled, edges_for, same_timing
from neurochain.graph import (
    IF,
    LIF,
    AvgPool,
    Conv,
    CubaLIF,
    Flatten,
    Graph,
    Input,
    Node,
    Output,
    SumPool,
)
from neurochain.lowering.infer import infer_shapes

__all__ = ["Converted", "convert"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Converted:
    """The graph to write, in its order of edges; one note a node; what to know about the whole."""

    graph: Graph
    notes: tuple[NodeNote, ...]
    findings: tuple[Finding, ...]


def convert(graph: Graph, to: Reader) -> Converted:
    """Rewrite `graph` for `to`. Errors: InputError for shapes or parameters without meaning."""
    habits = HABITS[to]
    graph, moved = constants_in_front(graph)
    if AvgPool not in habits.maps:
        graph = without_means(graph)
    shapes, problems = infer_shapes(graph.nodes, graph.edges)
    if problems:
        raise InputError(*problems)
    nodes: dict[str, Node] = {}
    notes: list[NodeNote] = []
    for name, node in graph.nodes.items():
        nodes[name], faults, rounded = node, _faults(graph, name, habits), _rounded(node)
        if not faults and isinstance(node, IF | LIF | CubaLIF):
            done = rewrite(name, node, shapes[name], graph.dt_s, to)
            nodes[name], faults, rounded = done.node, done.faults, done.rounded
        elif isinstance(node, Flatten):
            nodes[name] = _flatten(graph, name, node, len(_arriving(graph, shapes, name)))
        notes.append(_note(name, node, habits, faults, (*rounded, *moved.get(name, ()))))
    whole = replace(graph, nodes=nodes, dt_s=habits.dt_s or graph.dt_s)
    if not any(note.fidelity is Fidelity.REFUSED for note in notes):
        whole = replace(whole, edges=edges_for(whole, habits.schedule))
        notes += _order_notes(whole, habits)
    return Converted(graph=whole, notes=tuple(notes), findings=_how_to_read(graph, whole, habits))


def _note(
    name: str, node: Node, habits: Habits, faults: tuple[str, ...], rounded: tuple[str, ...]
) -> NodeNote:
    fidelity, reason, fix = Fidelity.EXACT, "", ""
    if faults:
        fidelity = Fidelity.REFUSED
        reason = f"{habits.title} {'; '.join(faults)}."
        fix = "Write the file for another reader (--for), or change the network."
    elif rounded:
        fidelity, reason = Fidelity.ROUNDED, f"{habits.title}: {'; '.join(rounded)}."
    return NodeNote(name=name, kind=type(node).__name__, fidelity=fidelity, reason=reason, fix=fix)


def _faults(graph: Graph, name: str, habits: Habits) -> tuple[str, ...]:
    """Why the reader cannot take a node as it is."""
    node, kind = graph.nodes[name], type(graph.nodes[name]).__name__
    if type(node) not in habits.maps:
        return (f"has no {kind}",)
    faults = name_faults(name, graph.nodes)
    faults += _extension_faults(node)
    if isinstance(node, Conv):
        faults += _conv_faults(node, habits)
    if isinstance(node, SumPool) and any(node.padding):
        faults.append("leaves out the padding of a sum pool")
    if isinstance(node, Input | Output):
        faults += _end_faults(graph, name, node)
    if not habits.cycles and _on_cycle(graph, name):
        faults.append("rewires recurrent graphs so that they compute something else")
    return tuple(faults)


def _extension_faults(node: Node) -> list[str]:
    """What NIR has no field for."""
    said = {
        "positions": "pads both sides alike",
        "divisors": "divides by the kernel's size everywhere",
        "inhibition": "has no neurons that inhibit one another",
    }
    given = {name: getattr(node, name, None) for name in said}
    return [said[name] for name, value in given.items() if value is not None and value is not False]


def _end_faults(graph: Graph, name: str, node: Input | Output) -> list[str]:
    if isinstance(node, Input):
        return ["runs graphs of one input"] if len(graph.inputs) > 1 else []
    faults = ["runs graphs of one output"] if len(graph.outputs) > 1 else []
    if sum(edge.target == name for edge in graph.edges) > 1:
        faults.append("reads one node as the output")
    return faults


def _conv_faults(node: Conv, habits: Habits) -> list[str]:
    faults = []
    if node.groups > 1:
        faults.append("has no convolution with groups")
    if len(node.stride) not in habits.axes:
        faults.append(f"has no convolution over {len(node.stride)} axis")
    return faults


def _on_cycle(graph: Graph, name: str) -> bool:
    seen, stack = set(), [name]
    while stack:
        here = stack.pop()
        for edge in graph.edges:
            if edge.source == here and edge.target not in seen:
                seen.add(edge.target)
                stack.append(edge.target)
    return name in seen


def _rounded(node: Node) -> tuple[str, ...]:
    """A window sum is computed as a mean times the window's size, exact for powers of two."""
    if isinstance(node, SumPool) and prod(node.kernel_size) & (prod(node.kernel_size) - 1):
        return ("float32 rounding: it computes a window's sum as mean times size",)
    return ()


def _arriving(graph: Graph, shapes: dict[str, tuple[int, ...]], name: str) -> tuple[int, ...]:
    return next(shapes[edge.source] for edge in graph.edges if edge.target == name)


def _flatten(graph: Graph, name: str, node: Flatten, rank: int) -> Flatten:
    """Dimensions from the end: the same with a batch, which torch counts and NIR does not."""
    start, end = node.start_dim % rank - rank, node.end_dim % rank - rank
    return replace(node, start_dim=start, end_dim=end)


def _order_notes(graph: Graph, habits: Habits) -> list[NodeNote]:
    """Where the reader would run the nodes of a step out of order."""
    there = as_scheduled(graph, habits.schedule)
    if isinstance(there, str):
        return [_order_note("graph", f"{habits.title} {there}.", Fidelity.REFUSED)]
    same = same_timing(graph, there)
    if same is True:
        return []
    if same is False:
        late = [f"{e.source} -> {e.target}" for e in there.edges if e.delay_steps]
        what = f"delivers these edges one step late, unlike here: {', '.join(late) or 'none'}"
    else:
        what = f"leaves out the bias of {', '.join(same)} at step 0, unlike here"
    return [_order_note("edges", f"{habits.title} {what}.", Fidelity.LOSSY)]


def _order_note(name: str, reason: str, fidelity: Fidelity) -> NodeNote:
    fix = "Write the file for another reader (--for)."
    if fidelity is Fidelity.LOSSY:
        fix = f"{fix} Or pass --allow-lossy to write it all the same."
    return NodeNote(name=name, kind="order", fidelity=fidelity, reason=reason, fix=fix)


def _how_to_read(before: Graph, after: Graph, habits: Habits) -> tuple[Finding, ...]:
    call = habits.call.format(dt=f"{after.dt_s:g}")
    what = f"written for {habits.title}: {call}"
    if after.dt_s != before.dt_s:
        what += (
            f"; it knows a step of {after.dt_s:g} s only, so time constants are scaled to it (the "
            f"network's step is {before.dt_s:g} s)"
        )
    fix = "Keep a file without --for: it reads back here bit-identical."
    return (Finding(what=f"{what}.", fix=fix, severity=Severity.INFO),)
