"""What every core uses, counted again, against what the file says and what a core has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.exporters.loihi_graph.interpreter.errors import Fault

__all__ = ["sum_faults"]


def sum_faults(document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Iterator[Fault]:
    """Numbers that are not what was counted, or more than the limit."""
    for k, core in enumerate(document["cores"]):
        for name, found in _counted(document, arrays, core).items():
            said, most = core["used"][name], document["target"]["limits"][name]
            if found != said:
                yield Fault(f"cores[{k}].used.{name}", f"is {said:,}; counted: {found:,}.")
            if most is not None and found > most:
                what = f"core {core['core']} takes {found:,}, a core has {most:,}."
                yield Fault(f"cores[{k}].used.{name}", what)


def _counted(
    document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], core: Mapping[str, Any]
) -> dict[str, int]:
    a, b = core["compartments"]
    packing = document["target"]["packing"]
    population = arrays["compartment.population"][a:b]
    bits = (b - a) * packing["memory_bits_per_compartment"]
    names = [p["name"] for p in document["populations"]]
    for group in core["synapse_groups"]:
        form = core["synapse_formats"][group["format"]]
        first, end = group["axons"]
        synapses = np.diff(arrays["input_axon.synapses"][first : end + 1])
        if group["encoding"] == "dense":  # every compartment of the layer here, no index
            target = document["projections"][group["projection"]]["target"]
            span = np.count_nonzero(population == names.index(target))
            synapses = np.full(end - first, span, dtype=np.int64)
        width = form["weight_bits"] + form["delay_bits"] + group["index_bits"]
        bits += int(_list_bits(synapses, width, packing).sum())
    return {
        "neurons": b - a,
        "memory_bits": bits,
        "input_axons": core["input_axons"][1] - core["input_axons"][0],
        "output_axons": core["output_axons"][1] - core["output_axons"][0],
        "decay_profiles": len(core["decay_profiles"]),
        "threshold_profiles": len(core["threshold_profiles"]),
        "synapse_formats": len(core["synapse_formats"]),
    }


def _list_bits(synapses: NDArray[Any], width: int, packing: Mapping[str, Any]) -> NDArray[np.int64]:
    """Blocks of so many synapses, each with its overhead, in whole words."""
    block, word = packing["synapses_per_block"], packing["memory_word_bits"]
    overhead = packing["block_overhead_bits"]
    full, rest = np.divmod(synapses.astype(np.int64), block)
    whole = -(-(block * width + overhead) // word) * word
    part = -(-(rest * width + overhead) // word) * word
    return np.asarray(full * whole + np.where(rest > 0, part, 0), dtype=np.int64)
