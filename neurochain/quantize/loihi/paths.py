"""Ways through a network: projections in a row, with nodes between them that only pass on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from neurochain.errors import Finding, UnsupportedError
from neurochain.network import Network, Population, Projection, Source

__all__ = ["Path", "path_name", "paths_between", "tails_of"]

Path = tuple[Projection, ...]
"""Projections in a row, relays between them."""


def paths_between(
    network: Network, is_end: Callable[[Source | Population], bool]
) -> Iterator[Path]:
    """Every way from a source or an end to an end, in the order of their last projection.

    is_end  whether ways end at a node; sources need not say so

    Errors: UnsupportedError for a cycle without an end in it.
    """
    nodes = {node.name: node for node in network.nodes}
    for projection in network.projections:
        if is_end(nodes[projection.target]):
            yield from _back(network, nodes, is_end, (projection,))


def _back(
    network: Network,
    nodes: Mapping[str, Source | Population],
    is_end: Callable[[Source | Population], bool],
    path: Path,
) -> Iterator[Path]:
    first = nodes[path[0].source]
    if isinstance(first, Source) or is_end(first):
        yield path
        return
    for before in network.incoming(first.name):
        if before in path:
            raise UnsupportedError(
                Finding(
                    where=before.name,
                    what="a cycle without a neuron in it: what goes round in it is never a spike.",
                    fix="Put a neuron into the cycle.",
                )
            )
        yield from _back(network, nodes, is_end, (before, *path))


def tails_of(paths: list[Path]) -> tuple[Path, ...]:
    """Every part of a path that leads to its end, each once: a bias at its head goes that way."""
    return tuple(dict.fromkeys(path[k:] for path in paths for k in range(len(path))))


def path_name(path: Path, taken: set[str]) -> str:
    """The last layer with weights gives its name, as it is known to the user."""
    weighted = [p.name for p in path if p.operator.weight is not None]
    name = weighted[-1] if weighted else path[-1].name
    if name in taken:
        name = f"{name} from {path[0].source}"
    while name in taken:
        name += "'"
    return name
