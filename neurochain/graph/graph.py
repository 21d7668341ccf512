"""Graph: what the network is, in NIR's vocabulary, before time is made discrete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from neurochain.errors import Finding, InputError
from neurochain.graph.nodes import Custom, Input, Node, Output

__all__ = ["Edge", "Graph"]


@dataclass(frozen=True, slots=True)
class Edge:
    """A connection from one node to another.

    `delay_steps` is None where it follows from the rule (0 feed-forward, 1 on the edge that
    closes a cycle), else a whole number of steps the source program itself asks for. `port` names
    the port of a Custom neuron, None where the target has one input.
    """

    source: str
    target: str
    delay_steps: int | None = None
    port: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Graph:
    """Named nodes, edges that mean "the sum of what comes in", and how time is made discrete.

    nodes           name -> node, any order
    edges           in declared order: the order in which contributions are added
    dt_s            time step in seconds (the unit of the nodes' time constants)
    recurrent_bias_at_0  whether a recurrent branch with a bias delivers it at step 0
    source          where it came from ("snntorch", "nir"), for messages
    """

    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    dt_s: float
    recurrent_bias_at_0: bool = True
    source: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", MappingProxyType(dict(self.nodes)))
        findings = [*_edge_findings(self), *_end_findings(self)]
        if not self.dt_s > 0:
            findings.append(
                Finding(what=f"dt is {self.dt_s} s; it must be above 0.", fix="Give --dt SECONDS.")
            )
        if findings:
            raise InputError(*findings)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the Input nodes, in the order of `nodes`."""
        return tuple(name for name, node in self.nodes.items() if isinstance(node, Input))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the Output nodes, in the order of `nodes`."""
        return tuple(name for name, node in self.nodes.items() if isinstance(node, Output))


def _edge_findings(graph: Graph) -> list[Finding]:
    """Edges join nodes that exist, at most once, and never enter an Input or leave an Output."""
    findings = []
    seen: set[tuple[str, str, str | None]] = set()
    for edge in graph.edges:
        label = f"edge {edge.source} -> {edge.target}"
        for end in (edge.source, edge.target):
            if end not in graph.nodes:
                known = ", ".join(sorted(graph.nodes))
                findings.append(
                    Finding(
                        where=label,
                        what=f"names a node '{end}' that does not exist.",
                        fix=f"Known nodes: {known}.",
                    )
                )
        if (edge.source, edge.target, edge.port) in seen:
            findings.append(
                Finding(
                    where=label,
                    what="appears twice; NIR edges are a set.",
                    fix="Remove one, or put a Scale of 2 between them.",
                )
            )
        seen.add((edge.source, edge.target, edge.port))
        if isinstance(graph.nodes.get(edge.target), Input):
            findings.append(Finding(where=label, what="enters an Input node.", fix="Remove it."))
        if isinstance(graph.nodes.get(edge.source), Output):
            findings.append(Finding(where=label, what="leaves an Output node.", fix="Remove it."))
        findings += _port_findings(graph, edge, label)
        if edge.delay_steps is not None and edge.delay_steps < 0:
            findings.append(
                Finding(
                    where=label,
                    what=f"has a delay of {edge.delay_steps} steps.",
                    fix="Delays are 0 or more.",
                )
            )
    return findings


def _port_findings(graph: Graph, edge: Edge, label: str) -> list[Finding]:
    """Ports are those of a Custom neuron's program."""
    target = graph.nodes.get(edge.target)
    if isinstance(target, Custom) and edge.port not in target.program.ports:
        ports = ", ".join(target.program.ports)
        what, fix = f"which has {ports}.", "Name one of its ports."
    elif not isinstance(target, Custom | None) and edge.port is not None:
        what, fix = "which has one input without a name.", "Leave port out."
    else:
        return []
    return [
        Finding(where=label, what=f"enters port {edge.port!r} of {edge.target}, {what}", fix=fix)
    ]


def _end_findings(graph: Graph) -> list[Finding]:
    """There must be an input and an output, and nothing may hang loose."""
    findings = []
    if not graph.inputs:
        findings.append(Finding(what="the graph has no Input node.", fix="Add one."))
    if not graph.outputs:
        findings.append(Finding(what="the graph has no Output node.", fix="Add one."))
    sources = {edge.source for edge in graph.edges}
    targets = {edge.target for edge in graph.edges}
    for name, node in graph.nodes.items():
        if not name:
            findings.append(Finding(what="a node has an empty name.", fix="Give it one."))
        if not isinstance(node, Input) and name not in targets:
            findings.append(
                Finding(
                    where=f"{name} ({type(node).__name__})",
                    what="has no incoming edge.",
                    fix="Connect or remove it.",
                )
            )
        if not isinstance(node, Output) and name not in sources:
            findings.append(
                Finding(
                    where=f"{name} ({type(node).__name__})",
                    what="has no outgoing edge.",
                    fix="Connect or remove it.",
                )
            )
    return findings
