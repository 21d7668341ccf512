"""Execution order: inputs first, each cycle cut at an edge that enters a neuron.

Reference convention (NIR leaves it open): feed-forward edges act inside the step; the edge that
closes a cycle carries the previous step's value. An edge with a delay of its own closes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neurochain.errors import Finding, UnsupportedError
from neurochain.graph import NeuronNode, Node
from neurochain.graph.components import strong_components

__all__ = ["Link", "Order", "execution_order"]


@dataclass(frozen=True, slots=True)
class Link:
    """An edge on the way to becoming a projection: `delay` steps; None until it is decided."""

    source: str
    target: str
    delay: int | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """Node names in execution order, and the links that were cut (they get a delay of 1)."""

    names: tuple[str, ...]
    cut: frozenset[Link]


def execution_order(nodes: Mapping[str, Node], links: tuple[Link, ...]) -> Order:
    """Order `nodes` so that every undelayed link goes forward, after cutting cycles.

    Deterministic: among nodes that are ready, the order of `nodes`. Where none is ready, the first
    neuron whose missing inputs all lie on a cycle through itself starts, those links are cut.
    Errors: UnsupportedError for a cycle without a neuron and without a delay.
    """
    waiting: dict[str, list[Link]] = {name: [] for name in nodes}
    for link in links:
        if not link.delay:
            waiting[link.target].append(link)
    done: list[str] = []
    cut: set[Link] = set()
    left = list(nodes)
    while left:
        placed = set(done)
        ready = [n for n in left if all(k.source in placed or k in cut for k in waiting[n])]
        if not ready:
            neuron, closing = _start_of_cycle(nodes, left, waiting, placed, cut)
            cut.update(closing)
            ready = [neuron]
        done.append(ready[0])
        left.remove(ready[0])
    return Order(tuple(done), frozenset(cut))


def _start_of_cycle(
    nodes: Mapping[str, Node],
    left: list[str],
    waiting: Mapping[str, list[Link]],
    placed: set[str],
    cut: set[Link],
) -> tuple[str, list[Link]]:
    """The neuron to start with, and the links into it that close cycles.

    A link closes a cycle through its target where its source depends on that target: both then lie
    in one component. A neuron that something already computed feeds comes first: it lies nearest to
    the input.
    """
    remaining = set(left)
    links = [(k.source, name) for name in left for k in waiting[name] if k.source in remaining]
    component = strong_components(left, links)
    candidates = []
    for position, name in enumerate(left):
        if not isinstance(nodes[name], NeuronNode):
            continue
        open_links = [k for k in waiting[name] if k.source not in placed and k not in cut]
        if all(component[k.source] == component[name] for k in open_links):
            fed = len(open_links) < len(waiting[name])
            candidates.append((not fed, position, open_links))
    if not candidates:
        raise UnsupportedError(
            Finding(
                where=" -> ".join(left),
                what="is a cycle without a neuron: its value would depend on itself in one step.",
                fix="Put a neuron or a delay of at least one step on the cycle.",
            )
        )
    _, position, open_links = min(candidates, key=lambda c: c[:2])
    return left[position], open_links
