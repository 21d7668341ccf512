"""From one folded step to a Graph: a node for every layer and neuron, an edge for every value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from neurochain.errors import Finding
from neurochain.frontends.modules._fold import Expressions
from neurochain.frontends.modules._kinds import NEURON_STATES, label_of
from neurochain.frontends.modules._layers import read_layer
from neurochain.frontends.modules._neurons import read_neuron
from neurochain.frontends.modules._outputs import DecodedOutput
from neurochain.frontends.modules._values import (
    LeafValue,
    NeuronCall,
    UnknownValue,
    ViewValue,
)
from neurochain.frontends.result import OutputFact, PopulationFact
from neurochain.graph import Edge, Flatten, Input, Node, Output, Scale, as_f64

__all__ = ["Builder"]

Shape = tuple[int, ...]
Ends = list[tuple[str, int]]  # (node, delay in steps)


@dataclass(slots=True, kw_only=True, eq=False)
class Builder:
    """Collects nodes and edges. Expressions are given by their numbers in `expressions`."""

    expressions: Expressions
    batched: bool
    dt_s: float
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    broken: list[Finding] = field(default_factory=list)
    populations: list[PopulationFact] = field(default_factory=list)
    outputs: list[OutputFact] = field(default_factory=list)
    _names: dict[int, str] = field(default_factory=dict)  # expression -> node
    _neurons: dict[tuple[str, int], str] = field(default_factory=dict)  # (module, site) -> node
    _input: str = ""

    def add_input(self, frame: Shape, reserved: Sequence[str]) -> None:
        """The network input; `frame` is the sample's shape without time."""
        shape = frame[1:] if self.batched else frame
        name = "input"
        while name in reserved:
            name += "_"
        self._input = name
        self.nodes[name] = Input(shape=shape)

    def name_neurons(self, last: Sequence[NeuronCall]) -> None:
        """Reserve the names of all populations: the module's own, with @1, @2 where used twice."""
        counts: dict[str, int] = {}
        for call in last:
            counts[call.name] = max(counts.get(call.name, 0), call.site + 1)
        for call in last:
            base = call.name or type(call.module).__name__.lower()
            several = counts[call.name] > 1
            name = f"{base}@{call.site + 1}" if several else base
            self._neurons[call.name, call.site] = name
            self.populations.append(
                PopulationFact(
                    node=name,
                    module=call.name,
                    kind=type(call.module).__name__,
                    states=NEURON_STATES[type(call.module)],
                    shape=self._per_sample(call.current.shape),
                    site=call.site,
                    sites=counts[call.name],
                )
            )

    def add_neuron(self, call: NeuronCall) -> None:
        """A population, what flows into it, and its recurrent branch."""
        name = self._neurons[call.name, call.site]
        shape = self._per_sample(call.current.shape)
        ends = self.ends(self.expressions.of(call.current, call.step), f"the input of {name}")
        reading = read_neuron(call.name, call.module, shape, self.batched, self.dt_s)
        self.findings += reading.findings
        self.broken += reading.broken
        if reading.node is None:
            return
        self.nodes[name] = reading.node
        self._connect(ends, name)
        if reading.recurrent is not None:
            branch = f"{name}.recurrent"
            self.nodes[branch] = reading.recurrent
            self.edges += [Edge(name, branch), Edge(branch, name)]

    def add_output(self, output: DecodedOutput) -> None:
        """An Output node on what the module returns."""
        form = self.expressions.forms[output.expression]
        name = self._free("output")
        signal = "spike"
        if form[0] == "state":
            node = self._neurons[form[1], form[2]]
            if form[4] != "mem" or form[3] != 0:
                self.findings.append(
                    Finding(
                        where=node,
                        what=f"forward returns its state {form[4]}.",
                        fix="Return spikes or the membrane.",
                    )
                )
                return
            signal, ends = "membrane", [(node, 0)]
        else:
            ends = self.ends(output.expression, "what forward returns")
        if len(ends) != 1 or ends[0][1] != 0:
            relay = self._free("output.sum")
            self.nodes[relay] = Scale(scale=as_f64(1.0))
            self._connect(ends, relay)
            ends = [(relay, 0)]
        shape = self._per_sample(self.expressions.values[output.expression].shape)
        self.nodes[name] = Output(shape=shape, signal=signal)
        self._connect(ends, name)
        module = form[1] if form[0] in ("spike", "state", "leaf") else None
        self.outputs.append(
            OutputFact(
                name=name,
                nodes=tuple(end for end, _ in ends),
                module=module,
                signal=signal,
                decoding=output.decoding,
                returned=output.returned,
            )
        )

    def ends(self, expression: int, consumer: str) -> Ends:
        """Nodes whose sum an expression is, with the delay of each; makes the nodes it needs."""
        form = self.expressions.forms[expression]
        head = form[0]
        if head == "add":
            return [*self.ends(form[1], consumer), *self.ends(form[2], consumer)]
        if head == "spike":
            if form[3] not in (0, 1):
                self._refuse(consumer, f"reads spikes of {form[1]} {form[3]} steps back.", "")
            return [(self._neurons[form[1], form[2]], form[3])]
        if head == "leaf":
            return [(self._leaf(expression, form), 0)]
        if head in ("view", "input"):
            return self._view(expression, form, consumer)
        if head == "state":
            self._refuse(
                consumer,
                f"is the state {form[4]} of {form[1]}; only spikes travel between layers.",
                "Connect its spikes; a membrane can be what the network returns.",
            )
        elif head in ("other", "deep"):
            value = self.expressions.values[expression]
            if not (isinstance(value, UnknownValue) and value.said):
                self._refuse(
                    consumer,
                    "is gathered over steps, or computed by a function that is not compiled.",
                    "Connect layers and neurons directly.",
                )
        else:
            self._refuse(consumer, "depends on a constant tensor.", "Put it into a layer's bias.")
        return []

    def _refuse(self, where: str, what: str, fix: str) -> None:
        finding = Finding(where=where, what=what, fix=fix or "Use spikes of this step or the last.")
        if finding not in self.findings:
            self.findings.append(finding)

    def _leaf(self, expression: int, form: tuple[Any, ...]) -> str:
        """Node of a layer applied to one expression."""
        if expression in self._names:
            return self._names[expression]
        value = self.expressions.values[expression]
        if not isinstance(value, LeafValue):
            raise TypeError(form)
        call = value.call
        base = call.name or type(call.module).__name__.lower()
        ends = self.ends(form[3], f"the input of {label_of(base, call.module)}")
        name = self._free(base, numbered=True)
        self._names[expression] = name
        argument = self._per_sample(call.argument.shape)
        reading = read_layer(base, call.module, argument)
        self.findings += reading.findings
        self.broken += reading.broken
        if reading.node is not None:
            self.nodes[name] = reading.node
            self._connect(ends, name)
        return name

    def _view(self, expression: int, form: tuple[Any, ...], consumer: str) -> Ends:
        """A reshape: nothing, a Flatten node, or refused."""
        if expression in self._names:
            return [(self._names[expression], 0)]
        value = self.expressions.values[expression]
        base, shape, index = self._view_parts(value, form)
        if form[0] == "input" and form[1] != 0:
            self._refuse(consumer, f"reads the sample {form[1]} steps back.", "")
            return []
        inner = [(self._input, 0)] if form[0] == "input" else self.ends(form[1], consumer)
        if not self.batched:
            before, after = base, shape
        elif base[:1] == shape[:1]:
            before, after = base[1:], shape[1:]
        elif base[:1] == (1,) and prod(base) == prod(shape):
            before, after = base[1:], shape
        else:
            before, after = base, ()
        in_order = index.size == prod(base) and bool((index == np.arange(index.size)).all())
        dims = _flatten_dims(before, after) if in_order else None
        if dims is None:
            self._refuse(
                consumer,
                f"is a value of shape {base} taken apart or reordered to {shape}.",
                "Only flattening is supported; reshape the sample outside the module.",
            )
            return inner
        if before == after:
            return inner
        label = (value.label if isinstance(value, ViewValue) else "") or "flatten"
        name = self._free(label, numbered=True)
        self._names[expression] = name
        self.nodes[name] = Flatten(start_dim=dims[0], end_dim=dims[1])
        self._connect(inner, name)
        return [(name, 0)]

    def _view_parts(self, value: Any, form: tuple[Any, ...]) -> tuple[Shape, Shape, Any]:
        """Shape viewed, shape seen, flat index, batch included, time not."""
        if form[0] == "input":
            timing = self.expressions.timing
            use = timing.uses[id(value)]
            return timing.frame, use.shape, use.index
        return value.base.shape, value.shape, value.index

    def loose_ends(self) -> list[Finding]:
        """Populations from which no output can be reached."""
        reached = {name for name, node in self.nodes.items() if isinstance(node, Output)}
        while True:
            more = {e.source for e in self.edges if e.target in reached} - reached
            if not more:
                break
            reached |= more
        return [
            Finding(
                where=f"{fact.node} ({fact.kind})",
                what="its spikes reach no output.",
                fix="Use or return them, or remove the neuron.",
            )
            for fact in self.populations
            if fact.node in self.nodes and fact.node not in reached
        ]

    def _connect(self, ends: Ends, target: str) -> None:
        """Edges in order; a second edge between the same nodes goes through a Scale of 1."""
        taken = {(e.source, e.target) for e in self.edges}
        for source, delay in ends:
            edge = Edge(source, target, delay if delay else None)
            if (source, target) in taken:
                copy = self._free(f"{source}.again", numbered=True)
                self.nodes[copy] = Scale(scale=as_f64(1.0))
                self.edges.append(Edge(source, copy, delay if delay else None))
                edge = Edge(copy, target)
            taken.add((source, target))
            self.edges.append(edge)

    def _free(self, base: str, numbered: bool = False) -> str:
        """A name that nothing has yet."""
        used = {*self.nodes, *self._neurons.values(), *self._names.values()}
        name, number = base, 1
        while name in used:
            number += 1
            name = f"{base}@{number}" if numbered else f"{base}_{number}"
        return name

    def _per_sample(self, shape: Shape) -> Shape:
        return shape[1:] if self.batched else shape


def _flatten_dims(before: Shape, after: Shape) -> tuple[int, int] | None:
    """start and end axis of the Flatten that makes `after` of `before`; None if none does."""
    if before == after:
        return 0, 0
    for start in range(len(before)):
        for end in range(start + 1, len(before)):
            merged = (*before[:start], prod(before[start : end + 1]), *before[end + 1 :])
            if merged == after:
                return start, end
    return None
