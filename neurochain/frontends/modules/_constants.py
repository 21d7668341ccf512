"""Counters that are tensors: `for t in torch.arange(n)`, `table[t]`; noted like numbers."""

from __future__ import annotations

from typing import Any

import torch

from neurochain.frontends.modules._counters import Notes, is_counter
from neurochain.frontends.modules._marks import tracked

__all__ = ["note_constants"]

_ORDER = frozenset(
    f"{left}{name}{right}"
    for name in ("lt", "le", "gt", "ge")
    for left, right in (("", ""), ("__", "__"))
) | {"less", "less_equal", "greater", "greater_equal"}
_EQUAL = frozenset({"eq", "ne", "__eq__", "__ne__", "not_equal"})
_PERIOD = frozenset(
    {"remainder", "fmod", "floor_divide", "__mod__", "__floordiv__", "__and__", "__rshift__"}
)


def note_constants(notes: Notes, name: str, args: tuple[Any, ...]) -> None:
    """Note what a constant of one element is compared with, and tables read by a counter."""
    if len(args) != 2:
        return
    if name == "__getitem__":
        _note_table(notes, *args)
    elif name in _ORDER | _EQUAL | _PERIOD:
        value, other = map(_number, args)
        if value is None or other is None or not isinstance(args[0], torch.Tensor):
            return
        if name in _PERIOD:
            period = 2.0 ** max(other, 0) if "shift" in name else abs(other)
            notes.compare(value, period, "period", None)
        else:
            kind = "equal" if name in _EQUAL else "order"
            notes.compare(value, other, kind, _outcome(name, value, other))


def _outcome(name: str, value: float, other: float) -> bool:
    """What tells one side of the bound from the other."""
    if name in _EQUAL:
        return value == other
    strict = name.strip("_") in ("lt", "less", "ge", "greater_equal")
    return value < other if strict else value <= other


def _number(item: Any) -> float | None:
    """The value of a number or of a constant of one element."""
    if isinstance(item, (bool, int, float)):
        return float(item)
    if not isinstance(item, torch.Tensor) or item.numel() != 1 or tracked(item):
        return None
    if item.device.type != "cpu" or item.is_complex():
        return None
    return float(item)


def _note_table(notes: Notes, table: Any, where: Any) -> None:
    """A constant that a counter picks from: its end is to be reached; so is that of a slice."""
    if not isinstance(table, torch.Tensor):
        return
    parts = where if isinstance(where, tuple) else (where,)
    for size, part in zip(table.shape, parts, strict=False):
        if is_counter(part) and not tracked(table):
            notes.compare(part, size - 1, "equal", part.plain() == size - 1)
        elif isinstance(part, slice):
            for end in {end for end in (part.start, part.stop) if type(end) is int and end}:
                notes.compare(size, abs(end), "order", size > abs(end))
