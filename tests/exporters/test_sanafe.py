"""`export --to sana-fe`: placed networks that SANA-FE runs to the same spikes, packets and energy.

SANA-FE (GPL) lives in an environment of its own, SANAFE_PYTHON; it is never imported here.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
import sanafe_runs as runs
from integer_networks import chain, dense, drawn, neurons
from test_limits import TIGHT, target

from neurochain.errors import FitError, InputError, UnsupportedError
from neurochain.exporters.job import Job
from neurochain.exporters.registry import find_exporter
from neurochain.exporters.run import export
from neurochain.exporters.sanafe.layout import layout_of, safe_names
from neurochain.network import PortKind

needs_sanafe = pytest.mark.skipif(not runs.PYTHON, reason="no SANA-FE (set SANAFE_PYTHON)")


def random_case(seed):
    """A placed network of all kinds of layers, and spikes for it."""
    network = drawn(seed)
    rng = np.random.default_rng([6, seed])
    lively = tuple(
        replace(p, params={**p.params, "vth": np.minimum(p.params["vth"], 25).astype(np.int32)})
        for p in network.populations
    )
    network = replace(network, populations=lively)
    if seed % 4 == 1:
        first = network.populations[0]
        bias = np.where(rng.random(first.n) < 0.5, 0, rng.integers(-3000, 5000, first.n))
        first = replace(first, params={**first.params, "bias": bias.astype(np.int32)})
        network = replace(network, populations=(first, *network.populations[1:]))
    placing = {"place_inputs": seed % 2 == 0, "seed": seed}
    try:
        artifact = runs.place(network, chip=target(**TIGHT) if seed % 3 else "loihi1", **placing)
    except FitError:  # a neuron with more inputs than the small cores take
        artifact = runs.place(network, **placing)
    x = (rng.random((12, *network.sources[0].shape)) < 0.2).astype(np.float32)
    return artifact, x


def shipped(model, *, place_inputs):
    from neurochain.cli.data import open_data
    from neurochain.cli.options import CompileOptions, InputOptions
    from neurochain.cli.sources import open_source

    options = CompileOptions(target="loihi1", place_inputs=place_inputs)
    opened = open_source(model, options)
    x = next(iter(open_data(opened, InputOptions(input="demo", limit=1)).batches()))[0]
    return opened.artifact, x


@needs_sanafe
@pytest.mark.parametrize("seed", range(4))
def test_random_networks_cost_the_same(seed, tmp_path):
    artifact, x = random_case(seed)
    found, *_ = runs.compare(artifact, x, tmp_path / "out")
    assert found == {}


@pytest.mark.judge
def test_a_hundred_networks(tmp_path, record_property):
    """Fails, not skips, without SANA-FE."""
    assert runs.PYTHON, "no SANA-FE (set SANAFE_PYTHON)"
    differing, totals = {}, dict.fromkeys(("packets", "hops", "synaptic_events"), 0)
    for seed in range(100, 200):
        found, said, *_ = runs.compare(*random_case(seed), tmp_path / str(seed))
        if found:
            differing[seed] = found
        for name in totals:
            totals[name] += int(np.sum(said[name]))
    assert differing == {}
    counts = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in totals.items())
    said = f"SANA-FE: 100 networks, {counts}, all of each step equal, energy to 1e-9"
    record_property("judged", said)


@pytest.mark.judge
@pytest.mark.parametrize("place_inputs", [False, True])
@pytest.mark.parametrize("model", ["mnist-mlp", "nmnist-conv"])
def test_shipped_models(model, place_inputs, tmp_path, record_property):
    assert runs.PYTHON, "no SANA-FE (set SANAFE_PYTHON)"
    case = shipped(model, place_inputs=place_inputs)
    found, said, mapped, estimate = runs.compare(*case, tmp_path / "out")
    assert found == {}
    inputs = "inputs on cores" if place_inputs else "inputs from outside"
    said = (
        f"SANA-FE: {model}, {inputs}: {mapped.total('packets'):,} packets, "
        f"{said['energy_j']['total']:.9e} J; model C {estimate.total.nominal:.9e} J"
    )
    record_property("judged", said)


@pytest.mark.judge
@pytest.mark.parametrize("place_inputs", [False, True])
def test_several_chips(place_inputs, tmp_path):
    """Cores of four neurons, so that packets go from chip to chip."""
    assert runs.PYTHON, "no SANA-FE (set SANAFE_PYTHON)"
    chip = target(neurons_per_core=4)
    artifact = runs.place(drawn(3), place_inputs=place_inputs, chip=chip)
    assert artifact.placement.chips > 1
    rng = np.random.default_rng(1)
    x = (rng.random((8, *artifact.network.sources[0].shape)) < 0.2).astype(np.float32)
    found, *_ = runs.compare(artifact, x, tmp_path / "out")
    assert found == {}


@pytest.mark.judge
def test_a_current_that_decays_is_off_by_less_than_is_said(tmp_path, record_property):
    """du = 1023: SANA-FE keeps fractions of the current, at most 4096 / 1024 = 4 units of 1/64."""
    assert runs.PYTHON, "no SANA-FE (set SANAFE_PYTHON)"
    params = {0: {"du": 1023, "dv": 4096, "vth": 131071}}
    network = chain([(20,), (6,)], [dense(20, 6, np.arange(120).reshape(6, 20) % 43 - 21)],
                    params=params)  # fmt: skip
    artifact = runs.place(network, place_inputs=True)
    x = (np.random.default_rng(2).random((30, 20)) < 0.3).astype(np.float32)
    manifest = runs.export_of(artifact, x, tmp_path / "out", measured=True)
    note = next(n for n in manifest.notes if n.name == "n0")
    assert (note.fidelity, "less than 4 units" in note.reason) == ("approximate", True)
    (row,) = manifest.divergence
    assert (row.name, row.differing, row.compared) == ("n0", 0, 180)
    assert 0 < row.state_difference < 4
    said = f"SANA-FE: a current that decays, {row.state_difference:.3f} of the 4 units of 1/64"
    record_property("judged", said)


def test_files_say_the_same_every_time_and_name_every_node(tmp_path):
    artifact, x = random_case(3)
    texts = []
    for name in ("one", "two"):
        manifest = runs.export_of(artifact, x, tmp_path / name)
        texts.append([(tmp_path / name / f).read_text() for f in ("arch.yaml", "network.yaml")])
    assert texts[0] == texts[1]
    compile((tmp_path / "one" / "run.py").read_text(), "run.py", "exec")
    facts = json.loads((tmp_path / "one" / "facts.json").read_text())
    assert facts["steps"] == len(x)
    rated = {note.name for note in manifest.notes}
    assert rated == {n.name for n in (*artifact.network.nodes, *artifact.network.projections)}


def test_every_edge_is_written_once(tmp_path):
    """Nonzero weights, counted in the file; inputs from outside lie on hosts of several tiles."""
    artifact, x = random_case(5)
    assert "in" not in artifact.placement.core_of
    runs.export_of(artifact, x, tmp_path / "out")
    lines = (tmp_path / "out" / "network.yaml").read_text().split("  edges:\n")[1]
    written = lines.split("mappings:\n")[0].splitlines()
    synapses = sum(int(p.operator.fanout(nonzero=True).sum()) for p in artifact.network.projections)
    assert len(written) == len(set(written)) == synapses
    hosts = {line.split(".")[0] for line in written if line.startswith("    - in_tile")}
    assert len(hosts) > 1


def test_cores_lie_where_the_mapper_put_them():
    artifact, _ = random_case(2)
    layout, mesh = layout_of(artifact.placement), artifact.placement.mesh
    assert (layout.width, layout.height, layout.host) == (8, 4, 4)
    assert np.array_equal(layout.tile // layout.height, mesh.x)
    assert np.array_equal(layout.tile % layout.height, mesh.y)
    assert np.array_equal(layout.tile * 4 + layout.offset, np.arange(128))  # of one chip
    assert safe_names(("a.0", "a_0", "é")) == {"a.0": "a_0", "a_0": "a_0_", "é": "_"}


def test_every_refused_node_is_named(tmp_path):
    late = (neurons("n0", (3,)).name, "n1", dense(3, 3), 7)
    network = chain([(3,), (3,), (3,)], [dense(3, 3), dense(3, 3)], more=[late])
    source = replace(network.sources[0], emits=PortKind.GRADED)
    again = network.populations[1]
    program = replace(again.program, name="loihi.ternary")
    network = replace(
        network,
        sources=(source,),
        populations=(network.populations[0], replace(again, program=program)),
    )
    artifact = runs.place(network, place_inputs=False)
    job = Job(network=network, name="no", placement=artifact.placement)
    with pytest.raises(UnsupportedError) as refused:
        export(job, "sana-fe", tmp_path / "out")
    said = {finding.where.split(" ")[0]: finding.what for finding in refused.value.findings}
    assert said.keys() == {"in", "m0", "n1", "p0"}
    assert "by 6 steps" in said["m0"]
    assert "sends values" in said["in"]
    with pytest.raises(InputError, match="no: is not placed"):
        find_exporter("sana-fe").check(Job(network=network, name="no"))
