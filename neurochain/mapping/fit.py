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
    return Finding(where=layers, what=what, fix=_change(feeds, found, limits))


def _change(feeds: Sequence[Link], found: BlockedError, limits: Limits) -> str:
    fan_in = sum(int(link.synapses.fan_in[found.neuron]) for link in feeds)
    if found.limit == "input_axons":
        most = _most_synapses(feeds, limits, limits.core.get("memory_bits"))
        return (
            f"It would fit with {most:,} inputs a neuron, {found.used - most:,} fewer: "
            "prune its weights, pool in front of it, or split the layer in two and add a layer."
        )
    if found.limit == "memory_bits":
        return _less_memory(feeds, found, limits, fan_in)
    if found.limit == "output_axons":
        return (
            f"It would fit if the neuron reached {found.used - found.most:,} cores fewer: make the "
            "layers behind it smaller or their weights narrower (--weight-bits)."
        )
    return f"It would fit with {found.used - found.most:,} fewer {found.limit} in the layers."


def _less_memory(feeds: Sequence[Link], found: BlockedError, limits: Limits, fan_in: int) -> str:
    """Narrower weights where they suffice, else the largest fan-in that fits."""
    packing = limits.packing
    free = found.most - limits.bits_per_neuron
    enough = fan_in <= limits.core.get("input_axons", fan_in)
    for bits in sorted(packing.weight_bits, reverse=True):
        needed = sum(
            int(link.synapses.fan_in[found.neuron])
            * int(packing.list_bits(1, min(bits, link.format.weight_bits) + link.format.delay_bits))
            for link in feeds
        )
        if enough and needed <= free and any(bits < link.format.weight_bits for link in feeds):
            return f"It would fit with weights of {bits} bits (--weight-bits {bits})."
    most = _most_synapses(feeds, limits, found.most)
    return (
        f"It would fit with {most:,} synapses a neuron, {fan_in - most:,} fewer: prune its weights "
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


def chips_finding(core_of: Mapping[str, I64], cores: int, limits: Limits, binding: str) -> Finding:
    """More cores than the chips that may be used have."""
    sizes = {node: len(np.unique(where)) for node, where in core_of.items()}
    largest = max(sizes, key=lambda node: sizes[node])
    chips = limits.chips or 0
    have = chips * limits.cores_per_chip
    wanted = -(-cores // limits.cores_per_chip)
    return Finding(
        where=largest,
        what=f"the network needs {cores:,} cores, {chips:,} chip{'s' if chips > 1 else ''} of "
        f"{limits.target} {'have' if chips > 1 else 'has'} {have:,}; {largest} takes "
        f"{sizes[largest]:,} of them, bound by {binding}.",
        fix=f"It would fit on {wanted:,} chips (--chips {wanted}), or with layers that take "
        f"{cores - have:,} cores fewer.",
    )
