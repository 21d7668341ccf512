"""What a tensor stands for, written on the tensor, and how views are written."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import torch

from neurochain.frontends.modules._values import UnknownValue, Value, ViewValue

__all__ = ["REST_MARK", "mark", "tracked", "unmark", "users_line", "value_of", "view_of"]

_ATTRIBUTE = "_neurochain_value"
_VERSION = "_neurochain_version"  # torch's count of in-place changes, shared with every view
REST_MARK = "_neurochain_rest"  # on the empty states that a trace starts from


def mark(tensor: torch.Tensor, value: Value) -> torch.Tensor:
    """Write what `tensor` stands for on it."""
    setattr(tensor, _VERSION, tensor._version)
    setattr(tensor, _ATTRIBUTE, value)
    return tensor


def unmark(tensor: torch.Tensor) -> None:
    """Remove the mark."""
    vars(tensor).pop(_ATTRIBUTE, None)
    vars(tensor).pop(_VERSION, None)


def value_of(item: Any) -> Value | None:
    """The value a tensor stands for; None for one that does not depend on the sample.

    What was changed in place under another name (a view, a detached tensor) is not known any more.
    """
    if not isinstance(item, torch.Tensor) or not hasattr(item, _ATTRIBUTE):
        return None
    if item._version != getattr(item, _VERSION):
        mark(item, UnknownValue(shape=tuple(item.shape), said=False))
    value: Value = getattr(item, _ATTRIBUTE)
    return value


def tracked(item: Any) -> bool:
    """True where a followed tensor is somewhere in `item`."""
    if isinstance(item, torch.Tensor):
        return value_of(item) is not None
    if isinstance(item, (tuple, list)):
        return any(tracked(part) for part in item)
    if isinstance(item, dict):
        return any(tracked(part) for part in item.values())
    return False


def view_of(base: Value, index: torch.Tensor, label: str) -> Value:
    """The value made of the elements `index` of `base`; `base` itself where nothing changes."""
    shape = tuple(index.shape)
    flat = index.reshape(-1).numpy().astype(np.int64, copy=False)
    if isinstance(base, ViewValue):
        flat = base.index[flat]
        label = label or base.label
        base = base.base
    if shape == base.shape and np.array_equal(flat, np.arange(flat.size)):
        return base
    return ViewValue(shape=shape, base=base, index=flat, label=label)


def users_line(name: str) -> str:
    """A function call and the line of the user's code that makes it."""
    frame = inspect.currentframe()
    while frame is not None:
        home = str(frame.f_globals.get("__name__", ""))
        if home.split(".", maxsplit=1)[0] not in ("neurochain", "torch", "snntorch"):
            return f"{name}() in {frame.f_code.co_qualname}, line {frame.f_lineno}"
        frame = frame.f_back
    return f"{name}()"
