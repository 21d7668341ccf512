"""After the trace: views of scalar operations that were done once, for all steps, look through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from neurochain.frontends.modules._values import (
    JoinValue,
    LeafValue,
    NeuronCall,
    OpValue,
    ReduceValue,
    SequenceValue,
    SpikeValue,
    StateValue,
    Value,
    ViewValue,
)
from neurochain.frontends.modules._views import push

__all__ = ["settle"]


def settle(roots: Iterable[Value], visits: Mapping[tuple[Any, ...], int]) -> list[Value]:
    """Replace, in place, what hangs below `roots`; returns the roots.

    visits: how often each site was visited in all.
    """

    def settled(value: Value) -> Value:
        while isinstance(value, ViewValue) and isinstance(value.base, OpValue):
            call = value.base.call
            if call is not None and visits[call.site] != 1:
                break
            value = push(value, value.base)
        return value

    result = [settled(value) for value in roots]
    stack, seen = list(result), set()
    while stack:
        value = stack.pop()
        if id(value) not in seen:
            seen.add(id(value))
            stack += _replace(value, settled)
    return result


def _replace(value: Value, settled: Callable[[Value], Value]) -> list[Value]:
    """Settle what `value` is made of, and return it."""
    if isinstance(value, (ViewValue, ReduceValue)):
        value.base = settled(value.base)
        return [value.base]
    if isinstance(value, OpValue):
        value.args = tuple(settled(a) for a in value.args)
        return list(value.args)
    if isinstance(value, JoinValue):
        value.parts = tuple(settled(p) for p in value.parts)
        return list(value.parts)
    if isinstance(value, SequenceValue):
        value.items = [None if item is None else settled(item) for item in value.items]
        return [item for item in value.items if item is not None]
    if isinstance(value, LeafValue):
        value.call.argument = settled(value.call.argument)
        return [value.call.argument]
    if isinstance(value, (SpikeValue, StateValue)):
        return _neuron(value.call, settled)
    return []


def _neuron(call: NeuronCall, settled: Callable[[Value], Value]) -> list[Value]:
    call.current = settled(call.current)
    for state in call.states:
        call.states[state] = settled(call.states[state])
    return [call.current, *call.states.values()]
