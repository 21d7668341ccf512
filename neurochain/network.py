"""Network: operators with typed ports and explicit state, in discrete time, in one arithmetic.

A Network is a list of nodes in execution order. Within one step every node adds up what its
projections deliver to each of its ports, runs its neuron program once, and emits. Projections
with delay 0 read what their source emitted in this step, those with delay d what it emitted d
steps ago (nothing before step 0).

Float order (both engines keep it, so they are bit-equal): one float32 accumulator per projection,
starting at 0, sources ascending; the port's value is the sum of the accumulators in declared order
(the first one taken as it is), then the biases in declared order; then the program's operations one
by one. Integer weights with event input accumulate exactly in int32, are converted to float32 and
multiplied by the projection's scale.

Integer networks (`arithmetic` "loihi", "xylo"): a projection's sum is exact, shifted by
`weight_exp`, and all that arrives at a port is added in int32; programs calculate in int32. Nothing
is rounded but where a shift says so, so no order matters. docs/loihi.md, docs/xylo.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite, prod
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, InternalError
from neurochain.program import Instruction, Op, PortKind, Program

__all__ = [
    "Instruction",
    "Network",
    "Op",
    "Operator",
    "OutputPort",
    "Population",
    "PortKind",
    "Program",
    "Projection",
    "Source",
]

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
B8 = NDArray[np.bool_]

MOST_WEIGHT_EXP = 24
_WEIGHTS = {
    "float32": ("float32",),
    "int8": ("int8",),
    "int16": ("int16",),
    "loihi": ("int8", "int16"),
    "xylo": ("int8", "int16"),
}
"""Arithmetic -> dtypes of its weights."""
_WHOLE = ("loihi", "xylo")
"""What chips calculate in: int32 throughout."""
_WHOLE_OPERATORS = ("dense", "csr", "conv", "diagonal", "identity", "route")
"""Kinds whose result on whole numbers is a sum of whole numbers, without a division or maximum."""


class Operator(ABC):
    """What a projection does to the values of its source. One file per kind in `operators/`.

    Subclasses are frozen dataclasses with `in_shape` and `out_shape`. Indices are flat, row-major.
    """

    kind: ClassVar[str]
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]

    @property
    def n_in(self) -> int:
        """Number of source elements."""
        return prod(self.in_shape)

    @property
    def n_out(self) -> int:
        """Number of target elements."""
        return prod(self.out_shape)

    @property
    def weight(self) -> NDArray[Any] | None:
        """The stored weights (float32, int8 or int16), None for structural operators."""
        return None

    def with_weights(self, weights: NDArray[Any]) -> Operator:
        """The same operator with other weights; every weighted operator calls them `weights`."""
        if self.weight is None:
            raise InternalError(f"{type(self).__name__} has no weights.")
        changed: Operator = replace(self, weights=weights)  # type: ignore[type-var]
        return changed

    @abstractmethod
    def faults(self) -> list[str]:
        """What is wrong with its sizes and arrays (a Network refuses them); [] if nothing is."""

    @property
    @abstractmethod
    def accumulates(self) -> bool:
        """True where the result is a sum over sources (linear); False for maxima."""

    @abstractmethod
    def reference_step(self, x: NDArray[Any]) -> NDArray[Any]:
        """x (batch, n_in) -> accumulator (batch, n_out), in the order of the module docstring.

        x is float32 and so is the result; or x is int64 (integer weights fed by whole numbers) and
        the result is the exact int64 sum, without the projection's scale.
        """

    @abstractmethod
    def touch(self, active: B8) -> B8:
        """active (batch, n_in) -> (batch, n_out): targets reached through a nonzero weight."""

    @abstractmethod
    def fanout(self, *, nonzero: bool) -> I64:
        """Connections that leave each source, (n_in,) int64: nonzero weights only, or structural.

        Connections that would land outside the output (convolution borders) do not exist.
        """

    @property
    @abstractmethod
    def dense_padded(self) -> int:
        """Connections a dense engine visits in one step, padding taps included."""

    @abstractmethod
    def port_kind(self, source: PortKind) -> PortKind:
        """Kind of the result when the source emits `source`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """A network input; it emits what the user feeds: (sample, step, *shape)."""

    name: str
    shape: tuple[int, ...]
    emits: PortKind = PortKind.EVENT


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Population:
    """n neurons that run one program.

    params    of the program's number type (float32, int32), 0-d (shared) or (n,) per neuron
    initial   likewise, the states that do not start at 0
    start     in pipelined timing, how many steps later than in zero-delay timing it does everything
              (`lowering.retime`)

    A population without state and threshold ("relay") stands where a network has a linear map, a
    pool, an addition or an elementwise map that is not followed by a neuron: it adds up what
    arrives at each port and passes on what its program makes of it.
    """

    name: str
    shape: tuple[int, ...]
    program: Program
    params: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    emits: PortKind = PortKind.EVENT
    initial: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    start: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", MappingProxyType(dict(self.params)))
        object.__setattr__(self, "initial", MappingProxyType(dict(self.initial)))

    @property
    def n(self) -> int:
        """Number of neurons."""
        return prod(self.shape)

    @property
    def fires(self) -> bool:
        """True where a comparison decides what is emitted: spikes, plain or graded."""
        decided = self.emits is PortKind.EVENT or self.program.threshold is not None
        return decided and not self.is_relay

    @property
    def is_relay(self) -> bool:
        """True where there is neither state nor threshold."""
        return not self.program.states and self.program.threshold is None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Projection:
    """source -> (target, port) through an operator.

    delay           whole steps, 0 acts inside the step
    bias            (n_out,) float32 added every step from `bias_from_step` on, or None; steps
                    count from rest, runs that carry the state on included
    scale           float32 factor of integer weights, or None
    weight_exp      in a chip's integers: the sum is multiplied by 2^weight_exp, or where that is
                    negative divided, rounded down
    name            the layer it is counted under: the module's qualified name where it has one
    model_fanout    nonzero fan-out (n_in,) int64 as trained, where the stored weights were
                    changed since (quantised); None where they are the trained ones
    model_nonzero   number of nonzero weights as trained, in the same cases
    """

    name: str
    source: str
    target: str
    operator: Operator
    port: str = "x"
    delay: int = 0
    bias: F32 | None = None
    bias_from_step: int = 0
    scale: np.float32 | None = None
    model_fanout: I64 | None = None
    model_nonzero: int | None = None
    weight_exp: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPort:
    """A network output: what `node` emits ("spike") or its membrane."""

    name: str
    node: str
    signal: str = "spike"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """Sources, populations in execution order, projections in declared order.

    arithmetic  "float32"; "int8" or "int16" (weights x scale, state in float32); "loihi"
                or "xylo" (integer weights, int32 state)
    dt_s        time step in seconds
    """

    sources: tuple[Source, ...]
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    outputs: tuple[OutputPort, ...]
    dt_s: float
    arithmetic: str = "float32"

    def __post_init__(self) -> None:
        findings = list(_structure_findings(self))
        if findings:
            raise InternalError(*findings)

    @property
    def is_whole(self) -> bool:
        """Whether it calculates in a chip's integers."""
        return self.arithmetic in _WHOLE

    @property
    def nodes(self) -> tuple[Source | Population, ...]:
        """Sources, then populations, in execution order."""
        return (*self.sources, *self.populations)

    def node(self, name: str) -> Source | Population:
        """The source or population called `name`; KeyError if there is none."""
        for item in self.nodes:
            if item.name == name:
                return item
        raise KeyError(name)

    def incoming(self, population: str, port: str | None = None) -> tuple[Projection, ...]:
        """Projections into a population (and port), in declared order."""
        return tuple(
            p
            for p in self.projections
            if p.target == population and (port is None or p.port == port)
        )

    @property
    def latency(self) -> int:
        """Steps by which the latest population runs late; 0 in zero-delay timing."""
        return max(p.start for p in self.populations)

    def history_depth(self, node: str) -> int:
        """Number of past steps of `node`'s emission that some projection still reads."""
        return max((p.delay for p in self.projections if p.source == node), default=0)

    def late_bias(self, node: str) -> int:
        """Step from which every bias of the projections that read `node` is there."""
        biased = (p for p in self.projections if p.source == node and p.bias is not None)
        return max((p.bias_from_step for p in biased), default=0)


def _structure_findings(network: Network) -> list[Finding]:
    """Names are unique, shapes agree, zero-delay projections go forward in execution order."""
    findings = _size_findings(network) + _number_findings(network)
    nodes = network.nodes
    order = {node.name: k for k, node in enumerate(nodes)}
    findings += _shared("nodes", [node.name for node in nodes])
    findings += _shared("projections", [p.name for p in network.projections])
    findings += _shared("outputs", [o.name for o in network.outputs])
    shapes = {node.name: node.shape for node in nodes}
    for population in network.populations:
        findings += _population_findings(population)
    for projection in network.projections:
        findings += _projection_findings(network, projection, order, shapes)
    for output in network.outputs:
        findings += _output_findings(network, output, order)
    return findings


def _shared(kind: str, names: list[str]) -> list[Finding]:
    """A finding for every name that is not of one item alone."""
    several = [(name, count) for name, count in Counter(names).items() if count > 1]
    what = "is the name of {} of the {} " + kind + "."
    fix = "Give each a name of its own."
    return [Finding(where=repr(n), what=what.format(k, len(names)), fix=fix) for n, k in several]


def _size_findings(network: Network) -> list[Finding]:
    """Nodes have elements, time passes, the arithmetic is known."""
    findings = [
        Finding(where=node.name, what=f"has shape {node.shape}: nothing in it.")
        for node in network.nodes
        if not all(isinstance(size, int) and size > 0 for size in node.shape)
    ]
    if not network.populations:
        findings.append(Finding(what="there is no population: nothing to run."))
    if not (network.dt_s > 0 and isfinite(network.dt_s)):
        findings.append(Finding(what=f"dt is {network.dt_s} s."))
    if network.arithmetic not in _WEIGHTS:
        findings.append(Finding(what=f"arithmetic {network.arithmetic!r} is unknown."))
    return findings


def _number_findings(network: Network) -> list[Finding]:
    """Integer networks have integers everywhere, all others nowhere but in their weights."""
    whole = network.is_whole
    number = "int32" if whole else "float32"
    findings = [
        Finding(where=p.name, what=f"runs in {p.program.number}, the network in {number}.")
        for p in network.populations
        if p.program.number != number
    ]
    findings += [
        Finding(where=f"projection {p.name}", what=f"has weight_exp {p.weight_exp!r}.")
        for p in network.projections
        if type(p.weight_exp) is not int or abs(p.weight_exp) > (MOST_WEIGHT_EXP if whole else 0)
    ]
    if not whole:
        return findings
    for node in network.sources:
        if node.emits is PortKind.ANALOG:
            findings.append(Finding(where=node.name, what="emits fractions into integers."))
    for p in network.projections:
        if p.operator.kind not in _WHOLE_OPERATORS or p.bias is not None or p.scale is not None:
            what = f"is a {p.operator.kind} with a bias or scale, or none for integers; there are "
            known = ", ".join(_WHOLE_OPERATORS)
            findings.append(Finding(where=f"projection {p.name}", what=f"{what}{known}."))
    return findings


def _output_findings(
    network: Network, output: OutputPort, order: Mapping[str, int]
) -> list[Finding]:
    """An output reads a node that exists and has what is read."""
    where = f"output {output.name}"
    if output.node not in order:
        return [Finding(where=where, what="has no node.")]
    if output.signal not in ("spike", "membrane"):
        return [Finding(where=where, what=f"reads an unknown signal {output.signal!r}.")]
    node = network.node(output.node)
    if output.signal == "membrane" and not (isinstance(node, Population) and node.program.membrane):
        return [Finding(where=where, what=f"reads the membrane of {node.name}, which has none.")]
    return []


def _projection_findings(
    network: Network,
    projection: Projection,
    order: Mapping[str, int],
    shapes: Mapping[str, tuple[int, ...]],
) -> list[Finding]:
    """A projection joins nodes of the right shapes, enters a port that exists, goes forward."""
    where = f"projection {projection.name}"
    target = order.get(projection.target, -1) - len(network.sources)
    if projection.source not in order or target < 0:
        return [Finding(where=where, what="joins nodes that do not exist.")]
    findings = []
    if projection.port not in network.populations[target].program.ports:
        findings.append(Finding(where=where, what=f"enters unknown port {projection.port}."))
    operator = projection.operator
    ends = (shapes[projection.source], shapes[projection.target])
    if (operator.in_shape, operator.out_shape) != ends:
        findings.append(
            Finding(
                where=where,
                what=f"maps {operator.in_shape} -> {operator.out_shape} between nodes of shapes "
                f"{ends[0]} and {ends[1]}.",
            )
        )
    else:
        findings += [Finding(where=where, what=fault) for fault in operator.faults()]
        findings += _weight_findings(network, projection, where)
    forward = order[projection.source] < order[projection.target]
    delays = (projection.delay, projection.bias_from_step)
    if not all(isinstance(steps, int) and steps >= 0 for steps in delays):
        findings.append(Finding(where=where, what=f"has illegal steps {delays}."))
    if projection.delay < 0 or (projection.delay == 0 and not forward):
        findings.append(Finding(where=where, what=f"has an illegal delay {projection.delay}."))
    bias = projection.bias
    if bias is not None and not np.isfinite(bias).all():
        findings.append(Finding(where=where, what="has a bias that is NaN or infinite."))
    if bias is not None and (bias.dtype != np.float32 or bias.shape != (operator.n_out,)):
        findings.append(
            Finding(
                where=where,
                what=f"has a bias {bias.dtype} {bias.shape}, not float32 ({operator.n_out},).",
            )
        )
    return findings


def _weight_findings(network: Network, projection: Projection, where: str) -> list[Finding]:
    """Weights are in the network's arithmetic; integer ones have a scale."""
    weight = projection.operator.weight
    if weight is None:
        return []
    findings = []
    if weight.dtype.name not in _WEIGHTS.get(network.arithmetic, ()):
        findings.append(
            Finding(where=where, what=f"has {weight.dtype} weights, not {network.arithmetic}.")
        )
    scale = projection.scale
    if scale is not None and not (isfinite(scale) and scale > 0):
        findings.append(Finding(where=where, what=f"has the scale {scale}."))
    fanout = projection.model_fanout
    if fanout is not None and (
        fanout.dtype != np.int64 or fanout.shape != (projection.operator.n_in,)
    ):
        findings.append(Finding(where=where, what="has a trained fan-out of the wrong size."))
    elif fanout is not None and ((fanout < 0) | (fanout >= 2**32)).any():
        findings.append(
            Finding(
                where=where,
                what=f"has trained fan-outs of {fanout.min()} to {fanout.max()}; they lie in 0 to "
                "2^32 - 1.",
            )
        )
    return findings


def _population_findings(population: Population) -> list[Finding]:
    """Every parameter is there, float32, scalar or one per neuron."""
    findings = []
    if population.program.winner and len(population.shape) != 1:
        findings.append(
            Finding(
                where=population.name,
                what=f"has shape {population.shape}; neurons that compete stand in one row.",
            )
        )
    if set(population.params) != set(population.program.params):
        findings.append(
            Finding(
                where=population.name,
                what=f"has parameters {sorted(population.params)}, its program needs "
                f"{sorted(population.program.params)}.",
            )
        )
    if not isinstance(population.start, int) or population.start < 0:
        findings.append(
            Finding(where=population.name, what=f"starts at the illegal step {population.start}.")
        )
    strange = sorted(set(population.initial) - set(population.program.states))
    if strange:
        findings.append(
            Finding(where=population.name, what=f"starts states {strange} that it does not have.")
        )
    for name, value in [*population.params.items(), *population.initial.items()]:
        number = population.program.number
        if value.dtype.name != number or value.shape not in ((), (population.n,)):
            findings.append(
                Finding(
                    where=population.name,
                    what=f"parameter {name} is {value.dtype} {value.shape}, not {number} () or "
                    f"({population.n},).",
                )
            )
        elif not np.isfinite(value).all():
            findings.append(Finding(where=population.name, what=f"parameter {name} is not finite."))
    if population.emits is not population.program.emits:
        findings.append(
            Finding(
                where=population.name,
                what=f"emits {population.emits}, its program {population.program.emits}.",
            )
        )
    return findings
