"""Damaged loihi-graphs are refused with the place and what is wrong there.

Bytes are flipped at random, and fields and rows are changed by hand with both digests made anew, so
that only the schema and the checks of meaning can see it.
"""

import copy
import hashlib
import json
import random

import graph_networks
import numpy as np
import pytest
from safetensors.numpy import load_file, save

from neurochain.exporters.job import Job
from neurochain.exporters.loihi_graph.interpreter import GraphError, read_graph, run_graph
from neurochain.exporters.run import export


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A graph of many cores with an axon of every kind; its document and arrays."""
    folder = tmp_path_factory.mktemp("sound") / "graph"
    network, chip, placement, _ = graph_networks.drawn(4)
    job = Job(network=network, name="net", placement=placement, target=chip)
    export(job, "loihi-graph", folder)
    document = json.loads((folder / "graph.json").read_text())
    return folder, document, load_file(folder / "graph.safetensors")


def _write(folder, document, arrays):
    """A folder whose digests are right, whatever else is wrong."""
    folder.mkdir(exist_ok=True)
    packed = save({k: np.ascontiguousarray(v) for k, v in arrays.items()})
    (folder / "graph.safetensors").write_bytes(packed)
    if "tensors" in document:
        document["tensors"]["sha256"] = hashlib.sha256(packed).hexdigest()
    document.pop("digest", None)
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    document["digest"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "graph.json").write_text(json.dumps(document))
    return folder


def _core(d, least_groups=1):
    """A core that has lists and sends."""
    return next(
        c
        for c in d["cores"]
        if len(c["synapse_groups"]) >= least_groups and c["output_axons"][0] < c["output_axons"][1]
    )


def _at(d, name):
    """The first row of a core that is not the first one."""
    return d["cores"][3][name][0]


def set_in(*path, to):
    """Change a field of graph.json."""

    def change(d, _):
        for key in path[:-1]:
            d = d[key]
        d[path[-1]] = to(d[path[-1]]) if callable(to) else to

    return change


def drop(*path):
    def change(d, _):
        for key in path[:-1]:
            d = d[key]
        del d[path[-1]]

    return change


def row(name, at, to):
    """Change a row of a tensor."""

    def change(d, a):
        k = at(d) if callable(at) else at
        a[name][k] = to(a[name][k]) if callable(to) else to

    return change


def of_core(key, to):
    def change(d, _):
        core = _core(d)
        core[key] = to(copy.deepcopy(core[key]))

    return change


def of_group(key, to):
    def change(d, _):
        group = _core(d)["synapse_groups"][0]
        group[key] = to(group[key])

    return change


def swapped_axons(d, a):
    """Two output axons of different compartments exchange where they go."""
    begin, end = _core(d)["output_axons"]
    compartment = a["output_axon.compartment"][begin:end]
    other = begin + int(np.flatnonzero(compartment != compartment[0])[0])
    for key in ("core", "axon"):
        rows = a[f"output_axon.{key}"]
        rows[[begin, other]] = rows[[other, begin]]


def doubled_axon(d, a):
    """Two entries of an input address the same list."""
    for key in ("core", "axon", "element"):
        a[f"input.{key}"][1] = a[f"input.{key}"][0]


def lost_synapse(d, a):
    """A synapse is taken out and all counts of rows put right."""
    at = d["cores"][0]["input_axons"][0]
    lists = a["input_axon.synapses"]
    k = at + int(np.flatnonzero(np.diff(lists[at:]) > 1)[0])
    first = int(lists[k])
    lists[k + 1 :] -= 1
    for key in ("synapse.compartment", "synapse.weight"):
        a[key] = np.delete(a[key], first)
    for core in d["cores"]:  # sparse lists are counted by their synapses
        for group in core["synapse_groups"]:
            group["encoding"], group["index_bits"] = "sparse", 1


def other_chip(d, _):
    d["chips"][0]["cores"] = d["chips"][0]["cores"][::-1]


def more_than_a_core(d, _):
    d["target"]["limits"]["neurons"] = 1


def no_tensor(d, a):
    del a["input.core"]


def more_tensors(d, a):
    a["secret"] = np.zeros(3, dtype=np.int32)


def other_dtype(d, a):
    a["synapse.weight"] = a["synapse.weight"].astype(np.int32)


def shorter_tensor(d, a):
    a["compartment.decay"] = a["compartment.decay"][:-1]


def empty_list(d, a):
    a["input_axon.synapses"][3] = a["input_axon.synapses"][2]


def moved_group(d, _):
    core = _core(d, 2)
    core["synapse_groups"][0]["axons"][1] -= 1


def silent_lif(d, _):
    profile = next(p for c in d["cores"] for p in c["decay_profiles"] if p["model"] == "lif")
    profile["silent"] = 1


def never_reset(d, _):
    p = next(p for p in d["populations"] if p["reset"] is None)
    p["reset"] = {"interval": 5, "offset": 2}


def twice_a_synapse(d, a):
    lists = a["input_axon.synapses"]
    first = int(lists[np.flatnonzero(np.diff(lists) > 1)[0]])
    a["synapse.compartment"][first + 1] = a["synapse.compartment"][first]


def twice_a_neuron(d, a):
    a["compartment.neuron"][1] = a["compartment.neuron"][0]


CHANGES = {
    "another format": (set_in("format", to="graph"), "graph.json.format"),
    "another version": (set_in("version", to=2), "graph.json.version"),
    "a version that is a bool": (set_in("version", to=True), "graph.json.version"),
    "no target": (drop("target"), "required"),
    "no limits": (drop("target", "limits", "neurons"), "target.limits"),
    "a field too many": (set_in("cores", 0, to=lambda c: {**c, "colour": 1}), "cores[0].colour"),
    "text for a number": (set_in("dt_s", to="1 ms"), "dt_s"),
    "no time": (set_in("dt_s", to=0), "dt_s"),
    "a negative core": (set_in("cores", 0, "core", to=-1), "cores[0].core"),
    "no cores": (set_in("cores", to=[]), "graph.json.cores"),
    "a fraction for a row": (of_core("compartments", lambda r: [r[0], r[1] + 0.5]), "compartments"),
    "another routing": (set_in("target", "mesh", "routing", to="yx"), "mesh.routing"),
    "tensors elsewhere": (set_in("tensors", "file", to="../other"), "tensors.file"),
    "a decay that no profile holds": (
        set_in("cores", 0, "decay_profiles", 0, "du", to=4096),
        "decay_profiles[0].du",
    ),
    "a threshold of 18 bits": (
        set_in("cores", 0, "threshold_profiles", 0, "vth", to=1 << 17),
        "threshold_profiles[0].vth",
    ),
    "a population of 2^53 neurons": (
        set_in("populations", 0, "shape", to=[2**53 - 1]),
        "populations[0].shape",
    ),
    "an input without end": (set_in("inputs", 0, "shape", to=[2**53 - 1] * 32), "inputs[0].shape"),
    "a neuron too many": (
        set_in("populations", 0, "shape", to=lambda s: [*s[:-1], s[-1] + 1]),
        "compartments",
    ),
    "two nodes of one name": (set_in("populations", 0, "name", to="in"), "inputs and populations"),
    "a projection from nowhere": (set_in("projections", 0, "source", to="x"), "source"),
    "a projection to nowhere": (set_in("projections", 0, "target", to="in"), "target"),
    "an output of nothing": (set_in("outputs", 0, "node", to="x"), "outputs[0].node"),
    "a core beyond the chips": (set_in("cores", -1, "core", to=10**6), "there are"),
    "cores out of order": (
        set_in("cores", to=lambda c: [c[0], {**c[2], "core": c[0]["core"]}, *c[2:]]),
        "cores[1]",
    ),
    "a core on another chip": (set_in("cores", 0, "chip", to=1), "cores[0].chip"),
    "a core off the mesh": (set_in("cores", 0, "x", to=60_000), "cores[0].x"),
    "chips that list other cores": (other_chip, "chips"),
    "compartments that overlap": (
        of_core("compartments", lambda r: [max(r[0] - 1, 0), r[1] + 1]),
        "compartments",
    ),
    "axons that are nobody's": (of_core("input_axons", lambda r: [r[0], r[1] - 1]), "axons"),
    "output axons left out": (of_core("output_axons", lambda r: [r[0] + 1, r[1]]), "output_axons"),
    "inputs left out": (set_in("inputs", 0, "axons", to=lambda r: [0, r[1] - 1]), "belong to"),
    "a group that ends early": (moved_group, "synapse_groups"),
    "no such tensor": (no_tensor, "tensor input.core: is missing"),
    "a tensor too many": (more_tensors, "tensor secret"),
    "another dtype": (other_dtype, "tensor synapse.weight"),
    "a tensor too short": (shorter_tensor, "tensor compartment.decay"),
    "a list without synapses": (empty_list, "input_axon.synapses"),
    "lists that go backwards": (row("input_axon.synapses", 2, 10**6), "input_axon.synapses"),
    "lists that begin late": (row("input_axon.synapses", 0, 1), "input_axon.synapses"),
    "a compartment of no population": (row("compartment.population", 5, 99), "population"),
    "a neuron that is not there": (row("compartment.neuron", 5, 10**6), "compartment.neuron"),
    "a neuron on two compartments": (twice_a_neuron, "compartments; wanted 1"),
    "a profile that is not there": (row("compartment.decay", 7, 99), "compartment.decay"),
    "a negative profile": (row("compartment.threshold", 7, -1), "compartment.threshold"),
    "a bias of 14 bits": (row("compartment.bias_mantissa", 7, 5000), "bias_mantissa"),
    "a bias exponent of 8": (row("compartment.bias_exponent", 7, 8), "bias_exponent"),
    "a profile of nobody": (
        of_core("threshold_profiles", lambda r: [*r, {"model": "lif", "vth": 99_999}]),
        "used by no compartment",
    ),
    "silence of a neuron that has none": (silent_lif, "decay_profiles"),
    "a reset that the neurons have not": (never_reset, "reset"),
    "a format that is not there": (of_group("format", lambda f: 77), "format"),
    "a format of nobody": (
        of_core("synapse_formats", lambda r: [*r, {**r[0], "exponent": 20}]),
        "used by no group",
    ),
    "a delay of more bits": (of_group("delay", lambda d: 2 * d + 1), "delay"),
    "a delay beyond the longest": (of_group("delay", lambda d: 60_000), "delay"),
    "an index in dense lists": (of_group("index_bits", lambda b: 0 if b else 6), "index_bits"),
    "a projection twice in a core": (
        of_core("synapse_groups", lambda g: [*g[:-1], {**g[-1], "projection": 99}]),
        "projection",
    ),
    "a synapse out of its core": (row("synapse.compartment", 4, 10**5), "synapse.compartment"),
    "a negative compartment": (row("synapse.compartment", 4, -1), "synapse.compartment"),
    "a synapse twice in a list": (twice_a_synapse, "not ascending"),
    "a weight of 0": (row("synapse.weight", 9, 0), "synapse.weight[9]"),
    "a weight that 8 bits do not hold": (row("synapse.weight", 9, 300), "synapse.weight[9]"),
    "a weight off the grid": (row("synapse.weight", 9, lambda w: w + 1), "synapse.weight[9]"),
    "a list for no element": (row("input_axon.source", 0, 10**6), "input_axon.source"),
    "a list for another element": (row("input_axon.source", 0, lambda s: s + 1), "axon"),
    "an output axon to no core": (row("output_axon.core", 0, 10**6), "is not there"),
    "an output axon that dangles": (row("output_axon.axon", 0, 10**6), "dangles"),
    "a negative axon": (row("output_axon.axon", 0, -1), "dangles"),
    "an output axon of no compartment": (
        row("output_axon.compartment", 0, 10**5),
        "output_axon.compartment",
    ),
    "an input to no core": (row("input.core", 0, 10**6), "is not there"),
    "an input axon that dangles": (row("input.axon", 0, 10**6), "dangles"),
    "an element that is not there": (row("input.element", 0, 10**6), "sends to a list"),
    "a list addressed twice": (doubled_axon, "addressed"),
    "axons exchanged": (swapped_axons, "sends to a list"),
    "a synapse lost": (lost_synapse, "used.memory_bits"),
    "another sum": (
        set_in("cores", 0, "used", "memory_bits", to=lambda b: b + 64),
        "cores[0].used.memory_bits",
    ),
    "more than a core has": (more_than_a_core, "a core has 1"),
    "memory that a core has not": (
        set_in("target", "limits", "memory_bits", to=64),
        "a core has 64",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_refused_with_its_place(name, sound, tmp_path):
    _, document, arrays = sound
    change, where = CHANGES[name]
    d, a = copy.deepcopy(document), {k: v.copy() for k, v in arrays.items()}
    change(d, a)
    with pytest.raises(GraphError) as caught:
        read_graph(_write(tmp_path / "graph", d, a))
    assert where in str(caught.value)
    assert all(f.where and f.what for f in caught.value.faults)


def test_what_was_rewritten_unchanged_is_taken(sound, tmp_path):
    """The changes above are refused for what they change, not for how they are written."""
    _, document, arrays = sound
    graph = read_graph(_write(tmp_path / "graph", copy.deepcopy(document), dict(arrays)))
    assert graph.document["cores"] == document["cores"]


@pytest.mark.parametrize("name", ["graph.json", "graph.safetensors"])
def test_every_flipped_bit_is_refused(name, sound, tmp_path):
    folder = tmp_path / "graph"
    folder.mkdir()
    for path in sound[0].iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    whole = (folder / name).read_bytes()
    rng = random.Random(3)
    for _ in range(80):
        changed = bytearray(whole)
        changed[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        (folder / name).write_bytes(changed)
        with pytest.raises(GraphError):
            read_graph(folder)
    for keep in (0, 1, len(whole) // 2, len(whole) - 2):
        (folder / name).write_bytes(whole[:keep])
        with pytest.raises(GraphError):
            read_graph(folder)


def test_what_is_no_graph_is_refused(tmp_path):
    with pytest.raises(GraphError, match="cannot be read"):
        read_graph(tmp_path)
    for text in ("[]", "null", "{", '{"format": "loihi-graph", "format": 1}', "[" * 100_000, "NaN"):
        (tmp_path / "graph.json").write_text(text)
        with pytest.raises(GraphError, match=r"graph\.json"):
            read_graph(tmp_path)


VALUES = [
    0,
    -1,
    1,
    2,
    2**31,
    2**53 - 1,
    2**70,
    1.5,
    "x",
    "",
    None,
    True,
    [],
    {},
    [0, 1],
    "in",
    "n0",
]


def _paths(value, path=()):
    """Every place in a document."""
    yield path
    items = value.items() if isinstance(value, dict) else ()
    for key, inner in enumerate(value) if isinstance(value, list) else items:
        yield from _paths(inner, (*path, key))


def _any_field(rng, document):
    """Another value anywhere in graph.json, or a key less."""
    *path, last = rng.choice(
        [p for p in _paths(document) if p and p[0] not in ("tensors", "digest")]
    )
    for key in path:
        document = document[key]
    old, dice = document[last], rng.random()
    if dice < 0.2 and isinstance(document, dict):
        del document[last]
    elif dice < 0.5 and isinstance(old, int):
        document[last] = old + rng.choice([-2, -1, 1, 2, 64])
    else:
        document[last] = rng.choice(VALUES)


def _any_row(rng, arrays):
    """Another number anywhere in a tensor."""
    rows = arrays[rng.choice([k for k, v in arrays.items() if v.size])]
    k, most = rng.randrange(rows.size), np.iinfo(rows.dtype).max
    old = int(rows[k])
    rows[k] = rng.choice([0, -1, 1, min(old + 1, most), old - 1, most, -most, 300])


@pytest.mark.parametrize("count", [60, pytest.param(2000, marks=pytest.mark.judge)])
@pytest.mark.timeout(900)
def test_whatever_is_changed_it_is_refused_or_runs(count, sound, tmp_path):
    """Nothing but a GraphError ever comes out, and what is taken runs; most is refused."""
    rng, refused = random.Random(count), 0
    for _ in range(count):
        d, a = copy.deepcopy(sound[1]), {k: v.copy() for k, v in sound[2].items()}
        if rng.random() < 0.5:
            _any_field(rng, d)
        else:
            _any_row(rng, a)
        try:
            graph = read_graph(_write(tmp_path / "graph", d, a))
        except GraphError:
            refused += 1
            continue
        (entry,) = graph.document["inputs"]
        x = np.zeros((1, 3, int(np.prod(entry["shape"]))), dtype=np.float32)
        x[:, 0, ::3] = 1
        run_graph(graph, {entry["name"]: x}, 4)
    assert refused > 0.7 * count
