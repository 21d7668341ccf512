"""Cycles within one step: a live module computes in order, so none of its values waits for itself.

The graph would close such a cycle one step late, which is not what forward does. The recurrent
branch of a neuron is the one cycle that is meant so.
"""

from __future__ import annotations

from collections.abc import Iterable

from neurochain.errors import Finding
from neurochain.graph import Edge

__all__ = ["cycle_findings"]


def cycle_findings(edges: Iterable[Edge]) -> list[Finding]:
    """A finding where nodes feed each other without a delay."""
    after: dict[str, set[str]] = {}
    for edge in edges:
        if not edge.delay_steps and edge.source != f"{edge.target}.recurrent":
            after.setdefault(edge.target, set())
            after.setdefault(edge.source, set()).add(edge.target)
    waiting = dict.fromkeys(after, 0)
    for targets in after.values():
        for target in targets:
            waiting[target] += 1
    ready = [name for name, count in waiting.items() if not count]
    while ready:
        name = ready.pop()
        del waiting[name]
        for target in after[name]:
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    inside = [name for name in waiting if after[name] & set(waiting)]
    if not inside:
        return []
    return [
        Finding(
            where=", ".join(inside),
            what="share a state that one of them changes within the step by what the other emits.",
            fix="Give each neuron its own state, and call it once in a step.",
        )
    ]
