"""What a call computes from weights alone, computed once.

snnTorch clamps a decay at every step; of a loop of a thousand steps that is a thousand nodes of one
value. Computed once it is what it was in the network: a constant. Same operators, same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from neurochain.frontends.pt2.arguments import refs_in
from neurochain.frontends.pt2.effects import Effects, names_in
from neurochain.frontends.pt2.execute import execute
from neurochain.frontends.pt2.program import Program, Step

__all__ = ["fold"]

MAX_ELEMENTS = 1 << 22
"""Of all folded values together; what goes beyond is computed at every call."""


def fold(
    program: Program, effects: Effects, tensors: Mapping[str, Tensor]
) -> tuple[dict[str, Any], frozenset[int]]:
    """Values by their place in a call, and the steps that need not run."""
    written = {name for _, name in effects.written}
    known: dict[str, Any] = {
        item.value: tensors[item.value] for item in program.stored if item.name not in written
    }
    folded: dict[str, Any] = {}
    same: dict[tuple[str, str], Step] = {}
    skipped: set[int] = set()
    left = MAX_ELEMENTS
    changed = {s for step in program.steps if step.operator.changes for s in _slots(step, effects)}
    for place, step in enumerate(program.steps):
        refs = names_in(step)
        if step.operator.changes or not refs or not all(effects.slots[n] in known for n in refs):
            continue
        if changed.intersection(effects.slots[name] for name in (*refs, *step.outputs)):
            continue
        key = (step.target, repr(sorted(step.arguments.items(), key=lambda item: item[0])))
        twin = same.setdefault(key, step)
        if twin is step:
            execute(step, known, effects, torch.device("cpu"))
        else:
            _copy(twin, step, known, effects)
        made = {effects.slots[name]: known.get(effects.slots[name]) for name in step.outputs}
        left -= sum(v.numel() for v in made.values() if twin is step and isinstance(v, Tensor))
        if left < 0:
            break
        folded |= made
        skipped.add(place)
    return folded, frozenset(skipped)


def _slots(step: Step, effects: Effects) -> list[str]:
    """Places that a change in place touches."""
    names = [*refs_in(step.arguments.get("self")), *step.outputs]
    return [effects.slots[name] for name in names]


def _copy(twin: Step, step: Step, known: dict[str, Any], effects: Effects) -> None:
    """The same operator on the same values: the same results."""
    for mine, other in zip(step.outputs, twin.outputs, strict=True):
        known[effects.slots[mine]] = known.get(effects.slots[other])
