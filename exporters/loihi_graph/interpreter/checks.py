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

from neurochain.exporters.loihi_graph.interpreter.axon_checks import axon_faults
from neurochain.exporters.loihi_graph.interpreter.core_checks import core_faults
from neurochain.exporters.loihi_graph.interpreter.errors import Fault
from neurochain.exporters.loihi_graph.interpreter.nodes import on_cores
from neurochain.exporters.loihi_graph.interpreter.reader import Graph
from neurochain.exporters.loihi_graph.interpreter.sums import sum_faults

__all__ = ["semantic_faults"]

MOST_ELEMENTS = 2**31 - 1
"""Of an input or population: indices are int32."""


def semantic_faults(graph: Graph) -> list[Fault]:
    """Everything wrong with a graph that has passed the schema and the tensors' checks."""
    document, arrays = graph.document, graph.arrays
    faults = [
        *_name_faults(document),
        *_version_faults(document),
        *_size_faults(document, arrays),
        *_range_faults(document, arrays),
        *_place_faults(document),
    ]
    if faults:
        return faults
    faults = [f for k in range(len(document["cores"])) for f in core_faults(document, arrays, k)]
    if faults:
        return faults
    return [
        *_compartment_faults(document, arrays),
        *axon_faults(document, arrays),
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


def _version_faults(document: Mapping[str, Any]) -> Iterator[Fault]:
    """Inputs lie on cores in version 2, where one does; what lies there has no entries."""
    inputs, version = document["inputs"], document["version"]
    if version == 1:
        for k in (k for k, entry in enumerate(inputs) if "placed" in entry):
            yield Fault(f"inputs[{k}].placed", "is no part of version 1.")
    elif not any(entry.get("placed") for entry in inputs):
        yield Fault("graph.json.version", "is 2, and no input lies on cores: wanted 1.")
    for k, entry in enumerate(inputs):
        first, stop = entry["axons"]
        if entry.get("placed") and first != stop:
            what = f"is rows {first} to {stop}; an input on cores sends along output axons."
            yield Fault(f"inputs[{k}].axons", what)


def _size_faults(
    document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> Iterator[Fault]:
    """Sizes that can be true, before anything is made as large as they say."""
    for key in ("inputs", "populations"):
        for k, node in enumerate(document[key]):
            if prod(node["shape"]) > MOST_ELEMENTS:
                yield Fault(f"{key}[{k}].shape", f"has more than {MOST_ELEMENTS} elements.")
    neurons = sum(prod(node["shape"]) for _, node in on_cores(document))
    if neurons != len(arrays["compartment.neuron"]):
        what = (
            f"and inputs on cores have {neurons} neurons; there are "
            f"{len(arrays['compartment.neuron'])} compartments."
        )
        yield Fault("populations", what)


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
    for row in np.flatnonzero(synapses[1:] <= synapses[:-1])[:5].tolist():
        what = f"goes from {synapses[row]} to {synapses[row + 1]}: axon {row} has no synapses."
        yield Fault(f"{where}[{row + 1}]", what)


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
    for k, node in on_cores(document):
        found = arrays["compartment.neuron"][arrays["compartment.population"] == k]
        count = np.bincount(found, minlength=prod(node["shape"]))
        for neuron in np.flatnonzero(count != 1)[:5].tolist():
            what = f"neuron {neuron} is {count[neuron]} compartments; wanted 1."
            yield Fault(f"{'population' if k >= 0 else 'input'} {node['name']}", what)
