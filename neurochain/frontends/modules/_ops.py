"""Scalar arithmetic on followed values: what people write by hand between layers and in neurons."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch

from neurochain.frontends.modules._marks import mark, users_line, value_of
from neurochain.frontends.modules._steps import steps_of
from neurochain.frontends.modules._values import ConstValue, OpValue, Value
from neurochain.frontends.modules._views import broadcast
from neurochain.program import Op

if TYPE_CHECKING:
    from neurochain.frontends.modules._tracer import Tracer

__all__ = ["OPS", "Maker", "keep_constant", "operate", "operate_constant"]

Args = tuple[Any, ...]
Kwargs = dict[str, Any]
Build = Callable[["Maker", list[Any], Kwargs], Value | None]

_KINDS = (torch.float32, torch.bool)


class Maker:
    """Builds the OpValues of one call; several operations of one call share its site."""

    def __init__(self, tracer: Tracer, shape: tuple[int, ...]) -> None:
        self.tracer = tracer
        self.shape = shape
        self.count = 0

    def value(self, item: Any) -> Value:
        """The value of a tensor or number."""
        return item if isinstance(item, Value) else self.tracer.operand(item)

    def __call__(self, op: Op, *items: Any) -> Value:
        """One operation, spread to the shape of the result; on stacks, one for each step."""
        args = tuple(broadcast(self.value(item), self.shape) for item in items)
        stacks = {k: steps for k, arg in enumerate(args) if (steps := steps_of(arg)) is not None}
        if not stacks:
            return self._one(op, args, self.shape)
        first = next(iter(stacks.values()))
        results: list[Value] = []
        for step in range(len(first.items)):
            parts = []
            for k, arg in enumerate(args):
                part = stacks[k].items[step] if k in stacks else first.part(arg, step, self.shape)
                parts.append(part)
            results.append(self._one(op, tuple(parts), first.items[step].shape))
        self.count += 1
        return first.rebuilt(results)

    def _one(self, op: Op, args: tuple[Value, ...], shape: tuple[int, ...]) -> OpValue:
        call = self.tracer.visit((op.value, self.count))
        self.count += 1 if shape == self.shape else 0
        fixed = all(
            isinstance(a, ConstValue) or (isinstance(a, OpValue) and a.constant) for a in args
        )
        value = OpValue(shape=shape, op=op.value, args=args, call=call, constant=fixed)
        self.tracer.operations.append(value)
        return value


def operate(
    tracer: Tracer, func: Callable[..., Any], name: str, args: Args, kwargs: Kwargs
) -> tuple[bool, Any]:
    """(True, result) where the call is scalar arithmetic that is understood."""
    build = OPS[name]
    items, given = _arguments(name, args, kwargs)
    if given.get("out") is not None:
        return False, None
    operands = [tracer.operand(i) if isinstance(i, torch.Tensor) else i for i in items]
    inplace = (name.endswith("_") and not name.endswith("__")) or name.startswith("__i")
    with tracer.asleep():
        result = func(*args, **kwargs)
    if not isinstance(result, torch.Tensor) or result.dtype not in _KINDS:
        return _other(tracer, name, result)
    made = build(Maker(tracer, tuple(result.shape)), operands, given)
    if made is None or (result.dtype is torch.bool and name in _BOOLEAN_SUMS):
        tracer.refuse(
            users_line(name),
            "this form of the function on a value of the network has no exact counterpart.",
            "Use plain arithmetic, comparisons, torch.where or clamp.",
        )
        return True, tracer.unknown(result)
    tracer.keep(made, result)
    if inplace and args and result is args[0]:
        _check_whole(tracer, result)
        return True, tracer.mark_record(result, made)
    return True, mark(result, made)


def _arguments(name: str, args: Args, kwargs: Kwargs) -> tuple[list[Any], Kwargs]:
    """Positional arguments, with the first one wherever it was given, and the others by name."""
    given = {k: v for k, v in kwargs.items() if k not in ("input", "self") and v is not None}
    items = [*(kwargs[k] for k in ("input", "self") if k in kwargs), *args]
    if name == "where" and len(items) > 1 and getattr(items[0], "dtype", None) is not torch.bool:
        items[:2] = items[1::-1]  # a.where(c, b)
    return items, given


def operate_constant(
    tracer: Tracer, func: Callable[..., Any], name: str, args: Args, kwargs: Kwargs
) -> Any:
    """Arithmetic on constants: a state before the first step is one, so its form is kept."""
    items, given = _arguments(name, args, kwargs)
    with tracer.asleep():
        operands = [tracer.operand(i) if isinstance(i, torch.Tensor) else i for i in items]
        result = func(*args, **kwargs)
    if not isinstance(result, torch.Tensor):
        return result
    inplace = result is args[0] if args else False
    made = None
    if result.dtype in _KINDS and not (result.dtype is torch.bool and name in _BOOLEAN_SUMS):
        made = OPS[name](Maker(tracer, tuple(result.shape)), operands, given)
    if made is not None:
        tracer.keep(made, result)
    if isinstance(made, OpValue) and made.constant and not (inplace and result._base is not None):
        return (tracer.mark_record if inplace else mark)(result, made)
    return result


def keep_constant(func: Callable[..., Any], args: Args, kwargs: Kwargs) -> Any:
    """A conversion of a constant that keeps its numbers keeps its form."""
    value = value_of(args[0])
    result = func(*args, **kwargs)
    same = isinstance(result, torch.Tensor) and result.dtype in _KINDS and result is not args[0]
    if (
        same
        and value is not None
        and (result.dtype is torch.float32 or args[0].dtype is torch.bool)
    ):
        return mark(result, value)
    return result


_BOOLEAN_SUMS = frozenset({"add", "__add__", "__radd__", "__iadd__", "add_"})


def _other(tracer: Tracer, name: str, result: Any) -> tuple[bool, Any]:
    """Comparisons with None, and arithmetic in another type."""
    if not isinstance(result, torch.Tensor):
        return True, result
    tracer.refuse(
        users_line(name),
        f"computes in {result.dtype}; everything here is float32.",
        "Convert with .float() before, and use float32 tensors.",
    )
    return True, tracer.unknown(result)


def _check_whole(tracer: Tracer, changed: torch.Tensor) -> None:
    """Changing a part of a constant in place (record[t] += spikes) changes the whole unseen."""
    base = changed._base
    if base is not None and base.shape != changed.shape and value_of(base) is None:
        tracer.refuse(
            users_line("a change in place"),
            "changes a part of a tensor.",
            "Collect the values in a list and torch.stack it.",
        )


def _is_zero(item: Any) -> bool:
    return not isinstance(item, Value) and isinstance(item, (int, float)) and item == 0


def _two(op: Op, *, swapped: bool = False) -> Build:
    def build(make: Maker, items: list[Any], given: Kwargs) -> Value | None:
        items = [*items, *(given.pop(k) for k in ("other",) if k in given)]
        alpha = given.pop("alpha", 1)
        if len(items) != 2 or abs(math.frexp(alpha)[0]) != 0.5:
            return (
                None  # torch multiplies and adds in one rounding, which shows unless alpha is 2^k
            )
        if alpha != 1:
            items[1] = make(Op.MUL, items[1], float(alpha))
        whole = given.pop("rounding_mode", None)
        if given or whole not in (None, "trunc"):
            return None
        result = make(op, *(reversed(items) if swapped else items))
        return result if whole is None else _truncated(make, result)

    return build


def _truncated(make: Maker, value: Value) -> Value:
    """Toward zero."""
    below = make(Op.NEG, make(Op.FLOOR, make(Op.NEG, value)))
    return make(Op.SELECT, make(Op.GE, value, 0.0), make(Op.FLOOR, value), below)


def _add(make: Maker, items: list[Any], given: Kwargs) -> Value | None:
    """sum() starts from the number 0, which changes nothing."""
    for zero, other in ((0, 1), (1, 0)):
        if len(items) == 2 and _is_zero(items[zero]) and isinstance(items[other], Value):
            return broadcast(make.value(items[other]), make.shape)
    return _two(Op.ADD)(make, items, given)


def _one(op: Op) -> Build:
    def build(make: Maker, items: list[Any], given: Kwargs) -> Value | None:
        return make(op, items[0]) if len(items) == 1 and not given else None

    return build


def _relu(make: Maker, items: list[Any], given: Kwargs) -> Value | None:
    given.pop("inplace", None)
    return make(Op.MAX, items[0], 0.0) if len(items) == 1 and not given else None


def _hardtanh(make: Maker, items: list[Any], given: Kwargs) -> Value | None:
    given.pop("inplace", None)
    low = items[1] if len(items) > 1 else given.pop("min_val", -1.0)
    high = items[2] if len(items) > 2 else given.pop("max_val", 1.0)
    return None if given else make(Op.MIN, make(Op.MAX, items[0], low), high)


def _relu6(make: Maker, items: list[Any], given: Kwargs) -> Value | None:
    given.pop("inplace", None)
    return None if given else make(Op.MIN, make(Op.MAX, items[0], 0.0), 6.0)


def _leaky_relu(make: Maker, items: list[Any], given: Kwargs) -> Value | None:
    given.pop("inplace", None)
    slope = items[1] if len(items) > 1 else given.pop("negative_slope", 0.01)
    if given:
        return None
    return make(Op.SELECT, make(Op.GT, items[0], 0.0), items[0], make(Op.MUL, items[0], slope))


def _limit(make: Maker, items: list[Any], given: Kwargs) -> Value | None:
    """F.threshold: the value where it is above, another number elsewhere."""
    given.pop("inplace", None)
    items = [*items, *(given.pop(k) for k in ("threshold", "value") if k in given)]
    if len(items) != 3 or given:
        return None
    return make(Op.SELECT, make(Op.GT, items[0], items[1]), items[0], items[2])


def _truncate(make: Maker, items: list[Any], given: Kwargs) -> Value | None:
    return _truncated(make, make.value(items[0])) if len(items) == 1 and not given else None


def _sign(make: Maker, items: list[Any], given: Kwargs) -> Value | None:
    if len(items) != 1 or given:
        return None
    return make(Op.SUB, make(Op.GT, items[0], 0.0), make(Op.LT, items[0], 0.0))


def _not(make: Maker, items: list[Any], given: Kwargs) -> Value | None:
    return make(Op.EQ, items[0], 0.0) if len(items) == 1 and not given else None


def _square(make: Maker, items: list[Any], given: Kwargs) -> Value | None:
    return make(Op.MUL, items[0], items[0]) if len(items) == 1 and not given else None


def _where(make: Maker, items: list[Any], given: Kwargs) -> Value | None:
    items = [*items, *(given.pop(k) for k in ("condition", "other") if k in given)]
    return make(Op.SELECT, *items) if len(items) == 3 and not given else None


def _reciprocal(make: Maker, items: list[Any], given: Kwargs) -> Value | None:
    return make(Op.DIV, 1.0, items[0]) if len(items) == 1 and not given else None


def _divided_into(make: Maker, items: list[Any], given: Kwargs) -> Value | None:
    """A number / tensor: torch multiplies the reciprocal by the number."""
    if len(items) != 2 or given:
        return None
    return make(Op.MUL, make(Op.DIV, 1.0, items[0]), items[1])


def _masked_fill(make: Maker, items: list[Any], given: Kwargs) -> Value | None:
    items = [*items, *(given.pop(k) for k in ("mask", "value") if k in given)]
    if len(items) != 3 or given:
        return None
    return make(Op.SELECT, items[1], items[2], items[0])


def _clamp(make: Maker, items: list[Any], given: Kwargs) -> Value | None:
    """The lower border first, then the upper, as torch does."""
    low = items[1] if len(items) > 1 else given.pop("min", None)
    high = items[2] if len(items) > 2 else given.pop("max", None)
    given.pop("min", None), given.pop("max", None)
    if given or (low is None and high is None):
        return None
    value: Value = make.value(items[0])
    if low is not None:
        value = make(Op.MAX, value, low)
    return value if high is None else make(Op.MIN, value, high)


def _clamp_to(op: Op, key: str) -> Build:
    def build(make: Maker, items: list[Any], given: Kwargs) -> Value | None:
        items = [*items, *(given.pop(k) for k in (key,) if k in given)]
        return make(op, *items) if len(items) == 2 and not given else None

    return build


def _heaviside(make: Maker, items: list[Any], given: Kwargs) -> Value | None:
    """1 above 0, 0 below, the second argument at 0."""
    items = [*items, *(given.pop(k) for k in ("values",) if k in given)]
    if len(items) != 2 or given:
        return None
    return make(Op.SELECT, make(Op.EQ, items[0], 0.0), items[1], make(Op.GT, items[0], 0.0))


def _named(op: Op, *names: str) -> dict[str, Build]:
    """A binary operation by its names: function, in place, operator."""
    table: dict[str, Build] = {}
    for name in names:
        table |= {name: _two(op), f"{name}_": _two(op), f"__{name}__": _two(op)}
        table[f"__i{name}__"] = _two(op)
        table[f"__r{name}__"] = _two(op, swapped=True)
    return table


def _compared(op: Op, name: str, long: str) -> dict[str, Build]:
    return {n: _two(op) for n in (name, f"__{name}__", f"{name}_", long)}


OPS: Mapping[str, Build] = MappingProxyType(
    {
        **_named(Op.SUB, "sub"),
        "subtract": _two(Op.SUB),
        "rsub": _two(Op.SUB, swapped=True),
        "reciprocal": _reciprocal,
        **_named(Op.MUL, "mul"),
        "multiply": _two(Op.MUL),
        **_named(Op.DIV, "div", "truediv"),
        "true_divide": _two(Op.DIV),
        **dict.fromkeys(("__rdiv__", "__rtruediv__"), _divided_into),
        "divide": _two(Op.DIV),
        **dict.fromkeys(("add", "add_", "__add__", "__radd__", "__iadd__"), _add),
        **_compared(Op.GT, "gt", "greater"),
        **_compared(Op.GE, "ge", "greater_equal"),
        **_compared(Op.LT, "lt", "less"),
        **_compared(Op.LE, "le", "less_equal"),
        **_compared(Op.EQ, "eq", "eq"),
        **_compared(Op.NE, "ne", "not_equal"),
        "maximum": _two(Op.MAX),
        "minimum": _two(Op.MIN),
        "logical_and": _two(Op.MUL),
        "__and__": _two(Op.MUL),
        "logical_or": _two(Op.MAX),
        "__or__": _two(Op.MAX),
        "logical_not": _not,
        "__invert__": _not,
        "bitwise_not": _not,
        **dict.fromkeys(("neg", "__neg__", "negative"), _one(Op.NEG)),
        **dict.fromkeys(("abs", "__abs__", "absolute"), _one(Op.ABS)),
        "floor": _one(Op.FLOOR),
        "square": _square,
        **dict.fromkeys(("relu", "relu_"), _relu),
        "where": _where,
        **dict.fromkeys(("masked_fill", "masked_fill_"), _masked_fill),
        **dict.fromkeys(("clamp", "clip", "clamp_", "clip_"), _clamp),
        **dict.fromkeys(("clamp_min", "clamp_min_"), _clamp_to(Op.MAX, "min")),
        **dict.fromkeys(("clamp_max", "clamp_max_"), _clamp_to(Op.MIN, "max")),
        "heaviside": _heaviside,
        **dict.fromkeys(("hardtanh", "hardtanh_"), _hardtanh),
        "relu6": _relu6,
        **dict.fromkeys(("leaky_relu", "leaky_relu_"), _leaky_relu),
        **dict.fromkeys(("threshold", "threshold_"), _limit),
        **dict.fromkeys(("trunc", "fix"), _truncate),
        **dict.fromkeys(("sign", "sgn"), _sign),
    }
)
"""Name of a torch function -> what it means. `__and__` and `__or__` are those of bool tensors."""
