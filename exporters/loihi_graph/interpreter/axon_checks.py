"""What crosses cores: every event arrives at a list of its own sender, every list is addressed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.exporters.loihi_graph.interpreter.errors import Fault

__all__ = ["axon_faults"]

Arrays = Mapping[str, NDArray[Any]]
_SHOWN = 5


def axon_faults(document: Mapping[str, Any], arrays: Arrays) -> Iterator[Fault]:
    """Output axons and input entries that dangle or reach another's list; lists left over.

    Nodes are numbered: inputs first, then populations.
    """
    names = [node["name"] for key in ("inputs", "populations") for node in document[key]]
    owner = _owners(document, names, len(arrays["input_axon.source"]))
    addressed = np.zeros(len(owner), dtype=np.int64)
    for table, node, element in _senders(document, arrays):
        good, lists, faults = _reached(document, arrays, table)
        yield from faults
        np.add.at(addressed, lists, 1)
        source = arrays["input_axon.source"][lists]
        wrong = (owner[lists] != node[good]) | (source != element[good])
        for k in np.flatnonzero(wrong)[:_SHOWN].tolist():
            row = good[k]
            sent = f"{names[node[row]]}[{element[row]}]"
            what = f"{sent} sends to a list that is for {names[owner[lists[k]]]}[{source[k]}]."
            yield Fault(f"tensor {table}.axon[{row}]", what)
    for row in np.flatnonzero(addressed != 1)[:_SHOWN].tolist():
        times = int(addressed[row])
        what = f"is addressed {times} times." if times else "is addressed by nothing."
        yield Fault(f"input axon {row}", what)


def _owners(document: Mapping[str, Any], names: list[str], axons: int) -> NDArray[np.int64]:
    """The node that each list is for, by the projection of its group."""
    sources = [names.index(p["source"]) for p in document["projections"]]
    owner = np.zeros(axons, dtype=np.int64)
    for core in document["cores"]:
        for group in core["synapse_groups"]:
            owner[slice(*group["axons"])] = sources[group["projection"]]
    return owner


def _senders(
    document: Mapping[str, Any], arrays: Arrays
) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    """Each table that addresses lists, with the node and element behind every row."""
    node = np.zeros(len(arrays["input.axon"]), dtype=np.int64)
    for k, entry in enumerate(document["inputs"]):
        node[slice(*entry["axons"])] = k
    yield "input", node, arrays["input.element"]
    rows = np.zeros(len(arrays["output_axon.axon"]), dtype=np.int64)
    for core in document["cores"]:
        own = slice(*core["output_axons"])
        rows[own] = core["compartments"][0] + arrays["output_axon.compartment"][own]
    number = arrays["compartment.population"][rows]
    sender = np.where(number < 0, -1 - number, number + len(document["inputs"]))
    yield "output_axon", sender, arrays["compartment.neuron"][rows]


def _reached(
    document: Mapping[str, Any], arrays: Arrays, table: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[Fault]]:
    """Rows that address a list that is there, which one, and the faults of the others."""
    core, axon = arrays[f"{table}.core"], arrays[f"{table}.axon"]
    numbers = np.asarray([c["core"] for c in document["cores"]])
    first, stop = np.asarray([c["input_axons"] for c in document["cores"]]).T
    at = np.clip(np.searchsorted(numbers, core), 0, len(numbers) - 1)
    absent, size = numbers[at] != core, (stop - first)[at]
    dangling = ~absent & ((axon < 0) | (axon >= size))
    faults = [
        Fault(f"tensor {table}.core[{row}]", f"core {core[row]} is not there.")
        for row in np.flatnonzero(absent)[:_SHOWN].tolist()
    ]
    faults += [
        Fault(
            f"tensor {table}.axon[{row}]",
            f"dangles: core {core[row]} has {size[row]} lists, and no number {axon[row]}.",
        )
        for row in np.flatnonzero(dangling)[:_SHOWN].tolist()
    ]
    good = np.flatnonzero(~absent & ~dangling)
    return good, first[at[good]] + axon[good], faults
