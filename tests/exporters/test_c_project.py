"""`export --to c`: projects that are built and whose own test passes, here and on bare metal."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurochain.errors import UnsupportedError
from neurochain.exporters.c.stream import outputs_of
from neurochain.exporters.job import Job
from neurochain.exporters.registry import find_exporter
from neurochain.exporters.run import export
from neurochain.network import Network, OutputPort, Population, PortKind, Projection, Source
from neurochain.operators import Dense, Operator
from neurochain.programs import lif_program

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "simulators"))

import engine_cases as cases
import whole_networks as whole

pytestmark = pytest.mark.skipif(
    shutil.which("cc") is None or shutil.which("make") is None, reason="no C compiler, or no make"
)


def _means_what_it_says(network, population):
    """The generator also draws relays of "events" that are none; compilers do not."""
    if not population.is_relay or population.emits is PortKind.ANALOG:
        return True
    incoming = network.incoming(population.name)
    return len(incoming) == 1 and all(
        p.bias is None and p.operator.weight is None and not getattr(p.operator, "average", False)
        for p in incoming
    )


def _drawn(seed, dtype=None):
    """A random network without NaN, all of whose populations are outputs, with input."""
    for again in range(50):
        rng = np.random.default_rng([11, seed, again])
        with np.errstate(all="ignore"):
            network = cases.random_network(rng, dtype or cases.DTYPES[seed % 3])
            ports = [OutputPort(name=p.name, node=p.name) for p in network.populations]
            ports += [
                OutputPort(name=f"{p.name}.v", node=p.name, signal="membrane")
                for p in network.populations[:1]
                if p.program.membrane
            ]
            network = replace(network, outputs=tuple(ports))
            inputs = cases.inputs_for(rng, network, batch=1, steps=7)
            result = cases.run_reference(network, inputs, record=cases.everything(network))
        values = (*result.emissions.values(), *result.membranes.values())
        if all(_means_what_it_says(network, p) for p in network.populations) and not any(
            v.dtype.kind == "f" and np.isnan(v).any() for v in values
        ):
            return network, inputs
    raise LookupError("NaN everywhere")


def _drawn_integers(seed):
    """The same of a chip's integers: every program, all membranes are outputs too."""
    for again in range(50):
        rng = np.random.default_rng([12, seed, again])
        network = whole.random_network(rng)
        shown = [(p.name, "spike") for p in network.populations]
        shown += [(p.name, "membrane") for p in network.populations if p.program.membrane]
        ports = tuple(OutputPort(name=f"{n}.{s}", node=n, signal=s) for n, s in shown)
        network = replace(network, outputs=ports)
        inputs = whole.inputs_for(rng, network, batch=1, steps=12)
        try:
            result = cases.run_reference(network, inputs)
        except UnsupportedError:  # values beyond what an event holds
            continue
        if any(spikes.any() for spikes in result.emissions.values()):
            return network, inputs
    raise LookupError("silent, or too large, everywhere")


def _make(folder, *arguments):
    command = ["make", "--no-print-directory", "-j2", *arguments]  # else `make test` adds lines
    return subprocess.run(command, cwd=folder, text=True, capture_output=True, timeout=250)


def _kernel_library(folder, *flags):
    """The parts that are the same for all, built once."""
    done = _make(folder, *flags, "all")
    assert done.returncode == 0, done.stderr
    return folder / "build" / "libnetwork.a"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Objects of the kernel and the driver, without optimisation: builds are then short."""
    folder = tmp_path_factory.mktemp("built") / "project"
    network, inputs = _drawn(0)
    export(Job(network=network, name="built", inputs=inputs), "c", folder)
    _kernel_library(folder, "OPT=-O0")
    return folder


def _with_objects(built, folder, target="host"):
    """Let a project have the objects that it would build to the same bytes."""
    for path in (built / "build" / target).rglob("nc_*.o"):
        place = folder / path.relative_to(built)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def _own_test(built, name, network, inputs, folder):
    """What a project prints whose own test passes."""
    manifest = export(Job(network=network, name=name, inputs=inputs), "c", folder)
    assert manifest.exact
    _with_objects(built, folder)
    done = _make(folder, "OPT=-O0", "test")
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.parametrize("seed", range(12))
def test_random_networks_pass_their_own_test(built, seed, tmp_path):
    """Skips, recurrence, delays of sources and populations, late biases; all states and counts."""
    network, inputs = _drawn(seed)
    printed = _own_test(built, f"drawn {seed}", network, inputs, tmp_path / "project")
    assert "ok: 7 steps" in printed


@pytest.mark.parametrize("seed", range(8))
def test_integer_networks_pass_their_own_test(built, seed, tmp_path):
    """A chip's integers: spikes, values, membranes, states, clocks, counts, overflow."""
    network, inputs = _drawn_integers(seed)
    printed = _own_test(built, f"chip {seed}", network, inputs, tmp_path / "project")
    assert "ok: 12 steps" in printed


def test_wrong_integers_fail(built, tmp_path):
    """In a state, and in a count of overflow."""
    network, inputs = _drawn_integers(0)
    export(Job(network=network, name="chip", inputs=inputs), "c", tmp_path / "project")
    _with_objects(built, tmp_path / "project")
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
        done = _make(tmp_path / "project", "OPT=-O0", "test")
        assert done.returncode != 0
        assert what in done.stdout


def test_a_wrong_expectation_fails(built, tmp_path):
    """The project's test can fail: in an output, a state or a count."""
    network, inputs = _drawn(1)
    export(Job(network=network, name="drawn", inputs=inputs), "c", tmp_path / "project")
    _with_objects(built, tmp_path / "project")
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
        done = _make(tmp_path / "project", "OPT=-O0", "test")
        assert done.returncode != 0
        assert what in done.stdout


def test_the_same_network_gives_the_same_files(tmp_path):
    network, inputs = _drawn(2)
    for name in ("one", "two"):
        export(Job(network=network, name="drawn", inputs=inputs), "c", tmp_path / name)
    files = [p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file()]
    assert len(files) > 30
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_without_input_it_records_random_events(tmp_path):
    network, _ = _drawn(3)
    manifest = export(Job(network=network, name="drawn"), "c", tmp_path / "project")
    assert any("random events" in finding.what for finding in manifest.findings)
    assert "RECORDED_STEPS = 20" in (tmp_path / "project" / "test" / "recorded.h").read_text()


def test_weights_are_constants(tmp_path):
    network, inputs = _drawn(1, "int8")
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
    network, _ = _drawn(1)
    assert len(outputs_of(network)) == len(network.outputs)
    assert outputs_of(replace(network, outputs=())) == ((network.populations[-1].name, "spike"),)
    assert PortKind.EVENT  # kinds decide between spikes and values


# --- shipped models, other processors -------------------------------------------------------------


def _shipped(model, folder, weights="int8"):
    from neurochain.cli.data import open_data
    from neurochain.cli.options import CompileOptions, InputOptions
    from neurochain.cli.sources import open_source
    from neurochain.quantize import quantize_weights

    opened = open_source(model, CompileOptions(target="loihi2" if weights == "loihi2" else None))
    network = opened.artifact.network
    if weights == "int8":
        network, _ = quantize_weights(network, weights)
    x = next(iter(open_data(opened, InputOptions(input="demo", limit=1)).batches()))
    inputs = {network.sources[0].name: x.reshape(*x.shape[:2], -1).astype(np.float32)}
    export(Job(network=network, name=model, inputs=inputs), "c", folder)


@pytest.mark.parametrize(
    ("model", "weights"), [("mnist-mlp", "loihi2"), ("mnist-mlp", "int8"), ("nmnist-conv", "int8")]
)
def test_shipped_models_here(built, model, weights, tmp_path):
    _shipped(model, tmp_path / "project", weights)
    _with_objects(built, tmp_path / "project")
    done = _make(tmp_path / "project", "OPT=-O0", "test")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "every output, state and count as recorded" in done.stdout


@pytest.mark.slow
def test_a_shipped_model_built_by_clang(tmp_path):
    if shutil.which("clang") is None:
        pytest.skip("clang is not installed")
    _shipped("mnist-mlp", tmp_path / "project")
    done = _make(tmp_path / "project", "CC=clang", "OPT=-O1", "test")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "every output, state and count as recorded" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mnist-mlp", "nmnist-conv"])
def test_shipped_models_fit_a_microcontroller(model, tmp_path):
    """int8: linked into 1 MiB of flash and 128 KiB of RAM, run on QEMU's Cortex-M4, bit-equal."""
    for tool in ("arm-none-eabi-gcc", "qemu-system-arm"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    _shipped(model, tmp_path / "project")
    done = _make(tmp_path / "project", "FLASH=1M", "RAM=128K", "cortex-m4", "size")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "every output, state and count as recorded" in done.stdout
    flash, ram = (
        int(w) for w in done.stdout.splitlines()[-1].replace(",", "").split() if w.isdigit()
    )
    assert flash < 2**20
    assert ram < 128 * 1024


@pytest.mark.judge
@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m7", "rv32imafc", "rv64gc"])
def test_other_processors(target, tmp_path, record_property):
    """Fails, not skips, without compilers and emulators: shipped models and 40 random networks."""
    for model in ("mnist-mlp", "mnist-mlp-subtract", "nmnist-conv"):
        _shipped(model, tmp_path / model)
    _shipped("mnist-mlp", tmp_path / "mnist-mlp-loihi2", "loihi2")
    for seed in range(20):
        for kind, drawn in (("drawn", _drawn), ("chip", _drawn_integers)):
            network, inputs = drawn(seed)
            job = Job(network=network, name=f"{kind} {seed}", inputs=inputs)
            export(job, "c", tmp_path / f"{kind}-{seed}")
    first, *_ = folders = sorted(tmp_path.iterdir())
    for folder in folders:
        if folder != first:
            _with_objects(first, folder, target)
        done = _make(folder, target)
        assert done.returncode == 0, done.stderr + done.stdout
        assert "every output, state and count as recorded" in done.stdout
    record_property("judged", f"C: {target}, {len(folders)} projects, all bits as recorded")


def test_verify_runs_a_project(built, tmp_path):
    """What is fed through the pipe gives the outputs of the event engine, sample by sample."""
    from neurochain.agreement import compare_runs, open_runnable
    from neurochain.artifact import Artifact, save_artifact

    network, inputs = _drawn(1)
    folder = tmp_path / "project"
    export(Job(network=network, name="drawn", inputs=inputs), "c", folder)
    _with_objects(built, folder)
    save_artifact(Artifact(network=network), tmp_path / "net.nchain")
    two = {name: np.concatenate([x, x[:, ::-1]]) for name, x in inputs.items()}
    ours, project = (open_runnable(str(tmp_path / n)) for n in ("net.nchain", "project"))
    found = compare_runs(ours, project, two)
    assert found.equal, found
    assert {row.name for row in found.populations} == {
        p.name for p in network.populations if p.fires
    }
    assert not (folder / "build" / "pipe").exists()
