"""A hundred random networks for each program that reads NIR: every spike of every population."""

from importlib.metadata import version

import nir
import numpy as np
import pytest
from nir_networks import random_graph
from real_readers import MODULES, ours, spikes_in, theirs

from neurochain.errors import UnsupportedError
from neurochain.exporters.manifest import Fidelity
from neurochain.exporters.nir import write_nir
from neurochain.frontends.nir import read_nir

STEPS = 40


def _spiking(seed):
    """A graph with what it does here; None where a population is silent."""
    graph = random_graph(np.random.default_rng([31, seed]), seed)
    x = spikes_in(graph, seed)[:, :STEPS]
    here = ours(graph, x)
    return (graph, x, here) if all(spikes.any() for spikes in here.values()) else None


def _written(graph, path, reader):
    """Whether there is a file that is rated the same (a manifest without what is lossy)."""
    try:
        manifest = write_nir(graph, path, reader=reader)
    except UnsupportedError:
        return False  # by name; the table of docs/nir-export.md has the constructs
    assert {n.fidelity for n in manifest.notes} <= {Fidelity.EXACT, Fidelity.ROUNDED}
    return True


def _hundred(reader, path, there):
    """Compare `there(graph, x, names)` with us; returns networks, refused ones and spikes."""
    compared = refused = spikes = 0
    for seed in range(1000):
        case = _spiking(seed)
        if case is None:
            continue
        graph, x, here = case
        if not _written(graph, path, reader):
            refused += 1
            continue
        found = there(graph, x, list(here))
        for name, expected in here.items():
            differ = np.count_nonzero(expected != found[name])
            assert differ == 0, f"seed {seed}, {name}: {differ} of {expected.size} differ"
            spikes += np.count_nonzero(expected)
        compared += 1
        if compared == 100:
            return compared, refused, spikes
    raise AssertionError(f"{compared} networks went out, {refused} were refused")


@pytest.mark.torch
@pytest.mark.judge
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("reader", MODULES)
def test_readers(reader, tmp_path, record_property):
    """What a reader runs wrongly is refused when the file is written, and is not compared."""
    path = tmp_path / "g.nir"

    def there(graph, x, names):
        return theirs(reader, path, graph, x, names)[1]

    compared, refused, spikes = _hundred(reader, path, there)
    said = f"NIR: {compared} random networks, {spikes:,} spikes, every one the same in {reader}"
    record_property("judged", f"{said} ({refused} drawn that it cannot hold were refused)")


@pytest.mark.judge
@pytest.mark.timeout(1500)
def test_nir_itself(tmp_path, record_property):
    """Read and written again by stock nir, without our metadata: what NIR says is all there is."""

    def there(graph, x, names):
        read = nir.read(tmp_path / "g.nir")
        assert set(read.nodes) == set(graph.nodes)
        read.metadata = {}
        nir.write(tmp_path / "again.nir", read)
        return ours(read_nir(tmp_path / "again.nir", dt_s=graph.dt_s).graph, x)

    compared, refused, spikes = _hundred("reference", tmp_path / "g.nir", there)
    said = f"NIR: {compared} random networks, {spikes:,} spikes, every one the same through nir"
    record_property("judged", f"{said} {version('nir')} ({refused} drawn were refused)")
