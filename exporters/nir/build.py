"""Nodes of a Graph -> nodes of `nir`, with the full shapes that NIR wants.

Scalars are spread over the node's shape, time constants stay float64, weights keep their dtype.
NIR's convolutions have a bias, so a missing one is written as zeros (our metadata says so).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import InputError
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
    Graph,
    I,
    Input,
    Linear,
    Node,
    Output,
    ResetKind,
    Scale,
    SumPool,
    Threshold,
)
from neurochain.lowering.infer import infer_shapes

__all__ = ["build_nir", "keeps_size", "needs_type_check_off"]

Shape = tuple[int, ...]


def build_nir(graph: Graph) -> Any:
    """`nir.NIRGraph` of a graph whose nodes NIR can hold. Errors: InputError for wrong shapes."""
    import nir

    shapes, problems = infer_shapes(graph.nodes, graph.edges)
    if problems:
        raise InputError(*problems)
    arriving: dict[str, Shape] = {}
    for edge in graph.edges:
        arriving.setdefault(edge.target, shapes[edge.source])
    nodes = {
        name: _BUILDERS[type(node)](nir, node, arriving.get(name, shapes[name]))
        for name, node in graph.nodes.items()
    }
    return nir.NIRGraph(
        nodes,
        [(edge.source, edge.target) for edge in graph.edges],
        metadata={},
        type_check=not needs_type_check_off(graph),
    )


def needs_type_check_off(graph: Graph) -> tuple[str, ...]:
    """Names of nodes that nir 1.0.8 gives a wrong type.

    It takes the first kernel axis for both, and the channels of one group for those of all.
    """
    return tuple(
        name
        for name, node in graph.nodes.items()
        if isinstance(node, Conv) and (node.groups > 1 or len(set(node.weight.shape[2:])) > 1)
    )


def keeps_size(node: Conv, shape: Shape) -> bool:
    """True where NIR's padding "same" says the padding of a convolution of `shape`."""
    total = [d * (k - 1) for d, k in zip(node.dilation, node.weight.shape[2:], strict=True)]
    return (
        set(node.stride) == {1}
        and node.positions == shape[1:]
        and node.padding == tuple(t // 2 for t in total)
    )


def _full(values: NDArray[np.float64], shape: Shape) -> NDArray[np.float64]:
    return np.array(np.broadcast_to(values, shape), dtype=np.float64)


def _input(nir: Any, node: Input, shape: Shape) -> Any:
    return nir.Input(input_type={"input": np.array(node.shape)})


def _output(nir: Any, node: Output, shape: Shape) -> Any:
    return nir.Output(output_type={"output": np.array(node.shape)})


def _affine(nir: Any, node: Affine, shape: Shape) -> Any:
    bias = np.zeros(node.weight.shape[0], node.weight.dtype) if node.bias is None else node.bias
    return nir.Affine(weight=np.array(node.weight), bias=np.array(bias))


def _linear(nir: Any, node: Linear, shape: Shape) -> Any:
    return nir.Linear(weight=np.array(node.weight))


def _scale(nir: Any, node: Scale, shape: Shape) -> Any:
    return nir.Scale(scale=np.array(np.broadcast_to(node.scale, shape)))


def _conv(nir: Any, node: Conv, shape: Shape) -> Any:
    bias = np.zeros(node.weight.shape[0], node.weight.dtype) if node.bias is None else node.bias
    one = len(node.stride) == 1
    kind = nir.Conv1d if one else nir.Conv2d
    padding: Any = node.padding[0] if one else node.padding
    if node.positions is not None:
        padding = "same"
    return kind(
        input_shape=shape[1] if one else tuple(shape[1:]),
        weight=np.array(node.weight),
        stride=node.stride[0] if one else node.stride,
        padding=padding,
        dilation=node.dilation[0] if one else node.dilation,
        groups=node.groups,
        bias=np.array(bias),
    )


def _pool(nir: Any, node: SumPool | AvgPool, shape: Shape) -> Any:
    kind = nir.SumPool2d if isinstance(node, SumPool) else nir.AvgPool2d
    return kind(
        kernel_size=np.array(node.kernel_size),
        stride=np.array(node.stride),
        padding=np.array(node.padding),
    )


def _flatten(nir: Any, node: Flatten, shape: Shape) -> Any:
    """Dimensions as the node has them; those below 0 also fit readers that count the batch."""
    last = node.end_dim % len(shape) == len(shape) - 1
    return nir.Flatten(
        input_type={"input": np.array(shape)},
        start_dim=node.start_dim,
        end_dim=-1 if last else node.end_dim,
    )


def _delay(nir: Any, node: Delay, shape: Shape) -> Any:
    return nir.Delay(delay=_full(node.delay, shape))


def _threshold(nir: Any, node: Threshold, shape: Shape) -> Any:
    return nir.Threshold(threshold=_full(node.threshold, shape))


def _neuron(*fields: str) -> Callable[[Any, Any, Shape], Any]:
    def build(nir: Any, node: Any, shape: Shape) -> Any:
        values = {name: _full(getattr(node, name), shape) for name in fields}
        if hasattr(node, "v_reset"):
            to_value = node.reset.kind is ResetKind.VALUE
            values["v_reset"] = _full(node.v_reset if to_value else np.zeros(()), shape)
        return getattr(nir, type(node).__name__)(**values)

    return build


_BUILDERS: Mapping[type[Node], Callable[[Any, Any, Shape], Any]] = {
    Input: _input,
    Output: _output,
    Affine: _affine,
    Linear: _linear,
    Scale: _scale,
    Conv: _conv,
    SumPool: _pool,
    AvgPool: _pool,
    Flatten: _flatten,
    Delay: _delay,
    Threshold: _threshold,
    I: _neuron("r"),
    LI: _neuron("tau", "r", "v_leak"),
    CubaLI: _neuron("tau_syn", "tau_mem", "r", "v_leak", "w_in"),
    IF: _neuron("r", "v_threshold"),
    LIF: _neuron("tau", "r", "v_leak", "v_threshold"),
    CubaLIF: _neuron("tau_syn", "tau_mem", "r", "v_leak", "w_in", "v_threshold"),
}
