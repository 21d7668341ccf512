"""NIR's node types as they stand in a file -> nodes of a Graph, with the shapes they declare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from neurochain.frontends.nir.fields import Fields, Problems
from neurochain.frontends.nir.hdf5 import Tree
from neurochain.graph import (
    IF,
    LI,
    LIF,
    Affine,
    AvgPool,
    Conv,
    CubaLI,
    CubaLIF,
    Delay,
    Flatten,
    I,
    Input,
    Linear,
    Node,
    Output,
    Reset,
    ResetKind,
    Scale,
    SumPool,
    Threshold,
)

__all__ = ["NODE_TYPES", "Declared", "read_node"]

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Declared:
    """A node, and the shapes of one step that the file itself states for it (None: not stated)."""

    node: Node
    takes: Shape | None = None
    gives: Shape | None = None


def read_node(name: str, kind: str, raw: Tree, problems: Problems) -> Declared:
    """One leaf node of type `kind`; faults go to `problems`, and void the shapes it states."""
    before = len(problems.bad) + len(problems.unsupported)
    fields = Fields(f"{name} ({kind})", raw, problems)
    declared = NODE_TYPES[kind](fields)
    fields.done()
    faulty = len(problems.bad) + len(problems.unsupported) > before
    return Declared(node=declared.node) if faulty else declared


def _input(f: Fields) -> Declared:
    shape = f.shape("shape")
    return Declared(node=Input(shape=shape), takes=shape, gives=shape)


def _output(f: Fields) -> Declared:
    shape = f.shape("shape")
    return Declared(node=Output(shape=shape), takes=shape, gives=shape)


def _affine(f: Fields) -> Declared:
    weight = f.weight("weight", 2, "(n_out, n_in)")
    n_out, n_in = weight.shape
    return Declared(node=Affine(weight=weight, bias=f.bias(n_out)), takes=(n_in,), gives=(n_out,))


def _linear(f: Fields) -> Declared:
    weight = f.weight("weight", 2, "(n_out, n_in)")
    n_out, n_in = weight.shape
    return Declared(node=Linear(weight=weight), takes=(n_in,), gives=(n_out,))


def _conv(axes: int) -> Callable[[Fields], Declared]:
    def read(f: Fields) -> Declared:
        weight = f.weight("weight", axes + 2, f"(c_out, c_in / groups, {axes} kernel axes)")
        groups = f.whole("groups")
        if groups < 1 or (f.weight_known and weight.shape[0] % groups):
            f.bad(f"groups is {groups}; it must divide the {weight.shape[0]} output channels.")
        stride, dilation = f.ints("stride", axes, 1), f.ints("dilation", axes, 1)
        takes = None
        if f.has("input_shape"):
            takes = (weight.shape[1] * groups, *f.ints("input_shape", axes, 1))
        padding, even = _padding(f, weight.shape[2:], stride, dilation, takes is not None)
        node = Conv(
            weight=weight,
            bias=f.bias(weight.shape[0]),
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            positions=None if even or takes is None else takes[1:],
        )
        return Declared(node=node, takes=takes)

    return read


def _padding(
    f: Fields, kernel: Shape, stride: Shape, dilation: Shape, size_known: bool
) -> tuple[Shape, bool]:
    """Padding in front, and whether there is as much behind.

    "same" keeps the size; what cannot be halved stands behind, as in torch.
    """
    value = f.raw.get("padding")
    if not isinstance(value, str):
        return f.ints("padding", len(kernel), 0), True
    f.asked.add("padding")
    none = (0,) * len(kernel)
    if value == "valid":
        return none, True
    if value != "same":
        f.bad(f"padding is '{value[:20]}'; a number, 'same' or 'valid' is expected.")
        return none, True
    total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    even = not any(t % 2 for t in total)
    if set(stride) != {1} or not (even or size_known):
        f.unsupported(
            f"padding 'same' with kernel {tuple(kernel)}, stride {stride} and dilation {dilation} "
            "would pad unequally, or to a size that is not stated.",
            "Use stride 1 and an odd kernel or input_shape, or write the padding as numbers.",
        )
        return none, True
    return tuple(t // 2 for t in total), even


def _pool(kind: type[SumPool] | type[AvgPool]) -> Callable[[Fields], Declared]:
    def read(f: Fields) -> Declared:
        node = kind(
            kernel_size=f.ints("kernel_size", 2, 1),
            stride=f.ints("stride", 2, 1),
            padding=f.ints("padding", 2, 0),
        )
        return Declared(node=node)

    return read


def _flatten(f: Fields) -> Declared:
    node = Flatten(start_dim=f.whole("start_dim", 1), end_dim=f.whole("end_dim", -1))
    if not f.has("input_type"):
        return Declared(node=node)
    takes = f.shape("input_type")
    rank = len(takes)
    start = node.start_dim + rank if node.start_dim < 0 else node.start_dim
    end = node.end_dim + rank if node.end_dim < 0 else node.end_dim
    if not 0 <= start <= end < rank:
        f.bad(
            f"start_dim {node.start_dim}, end_dim {node.end_dim} do not exist in {takes}.",
            "Dimensions count without batch.",
        )
        return Declared(node=node)
    gives = (*takes[:start], prod(takes[start : end + 1]), *takes[end + 1 :])
    return Declared(node=node, takes=takes, gives=gives)


def _elementwise(node: Node, shape: Shape) -> Declared:
    """A node that keeps the shape; a scalar parameter says nothing about it."""
    stated = shape or None
    return Declared(node=node, takes=stated, gives=stated)


def _scale(f: Fields) -> Declared:
    scale = f.weight("scale", np.ndim(f.raw.get("scale", 0)), "one value an element")
    return _elementwise(Scale(scale=scale), scale.shape)


def _delay(f: Fields) -> Declared:
    delay = f.param("delay", minimum=0.0)
    return _elementwise(Delay(delay=delay), delay.shape)


def _threshold(f: Fields) -> Declared:
    threshold = f.param("threshold")
    return _elementwise(Threshold(threshold=threshold), threshold.shape)


def _i(f: Fields) -> Declared:
    r = f.param("r")
    return _elementwise(I(r=r), r.shape)


def _li(f: Fields) -> Declared:
    values = {"tau": f.param("tau", above=0.0), "r": f.param("r"), "v_leak": f.param("v_leak")}
    return _elementwise(LI(**values), f.same_shape(**values))


def _spiking(f: Fields, shape: Shape) -> dict[str, Any]:
    """v_reset (absent before nir 1.0.6: zero) and NIR's reset rule: to v_reset in the same step."""
    v_reset = f.param_or("v_reset", np.zeros(()), shape)
    if v_reset.shape != shape:
        f.bad(
            f"v_reset has shape {v_reset.shape}, but the other parameters have {shape}.",
            "Give every parameter one value a neuron.",
        )
    kind = ResetKind.VALUE if v_reset.any() else ResetKind.ZERO
    return {"v_reset": v_reset, "reset": Reset(kind=kind)}


def _if(f: Fields) -> Declared:
    values: dict[str, Any] = {"r": f.param("r"), "v_threshold": f.param("v_threshold")}
    shape = f.same_shape(**values)
    return _elementwise(IF(**values, **_spiking(f, shape)), shape)


def _lif(f: Fields) -> Declared:
    values: dict[str, Any] = {
        "tau": f.param("tau", above=0.0),
        "r": f.param("r"),
        "v_leak": f.param("v_leak"),
        "v_threshold": f.param("v_threshold"),
    }
    shape = f.same_shape(**values)
    return _elementwise(LIF(**values, **_spiking(f, shape)), shape)


def _cuba(f: Fields, *more: str) -> tuple[dict[str, Any], Shape]:
    values = {
        "tau_syn": f.param("tau_syn", above=0.0),
        "tau_mem": f.param("tau_mem", above=0.0),
        **{name: f.param(name) for name in ("r", "v_leak", *more)},
    }
    shape = f.same_shape(**values)
    w_in = f.param_or("w_in", np.ones(()), shape)
    if w_in.shape != shape:
        f.bad(
            f"w_in has shape {w_in.shape}, but the other parameters have {shape}.",
            "Give it one value, or one a neuron.",
        )
    return {**values, "w_in": w_in}, shape


def _cuba_li(f: Fields) -> Declared:
    values, shape = _cuba(f)
    return _elementwise(CubaLI(**values), shape)


def _cuba_lif(f: Fields) -> Declared:
    values, shape = _cuba(f, "v_threshold")
    return _elementwise(CubaLIF(**values, **_spiking(f, shape)), shape)


NODE_TYPES: Mapping[str, Callable[[Fields], Declared]] = {
    "Input": _input,
    "Output": _output,
    "Affine": _affine,
    "Linear": _linear,
    "Scale": _scale,
    "Conv1d": _conv(1),
    "Conv2d": _conv(2),
    "SumPool2d": _pool(SumPool),
    "AvgPool2d": _pool(AvgPool),
    "Flatten": _flatten,
    "Delay": _delay,
    "Threshold": _threshold,
    "I": _i,
    "LI": _li,
    "IF": _if,
    "LIF": _lif,
    "CubaLI": _cuba_li,
    "CubaLIF": _cuba_lif,
}
"""Type name in the file -> its reader; NIRGraph is read in `structure`."""
