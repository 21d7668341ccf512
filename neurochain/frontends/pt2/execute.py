"""One step of a `.pt2` program, on any device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from neurochain.frontends.pt2._refused import RefusedError
from neurochain.frontends.pt2.arguments import Ref
from neurochain.frontends.pt2.effects import Effects, names_in
from neurochain.frontends.pt2.program import Step

__all__ = ["execute", "release", "value_of"]


def execute(step: Step, slots: dict[str, Any], effects: Effects, device: torch.device) -> None:
    """Run one step: read its arguments from `slots` and put its results there."""
    arguments = {name: value_of(v, slots, effects) for name, v in step.arguments.items()}
    if step.operator.creates:
        arguments["device"] = device
    if step.operator.function is None:
        return
    result = step.operator.function(**arguments)
    results = tuple(result) if step.listed or isinstance(result, tuple) else (result,)
    if step.operator.changes:
        dtype = arguments["self"].dtype  # a change in place keeps the type
        results = tuple(r if r.dtype == dtype else r.to(dtype) for r in results)
    if step.listed and len(results) != len(step.outputs):
        raise RefusedError(f"gives {len(results)} values, the file names {len(step.outputs)}")
    for name, value in zip(step.outputs, results, strict=False):
        slots[effects.slots[name]] = value


def release(place: int, step: Step, slots: dict[str, Any], effects: Effects) -> None:
    """Forget what no later step reads."""
    for name in (*names_in(step), *step.outputs):
        slot = effects.slots[name]
        if effects.last.get(slot, -1) <= place:
            slots.pop(slot, None)


def value_of(item: Any, slots: Mapping[str, Any], effects: Effects) -> Any:
    """An argument with its Refs replaced by the values in `slots`."""
    if isinstance(item, Ref):
        return slots[effects.slots[item.name]]
    if isinstance(item, tuple) and any(isinstance(part, Ref) for part in item):
        return tuple(value_of(part, slots, effects) for part in item)
    return item
