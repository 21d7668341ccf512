"""A network as two ONNX models: one step with its state as inputs and outputs, and a sequence.

step.onnx      inputs: each source (batch, *shape), each state (batch, ...); outputs: what every
               population emits (batch, *shape), membranes that the network gives out, next states
sequence.onnx  the same with (step, batch, *shape): a Scan over the steps around the same nodes
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto, helper

from neurochain._version import __version__
from neurochain.exporters.lattice import emission_lattices
from neurochain.exporters.onnx.graph import Nodes
from neurochain.exporters.onnx.integers import wrapped
from neurochain.exporters.onnx.operators import write_projection, write_whole_projection
from neurochain.exporters.onnx.program import write_program
from neurochain.network import Network, Population
from neurochain.simulators.types import AGE, CLOCK, HISTORY, rest_state

__all__ = ["IR_VERSION", "OPSET", "membrane_name", "sequence_model", "state_name", "step_model"]

OPSET = 18
IR_VERSION = 8  # that of the releases in which this opset came; readers of then know no newer one
BATCH, STEPS = "batch", "step"


def state_name(node: str, state: str) -> str:
    """Name of the input that holds a state; the output has `.next` behind it."""
    return f"{node}.{state}"


def membrane_name(node: str) -> str:
    """Name of the output with a membrane."""
    return f"{node}.membrane"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Parts:
    """The nodes of a step, and what goes in and comes out: name -> shape after the batch.

    whole  the names that are int32; all others are float32
    """

    nodes: Nodes
    whole: frozenset[str]
    sources: Mapping[str, tuple[int, ...]]
    states: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]


def _parts(network: Network) -> _Parts:
    g = Nodes()
    sources = {source.name: source.shape for source in network.sources}
    rest = {
        state_name(node, name): value
        for node, entries in rest_state(network, 1).items()
        for name, value in entries.items()
    }
    states = {name: value.shape[1:] for name, value in rest.items()}
    whole = {name for name, value in rest.items() if value.dtype == np.int32}
    batch = g("Shape", next(iter([*sources, *states])), start=0, end=1)
    step = _Writer(g, network, batch)
    outputs: dict[str, tuple[int, ...]] = {}
    for population in network.populations:
        step.population(population)
        given = f"{population.name}.emitted"
        g("Reshape", step.now[population.name], g.ints(-1, *population.shape), out=given)
        outputs[given] = population.shape
    for port in network.outputs:
        if port.signal != "membrane" or membrane_name(port.node) in outputs:
            continue
        shape = network.node(port.node).shape
        g("Reshape", step.membranes[port.node], g.ints(-1, *shape), out=membrane_name(port.node))
        outputs[membrane_name(port.node)] = shape
        if network.is_whole:
            whole.add(membrane_name(port.node))
    step.histories()
    names = frozenset(whole | {f"{name}.next" for name in whole})
    return _Parts(nodes=g, whole=names, sources=sources, states=states, outputs=outputs)


class _Writer:
    """Writes one step: what each node emits now is in `now`, flat."""

    def __init__(self, g: Nodes, network: Network, batch: str) -> None:
        self.g, self.network, self.batch = g, network, batch
        self.lattices = emission_lattices(network)
        self.now: dict[str, str] = {}
        self.membranes: dict[str, str] = {}
        for source in network.sources:
            self.now[source.name] = g.reshape(source.name, -1, int(np.prod(source.shape)))

    def population(self, population: Population) -> None:
        """The ports' sums, then the program."""
        g, name = self.g, population.name
        program = population.program
        registers = {port: self._port(population, port) for port in program.ports}
        registers |= {state: self._state(population, state) for state in program.states}
        if program.clock:
            registers[program.clock] = self._clock(population)
        done = write_program(g, population, registers, self.batch)
        for state, value in done.states.items():
            g("Identity", value, out=state_name(name, state) + ".next")
        self.now[name] = done.emitted
        self.membranes[name] = done.membrane

    def _state(self, population: Population, state: str) -> str:
        name = state_name(population.name, state)
        whole = population.program.number == "int32"
        return self.g.cast(name, TensorProto.INT64) if whole else name

    def _clock(self, population: Population) -> str:
        """The number of this step since rest, which is also the next state."""
        g, name = self.g, state_name(population.name, CLOCK)
        now = g("Add", g.cast(name, TensorProto.INT64), g.constant(np.asarray(1, dtype=np.int64)))
        g("Cast", now, to=TensorProto.INT32, out=name + ".next")
        return wrapped(g, now)

    def _whole_port(self, population: Population, port: str) -> str:
        """The sum at a port of an integer network, int64 that holds int32 numbers."""
        g, total = self.g, ""
        for projection in self.network.incoming(population.name, port):
            lattice = self.lattices.get(projection.source)
            part = write_whole_projection(g, projection, self._delivered(projection), lattice)
            total = wrapped(g, g("Add", total, part)) if total else part
        if total:
            return total
        size = g("Concat", self.batch, g.ints(population.n), axis=0)
        return g("Expand", g.constant(np.asarray(0, dtype=np.int64)), size)

    def _port(self, population: Population, port: str) -> str:
        if population.program.number == "int32":
            return self._whole_port(population, port)
        g, total = self.g, ""
        incoming = self.network.incoming(population.name, port)
        for projection in incoming:
            kind = self.network.node(projection.source).emits
            lattice = self.lattices.get(projection.source)
            part = write_projection(g, projection, self._delivered(projection), kind, lattice)
            total = g("Add", total, part) if total else part
        if not total:
            size = g("Concat", self.batch, g.ints(population.n), axis=0)
            total = g("Expand", g.scalar(0), size)
        for projection in incoming:
            if projection.bias is None:
                continue
            with_bias = g("Add", total, g.constant(projection.bias, f"{projection.name}.bias"))
            if projection.bias_from_step:
                age = state_name(projection.source, AGE)
                due = g("GreaterOrEqual", age, g.scalar(projection.bias_from_step))
                with_bias = g("Where", due, with_bias, total)
            total = with_bias
        return total

    def _delivered(self, projection: Any) -> str:
        if projection.delay == 0:
            return self.now[projection.source]
        past = state_name(projection.source, HISTORY)
        depth = self.network.history_depth(projection.source)
        place = self.g.constant(np.asarray(depth - projection.delay, dtype=np.int64))
        return self.g("Gather", past, place, axis=1)

    def histories(self) -> None:
        """The states that are no neuron's: past emissions, and ages."""
        g = self.g
        for node in self.network.nodes:
            depth, late = self.network.history_depth(node.name), self.network.late_bias(node.name)
            if depth:
                past, flat = state_name(node.name, HISTORY), self.now[node.name]
                newest = g("Unsqueeze", flat, g.ints(1))
                kept = g("Slice", past, g.ints(1), g.ints(depth), g.ints(1))
                g("Concat", kept, newest, axis=1, out=past + ".next")
            if late:
                age = state_name(node.name, AGE)
                older = g("Add", age, g.scalar(1))
                g("Min", older, g.scalar(late), out=age + ".next")


def _value(parts: _Parts, name: str, *shape: int | str) -> ValueInfoProto:
    item = TensorProto.INT32 if name in parts.whole else TensorProto.FLOAT
    return helper.make_tensor_value_info(name, item, list(shape))


def _model(graph: GraphProto, network: Network, name: str) -> ModelProto:
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="neurochain",
        producer_version=__version__,
        ir_version=IR_VERSION,
        doc_string=f"{name}, one step is {network.dt_s} s",
    )
    rest = {
        state_name(node, state): f"{value.min()}" if (value == value.flat[0]).all() else "rest.npz"
        for node, entries in rest_state(network, 1).items()
        for state, value in entries.items()
    }
    outputs = [{"name": o.name, "node": o.node, "signal": o.signal} for o in network.outputs]
    starts = {population.name: population.start for population in network.populations}
    facts = {"dt_s": network.dt_s, "rest": rest, "outputs": outputs, "starts": starts}
    helper.set_model_props(model, {"neurochain": json.dumps(facts)})
    return model


def step_model(network: Network, name: str) -> ModelProto:
    """One step: sources and states in, emissions, membranes and next states out."""
    parts = _parts(network)
    states = {f"{state}.next": shape for state, shape in parts.states.items()}
    graph = helper.make_graph(
        parts.nodes.nodes,
        name,
        [_value(parts, n, BATCH, *shape) for n, shape in {**parts.sources, **parts.states}.items()],
        [_value(parts, n, BATCH, *shape) for n, shape in {**parts.outputs, **states}.items()],
        list(parts.nodes.initializers.values()),
    )
    return _model(graph, network, name)


def sequence_model(network: Network, name: str) -> ModelProto:
    """A Scan of the step over the first axis of every source; it needs a source to count steps."""
    parts = _parts(network)
    following = [f"{state}.next" for state in parts.states]
    inner = helper.make_graph(
        parts.nodes.nodes,
        f"{name} step",
        [_value(parts, n, BATCH, *shape) for n, shape in {**parts.states, **parts.sources}.items()],
        [
            *(_value(parts, f"{n}.next", BATCH, *shape) for n, shape in parts.states.items()),
            *(_value(parts, n, BATCH, *shape) for n, shape in parts.outputs.items()),
        ],
    )
    # names outside must not be those inside: the body sees outer names, weights among them
    scan = helper.make_node(
        "Scan",
        [f"in/{n}" for n in (*parts.states, *parts.sources)],
        [f"out/{n}" for n in (*following, *parts.outputs)],
        name="steps",
        body=inner,
        num_scan_inputs=len(parts.sources),
    )
    entering = [
        helper.make_node("Identity", [n], [f"in/{n}"]) for n in (*parts.states, *parts.sources)
    ]
    leaving = [
        helper.make_node("Identity", [f"out/{n}"], [n]) for n in (*following, *parts.outputs)
    ]
    # the body's own inputs and outputs get names of their own
    renamed = {n: f"step/{n}" for n in (*parts.states, *parts.sources, *following, *parts.outputs)}
    _rename(scan.attribute[0].g, renamed)
    graph = helper.make_graph(
        [*entering, scan, *leaving],
        name,
        [
            *(_value(parts, n, STEPS, BATCH, *shape) for n, shape in parts.sources.items()),
            *(_value(parts, n, BATCH, *shape) for n, shape in parts.states.items()),
        ],
        [
            *(_value(parts, n, STEPS, BATCH, *shape) for n, shape in parts.outputs.items()),
            *(_value(parts, f"{n}.next", BATCH, *shape) for n, shape in parts.states.items()),
        ],
        list(parts.nodes.initializers.values()),
    )
    return _model(graph, network, name)


def _rename(body: GraphProto, names: Mapping[str, str]) -> None:
    for value in (*body.input, *body.output):
        value.name = names[value.name]
    for node in body.node:
        node.input[:] = [names.get(n, n) for n in node.input]
        node.output[:] = [names.get(n, n) for n in node.output]
