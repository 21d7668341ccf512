"""What a tensor stands for, written on the tensor, and how views are written."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from neurochain.frontends.modules._values import OpValue, UnknownValue, Value

__all__ = ["REST_MARK", "mark", "tracked", "unmark", "users_line", "value_of"]

_CALLER = "neurochain.frontends.modules._calls"  # the module that calls forward
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
    """True where a tensor that depends on the sample is somewhere in `item`."""
    if isinstance(item, torch.Tensor):
        value = value_of(item)
        return value is not None and not (isinstance(value, OpValue) and value.constant)
    if isinstance(item, (tuple, list)):
        return any(tracked(part) for part in item)
    if isinstance(item, dict):
        return any(tracked(part) for part in item.values())
    return False


def users_place() -> tuple[Any, ...]:
    """Where the user's code stands: every frame down to the call of forward, to the instruction."""
    frame = inspect.currentframe()
    place = []
    while frame is not None:
        home = str(frame.f_globals.get("__name__", ""))
        if home == _CALLER:
            break
        if not home.startswith("neurochain."):
            place.append((id(frame.f_code), frame.f_lasti))
        frame = frame.f_back
    return tuple(place)


def users_line(name: str) -> str:
    """A function call and the line of the user's code that makes it."""
    frame = inspect.currentframe()
    while frame is not None:
        home = str(frame.f_globals.get("__name__", ""))
        if home.split(".", maxsplit=1)[0] not in ("neurochain", "torch", "snntorch"):
            return f"{name}() in {frame.f_code.co_qualname}, line {frame.f_lineno}"
        frame = frame.f_back
    return f"{name}()"
