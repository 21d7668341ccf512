"""What does not fit, by which number, and the smallest change that would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from neurochain.errors import Finding
from neurochain.mapping.demand import Link
from neurochain.mapping.limits import Limits
from neurochain.network import I64

if TYPE_CHECKING:
    from neurochain.mapping.fill import BlockedError

__all__ = ["chips_finding", "neuron_finding", "rounds_finding"]


def neuron_finding(
    node: str, feeds: Sequence[Link], found: BlockedError, limits: Limits
) -> Finding:
    """A layer with a neuron that is too large for a core of its own."""
    layers = ", ".join(link.name for link in feeds) or node
    what = (
        f"neuron {found.neuron} of {node} alone needs {found.used:,} {found.limit}, and a core of "
        f"{limits.target} has {found.most:,}."
    )
    return Finding(where=layers, what=what, fix=_change(node, feeds, found, limits))


def _change(node: str, feeds: Sequence[Link], found: BlockedError, limits: Limits) -> str:
    if found.limit == "input_axons":
        most = _most_synapses(feeds, limits, limits.core.get("memory_bits"))
        return (
            f"It would fit with {most:,} inputs a neuron, {found.used - most:,} fewer: "
            "prune its weights, pool in front of it, or split the layer in two and add a layer."
        )
    if found.limit == "memory_bits":
        return _less_memory(feeds, found, limits)
    if found.limit == "output_axons":
        return (
            f"It would fit if no neuron of {node} reached more than {found.most:,} cores, "
            f"{found.used - found.most:,} fewer: make the layers behind it smaller or their "
            "weights narrower (--weight-bits)."
        )
    return f"It would fit with {found.used - found.most:,} fewer {found.limit} in the layers."


def _less_memory(feeds: Sequence[Link], found: BlockedError, limits: Limits) -> str:
    """Narrower weights where they suffice for every neuron, else the largest fan-in that fits."""
    packing = limits.packing
    free = found.most - limits.bits_per_neuron
    fan_in = sum(link.synapses.fan_in for link in feeds)
    enough = int(np.max(fan_in)) <= limits.core.get("input_axons", int(np.max(fan_in)))
    for bits in sorted(packing.weight_bits, reverse=True):
        needed = sum(
            link.synapses.fan_in.astype(np.int64)
            * int(packing.list_bits(1, min(bits, link.format.weight_bits) + link.format.delay_bits))
            for link in feeds
        )
        narrower = any(bits < link.format.weight_bits for link in feeds)
        if enough and narrower and int(np.max(needed)) <= free:
            return f"It would fit with weights of {bits} bits (--weight-bits {bits})."
    most = _most_synapses(feeds, limits, found.most)
    fewer = sum(int(link.synapses.fan_in[found.neuron]) for link in feeds) - most
    return (
        f"It would fit with {most:,} synapses a neuron, {fewer:,} fewer: prune its weights "
        "or pool in front of it."
    )


def _most_synapses(feeds: Sequence[Link], limits: Limits, memory_bits: int | None) -> int:
    """The largest fan-in of a neuron alone on a core: a list, and an input axon, a synapse."""
    bounds = [most for name, most in limits.core.items() if name == "input_axons"]
    if memory_bits is not None and feeds:
        one = max(int(limits.packing.list_bits(1, link.dense_width)) for link in feeds)
        bounds.append(max((memory_bits - limits.bits_per_neuron) // one, 0))
    return min(bounds)


def rounds_finding(core_of: Mapping[str, I64], used: Mapping[str, I64], limits: Limits) -> Finding:
    """Output axons that did not fit however the layers were cut."""
    most = limits.core["output_axons"]
    worst = int(np.argmax(used["output_axons"]))
    there = [node for node, where in core_of.items() if (where == worst).any()]
    needed = int(used["output_axons"][worst])
    return Finding(
        where=", ".join(there),
        what=f"needs {needed:,} output_axons in one core, and a core of {limits.target} has "
        f"{most:,}, however the layer is cut.",
        fix=f"It would fit with {needed - most:,} fewer: spread the layers behind it over fewer "
        "cores, with narrower weights (--weight-bits) or fewer neurons.",
    )


def _chips(count: int) -> str:
    return f"{count:,} chip{'s' if count > 1 else ''}"


def chips_finding(
    core_of: Mapping[str, I64], cores: int, used: Mapping[str, I64], limits: Limits
) -> Finding:
    """More cores than the chips that may be used have."""
    sizes = {node: len(np.unique(where)) for node, where in core_of.items()}
    largest = max(sizes, key=lambda node: sizes[node])
    mine = np.unique(core_of[largest])
    share = {k: (used[k][mine] / max(most, 1)).mean() for k, most in limits.core.items()}
    binding = max(share, key=lambda name: share[name], default="cores")
    chips = limits.chips or 0
    have = chips * limits.cores_per_chip
    wanted = -(-cores // limits.cores_per_chip)
    less = f"layers that take {cores - have:,} cores fewer"
    if limits.chips_max is not None and wanted > limits.chips_max:
        room = limits.chips_max * limits.cores_per_chip
        less = f"layers that take {cores - room:,} cores fewer"
        also = f" (--chips {limits.chips_max})" if chips < limits.chips_max else ""
        fix = (
            f"{limits.target} has no more than {_chips(limits.chips_max)}. It would fit with "
            f"{less}{also}."
        )
    else:
        fix = f"It would fit on {wanted:,} chips (--chips {wanted}), or with {less}."
    return Finding(
        where=largest,
        what=f"the network needs {cores:,} cores, {_chips(chips)} of "
        f"{limits.target} {'have' if chips > 1 else 'has'} {have:,}; {largest} takes "
        f"{sizes[largest]:,} of them, bound by {binding}.",
        fix=fix,
    )
