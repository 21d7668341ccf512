"""`export --to netx`: files that lava-dl's netx loads and Lava runs to the same spikes.

lava-dl is looked for here and, by the variable LAVA_DL_PYTHON, in an environment of its own.
"""

import os
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import h5py
import netx_nets as nets
import numpy as np
import pytest

from neurochain.errors import UnsupportedError
from neurochain.exporters.job import Job
from neurochain.exporters.netx.loader import loader_fault
from neurochain.exporters.run import export
from neurochain.network import OutputPort, Projection
from neurochain.operators import Dense
from neurochain.simulators.event import run_event
from neurochain.simulators.types import Record

HERE = Path(__file__).resolve().parent


def _has_lava_dl():
    try:
        return version("lava-dl") == "0.6.0" and version("lava-nc") == "0.10.0"
    except PackageNotFoundError:
        return False


PYTHON = os.environ.get("LAVA_DL_PYTHON") or (sys.executable if _has_lava_dl() else "")
needs_lava_dl = pytest.mark.skipif(not PYTHON, reason="no lava-dl 0.6.0 (set LAVA_DL_PYTHON)")


def _spikes(network, inputs):
    record = Record(emissions=tuple(p.name for p in network.populations))
    return run_event(network, inputs, record=record).emissions


def _in_lava(*arguments, seconds=250):
    """Run in one process that cannot outlive us: Lava hangs where one of its processes fails."""
    command = ["timeout", "-k", "5", str(seconds), PYTHON, str(HERE / "netx_runs.py")]
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def _differing(folder, network, inputs):
    """Layers whose spikes differ anywhere, and the number of spikes."""
    want = _spikes(network, inputs)
    with np.load(folder / "spikes.npz") as got:
        assert list(got) == list(want)
        wrong = [name for name in want if not np.array_equal(got[name], want[name][0] != 0)]
    return wrong, sum(int(np.count_nonzero(s)) for s in want.values())


def _exported(folder, seeds):
    found = {}
    for seed in seeds:
        network, inputs = nets.drawn(seed)
        manifest = export(Job(network=network, name=f"n{seed}", inputs=inputs), "netx",
                          folder / str(seed))  # fmt: skip
        assert manifest.exact
        found[folder / str(seed)] = network, inputs
    return found


@needs_lava_dl
def test_random_networks_spike_the_same_in_lava(tmp_path):
    found = _exported(tmp_path, range(6))
    _in_lava(*found)
    total = 0
    for folder, (network, inputs) in found.items():
        wrong, spikes = _differing(folder, network, inputs)
        assert not wrong, folder
        total += spikes
    assert total > 200


@pytest.mark.judge
def test_a_hundred_networks_and_the_shipped_models(tmp_path, record_property):
    """Fails, not skips, without lava-dl."""
    from neurochain.cli.data import open_data
    from neurochain.cli.options import CompileOptions, InputOptions
    from neurochain.cli.sources import open_source

    assert PYTHON, "no lava-dl 0.6.0 (set LAVA_DL_PYTHON)"
    found = _exported(tmp_path, range(100, 200))
    for model in ("mnist-mlp", "nmnist-conv"):
        opened = open_source(model, CompileOptions(target="loihi2-netx"))
        network = opened.artifact.network
        data = open_data(opened, InputOptions(input="demo", limit=3))
        x = next(iter(data.batches()))
        for k, sample in enumerate(x):
            inputs = {network.sources[0].name: sample.reshape(1, len(sample), -1)}
            inputs = {name: value.astype(np.float32) for name, value in inputs.items()}
            folder = tmp_path / f"{model}-{k}"
            export(Job(network=network, name=model, inputs=inputs), "netx", folder)
            found[folder] = network, inputs
    _in_lava(*found, seconds=3000)
    kinds, layers = set(), 0
    for folder, (network, inputs) in found.items():
        wrong, spikes = _differing(folder, network, inputs)
        assert not wrong, folder
        assert spikes or folder.name.isdigit()
        with h5py.File(folder / "network.net") as file:
            kinds |= {g["type"][0].decode() for g in file["layer"].values()}
            kinds |= {name for g in file["layer"].values() for name in g}
        layers += len(network.populations)
    assert {"dense", "dense_rec", "conv", "flatten", "input", "delay", "bias"} <= kinds
    said = f"netx: {len(found)} networks, {layers} layers, every spike the same in Lava"
    record_property("judged", said)


def _matrices(rng, count=400):
    """Small matrices of any integers, and those with recurrence beside them."""
    found, beside = [], []
    for k in range(count):
        peak = int(rng.choice([1, 2, 8, 63, 64, 100, 127, 128, 200, 254, 256, 300]))
        low = {0: -peak, 1: 0, 2: -peak}[k % 3]
        high = {0: peak, 1: peak, 2: 0}[k % 3]
        step = 1 << int(rng.integers(0, 4))
        drawn = rng.integers(low, high + 1, (2, 3, 3)) // step * step
        drawn[0, 0, 0] = high if k % 2 else low
        if k % 7 == 0:
            drawn[1] = -np.abs(drawn[1])
        found.append(drawn[0])
        beside.append(drawn[1] if k % 5 == 0 else np.full((3, 3), 10**6))
    return np.asarray(found, dtype=np.int64), np.asarray(beside, dtype=np.int64)


@needs_lava_dl
def test_what_the_loader_makes_of_weights(tmp_path):
    """`loader_fault` finds every matrix that lava-dl and Lava change, and takes all others."""
    network, inputs = nets.drawn(0)
    export(Job(network=network, name="n", inputs=inputs), "netx", tmp_path / "n")
    rng = np.random.default_rng(5)
    for recurrent in (False, True):
        weights, beside = _matrices(rng)
        beside = beside if recurrent else np.zeros((len(weights), 3, 0), dtype=np.int64)
        beside = np.where(beside == 10**6, 0, beside)
        path = tmp_path / f"m{recurrent}.npz"
        np.savez(path, weights=weights, recurrent=beside)
        _in_lava(path, tmp_path / "n")
        taken = 0
        with np.load(path.with_suffix(".loaded.npz")) as loaded:
            for w, r, kept, bits in zip(
                weights, beside, loaded["kept"], loaded["bits"], strict=True
            ):
                together = np.concatenate([w, r], axis=1)
                right = np.array_equal(kept, together) and 1 <= bits <= 8
                right &= bool(np.abs(together).max() <= 254)
                assert (loader_fault(w, r if recurrent else None) == "") == right, together
                taken += right
        assert taken > 50


# --- without lava-dl ------------------------------------------------------------------------------


def test_the_same_network_gives_the_same_bytes(tmp_path):
    found = [_exported(tmp_path / name, [3]) for name in ("one", "two") if not (tmp_path / name)
             .mkdir()]  # fmt: skip
    one, two = (next(iter(f)) for f in found)
    names = sorted(p.name for p in one.iterdir())
    assert names == ["input.npz", "lava_compat.py", "manifest.json", "network.net", "run.py"]
    for name in names:
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_the_script_finds_what_lies_beside_it(tmp_path):
    """Also where Python leaves the script's folder out of its path (-P, PYTHONSAFEPATH)."""
    export(Job(network=_chain(), name="chain"), "netx", tmp_path / "out")
    probe = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='loaded')"
    command = [sys.executable, "-P", "-c", probe, str(tmp_path / "out" / "run.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _with(network, *projections, **changes):
    return replace(network, projections=(*network.projections, *projections), **changes)


def _chain(rng=None):
    """Three dense layers without faults."""
    rng = rng or np.random.default_rng(1)
    for _ in range(1000):
        network = nets.network_of(rng)
        notes = nets.EXPORTER.check(Job(network=network, name="n"))
        flat = len(network.populations) == 3 and len(network.sources[0].shape) == 1
        if flat and all(n.fidelity == "exact" for n in notes):
            return network
    raise LookupError


def _refused(network):
    notes = nets.EXPORTER.check(Job(network=network, name="n"))
    return {n.name: n.reason for n in notes if n.fidelity == "refused"}


def test_everything_that_is_no_chain_is_named_at_once(tmp_path):
    network = _chain()
    first, second, last = network.populations
    sizes = {"in_shape": first.shape, "out_shape": last.shape}
    skip = Dense(**sizes, weights=np.full((last.n, first.n), 2, dtype=np.int16))
    own = dict(second.params) | {"dv": np.full(second.n, 7, np.int32)}
    odd = dict(last.params) | {"bias": np.asarray(65, np.int32)}
    changed = _with(
        network,
        Projection(name="skip", source=first.name, target=last.name, operator=skip, delay=1),
        populations=(first, replace(second, params=own), replace(last, params=odd)),
        outputs=(*network.outputs, OutputPort(name="early", node=first.name)),
    )
    with pytest.raises(UnsupportedError) as refused:
        export(Job(network=changed, name="n"), "netx", tmp_path / "out")
    said = {f.where.split(" ")[0]: f.what for f in refused.value.findings}
    assert set(said) == {"skip", first.name, second.name, last.name}
    assert "fed by" in said["skip"]
    assert "output" in said[first.name]
    assert "one a layer" in said[second.name]
    assert "multiples of 64" in said[last.name]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"weight_exp": 2}, "without exponents"),
        ({"weight_exp": -3}, "exponent"),
        ({"delay": 0}, "takes 0 steps"),
        ({"delay": 64}, "takes 64 steps"),
    ],
)
def test_what_a_projection_cannot_have(change, why):
    network = _chain()
    index = next(k for k, p in enumerate(network.projections) if p.source == "in")
    old = network.projections[index]
    weights = np.full(old.operator.weight.shape, 2, dtype=np.int16)
    weights.reshape(-1)[0] = 254
    made = replace(old, operator=old.operator.with_weights(weights), **change)
    projections = list(network.projections)
    projections[index] = made
    assert why in _refused(replace(network, projections=tuple(projections)))[old.name]


def test_zeros_and_floats_are_refused(tmp_path):
    network = _chain()
    zero = [
        replace(p, operator=p.operator.with_weights(np.zeros_like(p.operator.weight)))
        for p in network.projections
    ]
    said = _refused(replace(network, projections=tuple(zero)))
    assert all("nothing but zeros" in said[p.name] for p in zero)
    from neurochain.cli.options import CompileOptions
    from neurochain.cli.sources import open_source

    trained = open_source("mnist-mlp", CompileOptions()).artifact.network
    said = _refused(trained)
    assert set(said) == {p.name for p in trained.populations}
    assert all("floats" in why for why in said.values())


def test_without_an_input_nothing_is_written():
    network = _chain()
    own = tuple(p for p in network.projections if p.source != "in")
    said = _refused(replace(network, sources=(), projections=own))
    assert "without an input" in said["l0"]


def test_clearing_at_other_steps_is_refused():
    network = _chain(np.random.default_rng(2))
    cleared = nets.loihi_lif_reset_program()
    made = tuple(
        replace(p, program=cleared, params={
            **p.params, "interval": np.asarray(1 << 30, np.int32),
            "offset": np.asarray(2 + 3 * k, np.int32),
        })
        for k, p in enumerate(network.populations)
    )  # fmt: skip
    said = _refused(replace(network, populations=made))
    assert list(said) == ["l1", "l2"]
    assert all("cleared" in why for why in said.values())


def test_the_target_of_net_files_has_biases_of_their_unit():
    from neurochain.cli.options import CompileOptions
    from neurochain.cli.sources import open_source

    network = open_source("mnist-mlp", CompileOptions(target="loihi2-netx")).artifact.network
    assert not _refused(network)
    plain = open_source("mnist-mlp", CompileOptions(target="loihi2")).artifact.network
    assert set(_refused(plain)) == {p.name for p in plain.populations}
