"""Random networks, each with the raw description that the brute force reads.

Weights, inputs and biases are multiples of 1/8, about a third of the weights are zero. Every
operator, delay, kind of input and kind of population occurs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from brute_force import Layer, Node

from neurochain.graph import Compare, Reset, ResetKind, ResetTiming
from neurochain.network import (
    Instruction,
    Network,
    Op,
    Operator,
    OutputPort,
    Population,
    PortKind,
    Program,
    Projection,
    Source,
)
from neurochain.operators import Conv, Csr, Dense, Diagonal, Identity, MaxPool, Pool, Route
from neurochain.programs import (
    cuba_lif_program,
    li_program,
    lif_program,
    relay_program,
    threshold_program,
)
from neurochain.quantize import quantize_weights

Rng = np.random.Generator


@dataclass
class Case:
    """A network, its raw description and an input for it."""

    network: Network
    nodes: list[Node]
    layers: list[Layer]
    inputs: dict[str, np.ndarray]
    seen: set[str] = field(default_factory=set)  # constructs that occur, for the coverage test


def eighths(rng: Rng, shape: tuple[int, ...], zero: float = 0.3) -> np.ndarray:
    """Multiples of 1/8 in [-2, 2] and some that vanish in int8; `zero` of them zero."""
    values = rng.integers(-16, 17, size=shape) / 8
    values = np.where(rng.random(shape) < 0.1, 2.0**-9, values)
    return np.where(rng.random(shape) < zero, 0, values).astype(np.float32)


INPUT_KINDS: dict[str, tuple[PortKind, Callable[[Rng, tuple[int, ...]], np.ndarray]]] = {
    "binary": (PortKind.EVENT, lambda rng, shape: rng.integers(0, 2, shape)),
    "ternary": (PortKind.GRADED, lambda rng, shape: rng.integers(-1, 2, shape)),
    "graded": (PortKind.GRADED, lambda rng, shape: rng.integers(0, 4, shape)),
    "analog": (PortKind.ANALOG, lambda rng, shape: rng.integers(-8, 9, shape) / 8),
}


LEAKY = Program(
    name="leaky rectifier",
    ports=("x",),
    states=(),
    params=("slope",),
    constants=(),
    body=(Instruction(Op.MUL, "less", ("slope", "x")), Instruction(Op.MAX, "y", ("x", "less"))),
    next_state=(),
    emit="y",
    emits=PortKind.ANALOG,
)


class Maker:
    """Grows one network node by node; every layer is written down twice, for both sides."""

    def __init__(self, rng: Rng, samples: int, steps: int) -> None:
        self.rng, self.samples, self.steps = rng, samples, steps
        self.sources: list[Source] = []
        self.populations: list[Population] = []
        self.projections: list[Projection] = []
        self.nodes: dict[str, Node] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.kinds: dict[str, PortKind] = {}
        self.layers: list[Layer] = []
        self.inputs: dict[str, np.ndarray] = {}
        self.seen: set[str] = set()

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def pick(self, items: Any) -> Any:
        return items[int(self.rng.integers(len(items)))]

    def source(self) -> None:
        name = f"in{len(self.sources)}"
        shape = self.pick([(5,), (9,), (2, 7), (1, 5, 4), (2, 4, 4)])
        word = self.pick(list(INPUT_KINDS))
        kind, draw = INPUT_KINDS[word]
        density = self.rng.random((self.samples, self.steps, prod(shape))) < 0.4
        self.inputs[name] = (draw(self.rng, density.shape) * density).astype(np.float32)
        self.sources.append(Source(name=name, shape=shape, emits=kind))
        self.nodes[name] = Node(name=name, n=prod(shape), is_source=True)
        self.shapes[name], self.kinds[name] = shape, kind
        self.seen.add(f"input {word}")

    # ---- operators: (operator, raw description without ends)

    def matrix(self, shape: tuple[int, ...], out: tuple[int, ...] | None = None) -> Any:
        out = out or (int(self.rng.integers(2, 7)),)
        form = self.pick(["dense", "dense", "csr of a matrix", "csr"])
        weights = eighths(self.rng, (prod(out), prod(shape)), 0.3 if form == "dense" else 0.8)
        self.seen.add(form)
        raw: dict[str, Any] = {"kind": "matrix", "n_out": prod(out), "weights": weights}
        if form == "dense":
            return Dense(in_shape=shape, out_shape=out, weights=weights), raw
        if form == "csr of a matrix":
            raw["sparse_rows"] = True
            return Csr.from_dense(weights, shape, out), raw
        entries = [(i, j) for i in range(prod(shape)) for j in range(prod(out)) if self.chance(0.4)]
        values = eighths(self.rng, (len(entries),))
        starts = np.searchsorted([i for i, _ in entries], range(prod(shape) + 1))
        operator = Csr(
            in_shape=shape,
            out_shape=out,
            indptr=starts.astype(np.int64),
            targets=np.array([j for _, j in entries], dtype=np.int32),
            weights=values,
        )
        return operator, raw | {"kind": "sparse", "weights": values, "entries": entries}

    def window(self, space: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """A geometry that fits at least once along every axis."""
        while True:
            axes = range(len(space))
            kernel = tuple(int(self.rng.integers(1, 4)) for _ in axes)
            numbers = {
                "stride": tuple(int(self.rng.integers(1, 4)) for _ in axes),
                "padding": tuple(int(self.rng.integers(0, k // 2 + 1)) for k in kernel),
                "dilation": tuple(int(self.rng.integers(1, 3)) for _ in axes),
            }
            spans = [(k - 1) * d for k, d in zip(kernel, numbers["dilation"], strict=True)]
            fits = [
                span < size + 2 * pad and (pad == 0 or dilation <= size)
                for span, size, pad, dilation in zip(
                    spans, space, numbers["padding"], numbers["dilation"], strict=True
                )
            ]
            if all(fits):
                g = {"kernel": kernel, **numbers}
                return {**g, "positions": self.positions(space, g)}

    def positions(self, space: tuple[int, ...], g: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
        """As many as with equal padding behind, or as start inside the input."""
        zipped = [*zip(space, g["kernel"], g["stride"], g["padding"], g["dilation"], strict=True)]
        if self.chance(0.3):
            self.seen.add("far border")
            return tuple((n + p - 1) // s + 1 for n, _, s, p, _ in zipped)
        return tuple((n + 2 * p - (k - 1) * d - 1) // s + 1 for n, k, s, p, d in zipped)

    def conv(self, shape: tuple[int, ...]) -> Any:
        g = self.window(shape[1:])
        groups = self.pick([d for d in (1, shape[0]) if shape[0] % d == 0])
        c_out = groups * int(self.rng.integers(1, 3))
        weights = eighths(self.rng, (c_out, shape[0] // groups, *g["kernel"]))
        if any(g["padding"]):
            self.seen.add("padding")
        self.seen |= {f"conv{len(shape) - 1}d", f"groups {groups}", f"stride {max(g['stride'])}"}
        self.seen.add(f"dilation {max(g['dilation'])}")
        operator = Conv(
            in_shape=shape,
            out_shape=(c_out, *g["positions"]),
            weights=weights,
            stride=g["stride"],
            padding=g["padding"],
            dilation=g["dilation"],
            groups=groups,
        )
        return operator, {"kind": "conv", "weights": weights, "groups": groups, **g}

    def pool(self, shape: tuple[int, ...]) -> Any:
        g = self.window(shape[1:])
        word = self.pick(["sum_pool", "avg_pool", "max_pool"])
        self.seen.add(word)
        if word != "max_pool":
            g["dilation"] = (1,) * len(g["kernel"])
            g["positions"] = self.positions(shape[1:], g)
        shapes = {"in_shape": shape, "out_shape": (shape[0], *g["positions"])}
        numbers = {k: g[k] for k in ("kernel", "stride", "padding")}
        if word == "max_pool":
            return MaxPool(**shapes, **numbers, dilation=g["dilation"]), {"kind": word, **g}
        return Pool(**shapes, **numbers, average=word == "avg_pool"), {"kind": word, **g}

    def diagonal(self, shape: tuple[int, ...], out: tuple[int, ...] | None = None) -> Any:
        weights = eighths(self.rng, (prod(shape),))
        self.seen.add("diagonal")
        operator = Diagonal(in_shape=shape, out_shape=out or shape, weights=weights)
        return operator, {"kind": "diagonal", "weights": weights}

    def identity(self, shape: tuple[int, ...], out: tuple[int, ...] | None = None) -> Any:
        self.seen.add("identity")
        return Identity(in_shape=shape, out_shape=out or shape), {"kind": "identity"}

    def route(self, shape: tuple[int, ...], out: tuple[int, ...] | None = None) -> Any:
        out = out or self.pick([(5,), (2, 7), (1, 5, 4)])
        index = self.rng.integers(-1, prod(shape), prod(out))
        entries = [(int(i), j) for j, i in enumerate(index) if i >= 0]
        self.seen.add("route")
        operator = Route(in_shape=shape, out_shape=out, index=index)
        return operator, {"kind": "route", "entries": entries}

    def any_operator(self, shape: tuple[int, ...]) -> Any:
        makers: list[Callable[..., Any]] = [self.matrix, self.matrix, self.diagonal]
        makers += [self.identity, self.route]
        if len(shape) > 1:
            makers = [self.conv, self.conv, self.pool, self.pool, *makers]
        return self.pick(makers)(shape)

    # ---- populations

    def program(self, relay_kind: PortKind | None) -> tuple[Program, bool]:
        """A program, and whether it has a port for recurrence."""
        if relay_kind is PortKind.ANALOG and self.chance(0.5):
            self.seen.add("map")
            return LEAKY, False
        if relay_kind is not None:
            return relay_program(relay_kind), False
        kinds = [ResetKind.ZERO, ResetKind.SUBTRACT, ResetKind.NONE]
        timings = [ResetTiming.SAME_STEP, ResetTiming.NEXT_STEP, ResetTiming.SAME_STEP_ONCE]
        reset = Reset(kind=self.pick(kinds), timing=self.pick(timings))
        recurrent, leak = self.chance(0.4), self.chance(0.3)
        word = self.pick(["lif", "lif", "cuba_lif", "li", "threshold"])
        self.seen.add(word)
        if word == "lif":
            return lif_program(reset, recurrent=recurrent, leak=leak), recurrent
        if word == "cuba_lif":
            return cuba_lif_program(reset, recurrent=recurrent, leak=leak), recurrent
        if word == "li":
            return li_program(recurrent=recurrent, leak=leak), recurrent
        return threshold_program(self.pick(list(Compare))), False

    def population(self) -> None:
        """A new node, fed by an earlier one through any operator."""
        name = f"n{len(self.populations)}"
        before = self.pick([*self.nodes][-2:])
        operator, raw = self.any_operator(self.shapes[before])
        relay = self.chance(0.3)
        bias = self.bias(operator) if not relay or self.chance(0.3) else None
        kind = PortKind.ANALOG if bias is not None else operator.port_kind(self.kinds[before])
        program, recurrent = self.program(kind if relay else None)
        n, shape = operator.n_out, operator.out_shape
        params = {p: self.param(p, n) for p in program.params}
        self.populations.append(
            Population(name=name, shape=shape, program=program, params=params, emits=program.emits)
        )
        self.nodes[name] = Node(
            name=name,
            n=n,
            is_relay=relay,
            emits_events=program.emits is PortKind.EVENT,
            states=len(program.states),
            leak=params.get("leak"),
        )
        self.shapes[name], self.kinds[name] = shape, program.emits
        self.join(before, name, operator, raw, bias=bias)
        if relay:
            self.seen.add("relay")
            return
        self.extras(name, recurrent)

    def param(self, name: str, n: int) -> np.ndarray:
        shape = () if self.chance(0.6) else (n,)
        if name in ("alpha", "beta"):
            return np.asarray(self.rng.integers(0, 5, shape) / 4, dtype=np.float32)
        if name == "theta":
            return np.asarray(self.rng.integers(1, 9, shape) / 4, dtype=np.float32)
        return np.asarray(eighths(self.rng, shape, 0.5))

    def bias(self, operator: Operator) -> np.ndarray | None:
        if operator.weight is None or self.chance(0.5):
            return None
        self.seen.add("bias")
        return eighths(self.rng, (operator.n_out,))

    def extras(self, name: str, recurrent: bool) -> None:
        """Skip connections from earlier nodes, and recurrence through weights or one to one."""
        shape = self.shapes[name]
        for other in [*self.nodes][:-1]:
            if not self.chance(0.25):
                continue
            delay = int(self.rng.integers(0, 3))
            same = prod(self.shapes[other]) == prod(shape)
            make = self.pick([self.identity, self.diagonal, self.matrix]) if same else self.matrix
            self.seen |= {"skip"} if same else set()
            operator, raw = make(self.shapes[other], shape)
            self.join(other, name, operator, raw, bias=self.bias(operator), delay=delay)
        if self.chance(0.5):
            self.seen.add("recurrence")
            operator, raw = self.pick([self.identity, self.diagonal, self.matrix])(shape, shape)
            port = "rec" if recurrent else "x"
            self.join(name, name, operator, raw, bias=self.bias(operator), delay=1, port=port)

    def loop(self) -> None:
        """A later population reaches an earlier one, one step late."""
        able = [p for p in self.populations if not p.is_relay]
        if len(able) < 2:
            return
        first, last = able[0], able[-1]
        operator, raw = self.matrix(last.shape, first.shape)
        self.seen.add("loop of two")
        self.join(last.name, first.name, operator, raw, bias=self.bias(operator), delay=1)

    def join(
        self,
        source: str,
        target: str,
        operator: Operator,
        raw: dict[str, Any],
        *,
        bias: np.ndarray | None = None,
        delay: int = 0,
        port: str = "x",
    ) -> None:
        name = f"p{len(self.projections)}"
        bias_from = int(self.rng.integers(0, delay + 1)) if bias is not None else 0
        if bias_from:
            self.seen.add("late bias")
        if delay > 1:
            self.seen.add("delay 2")
        self.projections.append(
            Projection(
                name=name,
                source=source,
                target=target,
                operator=operator,
                port=port,
                delay=delay,
                bias=bias,
                bias_from_step=bias_from,
            )
        )
        self.layers.append(
            Layer(
                name=name,
                source=source,
                target=target,
                in_shape=operator.in_shape,
                delay=delay,
                bias=bias,
                bias_from=bias_from,
                **raw,
            )
        )

    def case(self) -> Case:
        network = Network(
            sources=tuple(self.sources),
            populations=tuple(self.populations),
            projections=tuple(self.projections),
            outputs=(OutputPort(name="out", node=self.populations[-1].name),),
            dt_s=1e-3,
        )
        if self.chance(0.3):
            dtype = self.pick(["int8", "int16"])
            self.seen.add(dtype)
            network, _ = quantize_weights(network, dtype)
        for layer, projection in zip(self.layers, network.projections, strict=True):
            layer.stored = _stored(layer, projection.operator.weight)
        return Case(network, [*self.nodes.values()], self.layers, self.inputs, self.seen)


def _stored(layer: Layer, weight: Any) -> Any:
    """The executed weights in the layout of the trained ones (rows of a matrix put back)."""
    if not layer.sparse_rows:
        return weight
    full = np.zeros(layer.weights.shape, dtype=weight.dtype)
    source, target = np.nonzero(layer.weights.T)
    full[target, source] = weight
    return full


def random_case(seed: int) -> Case:
    """One network of 1 to 2 inputs and 1 to 4 populations, with its input."""
    rng = np.random.default_rng([17, seed])
    maker = Maker(rng, samples=int(rng.integers(1, 4)), steps=int(rng.integers(1, 6)))
    for _ in range(int(rng.integers(1, 3))):
        maker.source()
    for _ in range(int(rng.integers(1, 5))):
        maker.population()
    if maker.chance(0.3):
        maker.loop()
    return maker.case()
