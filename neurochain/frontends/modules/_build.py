"""From one folded step to a Graph: a node for every layer and neuron, an edge for every value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from torch import nn

from neurochain.errors import Finding
from neurochain.frontends.modules._arrange import Arranged, Part, arrange
from neurochain.frontends.modules._fold import Expressions
from neurochain.frontends.modules._kinds import NEURON_STATES, label_of
from neurochain.frontends.modules._layers import read_layer
from neurochain.frontends.modules._neurons import read_neuron
from neurochain.frontends.modules._outputs import DecodedOutput
from neurochain.frontends.modules._region import COMPARISONS, Region, assemble, maker_of
from neurochain.frontends.modules._values import (
    JoinValue,
    LeafValue,
    NeuronCall,
    OpValue,
    SequenceValue,
    UnknownValue,
    Value,
    ViewValue,
)
from neurochain.frontends.result import OutputFact, PopulationFact
from neurochain.graph import (
    Affine,
    Conv,
    Custom,
    Edge,
    Flatten,
    Input,
    Linear,
    Node,
    Output,
    Route,
    Scale,
    as_f64,
)
from neurochain.program import PortKind

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
    regions: dict[str, tuple[int, Region]] = field(default_factory=dict)
    _names: dict[int, str] = field(default_factory=dict)  # expression -> node
    _arrangements: dict[int, Ends] = field(default_factory=dict)
    _membranes: dict[int, str] = field(default_factory=dict)  # expression -> region it is state of
    _neurons: dict[tuple[str, int], str] = field(default_factory=dict)  # (module, site) -> node
    inputs: dict[str, str] = field(default_factory=dict)  # argument of forward -> node

    def add_input(self, frame: Shape, reserved: Sequence[str], argument: str = "") -> None:
        """A network input; `frame` is the sample's shape without time, `argument` "" the first."""
        shape = frame[1:] if self.batched else frame
        name = argument or "input"
        while name in reserved or name in self.nodes:
            name += "_"
        self.inputs[argument] = name
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
        elif output.expression in self._membranes:
            signal, ends = "membrane", [(self._membranes[output.expression], 0)]
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
        if head == "op":
            return self._computed(expression, form, consumer)
        if head == "ref":
            return self._earlier(form, consumer)
        if head == "spike":
            if form[3] not in (0, 1):
                self._refuse(consumer, f"reads spikes of {form[1]} {form[3]} steps back.", "")
            return [(self._neurons[form[1], form[2]], form[3])]
        if head == "leaf":
            return [(self._leaf(expression, form), 0)]
        if head in ("view", "input", "stack", "join"):
            return self._arranged(expression, form, consumer)
        self._no_ends(expression, form, consumer)
        return []

    def _no_ends(self, expression: int, form: tuple[Any, ...], consumer: str) -> None:
        """Say why a value cannot be connected."""
        if form[0] == "state":
            self._refuse(
                consumer,
                f"is the state {form[4]} of {form[1]}; only spikes travel between layers.",
                "Connect its spikes; a membrane can be what the network returns.",
            )
        elif form[0] in ("other", "deep"):
            value = self.expressions.values[expression]
            if not (isinstance(value, UnknownValue) and value.said):
                self._refuse(
                    consumer,
                    "is gathered over steps, or computed by a function that is not compiled.",
                    "Connect layers and neurons directly.",
                )
        else:
            self._refuse(consumer, "depends on a constant tensor.", "Put it into a layer's bias.")

    def _linear(self, expression: int) -> bool:
        """True for what layers and neurons deliver, and sums of it."""
        form = self.expressions.forms[expression]
        if form[:2] == ("op", "add"):
            return self._linear(form[2]) and self._linear(form[3])
        return form[0] in ("spike", "leaf", "view", "input", "stack", "join")

    def _computed(self, expression: int, form: tuple[Any, ...], consumer: str) -> Ends:
        """Sums are several ends, a constant factor is a Scale; all else is a population."""
        if self._linear(expression):
            return [*self.ends(form[2], consumer), *self.ends(form[3], consumer)]
        if expression not in self._names:
            factor = self._factor(form)
            if factor is not None:
                inner, scale = factor
                name = self._free(f"{self._owner(expression)[0] or 'forward'}.scale", numbered=True)
                self._names[expression] = name
                self._connect(self.ends(inner, f"the input of {name}"), name)
                self.nodes[name] = Scale(scale=scale)
            else:
                self._region(expression)
        return [(self._names[expression], 0)]

    def _factor(self, form: tuple[Any, ...]) -> tuple[int, Any] | None:
        """(what is scaled, float32 scale) of a product with constants, or a division by 2^k."""
        if form[1] not in ("mul", "div", "neg") or not self._linear(form[2]):
            return None
        if form[1] == "neg":
            return form[2], np.asarray(np.float32(-1))
        data = self.expressions.constant(form[3])
        if data is None:
            return None
        if form[1] == "div":
            mantissa, _ = np.frexp(np.where(data == 0, 3.0, data))
            if not bool((np.abs(mantissa) == 0.5).all()):
                return None
            data = (1 / data).astype(np.float32)
        if bool((data == data.reshape(-1)[:1]).all()):
            return form[2], np.asarray(data.reshape(-1)[0])
        same = not self.batched or bool((data == data[:1]).all())
        return (form[2], data[0] if self.batched else data) if same else None

    def _earlier(self, form: tuple[Any, ...], consumer: str) -> Ends:
        """A value of a step before: what computes it, late."""
        operations, where = self.expressions.operations, (form[1], form[2])
        value = operations.made[where].get(operations.steps - 1)
        start = self.expressions.initial.get(where)
        if value is None or (start is not None and start.any()):
            self._refuse(
                consumer,
                "reads a value of the step before that is not 0 before the first step.",
                "Start from zeros.",
            )
            return []
        number = self.expressions.of(value, operations.steps - 1)
        if number not in self._names:
            self._region(number)
        return [(self._names[number], form[3])]

    def _owner(self, expression: int) -> tuple[str, str]:
        """(qualified name, class) of the module in whose forward an operation stands."""
        return maker_of(self.expressions.values[expression])

    def _region(self, expression: int) -> str:
        """A population that computes an expression by its own program."""
        owner, kind = self._owner(expression)
        label = (kind or "custom").lower()
        region = assemble(
            self.expressions, expression, batched=self.batched, name=label, kind_of=self._kind_of
        )
        spiking = region.program.emits is PortKind.EVENT
        compared = any(step.op in COMPARISONS for step in region.program.body)
        lasting = (
            bool(region.program.states) or (compared and spiking) or self._is_read_late(expression)
        )
        own = spiking or lasting
        name = self._free((owner or label) if own else f"{owner or label}.value", numbered=True)
        self._names[expression] = name
        self.regions[name] = (expression, region)
        for problem in region.problems:
            self._refuse(f"{name} ({kind})", problem, "Keep values of the step before only.")
        shape = self._per_sample(self.expressions.values[expression].shape)
        self.nodes[name] = Custom(
            shape=shape,
            program=region.program,
            params=region.params,
            initial=region.initial,
            kind=kind,
        )
        if region.membrane is not None and spiking:
            self._membranes.setdefault(region.membrane, name)
        if lasting:
            self.populations.append(
                PopulationFact(node=name, module=owner, kind=kind, states=(), shape=shape)
            )
        for port, number in region.ports.items():
            self._connect(self.ends(number, f"the input of {name}"), name, port)
        return name

    def _is_read_late(self, expression: int) -> bool:
        """True where a later step reads what an operation gives."""
        value = self.expressions.values[expression]
        place = self.expressions.operations.place(value) if isinstance(value, OpValue) else None
        late = {(form[1], form[2]) for form in self.expressions.forms if form[0] == "ref"}
        return place is not None and (place.site, place.place) in late

    def _kind_of(self, expression: int) -> PortKind:
        """What an expression delivers."""
        form = self.expressions.forms[expression]
        if form[0] == "spike":
            return PortKind.EVENT
        return self._kind_of(form[1]) if form[0] == "view" else PortKind.ANALOG

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
        if isinstance(call.module, nn.Linear) and len(argument) > 1:
            return self._rows(expression, base, name, call.module, argument, ends)
        reading = read_layer(base, call.module, argument)
        self.findings += reading.findings
        self.broken += reading.broken
        for suffix, node in reading.before:
            front = self._free(f"{name}.{suffix}", numbered=True)
            self.nodes[front] = node
            self._connect(ends, front)
            ends = [(front, 0)]
        if reading.node is not None:
            self.nodes[name] = reading.node
            port = reading.node.program.ports[0] if isinstance(reading.node, Custom) else None
            self._connect(ends, name, port)
        return name

    def _rows(
        self, expression: int, base: str, name: str, module: nn.Linear, shape: Shape, ends: Ends
    ) -> str:
        """A linear layer on each row of a sample: a convolution of width 1 over the rows."""
        reading = read_layer(base, module, shape[-1:])
        self.findings += reading.findings
        self.broken += reading.broken
        if not isinstance(reading.node, Affine | Linear):
            return name
        rows, n_in, n_out = prod(shape[:-1]), module.in_features, module.out_features
        into, back = self._free(f"{name}.rows"), self._free(f"{name}.back")
        order = np.arange(rows * n_in).reshape(rows, n_in).T
        self.nodes[into] = Route(in_shape=shape, out_shape=(n_in, rows), index=order.reshape(-1))
        self._connect(ends, into)
        self.nodes[name] = Conv(
            weight=reading.node.weight[:, :, None],
            bias=reading.node.bias,
            stride=(1,),
            padding=(0,),
            dilation=(1,),
        )
        order = np.arange(rows * n_out).reshape(n_out, rows).T
        self.nodes[back] = Route(
            in_shape=(n_out, rows), out_shape=(*shape[:-1], n_out), index=order.reshape(-1)
        )
        self.edges += [Edge(into, name), Edge(name, back)]
        self._names[expression] = back
        return back

    def _arranged(self, expression: int, form: tuple[Any, ...], consumer: str) -> Ends:
        """Elements in another shape or order: nothing, a Flatten, or a Route from every part."""
        if expression in self._arrangements:
            return self._arrangements[expression]
        if form[0] == "input" and form[1] != 0:
            self._refuse(consumer, f"reads the sample {form[1]} steps back.", "")
            return []
        value = self.expressions.values[expression]
        parts, shape, index, label = self._parts(value, form)
        found = arrange([part.shape for part in parts], shape, index, self.batched)
        if found is None:
            self._refuse(
                consumer,
                f"is a value of shape {shape} that mixes the samples of a batch.",
                "Keep the batch axis where it is.",
            )
            return []
        ends: Ends = []
        for part, route in zip(parts, found, strict=True):
            if route is not None:
                ends += self._routed(part, route, label, consumer)
        self._arrangements[expression] = ends
        return ends

    def _routed(self, part: Part, route: Arranged, label: str, consumer: str) -> Ends:
        if part.number is not None and self.expressions.forms[part.number] == ("zero",):
            return []  # padding: what is routed from nowhere is 0
        if part.number is None:
            inner: Ends = [(self.inputs[part.source], 0)]
        else:
            inner = self.ends(part.number, consumer)
        if route.unchanged or not inner:
            return inner
        dims = _flatten_dims(route.before, route.after) if route.ordered else None
        name = self._free(label or ("flatten" if dims else "route"), numbered=True)
        if dims is not None:
            self.nodes[name] = Flatten(start_dim=dims[0], end_dim=dims[1])
        else:
            self.nodes[name] = Route(
                in_shape=route.before, out_shape=route.after, index=route.index
            )
        self._connect(inner, name)
        return [(name, 0)]

    def _parts(self, value: Value, form: tuple[Any, ...]) -> tuple[list[Part], Shape, Any, str]:
        """What is arranged, the shape seen, the flat index into all parts, and a label."""
        if form[0] == "input":
            use = self.expressions.timing.uses[id(value)]
            label = value.label if isinstance(value, ViewValue) else ""
            return [Part(None, use.frame, use.source)], use.shape, use.index, label
        label, index, shape, number = "", None, value.shape, None
        if isinstance(value, ViewValue):
            label, index, number, value = value.label, value.index, form[1], value.base
            form = self.expressions.forms[number]
        if form[0] == "stack" and isinstance(value, SequenceValue):
            inner = tuple(s for k, s in enumerate(value.shape) if k != value.dim)
            whole = np.arange(prod(value.shape)).reshape(len(form) - 2, *inner)
            order = np.moveaxis(whole, 0, value.dim).reshape(-1)
            index = order if index is None else order[index]
            return [Part(k, inner) for k in form[2:]], shape, index, label or "stack"
        if form[0] == "join" and isinstance(value, JoinValue):
            pairs = zip(form[1:], value.parts, strict=True)
            return [Part(k, part.shape) for (k, _), part in pairs], shape, index, label or "cat"
        return [Part(number, value.shape)], shape, index, label

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

    def _connect(self, ends: Ends, target: str, port: str | None = None) -> None:
        """Edges in order; a second edge between the same nodes goes through a Scale of 1."""
        taken = {(e.source, e.target, e.port) for e in self.edges}
        for source, delay in ends:
            edge = Edge(source, target, delay if delay else None, port)
            if (source, target, port) in taken:
                copy = self._free(f"{source}.again", numbered=True)
                self.nodes[copy] = Scale(scale=as_f64(1.0))
                self.edges.append(Edge(source, copy, delay if delay else None))
                edge = Edge(copy, target, None, port)
            taken.add((source, target, port))
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
