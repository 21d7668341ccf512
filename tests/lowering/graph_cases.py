"""Graphs of every construct, in dyadic numbers. Each case: graph, edges that close a cycle."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise, product
from math import prod
from typing import Any

import numpy as np
from custom_programs import GATED, RATIONED

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
    Custom,
    Delay,
    Edge,
    Flatten,
    Graph,
    I,
    Input,
    Linear,
    MaxPool,
    Node,
    Output,
    Reset,
    ResetKind,
    ResetTiming,
    Route,
    Scale,
    ScaleShift,
    SumPool,
    Threshold,
    as_f64,
)

DT = 2.0**-10
KIND, TIMING = ResetKind, ResetTiming


@dataclass
class Case:
    graph: Graph
    closing: set[tuple[str, str]] = field(default_factory=set)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng([5, seed])


def quarters(*shape: int, seed: int = 0) -> np.ndarray:
    return (rng(seed).integers(-4, 5, shape) / 4).astype(np.float32)


def lif(
    kind: ResetKind = KIND.SUBTRACT, timing: ResetTiming = TIMING.SAME_STEP, **changes: Any
) -> LIF:
    values: dict[str, Any] = {
        "tau": as_f64(2 * DT),
        "r": as_f64(2),
        "v_leak": as_f64(0),
        "v_threshold": as_f64(0.5),
        "v_reset": as_f64(0),
        "reset": Reset(kind=kind, timing=timing),
    }
    return LIF(**values | changes)


def li(**changes: Any) -> LI:
    return LI(**{"tau": as_f64(2 * DT), "r": as_f64(2), "v_leak": as_f64(0)} | changes)


def fc(n_out: int, n_in: int, seed: int = 0, bias: bool = True) -> Affine | Linear:
    weight = quarters(n_out, n_in, seed=seed)
    return (
        Affine(weight=weight, bias=quarters(n_out, seed=seed + 1))
        if bias
        else Linear(weight=weight)
    )


def conv(c_out: int, c_in: int, kernel: tuple[int, ...], **changes: Any) -> Conv:
    one, zero = (1,) * len(kernel), (0,) * len(kernel)
    values: dict[str, Any] = {"bias": None, "stride": one, "padding": zero, "dilation": one}
    groups = changes.get("groups", 1)
    weight = quarters(c_out, c_in // groups, *kernel, seed=7)
    return Conv(**{"weight": weight} | values | changes)


def pooled(cls: type[Any], size: int = 2, axes: int = 2, **changes: Any) -> Any:
    values: dict[str, Any] = {
        "kernel_size": (size,) * axes,
        "stride": (size,) * axes,
        "padding": (0,) * axes,
    }
    if cls is MaxPool:
        values["dilation"] = (1,) * axes
    return cls(**values | changes)


def shape_after(shape: tuple[int, ...], node: Node) -> tuple[int, ...]:
    from plain_graph import MAPS

    if type(node) not in MAPS:
        return shape
    return tuple(MAPS[type(node)](node, np.zeros(shape)).shape)


def chain(shape: tuple[int, ...], *nodes: Node, signal: str = "spike") -> Case:
    """in -> n0 -> n1 -> ... -> out."""
    names = ["in", *(f"n{k}" for k in range(len(nodes))), "out"]
    out = shape
    for node in nodes:
        out = shape_after(out, node)
    every: list[Node] = [Input(shape=shape), *nodes, Output(shape=out, signal=signal)]
    edges = tuple(Edge(a, b) for a, b in pairwise(names))
    return Case(Graph(nodes=dict(zip(names, every, strict=True)), edges=edges, dt_s=DT))


def graph(nodes: dict[str, Node], *edges: str, closing: str = "", bias_at_0: bool = True) -> Case:
    """Edges as "a b", "a b 2" (delay) or "a b:port"; closing as "a b, c d"."""
    parsed = []
    for words in (edge.split() for edge in edges):
        target, _, port = words[1].partition(":")
        delay = int(words[2]) if len(words) > 2 else None
        parsed.append(Edge(words[0], target, delay, port or None))
    made = Graph(nodes=nodes, edges=tuple(parsed), dt_s=DT, recurrent_bias_at_0=bias_at_0)
    ends = (pair.split() for pair in closing.split(",") if pair.strip())
    return Case(made, {(a, b) for a, b in ends})


def inputs_of(
    case: Case, steps: int = 7, kind: str = "spikes", seed: int = 0
) -> dict[str, np.ndarray]:
    draw = rng(seed)
    found = {}
    for name in case.graph.inputs:
        node = case.graph.nodes[name]
        shape = (steps, prod(getattr(node, "shape", ())))
        values = draw.integers(0, 2, shape) if kind == "spikes" else draw.integers(-4, 5, shape) / 4
        found[name] = values.astype(np.float32)
    return found


IO: dict[str, Node] = {"in": Input(shape=(4,)), "out": Output(shape=(4,))}
PLANE = (1, 6, 6)


def gated(shape: tuple[int, ...] = (4,), **changes: Any) -> Custom:
    """A neuron of two ports with a start of its own."""
    start = (np.arange(prod(shape)).reshape(shape) % 3 / 2).astype(np.float32)
    values: dict[str, Any] = {
        "program": GATED,
        "params": {"decay": np.float32(0.5), "theta": np.full(shape, 0.25, np.float32)},
        "initial": {"v": start, "trace": np.asarray(0.25, np.float32)},
    }
    return Custom(**{"shape": shape, **values} | changes)


def rationed(shape: tuple[int, ...] = (4,)) -> Custom:
    return Custom(shape=shape, program=RATIONED, params={"part": np.asarray(-0.5, np.float32)})


def route(shape: tuple[int, ...], out: tuple[int, ...], *index: int) -> Route:
    return Route(in_shape=shape, out_shape=out, index=np.array(index))


def normed(*shape: int, seed: int = 0) -> ScaleShift:
    return ScaleShift(scale=quarters(*shape, seed=seed), shift=quarters(*shape, seed=seed + 1))


def skip(*, delay: int = 0) -> Case:
    nodes = {**IO, "fc": fc(4, 4), "a": lif(), "fc2": fc(4, 4, 3), "b": lif()}
    late = f" {delay}" if delay else ""
    return graph(nodes, "in fc", "fc a", "a fc2", "fc2 b", f"a b{late}", "b out")


def self_loop(node: Node, *, bias_at_0: bool = True) -> Case:
    nodes = {**IO, "fc": fc(4, 4), "rec": fc(4, 4, 5), "a": node}
    edges = ("in fc", "fc a", "a rec", "rec a", "a out")
    return graph(nodes, *edges, closing="rec a", bias_at_0=bias_at_0)


def two_loop() -> Case:
    nodes = {**IO, "fc": fc(4, 4), "a": lif(), "f": fc(3, 4, 2), "b": lif(), "back": fc(4, 3, 3)}
    edges = ("in fc", "fc a", "a f", "f b", "b back", "back a", "a out")
    return graph(nodes, *edges, closing="back a")


def resets() -> dict[str, Case]:
    found = {}
    for kind, timing in product(KIND, TIMING):
        late_value = kind is KIND.VALUE and timing is not TIMING.SAME_STEP
        subtract_discard = kind is KIND.SUBTRACT and "discard" in timing.value
        if late_value or subtract_discard:
            continue
        for compare in Compare:
            changes = {"v_reset": as_f64(-0.25 if kind is KIND.VALUE else 0), "compare": compare}
            node = lif(kind, timing, **changes)
            word = f"lif {kind.value} {timing.value} {compare.value}"
            found[word] = chain((4,), fc(4, 4), node)
    return found


def neurons() -> dict[str, Case]:
    half, per = as_f64(2 * DT), as_f64([DT, 2 * DT, 4 * DT, 2 * DT])
    cuba = {"tau_syn": half, "tau_mem": half, "r": as_f64(1), "v_leak": as_f64(0)}
    spike = {"v_threshold": as_f64(0.5), "v_reset": as_f64(0), "reset": Reset(kind=KIND.SUBTRACT)}
    full = {"r": as_f64([1, 2, 4, 2]), "v_leak": as_f64([0, 0.25, -0.5, 1])}
    made: dict[str, Node] = {
        "if": IF(r=as_f64(1 / DT), **spike),
        "if gain": IF(r=as_f64(0.5 / DT), **spike),
        "i": I(r=as_f64(1 / DT)),
        "i gain": I(r=as_f64([0.5 / DT, 1 / DT, 2 / DT, 1 / DT])),
        "li": li(),
        "li leak": li(v_leak=as_f64(0.5)),
        "li per neuron": li(tau=per, **full),
        "lif gain": lif(r=as_f64(1)),
        "lif leak": lif(v_leak=as_f64(0.5)),
        "lif leak towards above threshold": lif(v_leak=as_f64(2)),
        "lif per neuron": lif(tau=per, v_threshold=as_f64([0.5, 0.25, 1, 2]), **full),
        "lif dt == tau": lif(tau=as_f64(DT), r=as_f64(1)),
        "lif beta 1": lif(tau=as_f64(DT * 2.0**60), r=as_f64(2.0**60)),
        "cuba li": CubaLI(w_in=as_f64(2), **cuba),
        "cuba li drive": CubaLI(w_in=as_f64(1), **cuba | {"r": as_f64(0.5), "v_leak": as_f64(1)}),
        "cuba lif": CubaLIF(w_in=as_f64(2), **cuba, **spike),
        "cuba lif all": CubaLIF(w_in=as_f64(1), **cuba | full | {"tau_syn": per}, **spike),
        "threshold": Threshold(threshold=as_f64(0.25)),
        "threshold >=": Threshold(threshold=as_f64(0.25), compare=Compare.GREATER_EQUAL),
        "threshold per neuron": Threshold(threshold=as_f64([0.25, 0, -0.5, 1])),
    }
    return {f"neuron {name}": chain((4,), fc(4, 4), node) for name, node in made.items()}


def maps() -> dict[str, Case]:
    pad = {"padding": (1, 1)}
    return {
        "neuron on the input": chain((4,), lif()),
        "linear chain": chain((4,), fc(5, 4), fc(3, 5, 2), Scale(scale=as_f64(0.5)), lif()),
        "maps alone": chain((4,), fc(5, 4), fc(3, 5, 2)),
        "conv": chain(PLANE, conv(3, 1, (3, 3), **pad, bias=quarters(3)), lif()),
        "conv stride dilation": chain(
            (2, 7, 6), conv(2, 2, (2, 3), stride=(2, 1), dilation=(2, 1), padding=(1, 0)), lif()
        ),
        "conv groups": chain((4, 5, 5), conv(4, 4, (3, 3), groups=2, **pad), lif()),
        "conv1d": chain((2, 9), conv(3, 2, (3,), stride=(2,), padding=(1,)), lif()),
        "conv pool neuron": chain(PLANE, conv(2, 1, (3, 3)), pooled(AvgPool), lif()),
        "conv max neuron": chain(PLANE, conv(2, 1, (3, 3)), pooled(MaxPool), lif()),
        "neuron pool linear": chain(
            PLANE, conv(2, 1, (3, 3)), lif(), pooled(SumPool), Flatten(), fc(3, 8), lif()
        ),
        "neuron max linear": chain(
            PLANE, conv(2, 1, (3, 3)), lif(), pooled(MaxPool), Flatten(), fc(3, 8), lif()
        ),
        "overlapping max with padding": chain(
            PLANE, lif(), pooled(MaxPool, 3, stride=(1, 2), padding=(1, 1)), lif()
        ),
        "average with padding": chain(PLANE, pooled(AvgPool, 2, padding=(1, 1)), lif()),
        "pool 1d": chain((2, 8), pooled(SumPool, 2, 1), pooled(MaxPool, 2, 1), lif()),
        "flatten then linear": chain((2, 3), lif(), Flatten(), fc(4, 6), lif()),
        "conv flatten neuron": chain(PLANE, conv(2, 1, (3, 3)), Flatten(), lif()),
        "part flatten conv1d": chain(
            (2, 3, 4), Flatten(start_dim=1, end_dim=2), conv(2, 2, (3,)), lif()
        ),
        "flatten flatten conv1d": chain(
            (2, 2, 2, 3),
            Flatten(start_dim=2, end_dim=3),
            Flatten(start_dim=1, end_dim=2),
            conv(2, 2, (3,)),
            lif(),
        ),
        "neuron flatten out": chain((2, 3), lif(), Flatten()),
        "scale per element": chain((4,), Scale(scale=as_f64([1, 0, -0.5, 2])), lif()),
        "sparse": chain((64,), Linear(weight=np.eye(3, 64, 5, dtype=np.float32)), lif()),
        "membrane out": chain((4,), fc(4, 4), lif(KIND.ZERO), signal="membrane"),
    }


def joins() -> dict[str, Case]:
    both = {**IO, "in2": Input(shape=(3,)), "out2": Output(shape=(4,), signal="membrane")}
    reset = lif(KIND.ZERO)
    return {
        "skip": skip(),
        "skip with delay": skip(delay=2),
        "several readers of a map": graph(
            {**IO, "fc": fc(4, 4), "a": lif(), "b": lif(v_threshold=as_f64(1)), "out2": IO["out"]},
            *("in fc", "fc a", "fc b", "a out", "b out2"),
        ),
        "a map read by a neuron and an output": graph(
            {**IO, "fc": fc(4, 4), "a": lif(), "out2": IO["out"]},
            *("in fc", "fc a", "a out", "fc out2"),
        ),
        "sum before a map": graph(
            {**IO, "a": lif(), "b": reset, "fc": fc(4, 4), "c": lif()},
            *("in a", "in b", "a fc", "b fc", "fc c", "c out"),
        ),
        "sum at an output": graph(
            {**IO, "a": lif(), "b": reset}, *("in a", "in b", "a out", "b out")
        ),
        "two inputs, two outputs": graph(
            {**both, "f": fc(4, 3, 4), "a": lif(), "b": reset},
            *("in a", "in2 f", "f a", "a b", "b out", "a out2"),
        ),
        "names that collide": graph(
            {**IO, "a": lif(), "b": reset, "fc": fc(4, 4), "fc.sum": fc(4, 4, 2), "c": li()},
            *("in a", "in b", "a fc", "b fc", "fc c", "b fc.sum", "fc.sum c", "c out"),
        ),
        "two equal delays": graph(
            {
                **IO,
                "a": lif(),
                "d": Delay(delay=as_f64(DT)),
                "e": Delay(delay=as_f64(DT)),
                "c": li(),
            },
            *("in a", "a d", "a e", "d c", "e c", "c out"),
        ),
    }


def delays() -> dict[str, Case]:
    one, two = Delay(delay=as_f64(DT)), Delay(delay=as_f64([2 * DT] * 4))
    return {
        "delay in front of a map": chain((4,), one, fc(4, 4), lif()),
        "delay behind a map": chain((4,), fc(4, 4), two, lif()),
        "delay on both sides": chain((4,), lif(), one, fc(4, 4), two, lif()),
        "delay between maps": chain((4,), fc(4, 4), one, fc(4, 4, 2), lif()),
        "delay before the output": chain((4,), lif(), two),
        "delay and flatten before the output": chain((2, 2), lif(), one, Flatten()),
        "map and delay before the output": chain((4,), lif(), fc(4, 4), one),
        "delay of an integrator": chain((4,), li(), one, lif()),
        "an edge's own delay at the output": graph({**IO, "a": lif()}, "in a", "a out 3"),
        "an edge's own delay": graph(
            {**IO, "fc": fc(4, 4), "a": lif()}, "in fc 1", "fc a 2", "a out"
        ),
    }


def loops() -> dict[str, Case]:
    d = Delay(delay=as_f64(DT))
    base = {**IO, "fc": fc(4, 4)}
    both = ("in fc", "fc a")
    return {
        "loop of one": self_loop(lif()),
        "loop of one, bias late": self_loop(lif(), bias_at_0=False),
        "loop of one, integrator": graph(
            {**base, "s": Scale(scale=as_f64(0.5)), "a": li(tau=as_f64(DT), r=as_f64(1))},
            *(*both, "a s", "s a", "a out"),
            closing="s a",
        ),
        "loop of one, threshold": self_loop(Threshold(threshold=as_f64(0.25))),
        "loop one to one": graph({**base, "a": lif()}, *both, "a a", "a out", closing="a a"),
        "loop through scale": graph(
            {**base, "s": Scale(scale=as_f64(-0.5)), "a": lif()},
            *(*both, "a s", "s a", "a out"),
            closing="s a",
        ),
        "loop of two": two_loop(),
        "loop with a delay behind the map": graph(
            {**base, "rec": fc(4, 4, 5), "d": d, "a": lif()},
            *(*both, "a rec", "rec d", "d a", "a out"),
        ),
        "loop with a delay in front of the map": graph(
            {**base, "rec": fc(4, 4, 5), "d": d, "a": lif()},
            *(*both, "a d", "d rec", "rec a", "a out"),
        ),
        "loop with two delays": graph(
            {**base, "rec": fc(4, 4, 5), "a": lif()}, *(*both, "a rec 1", "rec a 2", "a out")
        ),
        "loop through two maps, bias late": graph(
            {**base, "r1": fc(3, 4, 5), "r2": fc(4, 3, 8), "a": lif()},
            *(*both, "a r1", "r1 r2", "r2 a", "a out"),
            closing="r2 a",
            bias_at_0=False,
        ),
        "loop around a pool": graph(
            {
                "in": Input(shape=(1, 4, 4)),
                "a": lif(),
                "p": pooled(MaxPool, 3, stride=(1, 1), padding=(1, 1)),
                "out": Output(shape=(1, 4, 4)),
            },
            *("in a", "a p", "p a", "a out"),
            closing="p a",
        ),
        "loop without a neuron but with a delay": graph(
            {**IO, "a": lif(), "s": Scale(scale=as_f64(0.5)), "b": li()},
            *("in a", "a s", "s s 1", "s b", "b out"),
        ),
    }


def customs() -> dict[str, Case]:
    two = {**IO, "f": fc(4, 4), "h": fc(4, 4, 3), "c": gated()}
    both = ("in f", "in h", "f c:drive", "h c:gate", "c out")
    return {
        "custom, two ports": graph(two, *both),
        "custom, an initial state shared": graph(
            two | {"c": gated(initial={"v": np.asarray(0.75, np.float32)})}, *both
        ),
        "custom, from rest": graph(two | {"c": gated(initial={})}, *both),
        "custom, several edges into a port": graph(two, *both, "in c:drive", "in c:gate"),
        "custom, a port that nothing enters": graph({**IO, "c": gated()}, "in c:drive", "c out"),
        "custom, late ports": graph(
            {**two, "d": Delay(delay=as_f64(DT))},
            *("in f", "in d", "d h", "f c:drive 2", "h c:gate", "c out"),
        ),
        "custom, its membrane": graph({**two, "out": Output(shape=(4,), signal="membrane")}, *both),
        "custom, its spikes at its gate": graph(
            {**IO, "f": fc(4, 4), "c": gated()},
            *("in f", "f c:drive", "c c:gate", "c out"),
            closing="c c",
        ),
        "custom, in a loop through a sum": graph(two, *both, "c h", closing="h c"),
        "custom, a recurrent matrix with a bias": graph(
            {**two, "rec": fc(4, 4, 5)}, *both, "c rec", "rec c:gate", closing="rec c"
        ),
        "custom, on planes": graph(
            {
                "in": Input(shape=PLANE),
                "conv": conv(2, 1, (3, 3)),
                "hold": conv(2, 1, (3, 3), weight=quarters(2, 1, 3, 3, seed=9) / 8),
                "c": gated((2, 4, 4)),
                "pool": pooled(SumPool),
                "out": Output(shape=(2, 2, 2)),
            },
            *("in conv", "in hold", "conv c:drive", "hold c:gate", "c pool", "pool out"),
        ),
        "custom, a map of three ports": graph(
            {**IO, "f": fc(4, 4), "a": lif(), "m": rationed(), "b": lif()},
            *("in f", "f a", "f m:a", "in m:b", "a m:c", "m b", "b out"),
        ),
        "custom, a map at the output": graph(
            {**IO, "f": fc(4, 4), "m": rationed()}, "in m:a", "in m:b", "f m:c", "in f", "m out"
        ),
    }


def places() -> dict[str, Case]:
    twice = {"left": route((4,), (6,), 0, 1, 2, 3, -1, -1), "right": fc(2, 4)}
    behind = route((2,), (6,), -1, -1, -1, -1, 0, 1)
    return {
        "route": chain((4,), route((4,), (4,), 3, -1, 0, 3), lif()),
        "route of spikes to planes": chain(
            (4,), lif(), route((4,), (1, 2, 3), 0, 1, 2, 3, -1, 0), conv(2, 1, (2, 2)), lif()
        ),
        "route behind a route": chain(
            (1, 4), route((1, 4), (4,), 1, 0, 3, 2), route((4,), (2,), 2, -1), lif()
        ),
        "route at the output": chain((4,), fc(4, 4), lif(), route((4,), (2,), 3, 0)),
        "route, late": chain((4,), lif(), Delay(delay=as_f64(DT)), route((4,), (2,), 3, 0), lif()),
        "a concatenation": graph(
            {
                "in": Input(shape=(4,)),
                **twice,
                "put": behind,
                "a": lif(),
                "out": Output(shape=(6,)),
            },
            *("in left", "in right", "right put", "left a", "put a", "a out"),
        ),
        "route in a loop": graph(
            {**IO, "a": lif(), "turn": route((4,), (4,), 1, 2, 3, 0)},
            *("in a", "a turn", "turn a", "a out"),
            closing="turn a",
        ),
        "scale and shift": chain((4,), fc(4, 4), normed(4), lif()),
        "scale and shift, shared": chain((4,), fc(4, 4), normed(), lif()),
        "a shared shift": chain((4,), ScaleShift(scale=quarters(4), shift=as_f64(0.5)), lif()),
        "scale and shift at the output": chain((4,), lif(), normed(4)),
        "scale and shift of planes": chain(
            PLANE, conv(2, 1, (3, 3)), normed(2, 4, 4), pooled(SumPool), lif()
        ),
        "scale and shift in a loop": graph(
            {**IO, "a": lif(), "s": normed(4, seed=3)},
            *("in a", "a s", "s a", "a out"),
            closing="s a",
        ),
        "scale and shift in a loop, late": graph(
            {**IO, "a": lif(), "s": normed(4, seed=3)},
            *("in a", "a s", "s a", "a out"),
            closing="s a",
            bias_at_0=False,
        ),
    }


CASES: dict[str, Case] = {
    **neurons(), **resets(), **maps(), **joins(), **delays(), **loops(), **customs(), **places()
}  # fmt: skip
