"""Scalar arithmetic on followed values: what people write by hand between layers and in neurons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch

from neurochain.frontends.modules._marks import mark, users_line, value_of
from neurochain.frontends.modules._values import ConstValue, OpValue, Value
from neurochain.frontends.modules._views import broadcast
from neurochain.program import Op

if TYPE_CHECKING:
    from neurochain.frontends.modules._tracer import Tracer

__all__ = ["OPS", "Maker", "operate", "operate_constant"]

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

    def __call__(self, op: Op, *items: Any) -> OpValue:
        """One operation, spread to the shape of the result."""
        args = tuple(broadcast(self.value(item), self.shape) for item in items)
        call = self.tracer.visit((op.value, self.count))
        self.count += 1
        fixed = all(
            isinstance(a, ConstValue) or (isinstance(a, OpValue) and a.constant) for a in args
        )
        return OpValue(shape=self.shape, op=op.value, args=args, call=call, constant=fixed)


def operate(
    tracer: Tracer, func: Callable[..., Any], name: str, args: Args, kwargs: Kwargs
) -> tuple[bool, Any]:
    """(True, result) where the call is scalar arithmetic that is understood."""
    build = OPS[name]
    given = {k: v for k, v in kwargs.items() if k not in ("input", "self")}
    items = [*args] if args else []
    for key in ("input", "self"):
        if key in kwargs:
            items.insert(0, kwargs[key])
    if "out" in given or any(isinstance(item, str) for item in given.values()):
        return False, None
    if name == "where" and len(items) > 1 and getattr(items[0], "dtype", None) is not torch.bool:
        items[:2] = items[1::-1]  # a.where(c, b)
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
    if inplace and result is (args[0] if args else None):
        _check_whole(tracer, result)
        return True, tracer.mark_record(result, made)
    return True, mark(result, made)


_MOST = 2**20  # elements of a constant that is worth following


def operate_constant(
    tracer: Tracer, func: Callable[..., Any], name: str, args: Args, kwargs: Kwargs
) -> Any:
    """Arithmetic on constants: a state before the first step is one, so its form is kept."""
    with tracer.asleep():
        operands = [tracer.operand(i) if isinstance(i, torch.Tensor) else i for i in args]
        result = func(*args, **kwargs)
    if not isinstance(result, torch.Tensor) or result.numel() > _MOST:
        return result
    inplace = result is args[0] if args else False
    made = None
    if (
        result.dtype in _KINDS
        and not kwargs
        and not (result.dtype is torch.bool and name in _BOOLEAN_SUMS)
    ):
        made = OPS[name](Maker(tracer, tuple(result.shape)), operands, {})
    if isinstance(made, OpValue) and made.constant and not (inplace and result._base is not None):
        return (tracer.mark_record if inplace else mark)(result, made)
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
        if len(items) != 2 or given.pop("alpha", 1) != 1 or given.pop("rounding_mode", None):
            return None
        if given:
            return None
        return make(op, *(reversed(items) if swapped else items))

    return build


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
    }
)
"""Name of a torch function -> what it means. `__and__` and `__or__` are those of bool tensors."""
