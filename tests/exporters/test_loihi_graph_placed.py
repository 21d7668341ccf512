"""Damage to loihi-graphs whose inputs lie on cores: refused with the place, or it runs."""

import copy
import json
import random

import graph_networks
import numpy as np
import pytest
from safetensors.numpy import load_file
from test_loihi_graph_damage import _any_field, _any_row, _write, drop, row, set_in

from neurochain.exporters.job import Job
from neurochain.exporters.loihi_graph.interpreter import GraphError, read_graph, run_graph
from neurochain.exporters.run import export


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A graph of many cores, and its input on some of them; its document and arrays."""
    folder = tmp_path_factory.mktemp("sound") / "graph"
    network, chip, placement, _ = graph_networks.drawn(4, place_inputs=True)
    job = Job(network=network, name="net", placement=placement, target=chip)
    export(job, "loihi-graph", folder)
    document = json.loads((folder / "graph.json").read_text())
    return document, load_file(folder / "graph.safetensors")


def of_input(key, to):
    """Change a row of a compartment that is an element of the input."""

    def change(_, a):
        at = int(np.flatnonzero(a["compartment.population"] < 0)[3])
        a[f"compartment.{key}"][at] = to(int(a[f"compartment.{key}"][at]))

    return change


def of_neuron(key, to):
    """Change a row of a compartment that is a neuron."""

    def change(_, a):
        at = int(np.flatnonzero(a["compartment.population"] >= 0)[3])
        a[f"compartment.{key}"][at] = to(int(a[f"compartment.{key}"][at]))

    return change


def an_entry(_, a):
    """What a version 1 has, beside the output axons."""
    for key in ("element", "core", "axon"):
        a[f"input.{key}"] = np.zeros(1, dtype=np.int32)


def an_entry_of_the_input(d, a):
    an_entry(d, a)
    d["inputs"][0]["axons"] = [0, 1]


def axons_of_another_element(_, a):
    """Two elements of one core exchange their numbers."""
    rows = np.flatnonzero(a["compartment.population"] < 0)[:2]
    a["compartment.neuron"][rows] = a["compartment.neuron"][rows[::-1]]


CHANGES = {
    "version 1": (set_in("version", to=1), "inputs[0].placed: is no part of version 1"),
    "no word of places": (drop("inputs", 0, "placed"), "no input lies on cores"),
    "places denied": (set_in("inputs", 0, "placed", to=False), "no input lies on cores"),
    "a place that is a number": (set_in("inputs", 0, "placed", to=1), "inputs[0].placed"),
    "an input that is not there": (of_input("population", lambda p: -2), "population["),
    "an element that is a neuron": (of_input("population", lambda p: 0), "compartment."),
    "a neuron that is an element": (of_neuron("population", lambda p: -1), "compartment."),
    "an element that is not there": (of_input("neuron", lambda k: 10**6), "compartment.neuron["),
    "an element twice": (of_input("neuron", lambda k: 0), "input in: neuron 0 is 2 compartments"),
    "elements exchanged": (axons_of_another_element, "sends to a list"),
    "a decay of an input": (of_input("decay", lambda k: 0), "wanted -1..-1 of an input"),
    "a threshold of an input": (of_input("threshold", lambda k: 0), "wanted -1..-1 of an input"),
    "a bias of an input": (of_input("bias_mantissa", lambda k: 5), "wanted 0..0 of an input"),
    "no decay of a neuron": (of_neuron("decay", lambda k: -1), "compartment.decay["),
    "an input of more elements": (
        set_in("inputs", 0, "shape", to=lambda s: [*s[:-1], s[-1] + 1]),
        "inputs on cores have",
    ),
    "entries too": (an_entry_of_the_input, "sends along output axons"),
    "entries of nobody": (an_entry, "belong to nothing"),
    "an output axon lost": (row("output_axon.compartment", 0, 10**5), "output_axon.compartment"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_refused_with_its_place(name, sound, tmp_path):
    change, where = CHANGES[name]
    d, a = copy.deepcopy(sound[0]), {k: v.copy() for k, v in sound[1].items()}
    change(d, a)
    with pytest.raises(GraphError) as caught:
        read_graph(_write(tmp_path / "graph", d, a))
    assert where in str(caught.value)
    assert all(f.where and f.what for f in caught.value.faults)


def test_a_synapse_onto_an_input_is_refused(sound, tmp_path):
    """Elements of inputs hear nothing."""
    d, a = copy.deepcopy(sound[0]), {k: v.copy() for k, v in sound[1].items()}
    core = next(c for c in d["cores"] if c["input_axons"][0] < c["input_axons"][1])
    heard = int(a["synapse.compartment"][a["input_axon.synapses"][core["input_axons"][0]]])
    at = core["compartments"][0] + heard
    for key, value in (("population", -1), ("decay", -1), ("threshold", -1), ("neuron", 0)):
        a[f"compartment.{key}"][at] = value
    for key in ("mantissa", "exponent"):
        a[f"compartment.bias_{key}"][at] = 0
    with pytest.raises(GraphError, match=rf"compartment {heard} is not of"):
        read_graph(_write(tmp_path / "graph", d, a))


@pytest.mark.parametrize("count", [60, pytest.param(2000, marks=pytest.mark.judge)])
@pytest.mark.timeout(900)
def test_whatever_is_changed_it_is_refused_or_runs(count, sound, tmp_path):
    """Nothing but a GraphError ever comes out, and what is taken runs; most is refused."""
    rng, refused = random.Random(count + 1), 0
    for _ in range(count):
        d, a = copy.deepcopy(sound[0]), {k: v.copy() for k, v in sound[1].items()}
        if rng.random() < 0.5:
            _any_field(rng, d)
        else:
            _any_row(rng, a)
        try:
            graph = read_graph(_write(tmp_path / "graph", d, a))
        except GraphError:
            refused += 1
            continue
        x = {
            i["name"]: np.ones((1, 2, int(np.prod(i["shape"]))), np.float32)
            for i in graph.document["inputs"]
        }
        run_graph(graph, x, 3)
    assert refused > 0.5 * count
