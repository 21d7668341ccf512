"""What each torch function does to the values it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from neurochain.frontends.modules import _functions as functions
from neurochain.frontends.modules._marks import mark, tracked, users_line, value_of, view_of
from neurochain.frontends.modules._stubs import stateless
from neurochain.frontends.modules._values import (
    AddValue,
    ConstValue,
    ReduceValue,
    SequenceValue,
    UnknownValue,
    Value,
)

if TYPE_CHECKING:
    from neurochain.frontends.modules._tracer import Tracer

__all__ = ["handle"]

Func = Callable[..., Any]
Args = tuple[Any, ...]
Kwargs = dict[str, Any]


def handle(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    """Run one torch function on followed tensors and mark its result."""
    for names, handler in _HANDLERS:
        if name in names:
            return handler(tracer, func, name, args, kwargs)
    module = functions.pooling(name, args[1:], kwargs)
    if module is not None:
        key = tuple((k, str(v)) for k, v in sorted(vars(module).items()) if k[0] != "_")
        source = args[0] if args else kwargs["input"]
        return stateless(tracer, nn.Module.__call__, name, module, source, key)
    return _unknown(tracer, func, name, args, kwargs)


def _plain(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    return func(*args, **kwargs)


def _unknown(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    tracer.refuse(
        users_line(name),
        "this function on a value of the network has no exact counterpart.",
        "Use a supported layer (Linear, Conv1d/2d, AvgPool, MaxPool, Flatten, additions, neurons), "
        "or do it outside forward.",
    )
    return tracer.unknown(func(*args, **kwargs))


def _stop(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    tracer.stop(
        users_line(name),
        "forward looks at a value of the network: control flow or numbers that depend on the data.",
        "Take the decision outside the module, on what it returns.",
    )


def _view(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    source, rest = args[0], args[1:]
    by_value = tracked((rest, kwargs)) and not name.endswith("_as")  # x[mask]: depends on the data
    if by_value or not isinstance(source, torch.Tensor) or value_of(source) is None:
        return _unknown(tracer, func, name, args, kwargs)
    value = tracer.operand(source)
    index = torch.arange(source.numel()).reshape(source.shape)
    label = "flatten" if name in ("flatten", "view", "reshape", "ravel") else ""
    if name in ("__iter__", "__reversed__"):
        order = range(len(source)) if name == "__iter__" else range(len(source) - 1, -1, -1)
        views = [mark(source[k], view_of(value, index[k], "")) for k in order]
        return iter(views) if name == "__iter__" else views
    results = func(*args, **kwargs)
    indices = func(index, *rest, **kwargs)
    if isinstance(results, torch.Tensor):
        return mark(results, view_of(value, indices, label))
    pairs = zip(results, indices, strict=True)
    return type(results)(mark(part, view_of(value, i, label)) for part, i in pairs)


def _cast(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    source = args[0]
    # .data would hide changes in place from the version that `value_of` looks at
    result = source.detach() if name == "data" else func(*args, **kwargs)
    if not isinstance(result, torch.Tensor) or result is source:
        return result
    if result.dtype is not torch.float32 and result.dtype is not source.dtype:
        tracer.refuse(
            users_line(name),
            f"a value of the network becomes {result.dtype}; everything here is float32.",
            "Remove the conversion.",
        )
    return mark(result, tracer.operand(source))


def _add(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    operands = [*args, *(kwargs[k] for k in ("input", "other") if k in kwargs)]
    if len(operands) != 2 or kwargs.get("alpha", 1) != 1 or kwargs.get("out") is not None:
        return _unknown(tracer, func, name, args, kwargs)
    a, b = (tracer.operand(item) for item in operands)
    result = func(*args, **kwargs)
    marker = mark
    if result is args[0]:  # in place
        marker = tracer.mark_record
        _check_whole(tracer, result)
    for value, number, zero in ((a, operands[1], b), (b, operands[0], a)):
        if not isinstance(number, torch.Tensor) and isinstance(zero, ConstValue) and zero.zero:
            return marker(result, value)  # sum() starts from the number 0
    if not a.shape == b.shape == tuple(result.shape):
        tracer.refuse(
            users_line("add"),
            f"adds values of shapes {a.shape} and {b.shape}.",
            "Add values of one shape; put a constant into a layer's bias.",
        )
        return tracer.unknown(result)
    return marker(result, AddValue(shape=tuple(result.shape), left=a, right=b))


def _check_whole(tracer: Tracer, changed: torch.Tensor) -> None:
    """Adding in place to a part of a constant (record[t] += spikes) changes the whole unseen."""
    base = changed._base
    if base is not None and value_of(base) is None:
        tracer.refuse(
            users_line("addition in place"),
            "adds to a part of a tensor.",
            "Collect the values in a list and torch.stack it.",
        )


def _reduce(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    source = args[0] if args else kwargs["input"]
    dims = args[1] if len(args) > 1 else kwargs.get("dim", kwargs.get("axis"))
    if isinstance(dims, torch.Tensor):
        return _unknown(tracer, func, name, args, kwargs)
    if dims is None:
        dims = tuple(range(source.dim()))
    result = func(*args, **kwargs)
    tensor = result if isinstance(result, torch.Tensor) else result[0]
    base = tracer.operand(source)
    axes = (dims,) if isinstance(dims, int) else tuple(dims)
    value = ReduceValue(
        shape=tuple(tensor.shape),
        op="max" if name == "amax" else name,
        base=base,
        dims=tuple(axis % len(base.shape) for axis in axes),
    )
    mark(tensor, value)
    if tensor is not result:
        tracer.unknown(result[1])  # the indices of maxima
    return result


def _divide(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    value = tracer.operand(args[0])
    number = args[1] if len(args) == 2 and not kwargs else None
    if not isinstance(value, (ReduceValue, AddValue)) or not isinstance(number, (int, float)):
        return _unknown(tracer, func, name, args, kwargs)
    divided = ReduceValue(
        shape=value.shape, op="divide", base=value, dims=(), divisor=float(number)
    )
    return mark(func(*args, **kwargs), divided)


def _stack(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    parts = args[0] if args else kwargs["tensors"]
    dim = args[1] if len(args) > 1 else kwargs.get("dim", 0)
    result = func(*args, **kwargs)
    items: list[Value | None] = [tracer.operand(part) for part in parts]
    value = SequenceValue(shape=tuple(result.shape), items=items, dim=dim % result.dim())
    return mark(result, value)


def _set_item(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    """A record filled step by step: record[t] = spikes, record[:, t] = spikes."""
    record, where, item = args
    value = value_of(record)
    parts = where if isinstance(where, tuple) else (where,)
    whole = all(isinstance(p, slice) and p == slice(None) for p in parts[:-1])
    fits = whole and isinstance(parts[-1], int) and isinstance(item, torch.Tensor)
    if not fits or not isinstance(value, (SequenceValue, type(None))):
        tracer.refuse(
            users_line("assignment to a part of a tensor"),
            "is not a record of one value a step.",
            "Collect the values in a list and torch.stack it.",
        )
        tracer.mark_record(record, UnknownValue(shape=tuple(record.shape)))
        return
    dim = len(parts) - 1
    if value is None:
        items: list[Value | None] = [None] * record.shape[dim]
        value = SequenceValue(shape=tuple(record.shape), items=items, dim=dim)
    value.items[parts[-1]] = tracer.operand(item)
    func(*args, **kwargs)
    tracer.mark_record(record, value)


def _compare(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    """Harmless until somebody uses the outcome; the next thing is often an `if`, which stops."""
    result = func(*args, **kwargs)
    if not isinstance(result, torch.Tensor):
        return result  # with None
    return mark(result, UnknownValue(shape=tuple(result.shape), said=False))


def _dropout(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    training = kwargs.get("training", args[2] if len(args) > 2 else True)
    if training:
        tracer.refuse(
            users_line(name),
            "drops values at random even in eval mode.",
            "Pass training=self.training, or use nn.Dropout.",
        )
    return args[0]


_HANDLERS: tuple[tuple[frozenset[str], Callable[..., Any]], ...] = (
    (functions.QUERIES | functions.FRESH, _plain),
    (functions.STOPS, _stop),
    (functions.VIEWS, _view),
    (functions.CASTS, _cast),
    (functions.ADD, _add),
    (functions.REDUCTIONS, _reduce),
    (frozenset({"stack"}), _stack),
    (frozenset({"__setitem__"}), _set_item),
    (frozenset({"div", "true_divide", "__truediv__"}), _divide),
    (functions.COMPARISONS, _compare),
    (frozenset({"dropout", "dropout1d", "dropout2d"}), _dropout),
)
