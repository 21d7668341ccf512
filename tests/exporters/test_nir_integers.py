"""`export --to nir` of integer artefacts: what is written is what they run, or is rated."""

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

import neurochain
from neurochain.cli import cli
from neurochain.cli.data import open_data
from neurochain.cli.options import CompileOptions, InputOptions
from neurochain.cli.sources import open_source
from neurochain.errors import UnsupportedError
from neurochain.exporters.nir import write_nir
from neurochain.exporters.nir.integers import with_stored_weights
from neurochain.frontends.nir import read_nir
from neurochain.lowering import lower


def _opened(model, **options):
    opened = open_source(model, CompileOptions(**options))
    batch = next(iter(open_data(opened, InputOptions(input="demo", limit=20)).batches()))
    return opened.artifact, batch


def _notes(manifest):
    return {note.name: note.fidelity.value for note in manifest.notes}


@pytest.mark.parametrize("weights", ["int8", "int16"])
@pytest.mark.parametrize("model", ["mnist-mlp", "mnist-mlp-subtract"])
def test_the_file_has_the_artefact_s_weights_and_spikes(model, weights, tmp_path):
    artifact, batch = _opened(model, weights=weights)
    path = tmp_path / "m.nir"
    manifest = write_nir(
        artifact.graph, path, allow_lossy=True, inputs=[batch], network=artifact.network
    )
    back = lower(read_nir(path).graph)
    stored = {p.name: p for p in artifact.network.projections}
    assert [p.name for p in back.projections] == list(stored)
    for p in back.projections:
        q, scale = stored[p.name].operator.weight, stored[p.name].scale
        assert q.dtype == weights
        assert np.array_equal(p.operator.weight, q.astype(np.float32) * scale)
        assert _notes(manifest)[p.name] == "approximate"
    assert not manifest.exact
    here = neurochain.simulate(artifact, batch, record="all")
    there = neurochain.simulate(back, batch, record="all")
    for name, spikes in here.spikes.items():
        assert np.array_equal(spikes, there.spikes[name]), name
        assert spikes.any()
    if model == "mnist-mlp":  # others read a soft reset as one to zero, which the rating says
        assert all(d.differing == 0 for d in manifest.divergence)


def test_a_scale_that_is_a_power_of_two_is_exact(tmp_path):
    """Every product and sum is then the same number in float32, for any input."""
    artifact, _ = _opened("mnist-mlp", weights="int8")
    dyadic = tuple(
        replace(p, scale=np.float32(2.0 ** np.floor(np.log2(p.scale))))
        for p in artifact.network.projections
    )
    network = replace(artifact.network, projections=dyadic)
    manifest = write_nir(artifact.graph, tmp_path / "m.nir", network=network)
    inner = [p.name for p in network.projections if p.source == "lif1"]
    assert [_notes(manifest)[name] for name in inner] == ["exact"]  # inputs may be any number
    back = lower(read_nir(tmp_path / "m.nir").graph)
    x = (np.random.default_rng(3).random((8, 30, 784)) < 0.2).astype(np.float32)
    here = neurochain.simulate(network, x, record="all")
    there = neurochain.simulate(back, x, record="all")
    for name, spikes in here.spikes.items():
        assert np.array_equal(spikes, there.spikes[name])


def test_sparse_and_convolutional_weights_keep_their_places():
    artifact, _ = _opened("nmnist-conv", weights="int8")
    graph, bounds = with_stored_weights(artifact.graph, artifact.network)
    back = {p.name: p for p in lower(graph).projections}
    for p in artifact.network.projections:
        if p.operator.weight is None:
            continue
        want = p.operator.weight.astype(np.float32) * p.scale
        assert np.array_equal(back[p.name].operator.weight, want)
        assert "summands" in bounds[p.name]


def test_what_is_written_says_how_it_was_rated(tmp_path):
    arguments = ["export", "mnist-mlp", "--weights", "int8", "--to", "nir"]
    done = CliRunner().invoke(cli, [*arguments, "-o", str(tmp_path / "m.nir")])
    assert done.exit_code == 0, done.output
    assert "approximate fc1 (Affine) integers times" in done.output
    assert "two orders of 784 summands differ by at most" in done.output


def test_a_chip_s_graph_is_lossy_and_measured(tmp_path):
    artifact, batch = _opened("mnist-mlp", target="loihi2")
    arguments = {"network": artifact.network}
    with pytest.raises(UnsupportedError) as refused:
        write_nir(artifact.graph, tmp_path / "m.nir", **arguments)
    assert {f.where for f in refused.value.findings} >= {"lif1 (LIF)", "fc1 (Affine)"}
    assert not (tmp_path / "m.nir").exists()
    drawn = write_nir(artifact.graph, tmp_path / "m.nir", allow_lossy=True, **arguments)
    assert drawn.lossy
    assert any("random events" in f.what for f in drawn.findings)
    assert sum(d.differing for d in drawn.divergence) > 0
    given = write_nir(
        artifact.graph, tmp_path / "m.nir", allow_lossy=True, inputs=[batch], **arguments
    )
    back = lower(read_nir(tmp_path / "m.nir").graph)
    here = neurochain.simulate(artifact, batch, record="all").spikes
    there = neurochain.simulate(back, batch, record="all").spikes
    for d in given.divergence:
        assert d.differing == np.count_nonzero(here[d.name] != there[d.name])
        assert d.spikes_here == np.count_nonzero(here[d.name])
        assert 0 < d.differing < d.spikes_here  # rounded, not shifted in time
