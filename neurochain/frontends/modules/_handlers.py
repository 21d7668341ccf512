"""What each torch function does to the values it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from neurochain.frontends.modules import _functions as functions
from neurochain.frontends.modules._marks import mark, tracked, users_line, value_of
from neurochain.frontends.modules._ops import OPS, Maker, operate
from neurochain.frontends.modules._reduce import reduced_within_a_step
from neurochain.frontends.modules._scale import BATCH_NORMS, ScaleShift
from neurochain.frontends.modules._stubs import stateless
from neurochain.frontends.modules._values import (
    JoinValue,
    ReduceValue,
    SequenceValue,
    UnknownValue,
    Value,
)
from neurochain.frontends.modules._views import const, view_of
from neurochain.program import Op

if TYPE_CHECKING:
    from neurochain.frontends.modules._tracer import Tracer

__all__ = ["handle"]

Func = Callable[..., Any]
Args = tuple[Any, ...]
Kwargs = dict[str, Any]


def handle(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    """Run one torch function on followed tensors and mark its result."""
    if name in ("max", "min") and len(args) > 1 and isinstance(args[1], torch.Tensor):
        name = f"{name}imum"
    for names, handler in _HANDLERS:
        if name in names:
            return handler(tracer, func, name, args, kwargs)
    if name in OPS:
        understood, result = operate(tracer, func, name, args, kwargs)
        return result if understood else _unknown(tracer, func, name, args, kwargs)
    module = functions.pooling(name, args[1:], kwargs)
    if module is not None:
        key = tuple((k, str(v)) for k, v in sorted(vars(module).items()) if k[0] != "_")
        source = args[0] if args else kwargs["input"]
        return stateless(tracer, nn.Module.__call__, name, module, source, key)
    reference = functions.reference_of(func)
    if reference is not None:
        with tracer:
            return reference(*args, **kwargs)
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
    if name == "unfold" and func is functional.unfold:
        return _patches(tracer, func, name, args, kwargs)
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
    indices = _moved(func, index, rest, kwargs)
    if isinstance(results, torch.Tensor):
        return mark(results, view_of(value, indices, label))
    pairs = zip(results, indices, strict=True)
    return type(results)(mark(part, view_of(value, i, label)) for part, i in pairs)


def _patches(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    """F.unfold: patches of an image side by side; what lies in the padding is 0."""
    source, rest = args[0], args[1:]
    result = func(*args, **kwargs)
    index = 1.0 + torch.arange(source.numel(), dtype=torch.float64).reshape(source.shape)
    places = func(index, *rest, **kwargs).round().to(torch.int64) - 1
    places[places < 0] = source.numel()
    parts = (tracer.operand(source), const(torch.zeros(1)))
    joined = JoinValue(shape=(source.numel() + 1,), parts=parts)
    return mark(result, view_of(joined, places, name))


def _moved(func: Func, index: torch.Tensor, rest: Args, kwargs: Kwargs) -> Any:
    """Where every element comes from; functions that take no integers move float64 ones."""
    try:
        return func(index, *rest, **kwargs)
    except (RuntimeError, NotImplementedError):
        return func(index.to(torch.float64), *rest, **kwargs).round().to(torch.int64)


def _cast(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    source = args[0]
    # .data would hide changes in place from the version that `value_of` looks at
    result = source.detach() if name == "data" else func(*args, **kwargs)
    if not isinstance(result, torch.Tensor) or result is source:
        return result
    if result.dtype is torch.bool and source.dtype is not torch.bool:
        value = Maker(tracer, tuple(result.shape))(Op.NE, source, 0.0)
        tracer.keep(value, result)
        return mark(result, value)
    if result.dtype is not torch.float32 and result.dtype is not source.dtype:
        tracer.refuse(
            users_line(name),
            f"a value of the network becomes {result.dtype}; everything here is float32.",
            "Remove the conversion.",
        )
    return mark(result, tracer.operand(source))


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
    within = reduced_within_a_step(tracer, name, base, axes, tuple(tensor.shape))
    if within is not None:
        mark(tensor, within)
        if tensor is not result:
            tracer.unknown(result[1])
        return result
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


def _stack(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    parts = args[0] if args else kwargs["tensors"]
    dim = args[1] if len(args) > 1 else kwargs.get("dim", 0)
    result = func(*args, **kwargs)
    items: list[Value | None] = [tracer.operand(part) for part in parts]
    value = SequenceValue(shape=tuple(result.shape), items=items, dim=dim % result.dim())
    return mark(result, value)


def _join(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    """Concatenation: which element of which part stands where is found by joining indices."""
    parts = args[0] if args else kwargs["tensors"]
    result = func(*args, **kwargs)
    values = tuple(tracer.operand(part) for part in parts)
    start, indices = 0, []
    for part in parts:
        indices.append(start + torch.arange(part.numel()).reshape(part.shape))
        start += part.numel()
    index = func(indices, *args[1:], **{k: v for k, v in kwargs.items() if k != "tensors"})
    joined = JoinValue(shape=(start,), parts=values)
    return mark(result, view_of(joined, index, name))


def _pad(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    """Padding: a constant stands behind the source, once a sample; other modes copy elements."""
    source, rest = args[0], args[1:]
    given = dict(zip(("pad", "mode", "value"), rest, strict=False)) | kwargs
    result = func(*args, **kwargs)
    index = torch.arange(source.numel()).reshape(source.shape)
    value = tracer.operand(source)
    if given.get("mode", "constant") != "constant":
        moved = func(index.to(torch.float64), *rest, **kwargs).round().to(torch.int64)
        return mark(result, view_of(value, moved, name))
    rows = source.shape[0] if result.shape[:1] == source.shape[:1] else 1
    filled = const(torch.full((rows,), float(given.get("value") or 0.0)))
    joined = JoinValue(shape=(source.numel() + rows,), parts=(value, filled))
    moved = func(index, given["pad"], value=-1)
    own = source.numel() + torch.arange(rows).reshape(-1, *(1,) * (moved.dim() - 1))
    return mark(result, view_of(joined, torch.where(moved < 0, own, moved), name))


def _batch_norm(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    """Batch normalisation by its stored statistics is a scale and a shift for every channel."""
    names = (
        "input",
        "running_mean",
        "running_var",
        "weight",
        "bias",
        "training",
        "momentum",
        "eps",
    )
    given = dict(zip(names, args, strict=False)) | kwargs
    source = given["input"]
    if given.get("training") or given.get("running_mean") is None:
        tracer.refuse(
            users_line(name),
            "normalises by the statistics of the batch at hand.",
            "Call .eval(), and keep track_running_stats=True.",
        )
        return tracer.unknown(func(*args, **kwargs))
    if tracked([given.get(k) for k in names[1:5]]):
        return _unknown(tracer, func, name, args, kwargs)
    layer = ScaleShift.of(given)
    key = (layer.digest,)
    owner = tracer.owners[-1] if tracer.owners else tracer.root
    label = tracer.names.get(owner, "") if isinstance(owner, BATCH_NORMS) else name
    return stateless(tracer, nn.Module.__call__, label, layer, source, key)


def _weighted(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    """F.linear, F.conv1d and F.conv2d with weights of the user's own: as the module would be."""
    layer = functions.weighted(name, args, kwargs)
    source = args[0] if args else kwargs["input"]
    if layer is None or tracked((args[1:], {k: v for k, v in kwargs.items() if k != "input"})):
        return _unknown(tracer, func, name, args, kwargs)
    return stateless(tracer, nn.Module.__call__, name, layer, source, functions.weight_key(layer))


def _product(tracer: Tracer, func: Func, name: str, args: Args, kwargs: Kwargs) -> Any:
    """x @ W with constant weights is a linear layer on the last axis of x."""
    found = functions.product(name, args) if not kwargs else None
    if found is None:
        return _unknown(tracer, func, name, args, kwargs)
    source, weight = found
    layer = functions.weighted("linear", (source, weight), {})
    if layer is None:
        return _unknown(tracer, func, name, args, kwargs)
    return stateless(tracer, nn.Module.__call__, name, layer, source, functions.weight_key(layer))


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
    (functions.REDUCTIONS, _reduce),
    (frozenset({"stack"}), _stack),
    (frozenset({"__setitem__"}), _set_item),
    (frozenset({"cat", "concat", "concatenate", "hstack", "vstack", "dstack"}), _join),
    (frozenset({"pad"}), _pad),
    (frozenset({"batch_norm"}), _batch_norm),
    (functions.WEIGHTED, _weighted),
    (frozenset({"matmul", "__matmul__", "mm", "einsum"}), _product),
    (frozenset({"dropout", "dropout1d", "dropout2d"}), _dropout),
)
