"""Assembling the Network: operators, programs, projections in declared order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, InputError, Severity, UnsupportedError
from neurochain.graph import (
    Affine,
    AvgPool,
    Conv,
    Custom,
    Edge,
    Graph,
    Input,
    Linear,
    MaxPool,
    NeuronNode,
    Node,
    Route,
    Scale,
    ScaleShift,
    SumPool,
    Threshold,
    WeightNode,
)
from neurochain.lowering.infer import infer_shapes
from neurochain.lowering.neurons import discretise
from neurochain.lowering.order import Link, execution_order
from neurochain.lowering.paths import Path, Plan, free_name, make_plan
from neurochain.lowering.shapes import Shape
from neurochain.lowering.sizes import refuse_oversized
from neurochain.network import (
    F32,
    Network,
    Operator,
    OutputPort,
    Population,
    PortKind,
    Projection,
    Source,
)
from neurochain.operators import Conv as ConvOperator
from neurochain.operators import Csr, Dense, Diagonal, Identity, Pool
from neurochain.operators import MaxPool as MaxPoolOperator
from neurochain.operators import Route as RouteOperator
from neurochain.programs import relay_program

__all__ = ["SPARSE_BELOW", "Lowered", "lower", "lower_reported"]

SPARSE_BELOW = 0.05
"""A matrix with a smaller share of nonzero weights is stored as CSR: a sparse row costs about 20
times as much an entry as a dense one (docs/performance.md)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lowered:
    """A Network and what is worth saying about how it came about."""

    network: Network
    findings: tuple[Finding, ...]


def lower(graph: Graph) -> Network:
    """Graph -> Network. See `lower_reported`."""
    return lower_reported(graph).network


def lower_reported(graph: Graph) -> Lowered:
    """Graph -> Network with findings: cut cycles, weights rounded to float32.

    Errors: InputError (all findings at once) for shapes that do not fit or bad parameters,
    UnsupportedError for cycles without a neuron and fractional delays.
    """
    plan = make_plan(graph)
    shapes, problems = infer_shapes(plan.nodes, plan.edges)
    refuse_oversized(shapes)
    problems += [*_value_findings(graph), *_output_findings(graph, plan)]
    problems += _parameter_findings(plan, shapes, graph.dt_s)
    if problems:
        raise InputError(*problems)
    links = {path: Link(path.source, path.target, path.delay) for path in plan.paths}
    nodes = {name: plan.nodes[name] for name in plan.standing}
    order = execution_order(nodes, tuple(links.values()))
    cut = {path for path, link in links.items() if link in order.cut}
    if graph.recurrent_bias_at_0:
        _refuse_lost_bias(plan, cut)
    findings = [_cut_finding(path) for path in plan.paths if path in cut]
    build = _Build(graph, plan, shapes, cut, findings)
    populations = tuple(
        build.population(name) for name in order.names if not isinstance(plan.nodes[name], Input)
    )
    network = Network(
        sources=tuple(
            Source(name=name, shape=node.shape, emits=PortKind.ANALOG)
            for name, node in graph.nodes.items()
            if isinstance(node, Input)
        ),
        populations=populations,
        projections=tuple(
            build.projection(path)
            for name in order.names  # grouped by target; within a target in declared order
            for path in plan.paths
            if path.target == name
        ),
        outputs=_outputs(graph, plan),
        dt_s=graph.dt_s,
    )
    return Lowered(network=network, findings=tuple(findings))


def _cut_finding(path: Path) -> Finding:
    return Finding(
        where=path.via or f"{path.source} -> {path.target}",
        what=f"closes a cycle: what {path.source} emits reaches {path.target} one step later.",
        severity=Severity.INFO,
    )


def _value_findings(graph: Graph) -> list[Finding]:
    """Weights and biases that are no finite float32."""
    findings = []
    for name, node in graph.nodes.items():
        for field in ("weight", "bias", "scale", "shift"):
            values = getattr(node, field, None)
            if values is None:
                continue
            with np.errstate(over="ignore", under="ignore"):
                bad = int(np.count_nonzero(~np.isfinite(values.astype(np.float32))))
            if bad:
                findings.append(
                    Finding(
                        where=f"{name} ({type(node).__name__})",
                        what=f"{bad} of {values.size} values of {field} are NaN, infinite or "
                        "above float32's range.",
                        fix="Train or export the model again.",
                    )
                )
    return findings


def _parameter_findings(plan: Plan, shapes: Mapping[str, Shape], dt_s: float) -> list[Finding]:
    """What is wrong with the parameters of all neurons, not only the first."""
    findings: list[Finding] = []
    for name, node in plan.nodes.items():
        if isinstance(node, NeuronNode) and name in shapes:
            try:
                discretise(name, node, prod(shapes[name]), dt_s, recurrent=False)
            except InputError as error:
                findings += error.findings
    return findings


def _output_findings(graph: Graph, plan: Plan) -> list[Finding]:
    """A membrane is read from one neuron that has one."""
    findings = []
    for name, source in _read_by_outputs(graph, plan).items():
        signal = getattr(graph.nodes[name], "signal", "")
        node = plan.nodes[source]
        neuron = isinstance(node, NeuronNode) and not isinstance(node, Threshold)
        if isinstance(node, Custom):
            neuron = bool(node.program.membrane)
        if signal not in ("spike", "membrane") or (signal == "membrane" and not neuron):
            findings.append(
                Finding(
                    where=f"{name} (Output)",
                    what=f"reads the {signal!r} of {source} ({type(node).__name__}).",
                    fix='Read "spike", or the "membrane" of one neuron, without delay.',
                )
            )
    if not plan.paths:
        findings.append(Finding(what="the graph holds no layer: outputs read inputs."))
    return findings


def _refuse_lost_bias(plan: Plan, cut: set[Path]) -> None:
    """Where a cycle is cut behind a relay with a bias, step 0 would miss it: refuse."""
    findings = [
        Finding(
            where=path.via or f"{path.source} -> {path.target}",
            what=f"closes a cycle behind {path.source}, whose bias would be missing at step 0.",
            fix="Merge the linear maps of the recurrent branch into one, close the cycle with a "
            "Delay in front of them, or lower with recurrent_bias_at_0 = no.",
        )
        for path in plan.paths
        if path in cut and _has_bias(plan, path.source, set())
    ]
    if findings:
        raise UnsupportedError(*findings)


def _has_bias(plan: Plan, name: str, seen: set[str]) -> bool:
    """Whether a relay emits something where nothing comes in."""
    if name in seen or isinstance(plan.nodes[name], NeuronNode | Input):
        return False
    seen.add(name)
    return any(
        _is_biased(plan.nodes[path.via or name])
        or (path.delay == 0 and _has_bias(plan, path.source, seen))
        for path in plan.paths
        if path.target == name
    )


class _Build:
    """Shared context while populations and projections are made."""

    def __init__(
        self,
        graph: Graph,
        plan: Plan,
        shapes: Mapping[str, Shape],
        cut: set[Path],
        findings: list[Finding],
    ) -> None:
        self.graph, self.plan, self.shapes, self.cut = graph, plan, shapes, cut
        self.findings = findings
        self.kinds: dict[str, PortKind] = {}
        self.ports: dict[str, tuple[str, ...]] = {}
        self.operators: dict[Path, Operator] = {}
        # a plain connection is called a->b, never like a map or another connection
        self.named = {n for n in plan.nodes if type(plan.nodes[n]) in _OPERATORS}

    def population(self, name: str) -> Population:
        """The population of a standing node; called in execution order."""
        node, shape = self.plan.nodes[name], self.shapes[name]
        incoming = self._paths_into(name)
        if not isinstance(node, NeuronNode):
            program = relay_program(self._relay_kind(incoming))
            params: Mapping[str, F32] = {}
            initial: Mapping[str, F32] = {}
        else:
            recurrent = any(path in self.cut for path in incoming)
            discrete = discretise(name, node, prod(shape), self.graph.dt_s, recurrent=recurrent)
            program, params, initial = discrete.program, discrete.params, discrete.initial
        self.kinds[name] = program.emits
        self.ports[name] = program.ports
        return Population(
            name=name,
            shape=shape,
            program=program,
            params=params,
            emits=program.emits,
            initial=initial,
        )

    def _paths_into(self, name: str) -> tuple[Path, ...]:
        """Paths into a standing node; a relay that is a map reads through itself."""
        return tuple(path for path in self.plan.paths if path.target == name)

    def _relay_kind(self, incoming: tuple[Path, ...]) -> PortKind:
        kinds = set()
        for path in incoming:
            source = self.kinds.get(path.source, PortKind.ANALOG)
            node = self._map_of(path)
            biased = _is_biased(node)
            kinds.add(PortKind.ANALOG if biased else self.operator(path).port_kind(source))
        if len(incoming) == 1:
            return kinds.pop()
        return PortKind.ANALOG if PortKind.ANALOG in kinds else PortKind.GRADED

    def _map_of(self, path: Path) -> Node | None:
        """The map on a path: the one between, or the relay's own."""
        if path.via:
            return self.plan.nodes[path.via]
        target = self.plan.nodes[path.target]
        return target if type(target) in _OPERATORS else None

    def operator(self, path: Path) -> Operator:
        """The operator of a path, made once."""
        if path not in self.operators:
            node = self._map_of(path)
            in_shape, out_shape = self.shapes[path.source], self.shapes[path.target]
            if node is None:
                self.operators[path] = Identity(in_shape=in_shape, out_shape=out_shape)
            else:
                self.operators[path] = _OPERATORS[type(node)](node, in_shape, out_shape)
                self._note_rounding(path, node)
        return self.operators[path]

    def _note_rounding(self, path: Path, node: Node) -> None:
        """Say so where float64 weights do not fit float32."""
        for field in ("weight", "bias", "scale", "shift"):
            values = getattr(node, field, None)
            if values is None:
                continue
            with np.errstate(over="ignore", under="ignore"):
                changed = int(np.count_nonzero(values.astype(np.float32) != values))
            if changed:
                self.findings.append(
                    Finding(
                        where=path.via or path.target,
                        what=f"{changed} of {values.size} {values.dtype} values of {field} were "
                        "rounded to float32.",
                        severity=Severity.WARNING,
                    )
                )

    def _name(self, path: Path, node: Node | None) -> str:
        """The map's name, or the two ends of a plain connection."""
        if node is not None:
            return path.via or path.target
        plain = f"{path.source}->{path.target}" + (f"@{path.delay}" if path.delay else "")
        name = free_name(plain, self.named)
        self.named.add(name)
        return name

    def projection(self, path: Path) -> Projection:
        """The projection of a path."""
        node = self._map_of(path)
        is_cut = path in self.cut
        operator = self.operator(path)
        bias = _bias(node, self.shapes[path.target])
        late = 1 if is_cut and not self.graph.recurrent_bias_at_0 else 0
        # a delay in front of a map does not hold its bias back
        after = path.after if path.via or node is None else 0
        return Projection(
            name=self._name(path, node),
            source=path.source,
            target=path.target,
            port=path.port or ("rec" if is_cut and "rec" in self.ports[path.target] else "x"),
            operator=operator,
            delay=path.delay + (1 if is_cut else 0),
            bias=bias,
            bias_from_step=after + late if bias is not None else 0,
        )


def _is_biased(node: Node | None) -> bool:
    """Whether a map adds something of its own."""
    return isinstance(node, ScaleShift) or getattr(node, "bias", None) is not None


def _bias(node: Node | None, out_shape: Shape) -> F32 | None:
    """The bias of every target, (n_out,) float32; convolutions spread theirs over positions."""
    if isinstance(node, ScaleShift):
        shift = np.asarray(node.shift, dtype=np.float32).reshape(-1)
        return np.ascontiguousarray(np.broadcast_to(shift, (prod(out_shape),)))
    if not isinstance(node, WeightNode) or node.bias is None:
        return None
    bias = np.asarray(node.bias, dtype=np.float32)
    return np.repeat(bias, prod(out_shape) // bias.size)


def _outputs(graph: Graph, plan: Plan) -> tuple[OutputPort, ...]:
    """What each Output node reads."""
    return tuple(
        OutputPort(name=name, node=source, signal=getattr(graph.nodes[name], "signal", "spike"))
        for name, source in _read_by_outputs(graph, plan).items()
    )


def _read_by_outputs(graph: Graph, plan: Plan) -> dict[str, str]:
    """The standing node behind every Output."""
    index: dict[str, Edge] = {edge.target: edge for edge in plan.edges}
    read = {}
    for name in graph.outputs:
        source = index[name].source
        while source not in plan.standing:
            source = index[source].source
        read[name] = source
    return read


def _weights(node: WeightNode) -> NDArray[Any]:
    return np.ascontiguousarray(node.weight, dtype=np.float32)


def _matrix(node: Affine | Linear, in_shape: Shape, out_shape: Shape) -> Operator:
    weights = _weights(node)
    if np.count_nonzero(weights) < SPARSE_BELOW * weights.size:
        return Csr.from_dense(weights, in_shape, out_shape)
    return Dense(in_shape=in_shape, out_shape=out_shape, weights=weights)


def _conv(node: Conv, in_shape: Shape, out_shape: Shape) -> Operator:
    return ConvOperator(
        in_shape=in_shape,
        out_shape=out_shape,
        weights=_weights(node),
        stride=node.stride,
        padding=node.padding,
        dilation=node.dilation,
        groups=node.groups,
    )


def _pool(node: SumPool | AvgPool, in_shape: Shape, out_shape: Shape) -> Operator:
    return Pool(
        in_shape=in_shape,
        out_shape=out_shape,
        kernel=node.kernel_size,
        stride=node.stride,
        padding=node.padding,
        average=isinstance(node, AvgPool),
        divisors=getattr(node, "divisors", None),
    )


def _max_pool(node: MaxPool, in_shape: Shape, out_shape: Shape) -> Operator:
    return MaxPoolOperator(
        in_shape=in_shape,
        out_shape=out_shape,
        kernel=node.kernel_size,
        stride=node.stride,
        padding=node.padding,
        dilation=node.dilation,
    )


def _scale(node: Scale | ScaleShift, in_shape: Shape, out_shape: Shape) -> Operator:
    weights = np.broadcast_to(node.scale.astype(np.float32).reshape(-1), (prod(in_shape),))
    return Diagonal(in_shape=in_shape, out_shape=out_shape, weights=np.ascontiguousarray(weights))


def _route(node: Route, in_shape: Shape, out_shape: Shape) -> Operator:
    return RouteOperator(
        in_shape=in_shape, out_shape=out_shape, index=np.ascontiguousarray(node.index, np.int64)
    )


_OPERATORS: Mapping[type[Node], Callable[..., Operator]] = {
    Affine: _matrix,
    Linear: _matrix,
    Conv: _conv,
    SumPool: _pool,
    AvgPool: _pool,
    MaxPool: _max_pool,
    Scale: _scale,
    ScaleShift: _scale,
    Route: _route,
}
