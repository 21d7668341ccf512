"""nn.RNN with ReLU, step by step: the layer under snnTorch's LeakyParallel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from neurochain.frontends.modules._functions import empty_layer
from neurochain.frontends.modules._marks import mark
from neurochain.frontends.modules._ops import Maker
from neurochain.frontends.modules._values import LeafCall, LeafValue, SequenceValue, Value
from neurochain.frontends.modules._views import const, view_of
from neurochain.program import Op

if TYPE_CHECKING:
    from neurochain.frontends.modules._tracer import Tracer

__all__ = ["is_simple", "unrolled"]


def is_simple(module: nn.Module, arguments: int) -> bool:
    """One layer, one direction, ReLU, without a first state given: max(W x + b + U h + c, 0)."""
    return (
        type(module) is nn.RNN
        and module.nonlinearity == "relu"
        and module.num_layers == 1
        and not module.bidirectional
        and arguments == 1
    )


def unrolled(tracer: Tracer, name: str, module: Any, source: torch.Tensor, result: Any) -> Any:
    """Mark what the layer returned: (every hidden state, the last one).

    source (step, batch, n), or (batch, step, n) with batch_first; result: of the layer itself.
    """
    axis = 1 if module.batch_first else 0
    value = tracer.operand(source)
    index = torch.arange(source.numel()).reshape(source.shape)
    with tracer.asleep():
        layers = [_linear(module, "ih"), _linear(module, "hh")]
    outputs, last = result
    hidden: Value = const(torch.zeros(outputs.select(axis, 0).shape))
    states: list[Value | None] = []
    for step in range(source.shape[axis]):
        current = view_of(value, index.select(axis, step), "")
        parts = [
            _leaf(tracer, f"{name}.{kind}", layer, argument, tuple(hidden.shape))
            for kind, layer, argument in zip(("ih", "hh"), layers, (current, hidden), strict=True)
        ]
        make = Maker(tracer, tuple(hidden.shape))
        hidden = make(Op.MAX, make(Op.ADD, *parts), 0.0)
        tracer.keep(hidden, outputs.select(axis, step))
        states.append(hidden)
    whole = SequenceValue(shape=tuple(outputs.shape), items=states, dim=axis)
    final = view_of(hidden, torch.arange(last.numel()).reshape(last.shape), "")
    return mark(outputs, whole), mark(last, final)


def _linear(module: Any, kind: str) -> nn.Linear:
    weight = getattr(module, f"weight_{kind}_l0").detach()
    layer: nn.Linear = empty_layer(nn.Linear, weight.shape[1], weight.shape[0], bias=module.bias)
    layer.weight = nn.Parameter(weight.clone(), requires_grad=False)
    if module.bias:
        bias = getattr(module, f"bias_{kind}_l0").detach()
        layer.bias = nn.Parameter(bias.clone(), requires_grad=False)
    return layer


def _leaf(
    tracer: Tracer, name: str, layer: nn.Module, argument: Value, shape: tuple[int, ...]
) -> Value:
    call = LeafCall(name=name, module=layer, argument=argument)
    tracer.leaf_calls.append(call)
    return LeafValue(shape=shape, call=call)
