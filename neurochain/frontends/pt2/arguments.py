"""Arguments of a `.pt2` node as plain Python values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from neurochain.frontends.pt2 import schema
from neurochain.frontends.pt2.weights import DTYPES, STRIDED

__all__ = ["Ref", "UnreadableError", "UnsupportedArgument", "plain", "refs_in"]

MAX_LIST = 100_000
_FORMATS = {
    1: torch.contiguous_format,
    2: torch.channels_last,
    4: None,  # preserve_format, what operators do by default
}


class UnreadableError(Exception):
    """The argument is malformed."""


class UnsupportedArgument(Exception):  # noqa: N818 - the counterpart of UnsupportedError
    """The argument is of a kind that no operator of the table takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """A value computed earlier, by name."""

    name: str


def refs_in(value: object) -> list[str]:
    """Names of the Refs in a value and in the tuples that it holds."""
    if isinstance(value, Ref):
        return [value.name]
    if isinstance(value, tuple):
        return [name for item in value for name in refs_in(item)]
    return []


def plain(argument: schema.Argument) -> Any:
    """A number, text, type, None, Ref, or tuple of these. Errors: the two above."""
    try:
        kind, value = schema.chosen(argument)
    except ValueError as error:
        raise UnreadableError(f"is unreadable: {error}") from error
    if isinstance(value, list) and len(value) > MAX_LIST:
        raise UnreadableError(f"lists {len(value):,} values")
    convert = _KINDS.get(kind)
    if convert is None:
        raise UnsupportedArgument(f"is of kind {kind.removeprefix('as_')}")
    return convert(value)


def _number(value: float | str) -> float:
    """JSON has no infinities: torch writes them as text."""
    if isinstance(value, str):
        if value not in ("Infinity", "-Infinity"):
            raise UnreadableError(f"is {value[:20]!r} instead of a number")
        return float(value)
    return value


def _dtype(value: int) -> torch.dtype:
    if value not in DTYPES:
        raise UnsupportedArgument(f"is torch's dtype number {value}")
    return DTYPES[value]


def _layout(value: int) -> None:
    if value != STRIDED:
        raise UnsupportedArgument("is a sparse layout")


def _memory_format(value: int) -> Any:
    if value not in _FORMATS:
        raise UnsupportedArgument(f"is torch's memory format number {value}")
    return _FORMATS[value]


def _optional(value: schema.OptionalTensor) -> Ref | None:
    return Ref(name=value.as_tensor.name) if isinstance(value.as_tensor, schema.Name) else None


_KINDS: dict[str, Callable[[Any], Any]] = {
    "as_none": lambda value: None,
    "as_tensor": lambda value: Ref(name=value.name),
    "as_tensors": lambda value: tuple(Ref(name=item.name) for item in value),
    "as_optional_tensor": _optional,
    "as_int": lambda value: value,
    "as_ints": tuple,
    "as_float": _number,
    "as_floats": lambda value: tuple(map(_number, value)),
    "as_bool": lambda value: value,
    "as_bools": tuple,
    "as_string": lambda value: value[:1000],
    "as_scalar_type": _dtype,
    "as_layout": _layout,
    "as_memory_format": _memory_format,
    "as_device": lambda value: None,
}
