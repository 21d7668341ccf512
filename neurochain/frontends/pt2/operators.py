"""The operators that a `.pt2` graph may use, by aten overload; anything else is refused by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from neurochain.frontends.pt2 import _arithmetic, _layers

__all__ = ["Operator", "find_operator", "operator_names"]

_PREFIX = "torch.ops.aten."
_TABLE = {**_arithmetic.TABLE, **_layers.TABLE}

_WITHOUT_EFFECT = frozenset({"_assert_tensor_metadata.default"})

_IN_PLACE = frozenset(
    {"add", "sub", "mul", "div", "copy", "zero", "fill", "clamp", "clamp_min", "clamp_max", "relu"}
    | {"neg", "masked_fill", "round", "floor", "sigmoid", "tanh", "pow", "abs"}
)
"""Operators whose form with a trailing underscore changes its first argument."""

_VIEWS = frozenset(
    {"view", "reshape", "permute", "transpose", "t", "unsqueeze", "squeeze", "flatten", "unflatten"}
    | {"expand", "expand_as", "split", "split_with_sizes", "chunk", "unbind", "select", "slice"}
    | {"narrow", "movedim", "alias", "detach", "lift_fresh", "to", "type_as", "contiguous"}
    | {"dropout", "feature_dropout", "_unsafe_view"}
)
"""Operators whose result may share memory with their first argument."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A table entry.

    function  takes the aten arguments by name; None where the node only asserts something
    changes   the first argument is changed in place
    views     the result may share memory with the first argument
    creates   takes the device to create on
    """

    function: Callable[..., Any] | None
    changes: bool = False
    views: bool = False
    creates: bool = False

    def missing(self, names: list[str]) -> str:
        """Why these argument names do not fit, "" where they do."""
        if self.function is None:
            return ""
        given = dict.fromkeys([*names, *(["device"] if self.creates else [])])
        try:
            inspect.signature(self.function).bind(**given)
        except TypeError as error:
            return str(error)
        return ""


def find_operator(target: str) -> Operator | None:
    """The table's entry for a node's target, None where there is none."""
    if not target.startswith(_PREFIX):
        return None
    name = target.removeprefix(_PREFIX)
    if name in _WITHOUT_EFFECT:
        return Operator(function=None)
    base, _, overload = name.partition(".")
    if name in ("detach_.default", "lift_fresh_.default"):  # these change no value
        base, name = base[:-1], f"{base[:-1]}.{overload}"
    changes = base.endswith("_") and base[:-1] in _IN_PLACE
    if changes:
        base, name = base[:-1], f"{base[:-1]}.{overload}"
    function = _TABLE.get(name)
    if function is None:
        return None
    return Operator(
        function=function,
        changes=changes,
        views=base in _VIEWS,
        creates="device" in inspect.signature(function).parameters,
    )


def operator_names() -> tuple[str, ...]:
    """Every aten overload in the table, sorted."""
    return tuple(sorted([*_TABLE, *_WITHOUT_EFFECT]))
