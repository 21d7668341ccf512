"""What a network asks of cores: synapses and their formats, profiles, delays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurochain.errors import Finding, FitError, InputError
from neurochain.mapping.incoming import Incoming, incoming
from neurochain.mapping.limits import Limits
from neurochain.network import I64, Network, Population, Projection
from neurochain.operators import weight_width

__all__ = ["Demand", "Format", "Link", "demand_of"]


_OWN = ("bias", "interval", "offset")
"""Parameters that belong to no profile: a neuron's own, and when a layer is reset."""


@dataclass(frozen=True, slots=True, order=True)
class Format:
    """What all synapses of a list share."""

    weight_bits: int
    delay_bits: int
    exponent: int
    signed: bool


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A projection as the mapper sees it; bits of a synapse with its index, and without (dense)."""

    name: str
    source: str
    target: str
    synapses: Incoming
    format: Format
    sparse_width: int
    dense_width: int


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """A network as the mapper sees it.

    shapes    node -> shape, in the order in which cores are filled; inputs only where they are
              placed on cores
    links     projections, in declared order; their sources may be no part of `shapes`
    profiles  population -> {"decay_profiles": (n,) int64, "threshold_profiles": (n,)}, numbers that
              stand for different values anywhere in the network
    """

    shapes: dict[str, tuple[int, ...]]
    links: tuple[Link, ...]
    profiles: dict[str, dict[str, I64]]

    def size(self, node: str) -> int:
        """Neurons of a node."""
        return int(np.prod(self.shapes[node]))

    def feeding(self, node: str) -> list[Link]:
        """Links into a node."""
        return [link for link in self.links if link.target == node]


def demand_of(network: Network, limits: Limits, *, place_inputs: bool) -> Demand:
    """What a network in a target's integers asks for.

    Errors: InputError for a float network; FitError for delays that are too long.
    """
    if network.arithmetic != "loihi":
        raise InputError(
            Finding(
                where="mapping",
                what=f"the network is in {network.arithmetic}; cores hold integers.",
                fix="Compile it with target='loihi1' or 'loihi2'.",
            )
        )
    late = [_too_late(p, limits) for p in network.projections if p.delay - 1 > limits.delay_steps]
    if late:
        raise FitError(*late)
    nodes = network.nodes if place_inputs else network.populations
    return Demand(
        shapes={node.name: node.shape for node in nodes},
        links=tuple(_link(p, limits) for p in network.projections),
        profiles=_profiles(network.populations),
    )


def _too_late(projection: Projection, limits: Limits) -> Finding:
    delay = projection.delay - 1
    return Finding(
        where=projection.name,
        what=f"delays spikes by {delay} steps beyond the step that every projection takes; "
        f"{limits.target} has {limits.delay_steps} (delay_steps_max).",
        fix=f"Shorten the delay by {delay - limits.delay_steps} steps.",
    )


def _link(projection: Projection, limits: Limits) -> Link:
    packing = limits.packing
    weights = projection.operator.weight
    bits, signed = (8, False) if weights is None else weight_width(weights)
    form = Format(
        weight_bits=packing.weight_width(bits),
        delay_bits=max(projection.delay - 1, 0).bit_length(),
        exponent=projection.weight_exp,
        signed=signed,
    )
    dense = form.weight_bits + form.delay_bits
    neurons = limits.core.get("neurons", projection.operator.n_out)
    return Link(
        name=projection.name,
        source=projection.source,
        target=projection.target,
        synapses=incoming(projection.operator, projection.name),
        format=form,
        sparse_width=dense + packing.index_width(neurons),
        dense_width=dense,
    )


def _profiles(populations: tuple[Population, ...]) -> dict[str, dict[str, I64]]:
    """Rows of parameters, numbered over the whole network: thresholds, and the rest."""
    found: dict[str, dict[str, I64]] = {p.name: {} for p in populations}
    for kind, threshold in (("decay_profiles", False), ("threshold_profiles", True)):
        seen: dict[tuple[object, ...], int] = {}
        for p in populations:
            shared = (k for k in p.params if k not in _OWN)
            names = sorted(k for k in shared if k.startswith("vth") == threshold)
            if not names:
                found[p.name][kind] = np.full(p.n, _number(seen, (p.program.name,)))
                continue
            columns = np.stack([np.broadcast_to(p.params[k], (p.n,)) for k in names], axis=1)
            rows, which = np.unique(columns, axis=0, return_inverse=True)
            heads = [_number(seen, (p.program.name, *map(int, row))) for row in rows]
            found[p.name][kind] = np.asarray(heads, dtype=np.int64)[which.reshape(-1)]
    return found


def _number(seen: dict[tuple[object, ...], int], key: tuple[object, ...]) -> int:
    return seen.setdefault(key, len(seen))
