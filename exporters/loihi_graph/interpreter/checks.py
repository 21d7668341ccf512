"""What the schema cannot say: ranges, references, axons without an end, limits and sums.

Three stages, each of which needs the one before: names and ranges of rows; the rows of each core;
what crosses cores, and the sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.exporters.loihi_graph.interpreter.core_checks import core_faults
from neurochain.exporters.loihi_graph.interpreter.errors import Fault
from neurochain.exporters.loihi_graph.interpreter.reader import Graph
from neurochain.exporters.loihi_graph.interpreter.sums import sum_faults

__all__ = ["semantic_faults"]


def semantic_faults(graph: Graph) -> list[Fault]:
    """Everything wrong with a graph that has passed the schema and the tensors' checks."""
    document, arrays = graph.document, graph.arrays
    faults = [*_name_faults(document), *_range_faults(document, arrays), *_place_faults(document)]
    if faults:
        return faults
    faults = [f for k in range(len(document["cores"])) for f in core_faults(document, arrays, k)]
    if faults:
        return faults
    return [
        *_compartment_faults(document, arrays),
        *_axon_faults(document, arrays),
        *sum_faults(document, arrays),
    ]


def _name_faults(document: Mapping[str, Any]) -> Iterator[Fault]:
    """Names are told apart, and refer to something."""
    nodes = [n["name"] for key in ("inputs", "populations") for n in document[key]]
    for key, names in (
        ("inputs and populations", nodes),
        ("projections", [p["name"] for p in document["projections"]]),
        ("outputs", [o["name"] for o in document["outputs"]]),
    ):
        for name in sorted({n for n in names if names.count(n) > 1}):
            yield Fault(key, f"the name {name!r} stands there {names.count(name)} times.")
    populations = {p["name"] for p in document["populations"]}
    for k, p in enumerate(document["projections"]):
        if p["source"] not in nodes:
            yield Fault(f"projections[{k}].source", f"{p['source']!r} is no input or population.")
        if p["target"] not in populations:
            yield Fault(f"projections[{k}].target", f"{p['target']!r} is no population.")
    for k, o in enumerate(document["outputs"]):
        if o["node"] not in populations and (o["signal"] == "membrane" or o["node"] not in nodes):
            yield Fault(f"outputs[{k}].node", f"{o['node']!r} has no {o['signal']}.")
    for k, p in enumerate(document["populations"]):
        reset = p["reset"]
        if reset is not None and reset["offset"] >= reset["interval"]:
            what = f"{reset['offset']} is not below the interval, {reset['interval']}: never."
            yield Fault(f"populations[{k}].reset.offset", what)


def _range_faults(
    document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> Iterator[Fault]:
    """Rows of a table follow one another, none left out, none twice."""
    totals = {
        "compartments": len(arrays["compartment.neuron"]),
        "input_axons": len(arrays["input_axon.source"]),
        "output_axons": len(arrays["output_axon.axon"]),
    }
    for key, total in totals.items():
        found = [(f"cores[{k}].{key}", c[key]) for k, c in enumerate(document["cores"])]
        yield from _covered(found, 0, total)
    entries = [(f"inputs[{k}].axons", i["axons"]) for k, i in enumerate(document["inputs"])]
    yield from _covered(entries, 0, len(arrays["input.axon"]))
    for k, core in enumerate(document["cores"]):
        groups = [
            (f"cores[{k}].synapse_groups[{j}].axons", g["axons"])
            for j, g in enumerate(core["synapse_groups"])
        ]
        yield from _covered(groups, *core["input_axons"])
    synapses = arrays["input_axon.synapses"]
    where, total = "tensor input_axon.synapses", len(arrays["synapse.weight"])
    if synapses[0] != 0 or synapses[-1] != total:
        yield Fault(where, f"goes from {synapses[0]} to {synapses[-1]}; synapses are 0 to {total}.")
    for row in np.flatnonzero(np.diff(synapses) <= 0)[:5].tolist():
        yield Fault(
            f"{where}[{row + 1}]", f"axon {row} has {synapses[row + 1] - synapses[row]} synapses."
        )


def _covered(ranges: list[tuple[str, list[int]]], at: int, end: int) -> Iterator[Fault]:
    for where, (first, stop) in ranges:
        if first != at or stop < first or stop > end:
            yield Fault(
                where, f"is rows {first} to {stop}; wanted from {at} on, up to {end} at most."
            )
            return
        at = stop
    if at != end:
        where = ranges[-1][0] if ranges else "graph.json"
        yield Fault(where, f"the rows {at} to {end} belong to nothing.")


def _place_faults(document: Mapping[str, Any]) -> Iterator[Fault]:
    """Cores lie on chips and on the mesh; the list of chips says the same."""
    target, cores = document["target"], document["cores"]
    most = target["chips"] * target["cores_per_chip"]
    numbers = [core["core"] for core in cores]
    for k, core in enumerate(cores):
        where = f"cores[{k}]"
        if core["core"] >= most:
            yield Fault(f"{where}.core", f"is {core['core']}; there are {most} cores.")
        if k and numbers[k] <= numbers[k - 1]:
            yield Fault(
                f"{where}.core", f"is {numbers[k]}, behind {numbers[k - 1]}: not ascending."
            )
        if core["chip"] != core["core"] // target["cores_per_chip"]:
            yield Fault(f"{where}.chip", f"is {core['chip']}, which has no core {core['core']}.")
        for axis, size in (("x", "width"), ("y", "height")):
            if core[axis] >= target["mesh"][size]:
                what = f"is {core[axis]}; the mesh has {target['mesh'][size]}."
                yield Fault(f"{where}.{axis}", what)
    listed = [(chip["chip"], number) for chip in document["chips"] for number in chip["cores"]]
    if listed != [(core["chip"], core["core"]) for core in cores]:
        yield Fault("chips", "do not list the cores of `cores`, chip by chip, in their order.")


def _compartment_faults(
    document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> Iterator[Fault]:
    """Every neuron is one compartment."""
    for k, p in enumerate(document["populations"]):
        found = arrays["compartment.neuron"][arrays["compartment.population"] == k]
        count = np.bincount(found, minlength=prod(p["shape"]))
        for neuron in np.flatnonzero(count != 1)[:5].tolist():
            what = f"neuron {neuron} is {count[neuron]} compartments; wanted 1."
            yield Fault(f"population {p['name']}", what)


def _axon_faults(
    document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> Iterator[Fault]:
    """Every event that is sent arrives at a list of its own source, and every list is addressed.

    An output axon or input entry addresses (core, axon); that list says which element of which
    node it is for.
    """
    cores, populations = document["cores"], document["populations"]
    row_of_core = {core["core"]: k for k, core in enumerate(cores)}
    first = np.asarray([core["input_axons"][0] for core in cores])
    sizes = np.asarray([b - a for a, b in (core["input_axons"] for core in cores)])
    projection = np.zeros(len(arrays["input_axon.source"]), dtype=np.int64)
    for core in cores:
        for group in core["synapse_groups"]:
            projection[slice(*group["axons"])] = group["projection"]
    node_of = [p["source"] for p in document["projections"]]
    addressed = np.zeros(len(projection), dtype=np.int64)
    tables = [("output_axon", None, np.arange(len(arrays["output_axon.axon"])))]
    tables += [("input", i["name"], np.arange(*i["axons"])) for i in document["inputs"]]
    senders = _senders(document, arrays)
    for table, name, rows in tables:
        core, axon = arrays[f"{table}.core"][rows], arrays[f"{table}.axon"][rows]
        for number in np.unique(core).tolist():
            mine = rows[core == number]
            at = row_of_core.get(number)
            if at is None:
                yield Fault(f"tensor {table}.core[{mine[0]}]", f"core {number} is not there.")
                continue
            bad = mine[(arrays[f"{table}.axon"][mine] < 0)
                       | (arrays[f"{table}.axon"][mine] >= sizes[at])]  # fmt: skip
            for row in bad[:3].tolist():
                what = f"core {number} has no axon {arrays[f'{table}.axon'][row]}, but {sizes[at]}."
                yield Fault(f"tensor {table}.axon[{row}]", f"dangles: {what}")
            good = np.setdiff1d(mine, bad)
            lists = first[at] + arrays[f"{table}.axon"][good]
            np.add.at(addressed, lists, 1)
            yield from _wrong_sender(
                table, name, good, lists, projection, node_of, senders, populations, arrays
            )
        del axon
    for row in np.flatnonzero(addressed != 1)[:5].tolist():
        times = int(addressed[row])
        what = "is addressed by nothing." if not times else f"is addressed {times} times."
        yield Fault(f"input axon {row}", what)


def _senders(
    document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Population (index) and neuron behind every output axon."""
    rows = np.zeros(len(arrays["output_axon.axon"]), dtype=np.int64)
    for core in document["cores"]:
        own = slice(*core["output_axons"])
        rows[own] = core["compartments"][0] + arrays["output_axon.compartment"][own]
    return arrays["compartment.population"][rows], arrays["compartment.neuron"][rows]


def _wrong_sender(
    table: str,
    name: str | None,
    rows: NDArray[Any],
    lists: NDArray[Any],
    projection: NDArray[Any],
    node_of: list[str],
    senders: tuple[NDArray[Any], NDArray[Any]],
    populations: list[Mapping[str, Any]],
    arrays: Mapping[str, NDArray[Any]],
) -> Iterator[Fault]:
    """The list is for another node, or for another of its elements."""
    wanted = np.asarray([node_of[p] for p in projection[lists]], dtype=object)
    if name is None:
        names = np.asarray([p["name"] for p in populations], dtype=object)
        node, element = names[senders[0][rows]], senders[1][rows]
    else:
        node, element = np.full(len(rows), name, dtype=object), arrays["input.element"][rows]
    source = arrays["input_axon.source"][lists]
    for k in np.flatnonzero((node != wanted) | (element != source))[:3].tolist():
        what = f"{node[k]}[{element[k]}] sends to a list that is for {wanted[k]}[{source[k]}]."
        yield Fault(f"tensor {table}.axon[{rows[k]}]", what)
