"""Reading a stateless layer: weights and geometry as a graph node, or the reason why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from neurochain.errors import Finding
from neurochain.frontends.modules._kinds import label_of
from neurochain.frontends.modules._scale import ScaleShift
from neurochain.graph import Affine, AvgPool, Conv, Linear, MaxPool, Node, SumPool
from neurochain.graph import ScaleShift as ScaleShiftNode

__all__ = ["NOT_FINITE", "LayerReading", "read_layer"]

Shape = tuple[int, ...]
Add = Callable[..., None]

NOT_FINITE = "Train again, or repair the checkpoint."


@dataclass(slots=True, kw_only=True)
class LayerReading:
    """Node of the layer, findings, and findings about broken numbers (bad input)."""

    node: Node | None = None
    findings: list[Finding] = field(default_factory=list)
    broken: list[Finding] = field(default_factory=list)


def read_layer(name: str, module: nn.Module, shape: Shape) -> LayerReading:
    """Turn a layer into a node. shape: what enters it, one sample without batch."""
    reading = LayerReading()
    label = label_of(name, module)

    def add(what: str, fix: str, broken: bool = False) -> None:
        found = reading.broken if broken else reading.findings
        found.append(Finding(where=label, what=what, fix=fix))

    if "forward" in vars(module):
        add("its forward was replaced on the object.", "Use the class's own forward.")
    for kind, reader in _READERS:
        if type(module) is kind:
            reading.node = reader(module, shape, add)
    return reading


def _weights(module: Any, add: Add) -> tuple[NDArray[Any], Any]:
    """Weight and bias as float32 copies."""
    arrays: list[Any] = []
    for attribute in ("weight", "bias"):
        tensor = getattr(module, attribute, None)
        if tensor is None:
            arrays.append(None)
            continue
        tensor = tensor.detach()
        if tensor.dtype is not torch.float32:
            add(f"{attribute} is {tensor.dtype}, not float32.", "Call .float() on the network.")
        array = np.array(tensor.to(torch.float32).cpu().numpy(), order="C")
        broken = int(np.count_nonzero(~np.isfinite(array)))
        if broken:
            add(f"{attribute} holds {broken} values that are not finite.", NOT_FINITE, broken=True)
        array.setflags(write=False)
        arrays.append(array)
    return arrays[0], arrays[1]


def _linear(module: Any, shape: Shape, add: Add) -> Node:
    weight, bias = _weights(module, add)
    if len(shape) != 1:
        add(
            f"is applied to each row of a value of shape {shape}.",
            "Put nn.Flatten before it; a sample of a net that takes one step a call is one step.",
        )
    if bias is None:
        return Linear(weight=weight)
    return Affine(weight=weight, bias=bias)


def _conv(module: Any, shape: Shape, add: Add) -> Node:
    weight, bias = _weights(module, add)
    if module.padding_mode != "zeros":
        add(f"padding_mode is '{module.padding_mode}'.", "Use padding_mode='zeros'.")
    return Conv(
        weight=weight,
        bias=bias,
        stride=tuple(module.stride),
        padding=_padding(module, add),
        dilation=tuple(module.dilation),
        groups=int(module.groups),
    )


def _padding(module: Any, add: Add) -> Shape:
    """Padding as integers; 'same' only where it is the same on both sides."""
    if not isinstance(module.padding, str):
        return tuple(int(p) for p in module.padding)
    if module.padding == "valid":
        return (0,) * len(module.kernel_size)
    total = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
    if any(t % 2 for t in total):
        add(
            f"padding='same' with kernel {tuple(module.kernel_size)} and dilation "
            f"{tuple(module.dilation)} pads one side more than the other.",
            "Use an odd kernel, or pad by hand with integers.",
        )
    return tuple(t // 2 for t in total)


def _axes(value: Any, count: int) -> Shape:
    return (int(value),) * count if isinstance(value, int) else tuple(int(v) for v in value)


def _pool(module: Any, shape: Shape, add: Add) -> tuple[Shape, Shape, Shape]:
    """kernel, stride, padding; ceil_mode only where it changes nothing."""
    axes = 1 if type(module).__name__.endswith("1d") else 2
    kernel = _axes(module.kernel_size, axes)
    stride = _axes(module.stride if module.stride is not None else module.kernel_size, axes)
    padding = _axes(module.padding, axes)
    dilation = _axes(getattr(module, "dilation", 1), axes)
    if module.ceil_mode:
        spans = zip(shape[1:], kernel, stride, padding, dilation, strict=True)
        rest = [(s + 2 * p - d * (k - 1) - 1) % st for s, k, st, p, d in spans]
        if any(rest):
            add(
                f"ceil_mode=True on {shape[1:]} with kernel {kernel} and stride {stride} adds "
                "windows that hang over the border.",
                "Use ceil_mode=False, or pad the layer before it.",
            )
    return kernel, stride, padding


def _average(module: Any, shape: Shape, add: Add) -> Node:
    kernel, stride, padding = _pool(module, shape, add)
    if any(padding) and not module.count_include_pad:
        add(
            f"count_include_pad=False with padding {padding} divides by different numbers at the "
            "border.",
            "Use count_include_pad=True, or no padding.",
        )
    divisor = getattr(module, "divisor_override", None)
    if divisor == 1:
        return SumPool(kernel_size=kernel, stride=stride, padding=padding)
    if divisor is not None and divisor != int(np.prod(kernel)):
        add(
            f"divisor_override={divisor} is neither 1 nor the kernel's size "
            f"{int(np.prod(kernel))}.",
            "Fold the factor into the weights of a neighbouring layer.",
        )
    return AvgPool(kernel_size=kernel, stride=stride, padding=padding)


def _maximum(module: Any, shape: Shape, add: Add) -> Node:
    kernel, stride, padding = _pool(module, shape, add)
    if module.return_indices:
        add("return_indices=True returns indices beside values.", "Use return_indices=False.")
    return MaxPool(
        kernel_size=kernel,
        stride=stride,
        padding=padding,
        dilation=_axes(module.dilation, len(kernel)),
    )


def _adaptive(module: Any, shape: Shape, add: Add) -> Node:
    """Where the sizes divide, an ordinary pool."""
    axes = len(shape) - 1
    wanted = module.output_size
    sizes = (wanted,) * axes if isinstance(wanted, int) or wanted is None else tuple(wanted)
    sizes = tuple(s if w is None else int(w) for w, s in zip(sizes, shape[1:], strict=True))
    if any(s % w for w, s in zip(sizes, shape[1:], strict=True)):
        add(
            f"pools {shape[1:]} to {sizes}, which does not divide it: its windows differ in size.",
            "Choose an output size that divides the input's.",
        )
    kernel = tuple(max(1, s // w) for w, s in zip(sizes, shape[1:], strict=True))
    if "Max" in type(module).__name__:
        if module.return_indices:
            add("return_indices=True returns indices beside values.", "Use return_indices=False.")
        return MaxPool(kernel_size=kernel, stride=kernel, padding=(0,) * axes, dilation=(1,) * axes)
    return AvgPool(kernel_size=kernel, stride=kernel, padding=(0,) * axes)


def _scale_shift(module: Any, shape: Shape, add: Add) -> Node:
    """A value a channel, spread over the layer."""
    arrays = []
    for name in ("scale", "shift"):
        values = getattr(module, name).detach().numpy()
        if not np.isfinite(values).all():
            add(f"{name} holds values that are not finite.", NOT_FINITE, broken=True)
        spread = np.broadcast_to(values.reshape(-1, *(1,) * (len(shape) - 1)), shape)
        arrays.append(np.ascontiguousarray(spread))
    return ScaleShiftNode(scale=arrays[0], shift=arrays[1])


_READERS: tuple[tuple[type[nn.Module], Callable[..., Node]], ...] = (
    (nn.Linear, _linear),
    (nn.Conv1d, _conv),
    (nn.Conv2d, _conv),
    (nn.AvgPool1d, _average),
    (nn.AvgPool2d, _average),
    (nn.MaxPool1d, _maximum),
    (nn.MaxPool2d, _maximum),
    (nn.AdaptiveAvgPool1d, _adaptive),
    (nn.AdaptiveAvgPool2d, _adaptive),
    (nn.AdaptiveMaxPool1d, _adaptive),
    (nn.AdaptiveMaxPool2d, _adaptive),
    (ScaleShift, _scale_shift),
)
