"""`export --to lava`: a package that stock Lava runs, in a process without neurochain."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from folding_networks import for_lava

from neurochain.errors import UnsupportedError
from neurochain.exporters.job import Job
from neurochain.exporters.manifest import Fidelity
from neurochain.exporters.registry import find_exporter
from neurochain.exporters.run import export
from neurochain.models.zoo import find_model
from neurochain.pipeline import compile as compile_source
from neurochain.session import simulate
from neurochain.simulators.lava.compat import missing

pytestmark = pytest.mark.skipif(bool(missing()), reason="; ".join(map(str, missing())))

# neurochain cannot be imported in the process that runs the package
BLOCK = (
    "import sys, runpy\n"
    "class Block:\n"
    "    def find_spec(self, name, path=None, target=None):\n"
    "        if name.partition('.')[0] == 'neurochain':\n"
    "            raise ImportError(name)\n"
    "sys.meta_path.insert(0, Block())\n"
    "sys.argv[:1] = ['run.py']\n"
    "if __name__ == '__main__':\n"
    "    runpy.run_path('run.py', run_name='__main__')\n"
)


def _run(folder, *arguments):
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONSAFEPATH")}
    return subprocess.run(
        [sys.executable, "-c", BLOCK, *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=250,
    )  # fmt: skip


def _equal(network, inputs, folder):
    manifest = export(Job(network=network, name="net", inputs=inputs), "lava", folder)
    done = _run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok: all spikes as recorded" in done.stdout
    return manifest


def test_integers(tmp_path):
    """Delays, loops, ternary neurons: of all values only the one that was changed here differs."""
    from lava_networks import whole

    network, inputs = whole("spiking", 2)
    folder = tmp_path / "net"
    assert export(Job(network=network, name="net", inputs=inputs), "lava", folder).exact
    with np.load(folder / "expected.npz") as held:
        expected = dict(held)
    name = network.populations[-1].name
    expected[name][4, 0] += 1
    np.savez(folder / "expected.npz", **expected)
    done = _run(folder)
    assert done.returncode == 1, done.stderr
    assert f"{name}[0], step 4" in done.stdout
    assert "FAILED: 1 values differ" in done.stdout


def test_floats_and_an_input_of_ones_own(tmp_path):
    """Samples of a file, every population in the time of the input."""
    from lava_networks import exact_float

    network, inputs = exact_float(1)
    folder = tmp_path / "net"
    manifest = export(Job(network=network, name="net", inputs=inputs), "lava", folder)
    assert {n.fidelity for n in manifest.notes} == {Fidelity.EXACT, Fidelity.APPROXIMATE}
    x = (np.random.default_rng(8).random((2, *inputs["in"].shape[1:])) < 0.5).astype(np.float32)
    np.savez(folder / "mine.npz", **{"in": x})
    done = _run(folder, "mine.npz", "out.npz")
    assert done.returncode == 0, done.stderr
    run = simulate(
        network, {"in": x.reshape(*x.shape[:2], *network.sources[0].shape)}, record="all"
    )
    with np.load(folder / "out.npz") as got:
        assert set(got.files) == set(run.spikes)
        for name, spikes in run.spikes.items():
            assert np.array_equal(got[name].reshape(spikes.shape), spikes), name


@pytest.mark.parametrize("seed", range(3))
def test_relays_of_floats_are_folded(seed, tmp_path):
    """Pools, sums and maps in a row: Lava has neither, and does as the network with them does."""
    network, inputs = for_lava(seed)
    inputs = {name: x[:1].reshape(1, x.shape[1], -1) for name, x in inputs.items()}
    job = Job(network=network, name="net", inputs=inputs)
    manifest = export(job, "lava", tmp_path / "net", measured=True)
    assert [(row.name, row.differing) for row in manifest.divergence] == [("a", 0), ("b", 0)]
    rated = {n.name: (n.fidelity, n.reason) for n in manifest.notes if n.kind == "relay.analog"}
    assert set(rated) == {"pooled", "sum", "low"}
    said = "folded into conv; its values are exact here and there"
    assert rated["pooled"] == (Fidelity.EXACT, said)
    assert rated["sum"][1].startswith("folded into mix; here it is rounded to float32 on the way")
    done = _run(tmp_path / "net")
    assert done.returncode == 0, done.stderr
    assert "ok: all spikes as recorded" in done.stdout
    with np.load(tmp_path / "net" / "expected.npz") as expected:
        assert {name for name in expected if expected[name].any()} == {"a", "b"}


@pytest.mark.judge
@pytest.mark.timeout(1500)
def test_random_networks(tmp_path, record_property):
    """Integer networks of both kinds, and float ones."""
    from lava_networks import exact_float, whole

    networks = spikes = 0
    for seed in range(100, 134):
        for network, inputs in (
            whole("spiking", seed),
            whole("convolutional", seed),
            exact_float(seed),
        ):
            folder = tmp_path / f"n{networks}"
            _equal(network, inputs, folder)
            with np.load(folder / "expected.npz") as expected:
                spikes += sum(np.count_nonzero(values) for values in expected.values())
            networks += 1
    assert networks >= 100
    assert spikes > 10 * networks
    said = f"Lava: {networks} random networks, {spikes:,} spikes, each as recorded"
    record_property("judged", said)


@pytest.mark.torch
@pytest.mark.judge
@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("mnist-mlp", "loihi1"),
        ("mnist-mlp", None),
        ("nmnist-conv", "loihi2"),
        ("nmnist-conv", None),
    ],
)
def test_shipped_models(name, target, tmp_path, record_property):
    """In a chip's integers, and in floats, whose spikes on this sample are the same as well.

    The pools of the float convolution are folded.
    """
    art = compile_source(find_model(name).checkpoint, target=target, verify=False)
    with np.load(find_model(name).sample) as held:
        x = held["spikes"][:1]
    x = (x.reshape(1, x.shape[1], -1) != 0).astype(np.float32)
    _equal(art.network, {art.network.sources[0].name: x}, tmp_path / "net")
    said = f"Lava: {name} {f'for {target}' if target else 'in floats'}, every spike as recorded"
    record_property("judged", said)


def test_what_stock_lava_lacks_is_refused_by_name(tmp_path):
    art = compile_source(find_model("mnist-mlp-subtract").checkpoint.with_suffix(".nchain"))
    job = Job(network=art.network, name="net")
    refused = [n for n in find_exporter("lava").check(job) if n.fidelity is Fidelity.REFUSED]
    assert [n.name for n in refused] == [p.name for p in art.network.populations]
    with pytest.raises(UnsupportedError, match="subtraction"):
        export(job, "lava", tmp_path / "net")
    assert not (tmp_path / "net").exists()


def test_the_sources_are_readable(tmp_path):
    """They compile, hold no path of this machine, and name every layer."""
    from lava_networks import whole

    network, inputs = whole("convolutional", 3)
    export(Job(network=network, name="net", inputs=inputs), "lava", tmp_path / "net")
    for path in (tmp_path / "net").glob("*.py"):
        text = path.read_text()
        compile(text, path.name, "exec")
        assert str(tmp_path) not in text
        assert not [line for line in text.splitlines() if line != line.rstrip()]
    text = (tmp_path / "net" / "network.py").read_text()
    assert all(f"{p.name!r}" in text for p in (*network.populations, *network.projections[:1]))


def test_floats_state_the_bound_as_a_number():
    """Of a shipped model: what sums can differ by, which no sum does and some come near."""
    network = compile_source(find_model("mnist-mlp").checkpoint, verify=False).network
    notes = {n.name: n for n in find_exporter("lava").check(Job(network=network, name="net"))}
    rng = np.random.default_rng(3)
    for p in network.projections:
        assert notes[p.name].fidelity is Fidelity.APPROXIMATE
        n = p.operator.n_in
        said = re.search(
            rf"of {n} summands differ by at most (\S+)( x sum \|w x\|)?$", notes[p.name].reason
        )
        weights = p.operator.weights
        spikes = (rng.random((20, n)) < 0.5) | (np.arange(20)[:, None] == 0)  # once all of them
        here = np.cumsum(weights[None] * spikes[:, None].astype(np.float32), axis=2)[..., -1]
        there = spikes.astype(np.float64) @ weights.astype(np.float64).T
        apart = np.abs(here - there).max()
        assert here.dtype == np.float32
        largest = np.abs(weights).sum(axis=1).max() if said[2] else 1.0
        assert largest * float(said[1]) / 1e4 < apart < largest * float(said[1]) < 0.1
    for population in network.populations:
        why = f"each of the {len(population.program.body)} operations of a step"
        assert f"{why} rounds by at most 6e-08 of its result" in notes[population.name].reason
