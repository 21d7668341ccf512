"""Operators of a `.pt2` graph, value by value: arithmetic, comparisons, types, new tensors.

Each function takes the arguments of the aten overload by torch's own names and makes one plain call
of torch, the one that people write: what reads live modules then reads these. `device` is never
taken from a file.
"""

# ruff: noqa: A002 - the names of the arguments are those of torch's operators

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from neurochain.frontends.pt2._refused import RefusedError

__all__ = ["TABLE"]

Number = bool | int | float
Function = Callable[..., Any]


def _add(self: Tensor, other: Tensor | Number, alpha: Number = 1) -> Tensor:
    return torch.add(self, other) if alpha == 1 else torch.add(self, other, alpha=alpha)


def _sub(self: Tensor, other: Tensor | Number, alpha: Number = 1) -> Tensor:
    return torch.sub(self, other) if alpha == 1 else torch.sub(self, other, alpha=alpha)


def _rsub(self: Tensor, other: Tensor | Number, alpha: Number = 1) -> Tensor:
    return torch.rsub(self, other) if alpha == 1 else torch.rsub(self, other, alpha=alpha)


def _div(self: Tensor, other: Tensor | Number, rounding_mode: str | None = None) -> Tensor:
    if rounding_mode is None:
        return torch.div(self, other)
    return torch.div(self, other, rounding_mode=rounding_mode)


def _unary(function: Function) -> Function:
    def call(self: Tensor) -> Tensor:
        return function(self)  # type: ignore[no-any-return]

    return call


def _binary(function: Function) -> Function:
    def call(self: Tensor, other: Tensor | Number) -> Tensor:
        return function(self, other)  # type: ignore[no-any-return]

    return call


def _pow(self: Tensor, exponent: Tensor | Number) -> Tensor:
    return torch.pow(self, exponent)


def _clamp(
    self: Tensor, min: Tensor | Number | None = None, max: Tensor | Number | None = None
) -> Tensor:
    return torch.clamp(self, min, max)  # type: ignore[arg-type]


def _clamp_min(self: Tensor, min: Tensor | Number) -> Tensor:
    return torch.clamp(self, min=min)


def _clamp_max(self: Tensor, max: Tensor | Number) -> Tensor:
    return torch.clamp(self, max=max)


def _where(condition: Tensor, self: Tensor | Number, other: Tensor | Number) -> Tensor:
    return torch.where(condition, self, other)


def _masked_fill(self: Tensor, mask: Tensor, value: Tensor | Number) -> Tensor:
    return torch.masked_fill(self, mask, value)


def _heaviside(self: Tensor, values: Tensor) -> Tensor:
    return torch.heaviside(self, values)


def _cast(
    self: Tensor,
    dtype: torch.dtype | None = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: torch.memory_format | None = None,
) -> Tensor:
    """to(), in one place: the device stays, and an unchanged type is a copy only where asked."""
    if not copy and memory_format is None:
        return self.to(dtype or self.dtype)
    return self.to(dtype or self.dtype, copy=copy, memory_format=_format(memory_format))


def _to_copy(
    self: Tensor,
    dtype: torch.dtype | None = None,
    non_blocking: bool = False,
    memory_format: torch.memory_format | None = None,
) -> Tensor:
    return self.to(dtype or self.dtype, copy=True, memory_format=_format(memory_format))


def _to_other(
    self: Tensor,
    other: Tensor,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: torch.memory_format | None = None,
) -> Tensor:
    return _cast(self, other.dtype, non_blocking, copy, memory_format)


def _type_as(self: Tensor, other: Tensor) -> Tensor:
    return self.to(other.dtype)


def _clone(self: Tensor, memory_format: torch.memory_format | None = None) -> Tensor:
    if memory_format is None:
        return torch.clone(self)
    return torch.clone(self, memory_format=memory_format)


def _lift(self: Tensor) -> Tensor:
    return torch.clone(self)


def _contiguous(
    self: Tensor, memory_format: torch.memory_format = torch.contiguous_format
) -> Tensor:
    return self.contiguous(memory_format=memory_format)


def _format(memory_format: torch.memory_format | None) -> torch.memory_format:
    return torch.preserve_format if memory_format is None else memory_format


def _alias(self: Tensor) -> Tensor:
    return self


def _detach(self: Tensor) -> Tensor:
    return self.detach()


def _zeros_like(
    self: Tensor,
    dtype: torch.dtype | None = None,
    memory_format: torch.memory_format | None = None,
) -> Tensor:
    return torch.zeros_like(self, dtype=dtype, memory_format=_format(memory_format))


def _ones_like(
    self: Tensor,
    dtype: torch.dtype | None = None,
    memory_format: torch.memory_format | None = None,
) -> Tensor:
    return torch.ones_like(self, dtype=dtype, memory_format=_format(memory_format))


def _full_like(
    self: Tensor,
    fill_value: Number,
    dtype: torch.dtype | None = None,
    memory_format: torch.memory_format | None = None,
) -> Tensor:
    return torch.full_like(self, fill_value, dtype=dtype, memory_format=_format(memory_format))


def _zeros(
    size: Sequence[int], dtype: torch.dtype | None = None, *, device: torch.device
) -> Tensor:
    return torch.zeros(size, dtype=dtype, device=device)


def _ones(size: Sequence[int], dtype: torch.dtype | None = None, *, device: torch.device) -> Tensor:
    return torch.ones(size, dtype=dtype, device=device)


def _full(
    size: Sequence[int],
    fill_value: Number,
    dtype: torch.dtype | None = None,
    *,
    device: torch.device,
) -> Tensor:
    return torch.full(size, fill_value, dtype=dtype, device=device)


def _scalar_tensor(s: Number, dtype: torch.dtype | None = None, *, device: torch.device) -> Tensor:
    return torch.full((), s, dtype=dtype or torch.get_default_dtype(), device=device)


def _new_zeros(self: Tensor, size: Sequence[int], dtype: torch.dtype | None = None) -> Tensor:
    return self.new_zeros(size, dtype=dtype)


def _new_ones(self: Tensor, size: Sequence[int], dtype: torch.dtype | None = None) -> Tensor:
    return self.new_ones(size, dtype=dtype)


def _new_full(
    self: Tensor, size: Sequence[int], fill_value: Number, dtype: torch.dtype | None = None
) -> Tensor:
    return self.new_full(size, fill_value, dtype=dtype)


def _copy(self: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """What copy_ leaves in self."""
    cast = src.to(self.dtype)
    return cast if cast.shape == self.shape else cast.expand(self.shape)


def _zero(self: Tensor) -> Tensor:
    return torch.zeros_like(self)


def _fill(self: Tensor, value: Tensor | Number) -> Tensor:
    return torch.full_like(self, value)  # type: ignore[arg-type]


def _bool_only(function: Function) -> Function:
    def call(self: Tensor, other: Tensor) -> Tensor:
        if self.dtype is not torch.bool or other.dtype is not torch.bool:
            raise RefusedError("works on the bits of numbers")
        return function(self, other)  # type: ignore[no-any-return]

    return call


def _not(self: Tensor) -> Tensor:
    if self.dtype is not torch.bool:
        raise RefusedError("works on the bits of numbers")
    return torch.logical_not(self)


_UNARY: dict[str, Function] = {
    "neg": torch.neg, "abs": torch.abs, "reciprocal": torch.reciprocal, "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt, "exp": torch.exp, "log": torch.log, "log1p": torch.log1p,
    "expm1": torch.expm1, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu,
    "sign": torch.sign, "floor": torch.floor, "ceil": torch.ceil, "round": torch.round,
    "trunc": torch.trunc, "square": torch.square, "logical_not": torch.logical_not,
    "sin": torch.sin, "cos": torch.cos,
}  # fmt: skip
_COMPARE: dict[str, Function] = {
    "gt": torch.gt, "ge": torch.ge, "lt": torch.lt, "le": torch.le, "eq": torch.eq, "ne": torch.ne,
    "remainder": torch.remainder, "fmod": torch.fmod, "mul": torch.mul,
}  # fmt: skip
_BINARY: dict[str, Function] = {
    "maximum": torch.maximum, "minimum": torch.minimum, "logical_and": torch.logical_and,
    "logical_or": torch.logical_or, "logical_xor": torch.logical_xor,
    "floor_divide": torch.floor_divide,
}  # fmt: skip

TABLE: dict[str, Function] = {
    **{f"{name}.default": _unary(function) for name, function in _UNARY.items()},
    **{
        f"{name}.{kind}": _binary(function)
        for name, function in _COMPARE.items()
        for kind in ("Tensor", "Scalar")
    },
    **{f"{name}.default": _binary(function) for name, function in _BINARY.items()},
    "add.Tensor": _add, "add.Scalar": _add, "sub.Tensor": _sub, "sub.Scalar": _sub,
    "rsub.Tensor": _rsub, "rsub.Scalar": _rsub, "div.Tensor": _div, "div.Scalar": _div,
    "div.Tensor_mode": _div, "div.Scalar_mode": _div,
    "pow.Tensor_Scalar": _pow, "pow.Tensor_Tensor": _pow,
    "clamp.default": _clamp, "clamp.Tensor": _clamp,
    "clamp_min.default": _clamp_min, "clamp_max.default": _clamp_max,
    "clamp_min.Tensor": _clamp_min, "clamp_max.Tensor": _clamp_max,
    "where.self": _where, "where.Scalar": _where, "where.ScalarOther": _where,
    "where.ScalarSelf": _where,
    "masked_fill.Scalar": _masked_fill, "masked_fill.Tensor": _masked_fill,
    "heaviside.default": _heaviside,
    "bitwise_and.Tensor": _bool_only(torch.logical_and),
    "bitwise_or.Tensor": _bool_only(torch.logical_or),
    "bitwise_xor.Tensor": _bool_only(torch.logical_xor),
    "bitwise_not.default": _not,
    "to.dtype": _cast, "to.dtype_layout": _cast, "to.device": _cast, "to.other": _to_other,
    "_to_copy.default": _to_copy, "type_as.default": _type_as,
    "clone.default": _clone, "lift_fresh_copy.default": _lift, "contiguous.default": _contiguous,
    "alias.default": _alias, "lift_fresh.default": _alias, "detach.default": _detach,
    "zeros_like.default": _zeros_like, "ones_like.default": _ones_like,
    "full_like.default": _full_like, "zeros.default": _zeros, "ones.default": _ones,
    "full.default": _full, "scalar_tensor.default": _scalar_tensor,
    "new_zeros.default": _new_zeros, "new_ones.default": _new_ones,
    "new_full.default": _new_full,
    "copy.default": _copy, "zero.default": _zero,
    "fill.Scalar": _fill,
}  # fmt: skip
