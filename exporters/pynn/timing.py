"""When what happens in PyNN: every synapse takes a step there, and some cells one more."""

from __future__ import annotations

from collections.abc import Mapping

from neurochain.network import Network

__all__ = ["starts"]


def starts(network: Network, extra: Mapping[str, int]) -> tuple[dict[str, int], frozenset[str]]:
    """Steps by which each population's spikes are late, and those that have no such number.

    extra  steps that a population takes beside its synapses'

    A projection waits `delay + late(target) - extra(target) - late(source)` steps, 1 at least: the
    least solution (Bellman-Ford). On a cycle with too little delay there is none.
    """
    late = {s.name: 0 for s in network.sources}
    # biases are synapses too
    late |= {p.name: max(0, 1 + extra[p.name]) for p in network.populations}
    for _ in range(len(late) + 1):
        moved = set()
        for p in network.projections:
            least = 1 + extra[p.target] + late[p.source] - p.delay
            if late[p.target] < least:
                late[p.target] = least
                moved.add(p.target)
        if not moved:
            return late, frozenset()
    return late, _on_cycles(network, moved)


def _on_cycles(network: Network, among: set[str]) -> frozenset[str]:
    """Populations of `among` and around that lead back to themselves."""
    following: dict[str, set[str]] = {}
    for p in network.projections:
        following.setdefault(p.source, set()).add(p.target)

    def reached(name: str) -> set[str]:
        seen: set[str] = set()
        stack = list(following.get(name, ()))
        while stack:
            here = stack.pop()
            if here not in seen:
                seen.add(here)
                stack += following.get(here, ())
        return seen

    return frozenset(name for name in among if name in reached(name)) or frozenset(among)
