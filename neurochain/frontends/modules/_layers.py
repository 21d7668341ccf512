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
from neurochain.frontends.modules._grids import grid_route
from neurochain.frontends.modules._kinds import kind_of, label_of
from neurochain.frontends.modules._pools import Chain, adaptive, average, maximum
from neurochain.frontends.modules._scale import ScaleShift
from neurochain.frontends.modules._transposed import transposed
from neurochain.graph import Affine, Conv, Linear, Node
from neurochain.graph import ScaleShift as ScaleShiftNode

__all__ = ["NOT_FINITE", "LayerReading", "read_layer"]

Shape = tuple[int, ...]
Add = Callable[..., None]

NOT_FINITE = "Train again, or repair the checkpoint."


@dataclass(slots=True, kw_only=True)
class LayerReading:
    """Node of the layer, findings, and findings about broken numbers (bad input).

    before: nodes that stand in front of it in a row, each with what is added to the layer's name.
    """

    node: Node | None = None
    before: tuple[tuple[str, Node], ...] = ()
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
        if kind_of(module) is kind:
            made = reader(module, shape, add)
            reading.before, reading.node = made if isinstance(made, tuple) else ((), made)
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


def _conv(module: Any, shape: Shape, add: Add) -> Node | Chain:
    """What a convolution pads with values of its input stands before it, as a Route."""
    weight, bias = _weights(module, add)
    before, behind = _padding(module)
    options: dict[str, Any] = {
        "weight": weight,
        "bias": bias,
        "stride": tuple(module.stride),
        "dilation": tuple(module.dilation),
        "groups": int(module.groups),
    }
    none = (0,) * len(before)
    if module.padding_mode != "zeros" and any((*before, *behind)):
        mode: Any = _PADDING[module.padding_mode]
        sizes = zip(shape[1:], before, behind, strict=True)
        axes = [np.pad(np.arange(size), (a, b), mode=mode) for size, a, b in sizes]
        return (("padded", grid_route(shape, axes)),), Conv(**options, padding=none)
    return Conv(**options, padding=before, positions=None if before == behind else shape[1:])


_PADDING = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}  # as NumPy calls them


def _padding(module: Any) -> tuple[Shape, Shape]:
    """Padding in front and behind; what 'same' cannot halve stands behind."""
    if module.padding == "valid":
        return ((0,) * len(module.kernel_size),) * 2
    if module.padding == "same":
        total = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        return tuple(t // 2 for t in total), tuple(t - t // 2 for t in total)
    given = tuple(int(p) for p in module.padding)
    return given, given


def _transposed(module: Any, shape: Shape, add: Add) -> Chain:
    weight, bias = _weights(module, add)
    return transposed(module, weight, bias, shape)


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


_READERS: tuple[tuple[type[nn.Module], Callable[..., Node | Chain]], ...] = (
    (nn.Linear, _linear),
    (nn.Conv1d, _conv),
    (nn.Conv2d, _conv),
    (nn.ConvTranspose1d, _transposed),
    (nn.ConvTranspose2d, _transposed),
    (nn.AvgPool1d, average),
    (nn.AvgPool2d, average),
    (nn.MaxPool1d, maximum),
    (nn.MaxPool2d, maximum),
    (nn.AdaptiveAvgPool1d, adaptive),
    (nn.AdaptiveAvgPool2d, adaptive),
    (nn.AdaptiveMaxPool1d, adaptive),
    (nn.AdaptiveMaxPool2d, adaptive),
    (ScaleShift, _scale_shift),
)
