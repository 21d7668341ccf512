"""What a manifest says of relays that were folded: by how much they round here.

Where a folded network is run, the value of a relay is part of a sum in float64. Here it is a
float32: it is off by the order of its sums, by a division, and by what its own sources are off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np

from neurochain.exporters.folding import Folding
from neurochain.exporters.lattice import (
    Lattice,
    divides,
    double_bound,
    exact_values,
    greatest,
    order_of,
)
from neurochain.exporters.manifest import Fidelity, NodeNote
from neurochain.network import Network, Projection

__all__ = ["folded_bound", "folded_lattices", "folded_notes"]

_UNIT = 2.0**-24
_LEAST = 2.0**-149
"""Every float32 is a multiple of it."""


@dataclass(frozen=True, slots=True)
class _Value:
    """What a node emits is at most `limit`, and at most `error` off."""

    limit: float
    error: float


def folded_lattices(
    network: Network, folding: Folding, lattices: Mapping[str, Lattice]
) -> Mapping[str, Lattice]:
    """Those given, and for each folded relay whose sums are not exact the range of its values."""
    values = _values(network, folding, lattices)
    bounded = {name: Lattice(_LEAST, v.limit) for name, v in values.items() if isfinite(v.limit)}
    return bounded | dict(lattices)


def folded_notes(
    network: Network, folding: Folding, lattices: Mapping[str, Lattice]
) -> list[NodeNote]:
    """A note for each relay that is no longer there, by what is known of all other nodes."""
    values = _values(network, folding, lattices)
    left = {p.name for p in folding.network.populations}
    notes = []
    for relay in network.populations:
        if relay.name in left:
            continue
        behind = folding.behind(relay.name)
        value = values[relay.name]
        into = f"folded into {', '.join(behind)}" if behind else "left out, as nobody reads it"
        exact = value.error == 0 and not _rounded(relay.name, folding)
        if exact or not behind:
            said = f"{into}; its values are exact here and there"
        else:
            said = f"{into}; {_said(network, behind, value)}"
        notes.append(
            NodeNote(
                name=relay.name,
                kind=relay.program.name,
                fidelity=Fidelity.EXACT if exact or not behind else Fidelity.APPROXIMATE,
                reason=said,
            )
        )
    return notes


def folded_bound(
    projection: Projection, source: Lattice | None, folding: Folding
) -> tuple[Fidelity, str]:
    """What is said of a projection of the original network, where sums are of float64."""
    stands = any(p.name == projection.target for p in folding.network.populations)
    if not stands and exact_values(projection, source):
        return Fidelity.EXACT, "its values are exact here and there"
    return Fidelity.APPROXIMATE, double_bound(projection, source)


def _said(network: Network, behind: tuple[str, ...], value: _Value) -> str:
    if not isfinite(value.error):
        return "here it is rounded to float32 on the way, and folded weights are, once"
    parts = []
    for projection in network.projections:
        if projection.name in behind:
            off = greatest(projection) * (value.error + _UNIT * value.limit)
            parts.append(f"{off:.2g} in a sum of {projection.name}")
    once = "folded weights are rounded to float32 once"
    if value.error:
        once = (
            f"here it is rounded to float32 on the way (off by at most {value.error:.2g}), and so "
            "are folded weights, once"
        )
    return f"{once}: at most {', '.join(parts)}"


def _rounded(relay: str, folding: Folding) -> bool:
    """Whether folded weights and biases are more than one number times powers of two by it.

    A map of several relays is rounded once; scales of integer weights count at the last of them.
    """
    for path in folding.paths.values():
        for k, projection in enumerate(path):
            before = path[:k]
            if not before or projection.source != relay:
                continue
            if any(p.bias is not None or not _picks(p) for p in before):
                return True
            if k == len(path) - 1 and any(p.scale is not None for p in path):
                return True
    return False


def _picks(projection: Projection) -> bool:
    """Whether each source goes to one target at most, times a power of two."""
    operator = projection.operator
    if operator.weight is not None or int(operator.fanout(nonzero=False).max(initial=0)) > 1:
        return False
    return not divides(projection)


def _values(
    network: Network, folding: Folding, lattices: Mapping[str, Lattice]
) -> Mapping[str, _Value]:
    """Of every folded relay."""
    left = {p.name for p in folding.network.populations}
    relays = {p.name for p in network.populations if p.name not in left}
    found: dict[str, _Value] = {}

    def value(name: str) -> _Value:
        if name not in relays:
            return _Value(lattices[name].limit if name in lattices else float("inf"), 0.0)
        if name not in found:
            found[name] = of_relay(name)
        return found[name]

    def of_relay(name: str) -> _Value:
        incoming = network.incoming(name)
        limit = error = 0.0
        for p in incoming:
            source = value(p.source)
            reached = greatest(p) * source.limit
            limit += reached
            error += greatest(p) * source.error + _own(p, lattices.get(p.source), reached)
        biases = [float(np.abs(p.bias).max()) for p in incoming if p.bias is not None]
        limit += sum(biases)
        # each further summand rounds once; as a bias that is moved does, at the end
        summands = len(incoming) + len(biases)
        if summands > 1:
            error += 2 * summands * _UNIT * limit
        return _Value(limit + error, error)

    return {name: value(name) for name in sorted(relays)}


def _own(projection: Projection, source: Lattice | None, reached: float) -> float:
    """What its float32 sum, products, scale and division are off."""
    if exact_values(projection, source):
        return 0.0
    return (2 * order_of(projection) + 2 * _UNIT) * reached
