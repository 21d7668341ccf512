"""Strongly connected components: which names lie on a cycle together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["strong_components"]

Pair = tuple[str, str]


def strong_components(names: Sequence[str], edges: Sequence[Pair]) -> dict[str, int]:
    """Number of the strongly connected component of every node (Kosaraju, without recursion)."""
    forward: dict[str, list[str]] = {name: [] for name in names}
    backward: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        forward[source].append(target)
        backward[target].append(source)
    finished: list[str] = []
    seen: set[str] = set()
    for name in names:
        if name not in seen:
            finished += _finish_order(name, forward, seen)
    component: dict[str, int] = {}
    for number, name in enumerate(reversed(finished)):
        stack = [name] if name not in component else []
        while stack:
            current = stack.pop()
            if current not in component:
                component[current] = number
                stack += [n for n in backward[current] if n not in component]
    return component


def _finish_order(start: str, forward: Mapping[str, list[str]], seen: set[str]) -> list[str]:
    """Nodes reached from `start` in the order in which a depth-first search leaves them."""
    finished = []
    seen.add(start)
    stack = [(start, iter(forward[start]))]
    while stack:
        name, targets = stack[-1]
        following = next((t for t in targets if t not in seen), None)
        if following is None:
            finished.append(name)
            stack.pop()
        else:
            seen.add(following)
            stack.append((following, iter(forward[following])))
    return finished
