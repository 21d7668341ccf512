"""`export --to c`: projects that are built and whose own test passes, here and on bare metal."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_projects import drawn, drawn_integers, make, shipped, with_objects

from neurochain.exporters.c.stream import outputs_of
from neurochain.exporters.job import Job
from neurochain.exporters.registry import find_exporter
from neurochain.exporters.run import export
from neurochain.network import Network, Population, PortKind, Projection, Source
from neurochain.operators import Dense, Operator
from neurochain.programs import lif_program
from neurochain.simulators.reference import run_reference

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "simulators"))

import engine_cases as cases
from pooled_networks import POOLS, pooled_network

pytestmark = pytest.mark.skipif(
    shutil.which("cc") is None or shutil.which("make") is None, reason="no C compiler, or no make"
)


def _kernel_library(folder, *flags):
    """The parts that are the same for all, built once."""
    done = make(folder, *flags, "all")
    assert done.returncode == 0, done.stderr
    return folder / "build" / "libnetwork.a"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Objects of the kernel and the driver, without optimisation: builds are then short."""
    folder = tmp_path_factory.mktemp("built") / "project"
    network, inputs = drawn(0)
    export(Job(network=network, name="built", inputs=inputs), "c", folder)
    _kernel_library(folder, "OPT=-O0")
    return folder


def _own_test(built, name, network, inputs, folder):
    """What a project prints whose own test passes."""
    manifest = export(Job(network=network, name=name, inputs=inputs), "c", folder)
    assert manifest.exact
    with_objects(built, folder)
    done = make(folder, "OPT=-O0", "test")
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.parametrize("seed", range(12))
def test_random_networks_pass_their_own_test(built, seed, tmp_path):
    """Skips, recurrence, delays of sources and populations, late biases; all states and counts."""
    network, inputs = drawn(seed)
    printed = _own_test(built, f"drawn {seed}", network, inputs, tmp_path / "project")
    assert "ok: 7 steps" in printed


@pytest.mark.parametrize("seed", range(8))
def test_integer_networks_pass_their_own_test(built, seed, tmp_path):
    """A chip's integers: spikes, values, membranes, states, clocks, counts, overflow."""
    network, inputs = drawn_integers(seed)
    printed = _own_test(built, f"chip {seed}", network, inputs, tmp_path / "project")
    assert "ok: 12 steps" in printed


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("delay", [0, 2])
def test_pools_that_nobody_records(built, name, delay, tmp_path):
    """A project's populations share their scratch: a pool finds there what the neurons left."""
    rng = np.random.default_rng(len(name) + delay)
    network = pooled_network(rng, name, delay=delay)
    x = {"in": (rng.random((1, 9, 144)) < 0.25).astype(np.float32)}
    assert run_reference(network, x).emissions["b"].any()
    printed = _own_test(built, f"pool {name}", network, x, tmp_path / "project")
    assert "ok: 9 steps" in printed


def test_wrong_integers_fail(built, tmp_path):
    """In a state, and in a count of overflow."""
    network, inputs = drawn_integers(0)
    export(Job(network=network, name="chip", inputs=inputs), "c", tmp_path / "project")
    with_objects(built, tmp_path / "project")
    header = tmp_path / "project" / "test" / "recorded.h"
    text = header.read_text()
    digest = text.partition("recorded_digest = UINT64_C(")[2].partition(")")[0]
    head, name, rows = text.partition("static const int64_t recorded_overflow")
    first = rows.partition("] = {\n    { ")[2].partition(" ")[0].rstrip(",")
    wrong = {
        "a state differs": text.replace(digest, str(int(digest) ^ 1)),
        "counts of overflow differ": head
        + name
        + rows.replace("] = {\n    { " + first, "] = {\n    { " + str(int(first) + 1), 1),
    }
    for what, changed in wrong.items():
        assert changed != text
        header.write_text(changed)
        done = make(tmp_path / "project", "OPT=-O0", "test")
        assert done.returncode != 0
        assert what in done.stdout


def test_a_wrong_expectation_fails(built, tmp_path):
    """The project's test can fail: in an output, a state or a count."""
    network, inputs = drawn(1)
    export(Job(network=network, name="drawn", inputs=inputs), "c", tmp_path / "project")
    with_objects(built, tmp_path / "project")
    header = tmp_path / "project" / "test" / "recorded.h"
    text = header.read_text()
    digest = text.partition("recorded_digest = UINT64_C(")[2].partition(")")[0]
    first = text.partition("recorded_population_counts[][3] = {\n    { ")[2].partition(",")[0]
    wrong = {
        "a state differs": text.replace(digest, str(int(digest) ^ 1)),
        "counts of neurons differ": text.replace(
            "recorded_population_counts[][3] = {\n    { " + first,
            "recorded_population_counts[][3] = {\n    { " + str(int(first) + 1),
        ),
    }
    for what, changed in wrong.items():
        assert changed != text
        header.write_text(changed)
        done = make(tmp_path / "project", "OPT=-O0", "test")
        assert done.returncode != 0
        assert what in done.stdout


def test_the_same_network_gives_the_same_files(tmp_path):
    network, inputs = drawn(2)
    for name in ("one", "two"):
        export(Job(network=network, name="drawn", inputs=inputs), "c", tmp_path / name)
    files = [p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file()]
    assert len(files) > 30
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_without_input_it_records_random_events(tmp_path):
    network, _ = drawn(3)
    manifest = export(Job(network=network, name="drawn"), "c", tmp_path / "project")
    assert any("random events" in finding.what for finding in manifest.findings)
    assert "RECORDED_STEPS = 20" in (tmp_path / "project" / "test" / "recorded.h").read_text()


def test_weights_are_constants(tmp_path):
    network, inputs = drawn(1, "int8")
    export(Job(network=network, name="drawn", inputs=inputs), "c", tmp_path / "project")
    text = (tmp_path / "project" / "network.c").read_text()
    assert "static const _Alignas(16) int8_t" in text
    assert "static _Alignas(16) int8_t" not in text
    kernel = {p.name for p in (tmp_path / "project" / "kernel").iterdir()}
    assert not {"nc_crew.c", "nc_driver.c"} & set(kernel)  # threads


class _Strange(Dense):
    """An operator that no exporter knows."""

    kind = "strange"


@pytest.mark.parametrize("form", ["c", "onnx"])
def test_unknown_operators_are_refused_by_name(form):
    if form == "onnx":
        pytest.importorskip("onnx", reason="onnx is not installed (extra ort)")
    program = lif_program(cases.RESETS[1])
    weights = np.ones((3, 3), dtype=np.float32)
    strange: Operator = _Strange(in_shape=(3,), out_shape=(3,), weights=weights)
    rng = np.random.default_rng(0)
    network = Network(
        sources=(Source(name="s", shape=(3,)),),
        populations=(
            Population(name="p", shape=(3,), program=program, params=_params(rng, program)),
            Population(name="q", shape=(3,), program=program, params=_params(rng, program)),
        ),
        projections=(
            Projection(name="one", source="s", target="p", operator=strange),
            Projection(name="two", source="p", target="q", operator=strange),
        ),
        outputs=(),
        dt_s=1e-3,
    )
    notes = find_exporter(form).check(Job(network=network, name="strange"))
    refused = [note.name for note in notes if note.fidelity == "refused"]
    assert {"one", "two"} <= set(refused)


def _params(rng, program):
    return cases.params_for(rng, program, 3, per_neuron=False)


def test_outputs_are_those_of_the_network():
    network, _ = drawn(1)
    assert len(outputs_of(network)) == len(network.outputs)
    assert outputs_of(replace(network, outputs=())) == ((network.populations[-1].name, "spike"),)
    assert PortKind.EVENT  # kinds decide between spikes and values


# --- shipped models, other processors -------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "weights"), [("mnist-mlp", "loihi2"), ("mnist-mlp", "int8"), ("nmnist-conv", "int8")]
)
def test_shipped_models_here(built, model, weights, tmp_path):
    shipped(model, tmp_path / "project", weights)
    with_objects(built, tmp_path / "project")
    done = make(tmp_path / "project", "OPT=-O0", "test")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "every output, state and count as recorded" in done.stdout


@pytest.mark.slow
def test_a_shipped_model_built_by_clang(tmp_path):
    if shutil.which("clang") is None:
        pytest.skip("clang is not installed")
    shipped("mnist-mlp", tmp_path / "project")
    done = make(tmp_path / "project", "CC=clang", "OPT=-O1", "test")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "every output, state and count as recorded" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mnist-mlp", "nmnist-conv"])
def test_shipped_models_fit_a_microcontroller(model, tmp_path):
    """int8: linked into 1 MiB of flash and 128 KiB of RAM, run on QEMU's Cortex-M4, bit-equal."""
    for tool in ("arm-none-eabi-gcc", "qemu-system-arm"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    shipped(model, tmp_path / "project")
    done = make(tmp_path / "project", "FLASH=1M", "RAM=128K", "cortex-m4", "size")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "every output, state and count as recorded" in done.stdout
    flash, ram = (
        int(w) for w in done.stdout.splitlines()[-1].replace(",", "").split() if w.isdigit()
    )
    assert flash < 2**20
    assert ram < 128 * 1024


@pytest.mark.judge
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_a_hundred_random_networks(compiler, tmp_path, record_property):
    """Fifty in floats and int8, fifty in a chip's integers, optimised; every warning an error.

    With them the shipped models, in int8.
    """
    spikes, first = 0, None
    for seed in range(100, 150):
        for kind, draw in (("drawn", drawn), ("chip", drawn_integers)):
            network, inputs = draw(seed)
            folder = tmp_path / f"{kind}-{seed}"
            export(Job(network=network, name=folder.name, inputs=inputs), "c", folder)
            if first is not None:
                with_objects(first, folder)
            first = folder if first is None else first
            done = make(folder, f"CC={compiler}", "test")
            assert done.returncode == 0, f"{folder.name}: {done.stderr}{done.stdout}"
            assert "every output, state and count as recorded" in done.stdout
            spikes += int(done.stdout.partition(" steps, ")[2].partition(" ")[0])
    count = len(list(tmp_path.iterdir()))
    assert count == 100
    for model in ("mnist-mlp", "nmnist-conv"):
        shipped(model, tmp_path / model)
        with_objects(first, tmp_path / model)
        done = make(tmp_path / model, f"CC={compiler}", "test")
        assert done.returncode == 0, f"{model}: {done.stderr}{done.stdout}"
        assert "every output, state and count as recorded" in done.stdout
        spikes += int(done.stdout.partition(" steps, ")[2].partition(" ")[0])
    assert spikes > count
    what = f"C: {compiler}, {count} random networks and both models"
    record_property("judged", f"{what}, {spikes:,} spikes, all bits as recorded")


@pytest.mark.judge
@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m7", "rv32imafc", "rv64gc"])
def test_other_processors(target, tmp_path, record_property):
    """Fails, not skips, without compilers and emulators: shipped models and 40 random networks."""
    for model in ("mnist-mlp", "mnist-mlp-subtract", "nmnist-conv"):
        shipped(model, tmp_path / model)
    shipped("mnist-mlp", tmp_path / "mnist-mlp-loihi2", "loihi2")
    for seed in range(20):
        for kind, draw in (("drawn", drawn), ("chip", drawn_integers)):
            network, inputs = draw(seed)
            job = Job(network=network, name=f"{kind} {seed}", inputs=inputs)
            export(job, "c", tmp_path / f"{kind}-{seed}")
    first, *_ = folders = sorted(tmp_path.iterdir())
    for folder in folders:
        if folder != first:
            with_objects(first, folder, target)
        done = make(folder, target)
        assert done.returncode == 0, done.stderr + done.stdout
        assert "every output, state and count as recorded" in done.stdout
    record_property("judged", f"C: {target}, {len(folders)} projects, all bits as recorded")


def test_verify_runs_a_project(built, tmp_path):
    """What is fed through the pipe gives the outputs of the event engine, sample by sample."""
    from neurochain.agreement import compare_runs, open_runnable
    from neurochain.artifact import Artifact, save_artifact

    network, inputs = drawn(1)
    folder = tmp_path / "project"
    export(Job(network=network, name="drawn", inputs=inputs), "c", folder)
    with_objects(built, folder)
    save_artifact(Artifact(network=network), tmp_path / "net.nchain")
    two = {name: np.concatenate([x, x[:, ::-1]]) for name, x in inputs.items()}
    ours, project = (open_runnable(str(tmp_path / n)) for n in ("net.nchain", "project"))
    found = compare_runs(ours, project, two)
    assert found.equal, found
    assert {row.name for row in found.populations} == {
        p.name for p in network.populations if p.fires
    }
    assert not (folder / "build" / "pipe").exists()
