"""`export --to brian2`: scripts that Brian2 runs to the same spikes, and what is refused.

Brian2 is looked for here and, by the variable BRIAN2_PYTHON, in an environment of its own.
"""

import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from neurochain.errors import UnsupportedError
from neurochain.exporters.job import Job
from neurochain.exporters.registry import find_exporter
from neurochain.exporters.run import export
from neurochain.simulators.reference import run_reference

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "simulators"))

import engine_cases as cases

PYTHON = os.environ.get("BRIAN2_PYTHON") or (sys.executable if find_spec("brian2") else "")
needs_brian2 = pytest.mark.skipif(not PYTHON, reason="no Brian2 (set BRIAN2_PYTHON)")
SHIPPED = ("mnist-mlp", "mnist-mlp-subtract", "nmnist-conv")


def _drawn(seed):
    """A random network and input that the format takes, and its spikes."""
    for again in range(200):
        rng = np.random.default_rng([21, seed, again])
        with np.errstate(all="ignore"):
            network = cases.random_network(rng, cases.DTYPES[seed % 3])
            inputs = cases.inputs_for(rng, network, batch=1, steps=7)
            job = Job(network=network, name="drawn", inputs=inputs)
            notes = find_exporter("brian2").check(job)
            relays = [p for p in network.populations if p.is_relay and p.emits == "event"]
            if relays or any(note.fidelity == "refused" for note in notes):
                continue  # relays of "events" that are none: the generator's, no compiler's
            want = run_reference(network, inputs)
        if any(spikes.any() for spikes in want.emissions.values()):
            return job, want.emissions
    raise LookupError("no such network")


def _shipped(model):
    from neurochain.cli.data import open_data
    from neurochain.cli.options import CompileOptions, InputOptions
    from neurochain.cli.sources import open_source

    opened = open_source(model, CompileOptions())
    network = opened.artifact.network
    x = next(iter(open_data(opened, InputOptions(input="demo", limit=1)).batches()))
    inputs = {network.sources[0].name: x.reshape(*x.shape[:2], -1).astype(np.float32)}
    job = Job(network=network, name=model, inputs=inputs)
    return job, run_reference(network, inputs).emissions


def _differing(job, emissions, folder):
    """Populations whose spikes in Brian2 are others."""
    export(job, "brian2", folder)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [PYTHON, str(folder / "run.py")],
        capture_output=True,
        text=True,
        env=environment,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    found = []
    with np.load(folder / "spikes.npz") as spikes:
        for name, want in emissions.items():
            got = spikes[name]
            got = got[np.lexsort((got[:, 1], got[:, 0]))]
            if not np.array_equal(got, np.argwhere(want[0])):
                found.append(name)
    return found


@needs_brian2
@pytest.mark.slow
@pytest.mark.parametrize("model", SHIPPED)
def test_shipped_models_spike_the_same(model, tmp_path):
    assert _differing(*_shipped(model), tmp_path / "out") == []


@needs_brian2
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_random_networks_spike_the_same(seed, tmp_path):
    assert _differing(*_drawn(seed), tmp_path / "out") == []


@pytest.mark.judge
def test_a_hundred_networks(tmp_path, record_property):
    """Fails, not skips, without Brian2."""
    assert PYTHON, "no Brian2 (set BRIAN2_PYTHON)"
    events = 0
    for name in (*SHIPPED, *range(100, 200)):
        job, emissions = _shipped(name) if name in SHIPPED else _drawn(name)
        assert _differing(job, emissions, tmp_path / str(name)) == [], name
        events += sum(int(np.count_nonzero(x)) for x in emissions.values())
    said = f"Brian2: {len(SHIPPED) + 100} networks, {events:,} events, every one the same"
    record_property("judged", said)


def test_scripts_compile_and_are_the_same_every_time(tmp_path):
    job, _ = _drawn(0)
    for name in ("one", "two"):
        manifest = export(job, "brian2", tmp_path / name)
        assert manifest.exact
    text = (tmp_path / "one" / "run.py").read_text()
    compile(text, "run.py", "exec")
    assert text == (tmp_path / "two" / "run.py").read_text()


def test_every_refused_node_is_named(tmp_path):
    """Delayed values, and neurons that compete."""
    network = cases.one_projection(
        np.random.default_rng(0), cases.dense, "float32", cases.PortKind.ANALOG, (5,), delay=2
    )
    population = network.populations[0]
    competing = replace(
        population, shape=(population.n,), program=replace(population.program, winner="v")
    )
    network = replace(network, populations=(competing,))
    with pytest.raises(UnsupportedError) as refused:
        export(Job(network=network, name="no"), "brian2", tmp_path / "out")
    said = {finding.where.split(" ")[0]: finding.what for finding in refused.value.findings}
    assert "delays values" in said["e"]
    assert "compete" in said["p"]
