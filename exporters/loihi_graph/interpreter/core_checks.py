"""The rows of one core: indices, profiles, formats, weights on the grid of their format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.exporters.loihi_graph.interpreter.errors import Fault
from neurochain.exporters.loihi_graph.interpreter.nodes import on_cores

__all__ = ["core_faults"]

Arrays = Mapping[str, NDArray[Any]]
_SHOWN = 3


def core_faults(document: Mapping[str, Any], arrays: Arrays, k: int) -> Iterator[Fault]:
    """Everything wrong within core k of the list."""
    core = document["cores"][k]
    faults = list(_compartments(document, arrays, core, k))
    yield from faults
    if not faults:
        yield from _profiles(document, arrays, core, k)
        yield from _groups(document, arrays, core, k)


def _outside(name: str, values: NDArray[Any], first: int, least: int, most: int) -> Iterator[Fault]:
    """Values that are not within least..most."""
    for row in np.flatnonzero((values < least) | (values > most))[:_SHOWN].tolist():
        yield Fault(f"tensor {name}[{first + row}]", f"is {values[row]}; wanted {least}..{most}.")


def _falls(values: NDArray[Any], *, equal: bool = True) -> NDArray[Any]:
    """Where a value is below the one before it, or as large; differences could overflow."""
    before, after = values[:-1], values[1:]
    return np.flatnonzero(after <= before if equal else after < before) + 1


def _compartments(
    document: Mapping[str, Any], arrays: Arrays, core: Mapping[str, Any], k: int
) -> Iterator[Fault]:
    here, leaving = slice(*core["compartments"]), slice(*core["output_axons"])
    n, number = here.stop - here.start, arrays["compartment.population"][here]
    known = dict(on_cores(document))
    for row in np.flatnonzero(~np.isin(number, list(known)))[:_SHOWN].tolist():
        what = f"is {number[row]}; on cores are {min(known)}..{max(known)}."
        yield Fault(f"tensor compartment.population[{here.start + row}]", what)
    limits = {
        "decay": (0, len(core["decay_profiles"]) - 1),
        "threshold": (0, len(core["threshold_profiles"]) - 1),
        "bias_mantissa": (-4096, 4095),
        "bias_exponent": (0, 7),
    }
    for key, (least, most) in limits.items():
        name = f"compartment.{key}"
        values, none = arrays[name][here], 0 if key.startswith("bias") else -1
        for inputs, (low, high) in ((False, (least, most)), (True, (none, none))):
            rows = np.flatnonzero((number < 0) == inputs)
            wrong = rows[(values[rows] < low) | (values[rows] > high)]
            for row in wrong[:_SHOWN].tolist():
                what = f"is {values[row]}; wanted {low}..{high}{' of an input' * inputs}."
                yield Fault(f"tensor {name}[{here.start + row}]", what)
    neuron = arrays["compartment.neuron"][here]
    for k, node in known.items():
        size = prod(node["shape"])
        wrong = np.flatnonzero((number == k) & ((neuron < 0) | (neuron >= size)))
        for row in wrong[:_SHOWN].tolist():
            what = f"is {neuron[row]}; {node['name']} has {size} neurons."
            yield Fault(f"tensor compartment.neuron[{here.start + row}]", what)
    name = "output_axon.compartment"
    yield from _outside(name, arrays[name][leaving], leaving.start, 0, n - 1)
    if _falls(arrays[name][leaving], equal=False).size:
        yield Fault(f"cores[{k}].output_axons", "are not in the order of their compartments.")


def _profiles(
    document: Mapping[str, Any], arrays: Arrays, core: Mapping[str, Any], k: int
) -> Iterator[Fault]:
    """Every profile is used, by compartments of one model, which is that of their population."""
    here, models = slice(*core["compartments"]), {}
    number = arrays["compartment.population"][here]
    neurons = np.flatnonzero(number >= 0)
    for kind in ("decay", "threshold"):
        which, rows = arrays[f"compartment.{kind}"][here][neurons], core[f"{kind}_profiles"]
        for row in sorted(set(range(len(rows))) - set(which.tolist())):
            yield Fault(f"cores[{k}].{kind}_profiles[{row}]", "is used by no compartment.")
        models[kind] = np.asarray([row["model"] for row in rows], dtype=object)[which]
    for row, profile in enumerate(core["decay_profiles"]):
        if ("silent" in profile) != (profile["model"] == "lif_refractory"):
            what = f"is a {profile['model']} {'with' if 'silent' in profile else 'without'} silent."
            yield Fault(f"cores[{k}].decay_profiles[{row}]", what)
    differ = np.flatnonzero(models["decay"] != models["threshold"])
    for row in differ[:_SHOWN].tolist():
        what = (
            f"is {models['decay'][row]} by its decays, {models['threshold'][row]} by its threshold."
        )
        yield Fault(f"compartment {here.start + neurons[row]}", what)
    for index in np.unique(number[neurons]).tolist():
        population = document["populations"][index]
        mine = models["decay"][number[neurons] == index]
        cleared = population["reset"] is not None
        if ((mine == "lif_reset") != cleared).any() or len(set(mine.tolist())) > 1:
            what = f"has {sorted(set(mine.tolist()))} and {'a' if cleared else 'no'} reset."
            yield Fault(f"cores[{k}], population {population['name']}", what)


def _groups(
    document: Mapping[str, Any], arrays: Arrays, core: Mapping[str, Any], k: int
) -> Iterator[Fault]:
    projections, before = document["projections"], -1
    formats, most = core["synapse_formats"], document["target"]["delay_steps_max"]
    used = {group["format"] for group in core["synapse_groups"]}
    for row in sorted(set(range(len(formats))) - used):
        yield Fault(f"cores[{k}].synapse_formats[{row}]", "is used by no group.")
    for j, group in enumerate(core["synapse_groups"]):
        where = f"cores[{k}].synapse_groups[{j}]"
        if not before < group["projection"] < len(projections):
            what = f"is {group['projection']}; wanted one of {len(projections)}, ascending."
            yield Fault(f"{where}.projection", what)
            return
        before = group["projection"]
        if group["format"] >= len(formats):
            yield Fault(f"{where}.format", f"is {group['format']}; the core has {len(formats)}.")
            continue
        form = formats[group["format"]]
        if group["delay"] > most or group["delay"].bit_length() != form["delay_bits"]:
            what = f"is {group['delay']}, in {form['delay_bits']} bits; the longest is {most}."
            yield Fault(f"{where}.delay", what)
        if (group["encoding"] == "dense") != (group["index_bits"] == 0):
            what = f"are {group['index_bits']} in {group['encoding']} lists."
            yield Fault(f"{where}.index_bits", what)
        yield from _lists(document, arrays, core, group, form, where)


def _lists(
    document: Mapping[str, Any],
    arrays: Arrays,
    core: Mapping[str, Any],
    group: Mapping[str, Any],
    form: Mapping[str, Any],
    where: str,
) -> Iterator[Fault]:
    """The axons of a group and their synapses."""
    projection = document["projections"][group["projection"]]
    sizes = {
        n["name"]: prod(n["shape"]) for key in ("inputs", "populations") for n in document[key]
    }
    a, b = group["axons"]
    if a == b:
        yield Fault(f"{where}.axons", "are none.")
        return
    source = arrays["input_axon.source"][a:b]
    yield from _outside("input_axon.source", source, a, 0, sizes[projection["source"]] - 1)
    if _falls(source).size:
        yield Fault(f"{where}.axons", "are not in the order of their sources, each once.")
    bounds = arrays["input_axon.synapses"][a : b + 1]
    first, end = int(bounds[0]), int(bounds[-1])
    here = slice(*core["compartments"])
    target, n = arrays["synapse.compartment"][first:end], here.stop - here.start
    outside = list(_outside("synapse.compartment", target, first, 0, n - 1))
    yield from outside
    if outside:
        return
    falls = _falls(target)
    inside = falls[~np.isin(falls, bounds[1:-1] - first)]
    for row in inside[:_SHOWN].tolist():
        what = f"is {target[row]}, behind {target[row - 1]} in the same list: not ascending."
        yield Fault(f"tensor synapse.compartment[{first + row}]", what)
    names = [p["name"] for p in document["populations"]]
    wrong = arrays["compartment.population"][here][target] != names.index(projection["target"])
    for row in np.flatnonzero(wrong)[:_SHOWN].tolist():
        what = f"compartment {target[row]} is not of {projection['target']}."
        yield Fault(f"tensor synapse.compartment[{first + row}]", what)
    yield from _weights(arrays["synapse.weight"][first:end], first, form, where)


def _weights(
    weights: NDArray[Any], first: int, form: Mapping[str, Any], where: str
) -> Iterator[Fault]:
    """Not 0, and what the format holds: multiples of 2^(8 - bits), doubled for mixed signs."""
    mixed, grid = form["mixed_sign"], 1 << (8 - form["weight_bits"] + form["mixed_sign"])
    least, most = (-256, 254) if mixed else (-255, 255)
    wide = weights.astype(np.int64)
    bad = (wide == 0) | (wide < least) | (wide > most) | (wide % grid != 0)
    for row in np.flatnonzero(bad)[:_SHOWN].tolist():
        what = (
            f"is {wide[row]}; {where} holds {least}..{most} in multiples of {grid}, none of them 0."
        )
        yield Fault(f"tensor synapse.weight[{first + row}]", what)
    if not mixed and wide.min() < 0 < wide.max():
        yield Fault(where, "has weights of both signs in a format of one.")
