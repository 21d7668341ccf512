"""A Graph simulated step by step in float64, from the equations of its nodes alone.

Nothing is ordered, folded or cut: the value of a node at a step is asked for, and asks for its
sources. `closing` names the edges that carry the value of the previous step. With dyadic numbers
every sum is exact, so a lowered network has to give the same values.
"""

from __future__ import annotations

import operator
from itertools import product
from math import prod
from typing import Any

import numpy as np

from neurochain import graph as g
from neurochain.program import Op

F64 = np.ndarray

OPERATIONS: dict[Op, Any] = {
    Op.ADD: operator.add,
    Op.SUB: operator.sub,
    Op.MUL: operator.mul,
    Op.GT: operator.gt,
    Op.ABS: abs,
    Op.NEG: operator.neg,
    Op.SELECT: lambda a, b, c: np.where(a != 0, b, c),
}
"""Those that the cases use."""


def window_values(x: F64, node: Any, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> Any:
    """For each output position the list of (kernel offset, values of all channels or None)."""
    space = x.shape[1:]
    counts = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(space, node.padding, dilation, kernel, node.stride, strict=True)
    ]
    for position in product(*(range(c) for c in counts)):
        seen = []
        for offset in product(*(range(k) for k in kernel)):
            at = [
                o * s - p + k * d
                for o, s, p, k, d in zip(
                    position, node.stride, node.padding, offset, dilation, strict=True
                )
            ]
            inside = all(0 <= a < n for a, n in zip(at, space, strict=True))
            seen.append((offset, x[(slice(None), *at)] if inside else None))
        yield position, seen


def conv(node: g.Conv, x: F64) -> F64:
    c_out, c_group = node.weight.shape[:2]
    out: dict[tuple[int, ...], F64] = {}
    for position, seen in window_values(x, node, node.weight.shape[2:], node.dilation):
        total = np.zeros(c_out)
        for o in range(c_out):
            first = o // (c_out // node.groups) * c_group
            for offset, values in seen:
                if values is not None:
                    taps = node.weight[(o, slice(None), *offset)].astype(float)
                    total[o] += taps @ values[first : first + c_group]
        out[position] = total if node.bias is None else total + node.bias
    return planes(out, c_out)


def planes(out: dict[tuple[int, ...], F64], channels: int) -> F64:
    result = np.zeros((channels, *(1 + at for at in max(out))))
    for position, values in out.items():
        result[(slice(None), *position)] = values
    return result


def pool(node: Any, x: F64) -> F64:
    dilation = getattr(node, "dilation", (1,) * len(node.stride))
    out: dict[tuple[int, ...], F64] = {}
    for position, seen in window_values(x, node, node.kernel_size, dilation):
        found = [values for _, values in seen if values is not None]
        if isinstance(node, g.MaxPool):
            out[position] = np.max(found, axis=0)
        else:
            total = np.sum(found, axis=0) if found else np.zeros(x.shape[0])
            mean = isinstance(node, g.AvgPool)
            out[position] = total / prod(node.kernel_size) if mean else total
    return planes(out, x.shape[0])


def flatten(node: g.Flatten, x: F64) -> F64:
    start, end = node.start_dim % x.ndim, node.end_dim % x.ndim
    return x.reshape(*x.shape[:start], -1, *x.shape[end + 1 :])


def linear(node: Any, x: F64) -> F64:
    y = node.weight.astype(float) @ x.reshape(-1)
    return y if node.bias is None else y + node.bias


def route(node: g.Route, x: F64) -> F64:
    flat = x.reshape(-1)
    values = [0.0 if source < 0 else flat[source] for source in node.index]
    return np.reshape(values, node.out_shape)


MAPS = {
    g.Affine: linear,
    g.Linear: linear,
    g.Conv: conv,
    g.SumPool: pool,
    g.AvgPool: pool,
    g.MaxPool: pool,
    g.Flatten: flatten,
    g.Scale: lambda node, x: x * node.scale,
    g.ScaleShift: lambda node, x: x * node.scale + node.shift,
    g.Route: route,
    g.Delay: lambda node, x: x,
    g.Output: lambda node, x: x,
}


class Neuron:
    """State and one step of a neuron node."""

    def __init__(self, node: Any, dt: float) -> None:
        self.node, self.dt = node, dt
        self.v: Any = 0.0
        self.i: Any = 0.0

    def step(self, x: F64) -> F64:
        n, dt = self.node, self.dt
        if isinstance(n, g.Threshold):
            return self.above(x, n.threshold)
        reset = getattr(n, "reset", None)
        before = None
        if reset is not None:
            before = self.above(self.v + 0 * x, n.v_threshold)
            if reset.kind is g.ResetKind.ZERO and reset.timing in (
                g.ResetTiming.NEXT_STEP,
                g.ResetTiming.SAME_STEP_ONCE,
            ):
                self.v = (1 - before) * self.v
        self.integrate(x, dt)
        if reset is None:
            return np.asarray(self.v)
        return self.fire(reset, before)

    def integrate(self, x: F64, dt: float) -> None:
        n = self.node
        if isinstance(n, g.CubaLI | g.CubaLIF):
            self.i = (1 - dt / n.tau_syn) * self.i + n.w_in * dt / n.tau_syn * x
            drive = n.r * dt / n.tau_mem * self.i
            self.v = (1 - dt / n.tau_mem) * self.v + drive + n.v_leak * dt / n.tau_mem
        elif isinstance(n, g.IF | g.I):
            self.v = self.v + n.r * dt * x
        else:
            self.v = (1 - dt / n.tau) * self.v + n.r * dt / n.tau * x + n.v_leak * dt / n.tau

    def fire(self, reset: g.Reset, before: F64) -> F64:
        theta, kind, timing = self.node.v_threshold, reset.kind, reset.timing
        once = timing in (g.ResetTiming.SAME_STEP_ONCE, g.ResetTiming.SAME_STEP_ONCE_DISCARD)
        discard = timing in (
            g.ResetTiming.NEXT_STEP_DISCARD,
            g.ResetTiming.SAME_STEP_ONCE_DISCARD,
        )
        if timing is not g.ResetTiming.SAME_STEP:
            if kind is g.ResetKind.SUBTRACT:
                self.v = self.v - before * theta
            elif kind is g.ResetKind.ZERO and discard:
                self.v = self.v - before * self.v
        z = self.above(self.v, theta)
        if once and kind is not g.ResetKind.NONE:
            self.v = self.v - (z - before) * (theta if kind is g.ResetKind.SUBTRACT else self.v)
        elif timing is g.ResetTiming.SAME_STEP and kind is not g.ResetKind.NONE:
            if kind is g.ResetKind.SUBTRACT:
                self.v = self.v - z * theta
            else:
                target = self.node.v_reset if kind is g.ResetKind.VALUE else 0.0
                self.v = np.where(z != 0, target, self.v)
        return z

    def above(self, v: F64, theta: F64) -> F64:
        strict = self.node.compare is g.Compare.GREATER
        return np.asarray(v > theta if strict else v >= theta).astype(float)


class CustomNeuron:
    """States and one step of a neuron given by its program."""

    def __init__(self, node: g.Custom) -> None:
        self.node = node
        self.states: dict[str, Any] = {
            name: np.zeros(node.shape) + node.initial.get(name, 0.0) for name in node.program.states
        }
        self.v: Any = 0.0

    def step(self, ports: dict[str, F64]) -> F64:
        program = self.node.program
        at = {**ports, **self.states, **self.node.params, **dict(program.constants)}
        for line in program.body:
            at[line.out] = OPERATIONS[line.op](*(at[name] for name in line.args))
        self.states = {state: at[register] for state, register in program.next_state}
        self.v = at.get(program.membrane)
        return np.asarray(at[program.emit], dtype=float)


class PlainRun:
    """One sample. values[name][t] is what a node emits, membranes[name][t] its state after t."""

    def __init__(
        self, graph: g.Graph, inputs: dict[str, F64], closing: set[tuple[str, str]] | None = None
    ) -> None:
        self.graph, self.inputs, self.closing = graph, inputs, closing or set()
        self.neurons: dict[str, Any] = {
            name: CustomNeuron(node) if isinstance(node, g.Custom) else Neuron(node, graph.dt_s)
            for name, node in graph.nodes.items()
            if isinstance(node, g.NeuronNode)
        }
        self.values: dict[str, list[F64]] = {name: [] for name in graph.nodes}
        self.membranes: dict[str, list[F64]] = {name: [] for name in self.neurons}
        for t in range(next(iter(inputs.values())).shape[0]):
            for name in graph.nodes:
                self.at(name, t)

    def at(self, name: str, t: int) -> F64:
        """What `name` emits at step t, asking its sources where it is not known yet."""
        known = self.values[name]
        if len(known) <= t:
            node = self.graph.nodes[name]
            if isinstance(node, g.Input):
                value = self.inputs[name][t].astype(float)
            elif name in self.neurons:
                value = self.neurons[name].step(self.currents(name, t))
                self.membranes[name].append(np.asarray(self.neurons[name].v))
            else:
                value = MAPS[type(node)](node, self.arriving(name, t))
            assert len(known) == t
            known.append(np.asarray(value))
        return known[t]

    def currents(self, name: str, t: int) -> Any:
        """What comes in; for a Custom neuron by port, 0 where no edge enters it."""
        node = self.graph.nodes[name]
        if not isinstance(node, g.Custom):
            return self.arriving(name, t)
        zero = np.zeros(node.shape)
        return {port: self.arriving(name, t, port) + zero for port in node.program.ports}

    def arriving(self, name: str, t: int, port: str | None = None) -> Any:
        total: Any = 0.0
        for edge in self.graph.edges:
            if edge.target == name and edge.port == port:
                late = (edge.delay_steps or 0) + ((edge.source, edge.target) in self.closing)
                late += self.delay_of(name)
                total = total + self.past(edge.source, t - late, closing=late)
        return total

    def delay_of(self, name: str) -> int:
        node = self.graph.nodes[name]
        return (
            round(float(np.max(node.delay)) / self.graph.dt_s) if isinstance(node, g.Delay) else 0
        )

    def past(self, name: str, t: int, *, closing: int) -> F64:
        """Before step 0 nothing was emitted; a recurrent branch may still deliver its bias."""
        if t >= 0:
            return self.at(name, t)
        shape = self.shape(name, set())
        assert shape is not None
        rest = np.zeros(shape)
        node = self.graph.nodes[name]
        feeds = {edge.target for edge in self.graph.edges if edge.source == name}
        closes = any((name, target) in self.closing for target in feeds)
        if closes and closing == 1 and self.graph.recurrent_bias_at_0:
            bias = node.shift if isinstance(node, g.ScaleShift) else getattr(node, "bias", None)
            if bias is not None:
                axes = rest.ndim - 1 if bias.shape != rest.shape else 0
                return rest + bias.reshape(bias.shape + (1,) * axes)
        return rest

    def shape(self, name: str, asked: set[str]) -> tuple[int, ...] | None:
        """Shape of what `name` emits, from whichever source leads back to an input."""
        node = self.graph.nodes[name]
        if isinstance(node, g.Input | g.Custom):
            return node.shape
        for edge in self.graph.edges:
            if edge.target == name and edge.source not in asked:
                found = self.shape(edge.source, asked | {name})
                if found is not None:
                    return (
                        found
                        if name in self.neurons
                        else MAPS[type(node)](node, np.zeros(found)).shape
                    )
        return None
