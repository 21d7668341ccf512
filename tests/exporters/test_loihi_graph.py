"""`export --to loihi-graph`: its interpreter, which knows only the files, does as our engine."""

import json
import subprocess
import sys
from dataclasses import replace

import graph_networks
import numpy as np
import pytest

from neurochain.errors import InputError, UnsupportedError
from neurochain.exporters.job import Job
from neurochain.exporters.loihi_graph.interpreter import read_graph, run_graph
from neurochain.exporters.run import export
from neurochain.mapping import map_network
from neurochain.models.zoo import find_model
from neurochain.pipeline import compile as compile_source


def _job(network, chip, placement):
    return Job(network=network, name="net", placement=placement, target=chip)


def _same(made, folder):
    network, chip, placement, inputs = made
    manifest = export(_job(network, chip, placement), "loihi-graph", folder)
    assert manifest.exact
    steps = next(iter(inputs.values())).shape[1] + network.latency
    run = run_graph(read_graph(folder), inputs, steps)
    found, events = graph_networks.differences(network, inputs, run, steps)
    assert not found
    return events


@pytest.mark.parametrize("seed", range(10))
def test_random_networks(seed, tmp_path):
    """Dense, sparse, convolutions, delays, loops, graded inputs, resets, refractory neurons."""
    _same(graph_networks.drawn(seed), tmp_path / "graph")


@pytest.mark.parametrize("seed", range(8))
def test_compiled_networks(seed, tmp_path):
    """What `compile --target` makes of float networks, on many small cores."""
    _same(graph_networks.compiled(seed), tmp_path / "graph")


@pytest.mark.parametrize("seed", range(6))
def test_inputs_on_cores(seed, tmp_path):
    """Version 2: elements of inputs are compartments, which send what the input holds."""
    events = 0
    for k, make in enumerate((graph_networks.drawn, graph_networks.compiled)):
        made = make(seed, place_inputs=True)
        events += _same(made, tmp_path / f"graph{k}")
        document = json.loads((tmp_path / f"graph{k}" / "graph.json").read_text())
        arrays = read_graph(tmp_path / f"graph{k}").arrays
        assert document["version"] == 2
        assert [i["placed"] for i in document["inputs"]] == [True] * len(document["inputs"])
        n = sum(int(np.prod(s.shape)) for s in made[0].sources)
        assert np.count_nonzero(arrays["compartment.population"] < 0) == n
        assert arrays["input.axon"].size == 0
        # every packet of the mapper's is an output axon's: the sums of `used` are its own
        used = {k: [c["used"][k] for c in document["cores"]] for k in made[2].used}
        assert used == {k: v.tolist() for k, v in made[2].used.items()}
    assert events


def test_inputs_off_cores_stay_version_1(tmp_path):
    """Readers of version 1 take them as before."""
    _same(graph_networks.drawn(3), tmp_path / "graph")
    document = json.loads((tmp_path / "graph" / "graph.json").read_text())
    assert document["version"] == 1
    assert "placed" not in document["inputs"][0]


def test_two_inputs(tmp_path):
    """Both outside, and both on cores."""
    network, chip, _, inputs = graph_networks.drawn(2)
    first = network.sources[0]
    reader = next(p for p in network.projections if p.source == first.name)
    network = replace(
        network,
        sources=(first, replace(first, name="more")),
        projections=(*network.projections, replace(reader, name="also", source="more")),
    )
    x = {"in": inputs["in"], "more": np.roll(inputs["in"], 3, axis=2)}
    for placed in (False, True):
        placement = map_network(network, chip, place_inputs=placed)
        _same((network, chip, placement, x), tmp_path / str(placed))
        document = read_graph(tmp_path / str(placed)).document
        assert [i.get("placed", False) for i in document["inputs"]] == [placed, placed]


@pytest.mark.judge
def test_a_hundred_networks(tmp_path, record_property):
    """50 drawn in integers and 50 compiled; all of them together spike."""
    events = 0
    for seed in range(100, 150):
        events += _same(graph_networks.drawn(seed), tmp_path / f"d{seed}")
        events += _same(graph_networks.compiled(seed), tmp_path / f"c{seed}")
        events += _same(graph_networks.drawn(seed, place_inputs=True), tmp_path / f"p{seed}")
    assert events > 10_000
    said = (
        f"loihi-graph: 150 networks, 50 of them with inputs on cores, {events:,} spikes, every "
        "spike, u and v equal"
    )
    record_property("judged", said)


def _zoo(name, target):
    art = compile_source(
        find_model(name).checkpoint, target=target, mapping="sequential", verify=False
    )
    with np.load(find_model(name).sample) as held:
        x = held["spikes"]
    x = (x[:2].reshape(2, x.shape[1], -1) != 0).astype(np.float32)
    return art.network, None, art.placement, {art.network.sources[0].name: x}


@pytest.mark.torch
@pytest.mark.parametrize("target", ["loihi1", "loihi2"])
def test_the_shipped_dense_model(target, tmp_path):
    """On shipped samples."""
    assert _same(_zoo("mnist-mlp", target), tmp_path / "graph") > 1000


@pytest.mark.torch
@pytest.mark.judge
@pytest.mark.parametrize("target", ["loihi1", "loihi2"])
def test_the_shipped_convolution(target, tmp_path):
    """98 cores and 41."""
    assert _same(_zoo("nmnist-conv", target), tmp_path / "graph") > 10_000


def test_the_same_bytes_every_time(tmp_path):
    network, chip, placement, _ = graph_networks.drawn(3)
    for name in ("a", "b"):
        export(_job(network, chip, placement), "loihi-graph", tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_the_interpreter_knows_nothing_of_the_compiler(tmp_path):
    """It runs where only its own files are, and loads no other module of neurochain."""
    network, chip, placement, inputs = graph_networks.drawn(1)
    export(_job(network, chip, placement), "loihi-graph", tmp_path / "graph")
    np.save(tmp_path / "x.npy", inputs["in"])
    code = (
        "import sys, numpy as np\n"
        "from neurochain.exporters.loihi_graph.interpreter import read_graph, run_graph\n"
        "run = run_graph(read_graph('graph'), {'in': np.load('x.npy')}, 14)\n"
        "np.savez('spikes.npz', **run.spikes)\n"
        "allowed = ('neurochain.exporters', 'neurochain._version', 'neurochain.errors')\n"
        "print([m for m in sys.modules if m.startswith('neurochain.') and not\n"
        "       m.startswith(allowed)])\n"
        "print([m for m in sys.modules if m.startswith('neurochain.exporters.') and not\n"
        "       m.startswith('neurochain.exporters.loihi_graph')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["[]", "[]"]
    wanted = graph_networks.engine_states(network, inputs, 14)
    with np.load(tmp_path / "spikes.npz") as got:
        assert set(got.files) == set(wanted)
        assert all(np.array_equal(got[name], wanted[name][0]) for name in got.files)


def test_what_is_no_placed_network_is_refused(tmp_path):
    network, _, placement, _ = graph_networks.drawn(0)
    with pytest.raises(InputError, match="not placed"):
        export(Job(network=network, name="net"), "loihi-graph", tmp_path / "g")
    with pytest.raises(InputError, match="other limits"):
        export(Job(network=network, name="net", placement=placement), "loihi-graph", tmp_path / "g")
    assert not (tmp_path / "g").exists()


def test_what_a_core_does_not_hold_is_refused_by_name(tmp_path):
    network, chip, placement, _ = graph_networks.drawn(0)
    first = network.projections[0]
    odd = first.operator.with_weights(np.asarray(first.operator.weight + 1, dtype=np.int16))
    changed = replace(
        network,
        projections=(
            replace(first, operator=odd),
            *(replace(p, weight_exp=-1) for p in network.projections[1:]),
        ),
        populations=tuple(
            replace(p, params={**p.params, "bias": np.asarray(4097, np.int32)})
            for p in network.populations
        ),
    )
    with pytest.raises(UnsupportedError) as caught:
        export(_job(changed, chip, placement), "loihi-graph", tmp_path / "g")
    assert len(caught.value.findings) == len(network.projections) + len(network.populations)
    assert all(f.fix for f in caught.value.findings)


def test_the_schema_is_published_and_goes_with_the_folder(repository, tmp_path):
    network, chip, placement, _ = graph_networks.drawn(2)
    export(_job(network, chip, placement), "loihi-graph", tmp_path / "g")
    published = (repository / "docs" / "loihi-graph-schema.json").read_bytes()
    assert (tmp_path / "g" / "schema.json").read_bytes() == published
    jsonschema = pytest.importorskip("jsonschema")
    document = json.loads((tmp_path / "g" / "graph.json").read_text())
    jsonschema.Draft202012Validator.check_schema(json.loads(published))
    jsonschema.Draft202012Validator(json.loads(published)).validate(document)


def test_inputs_that_do_not_fit_are_refused(tmp_path):
    network, chip, placement, inputs = graph_networks.drawn(5)
    export(_job(network, chip, placement), "loihi-graph", tmp_path / "g")
    graph, x = read_graph(tmp_path / "g"), inputs["in"]
    for given in ({}, {"in": x[:, :, 1:]}, {"in": x + 0.5}, {"other": x}):
        with pytest.raises(ValueError, match="input"):
            run_graph(graph, given, 14)


def test_the_command(invoke_cli, tmp_path):
    """From a placed .nchain; a network without a chip is refused with a way out."""
    art = tmp_path / "chip.nchain"
    done = invoke_cli(
        "compile", "mnist-mlp", "--target", "loihi2", "--mapping", "sequential", "-o", art
    )
    assert done.exit_code == 0, done.output
    done = invoke_cli("export", art, "--to", "loihi-graph", "-o", tmp_path / "graph")
    assert done.exit_code == 0, done.output
    assert "2 cores, 198,794 synapses" in done.output
    read_graph(tmp_path / "graph")
    done = invoke_cli("export", "mnist-mlp", "--to", "loihi-graph", "-o", tmp_path / "other")
    assert done.exit_code == 3
    assert "--target" in done.output
