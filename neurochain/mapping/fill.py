"""Filling cores with the neurons of a layer, in a given order, up to the first limit that binds.

Every resource of the first k neurons of a core is a sum or a count that grows with k. It is
calculated for all k of a window at once, from one sort of the window's synapses: the r-th synapse
that a source has here makes its list longer by bits(r) - bits(r - 1), the first one opens a list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.mapping.demand import Link
from neurochain.mapping.limits import Limits, Packing
from neurochain.network import I64

__all__ = ["BlockedError", "fill"]

_FIRST_WINDOW = 64


class BlockedError(Exception):
    """A single neuron exceeds a core: which (its flat index), which limit, used and most."""

    def __init__(self, neuron: int, limit: str, used: int, most: int) -> None:
        super().__init__(neuron, limit, used, most)
        self.neuron, self.limit, self.used, self.most = neuron, limit, used, most


def fill(
    order: I64,
    feeds: Sequence[Link],
    profiles: Mapping[str, I64],
    leaving: I64,
    limits: Limits,
    most_neurons: int | None = None,
) -> I64:
    """Where cores begin in `order`: (cores,) int64, the first is 0.

    order         (n,) the neurons in the order in which they are to fill cores
    feeds         what projects onto them
    profiles      name of a limit -> (n,) profile of each neuron
    leaving       (n,) output axons of each neuron
    most_neurons  a limit of one's own for each core, to spread them out

    Errors: BlockedError, where one neuron alone does not fit.
    """
    n = len(order)
    most = min(limits.core.get("neurons", n), most_neurons or n, n)
    begins, at, window = [], 0, _FIRST_WINDOW
    while at < n:
        begins.append(at)
        k = min(window, most, n - at)
        while True:
            used = _prefix(order[at : at + k], feeds, profiles, leaving, limits)
            fits = _fitting(used, limits)
            if fits < k or k == min(most, n - at):
                break
            k = min(2 * k, most, n - at)
        if fits == 0:
            name = next(name for name in used if used[name][0] > limits.core[name])
            raise BlockedError(int(order[at]), name, int(used[name][0]), limits.core[name])
        at += fits
        window = fits + fits // 8 + 1
    return np.asarray(begins, dtype=np.int64)


def _fitting(used: Mapping[str, I64], limits: Limits) -> int:
    """How many neurons fit; what is counted never shrinks with more of them."""
    return min(
        int(np.searchsorted(values, limits.core[name], side="right"))
        for name, values in used.items()
    )


def _prefix(
    neurons: I64,
    feeds: Sequence[Link],
    profiles: Mapping[str, I64],
    leaving: I64,
    limits: Limits,
) -> dict[str, I64]:
    """Limit -> (k,) what the first 1..k neurons of a core take of it."""
    k = len(neurons)
    count = np.arange(1, k + 1, dtype=np.int64)
    memory = count * limits.bits_per_neuron
    axons = np.zeros(k, dtype=np.int64)
    for link in feeds:
        bits, lists = _lists(link, neurons, limits.packing)
        memory = memory + bits
        axons += lists
    used = {
        "neurons": count,
        "memory_bits": memory,
        "input_axons": axons,
        "output_axons": np.cumsum(leaving[neurons]),
        "synapse_formats": np.full(k, len({link.format for link in feeds})),
    }
    for name, numbers in profiles.items():
        first = np.zeros(k, dtype=np.int64)
        first[np.unique(numbers[neurons], return_index=True)[1]] = 1
        used[name] = np.cumsum(first)
    return {name: values for name, values in used.items() if name in limits.core}


def _lists(link: Link, neurons: I64, packing: Packing) -> tuple[I64, I64]:
    """Memory and number of the lists of the first 1..k neurons; the cheaper of both formats."""
    counts, sources = link.synapses.take(neurons)
    ends = np.cumsum(counts)
    rank = _ranks(sources)
    longest = int(rank.max(initial=-1)) + 2
    grows = np.diff(packing.list_bits(np.arange(longest), link.sparse_width))
    sparse = np.concatenate([[0], np.cumsum(grows[rank])])[ends]
    lists = np.concatenate([[0], np.cumsum(rank == 0)])[ends].astype(np.int64)
    span = np.arange(1, len(neurons) + 1)
    dense = lists * packing.list_bits(span, link.dense_width)
    return np.minimum(sparse, dense), lists


def _ranks(sources: NDArray[np.integer[Any]]) -> I64:
    """How many synapses of the same source stand in front of each."""
    if not sources.size:
        return np.zeros(0, dtype=np.int64)
    low = sources.min()
    near = sources - low
    if near.max() < 2**16:  # NumPy's stable sort of 16 bits is a radix sort
        near = near.astype(np.uint16)
    order = np.argsort(near, kind="stable")
    ordered = near[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    sizes = np.diff(np.append(begins, len(ordered)))
    rank = np.empty(len(ordered), dtype=np.int64)
    rank[order] = np.arange(len(ordered)) - np.repeat(begins, sizes)
    return rank
