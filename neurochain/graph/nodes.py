"""The nodes of a Graph: NIR's primitives by their names and parameters, and our extensions.

Parameters are float64 arrays in the shape NIR gives them; weights keep the dtype of their source
(float32 from PyTorch). A neuron node also carries how it is discretised (`Reset`, `Compare`),
because NIR leaves that open. Names and equations: NIR 1.0.8, Pedersen et al. 2024.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.program import Program

__all__ = [
    "IF",
    "LI",
    "LIF",
    "Affine",
    "AvgPool",
    "Compare",
    "Conv",
    "CubaLI",
    "CubaLIF",
    "CurrentOrder",
    "Custom",
    "Delay",
    "Flatten",
    "I",
    "Input",
    "Linear",
    "MaxPool",
    "NeuronNode",
    "Node",
    "Output",
    "Reset",
    "ResetKind",
    "ResetTiming",
    "Route",
    "Scale",
    "ScaleShift",
    "SumPool",
    "Threshold",
    "WeightNode",
]

Array = NDArray[Any]


class Compare(StrEnum):
    """The threshold comparison. NIR's is strict."""

    GREATER = ">"
    GREATER_EQUAL = ">="


class CurrentOrder(StrEnum):
    """Which synaptic current the membrane takes: this step's (new) or the last one's (old)."""

    NEW = "new"
    OLD = "old"


class ResetKind(StrEnum):
    """What a spike does to the membrane."""

    NONE = "none"
    ZERO = "zero"
    VALUE = "value"
    SUBTRACT = "subtract"


class ResetTiming(StrEnum):
    """When the reset acts. R = [v(t-1) > theta] on the stored membrane, z = the spike of this step.

    SAME_STEP               right after the spike: v := v_reset where z, or v -= z theta.
    NEXT_STEP               one step later. Subtract: v -= R theta after decay and input. Zero: the
                            stored membrane is zeroed before it decays. snnTorch's Leaky.
    NEXT_STEP_DISCARD       zero only: v -= R v after decay and input, so the input is lost too.
                            snnTorch's RLeaky, Synaptic, RSynaptic.
    SAME_STEP_ONCE          NEXT_STEP, then after the spike v -= (z - R) theta, or v -= (z - R) v.
                            snnTorch's reset_delay=False; adds theta back where R and not z.
    SAME_STEP_ONCE_DISCARD  the same correction after NEXT_STEP_DISCARD.
    """

    SAME_STEP = "same_step"
    SAME_STEP_ONCE = "same_step_once"
    SAME_STEP_ONCE_DISCARD = "same_step_once_discard"
    NEXT_STEP = "next_step"
    NEXT_STEP_DISCARD = "next_step_discard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Reset rule of a spiking neuron."""

    kind: ResetKind = ResetKind.ZERO
    timing: ResetTiming = ResetTiming.SAME_STEP


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Node:
    """Base of all nodes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Input(Node):
    """Network input of one step, without batch and time: `shape`."""

    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Output(Node):
    """Network output; takes what its one source emits (spikes, or the membrane of an integrator).

    `signal` is "spike", or "membrane" where the membrane of a spiking neuron is read out
    (an extension: NIR's neurons emit spikes only).
    """

    shape: tuple[int, ...]
    signal: str = "spike"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightNode(Node):
    """Base of nodes that hold weights."""

    weight: Array
    bias: Array | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Affine(WeightNode):
    """y = W x + b. weight (n_out, n_in), bias (n_out,)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linear(WeightNode):
    """y = W x. weight (n_out, n_in); bias is None."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conv(WeightNode):
    """Convolution (cross-correlation) as in torch, 1d or 2d by `len(stride)`.

    weight (c_out, c_in // groups, *kernel), bias (c_out,) or None, stride, padding and dilation
    one integer an axis; padding is filled with zeros and symmetric, unless `positions` says how
    many positions there are an axis (extension): then `padding` stands in front, and behind stands
    as much as they need.
    """

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int = 1
    positions: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pool(Node):
    """Window of a pool. positions: output positions an axis (extension), as for `Conv`."""

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    positions: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SumPool(_Pool):
    """Window sum, 1d (extension) or 2d; padding adds zeros."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AvgPool(_Pool):
    """Window mean: window sum divided by the kernel's size (padding counted), 1d or 2d.

    divisors (extension): float32, what the sum is divided by instead at each position, (positions,)
    row-major.
    """

    divisors: Array | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaxPool(_Pool):
    """Window maximum (extension); padding never wins (minus infinity). dilation as in torch."""

    dilation: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flatten(Node):
    """Reshape to one axis between start_dim and end_dim; dims count without batch."""

    start_dim: int = 0
    end_dim: int = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scale(Node):
    """y = scale * x, elementwise; scale of the node's shape or a scalar."""

    scale: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScaleShift(Node):
    """y = scale * x + shift, elementwise (extension): batch normalisation by stored statistics.

    scale, shift of the node's shape or a scalar.
    """

    scale: Array
    shift: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Delay(Node):
    """y(t) = x(t - delay); delay in the graph's time unit (scalar or per element)."""

    delay: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NeuronNode(Node):
    """Base of nodes with a state."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Threshold(NeuronNode):
    """z = 1 if x > threshold; no state."""

    threshold: Array
    compare: Compare = Compare.GREATER


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class I(NeuronNode):  # noqa: E742 - NIR's own name
    """v' = r x; emits v."""

    r: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LI(NeuronNode):
    """tau v' = (v_leak - v) + r x; emits v."""

    tau: Array
    r: Array
    v_leak: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CubaLI(NeuronNode):
    """tau_syn i' = -i + w_in x; tau_mem v' = (v_leak - v) + r i; emits v."""

    tau_syn: Array
    tau_mem: Array
    r: Array
    v_leak: Array
    w_in: Array
    current: CurrentOrder = CurrentOrder.NEW


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IF(NeuronNode):
    """v' = r x; z = [v > v_threshold]."""

    r: Array
    v_threshold: Array
    v_reset: Array
    reset: Reset
    compare: Compare = Compare.GREATER


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LIF(NeuronNode):
    """tau v' = (v_leak - v) + r x; z = [v > v_threshold].

    inhibition (extension): of all neurons only the one with the largest v - v_threshold (the first
    of equals) keeps its spike; no state notices. Neurons in one row, resets one step later.
    """

    tau: Array
    r: Array
    v_leak: Array
    v_threshold: Array
    v_reset: Array
    reset: Reset
    compare: Compare = Compare.GREATER
    inhibition: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CubaLIF(NeuronNode):
    """tau_syn i' = -i + w_in x; tau_mem v' = (v_leak - v) + r i; z = [v > v_threshold].

    inhibition: as for `LIF`.
    """

    tau_syn: Array
    tau_mem: Array
    r: Array
    v_leak: Array
    w_in: Array
    v_threshold: Array
    v_reset: Array
    reset: Reset
    compare: Compare = Compare.GREATER
    current: CurrentOrder = CurrentOrder.NEW
    inhibition: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Custom(NeuronNode):
    """A neuron given by its program (extension), for equations that NIR has no name for.

    Edges name the port of the program they enter. A program without state and threshold is an
    elementwise map.

    shape    of one step, without batch
    params   float32, 0-d (shared) or of `shape`, for every parameter of the program
    initial  float32, likewise, for states that do not start at 0
    kind     class or function it was read from, for messages
    """

    shape: tuple[int, ...]
    program: Program
    params: Mapping[str, Array]
    initial: Mapping[str, Array] = field(default_factory=dict)
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Route(Node):
    """y[j] = x[index[j]], or 0 where index[j] is -1 (extension).

    Permutations, slices, copies, paddings, and the parts of a concatenation.
    index: (n_out,) int64 into the flat x of in_shape.
    """

    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    index: Array


def as_f64(value: Any) -> NDArray[np.float64]:
    """Return `value` as a read-only float64 array (parameters of neurons)."""
    array = np.array(value, dtype=np.float64)
    array.setflags(write=False)
    return array
