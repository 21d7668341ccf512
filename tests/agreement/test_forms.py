"""Forms of one network against each other, where they must agree and where one is changed."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import graph_networks
import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save

from neurochain.agreement import compare_runs, open_runnable
from neurochain.agreement.registry import BUILT_IN, reader_of, readers
from neurochain.artifact import Artifact, load_artifact, save_artifact
from neurochain.cli.app import cli
from neurochain.cli.options import CompileOptions
from neurochain.cli.sources import open_source
from neurochain.errors import ExecutionError, InputError, UnsupportedError
from neurochain.exporters.job import Job
from neurochain.exporters.run import export
from neurochain.models.zoo import find_model
from neurochain.simulators.lava.compat import missing


@pytest.fixture(scope="module")
def placed(tmp_path_factory):
    """A compiled network: chip.nchain, its graph, and input."""
    folder = tmp_path_factory.mktemp("placed")
    network, chip, placement, inputs = graph_networks.compiled(6)
    save_artifact(Artifact(network=network, placement=placement), folder / "chip.nchain")
    job = Job(network=network, name="net", placement=placement, target=chip)
    export(job, "loihi-graph", folder / "graph")
    return folder, inputs


def test_a_graph_and_our_engines(placed):
    folder, inputs = placed
    forms = [f"{folder}/chip.nchain", f"reference:{folder}/chip.nchain", f"{folder}/graph"]
    for a, b in ((0, 1), (1, 2), (2, 0)):
        found = compare_runs(open_runnable(forms[a]), open_runnable(forms[b]), inputs)
        assert found.equal, found
        assert not found.only_a + found.only_b
        assert all("v" in row.states for row in found.populations)
        assert sum(row.spikes_a for row in found.populations) > 20


def test_changed_weights_are_found(placed, tmp_path):
    """The first difference lies in the layer behind the weights that changed their sign."""
    folder, inputs = placed
    document = json.loads((folder / "graph" / "graph.json").read_text())
    arrays = load_file(folder / "graph" / "graph.safetensors")
    group = document["cores"][0]["synapse_groups"][0]
    first, end = (int(arrays["input_axon.synapses"][k]) for k in group["axons"])
    arrays["synapse.weight"][first:end] = np.clip(-arrays["synapse.weight"][first:end], -254, 254)
    packed = save(arrays)
    document["tensors"]["sha256"] = hashlib.sha256(packed).hexdigest()
    del document["digest"]
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    document["digest"] = hashlib.sha256(text.encode()).hexdigest()
    (tmp_path / "graph").mkdir()
    (tmp_path / "graph" / "graph.safetensors").write_bytes(packed)
    (tmp_path / "graph" / "graph.json").write_text(json.dumps(document))
    ours, changed = (open_runnable(str(p)) for p in (folder / "chip.nchain", tmp_path / "graph"))
    found = compare_runs(ours, changed, inputs)
    assert not found.equal
    assert found.first.population == document["projections"][group["projection"]]["target"]
    at = (found.first.sample, found.first.step, found.first.neuron)
    what, name = found.first.what, found.first.population
    for side, value in ((ours, found.first.a), (changed, found.first.b)):
        trace = side.run(inputs)
        values = trace.spikes[name] if what == "spike" else trace.states[name][what]
        assert values[at] == value


def test_a_damaged_graph_says_where(placed, tmp_path):
    folder, _ = placed
    (tmp_path / "graph").mkdir()
    (tmp_path / "graph" / "graph.json").write_text('{"format": "loihi-graph"}')
    with pytest.raises(InputError, match=r"graph\.json"):
        open_runnable(str(tmp_path / "graph"))
    assert folder.is_dir()


@pytest.mark.torch
def test_a_module_and_its_network():
    """The floats of the two are measured, not compared."""
    model = find_model("mnist-mlp").checkpoint
    with np.load(find_model("mnist-mlp").sample) as held:
        x = held["spikes"][:2].reshape(2, -1, 784).astype(np.float32)
    network = open_runnable(str(model.with_suffix(".nchain")))
    found = compare_runs(open_runnable(str(model)), network, {"input": x})
    assert found.equal
    assert found.kinds == ("module", "nchain")
    assert 0 < found.populations[0].deviation < 1e-4


@pytest.mark.skipif(bool(missing()), reason="; ".join(map(str, missing())))
@pytest.mark.judge
def test_lava_in_both_ways(tmp_path):
    """The engine with its states, and the package."""
    from lava_networks import whole

    network, inputs = whole("spiking", 4)
    save_artifact(Artifact(network=network), tmp_path / "chip.nchain")
    export(Job(network=network, name="net"), "lava", tmp_path / "package")
    ours = open_runnable(f"{tmp_path}/chip.nchain")
    two = {"in": np.concatenate([inputs["in"], inputs["in"][:, ::-1]])}
    for form in (f"lava:{tmp_path}/chip.nchain", f"{tmp_path}/package"):
        found = compare_runs(ours, open_runnable(form), two)
        assert found.equal, found
        assert sum(row.spikes_a for row in found.populations) > 10


STUCK = """
import os, pathlib, sys, time
child = os.fork()
if child:
    pathlib.Path(__file__).with_name("child").write_text(str(child))
time.sleep(60)
"""


@pytest.mark.skipif(bool(missing()), reason="; ".join(map(str, missing())))
def test_a_lava_package_that_hangs_is_ended_with_its_processes(tmp_path, monkeypatch):
    from neurochain.agreement.readers import lava_package

    (tmp_path / "manifest.json").write_text('{"format": "lava"}')
    (tmp_path / "network.py").write_text("INPUTS = {'in': (3,)}")
    (tmp_path / "run.py").write_text(STUCK)
    monkeypatch.setattr(lava_package, "SAMPLE_SECONDS", 1)
    package = open_runnable(str(tmp_path))
    with pytest.raises(ExecutionError, match="did not end within 1 s"):
        package.run({"in": np.zeros((1, 4, 3), np.float32)})
    child = Path("/proc") / (tmp_path / "child").read_text()
    deadline = time.monotonic() + 5
    while child.exists() and time.monotonic() < deadline:  # until init has taken it away
        time.sleep(0.05)
    assert not child.exists() or "zombie" in (child / "status").read_text()


@pytest.mark.skipif(find_spec("onnx") is None or find_spec("onnxruntime") is None, reason="no onnx")
def test_onnx(tmp_path):
    """Every population of a shipped model, in ONNX Runtime."""
    path = find_model("mnist-mlp").checkpoint.with_suffix(".nchain")
    network = load_artifact(path).network
    export(Job(network=network, name="net"), "onnx", tmp_path / "onnx")
    with np.load(find_model("mnist-mlp").sample) as held:
        x = held["spikes"][:2].reshape(2, -1, 784).astype(np.float32)
    found = compare_runs(
        open_runnable(str(path)), open_runnable(str(tmp_path / "onnx")), {"input": x}
    )
    assert found.equal, found
    assert len(found.populations) == 2


@pytest.mark.skipif(find_spec("onnx") is None or find_spec("onnxruntime") is None, reason="no onnx")
def test_onnx_of_a_chips_network_is_put_in_the_time_of_the_input(placed, tmp_path):
    """Its layers run late; what a folder does not say, or says wrongly, is not guessed."""
    import onnx

    folder, inputs = placed
    network = load_artifact(folder / "chip.nchain").network
    assert network.latency
    export(Job(network=network, name="net"), "onnx", tmp_path / "onnx")
    there = open_runnable(str(tmp_path / "onnx"))
    for form in ("chip.nchain", "graph"):
        found = compare_runs(open_runnable(f"{folder}/{form}"), there, inputs)
        assert found.equal, found
        assert sum(row.spikes_a for row in found.populations) > 20
    model = onnx.load(tmp_path / "onnx" / "step.onnx")
    (facts,) = (entry for entry in model.metadata_props if entry.key == "neurochain")
    for damaged in ('{"starts": {"a": -1}}', '{"starts": [1]}', "[]", "not JSON"):
        facts.value = damaged
        onnx.save(model, tmp_path / "onnx" / "step.onnx")
        with pytest.raises(InputError, match="cannot be opened"):
            open_runnable(str(tmp_path / "onnx"))


C_FACTS = {
    "sources": [{"name": "in", "shape": [3], "values": False}],
    "outputs": [{"node": "out", "signal": "spike", "n": 1, "item": "uint8"}],
}
PIPE = "#!/bin/sh\nexec sleep 60\n"
BUILDS = "import sys; from neurochain.agreement import open_runnable; import numpy as np\n"
BUILDS += "open_runnable(sys.argv[1]).run({'in': np.zeros((1, 2, 3), np.float32)})"


def _c_project(folder, makefile):
    for name in ("kernel", "runtime", "test", "build"):
        (folder / name).mkdir(parents=True)
    for name in ("network.c", "network.h"):
        (folder / name).write_text("")
    (folder / "manifest.json").write_text('{"format": "c"}')
    (folder / "network.json").write_text(json.dumps(C_FACTS))
    (folder / "Makefile").write_text(makefile)
    return folder


@pytest.mark.skipif(not all(map(shutil.which, ("cc", "make"))), reason="no C compiler")
def test_a_c_project_that_does_not_build_or_end(tmp_path, monkeypatch):
    from neurochain.agreement.readers import c_project

    x = {"in": np.zeros((1, 2, 3), np.float32)}
    failing = _c_project(tmp_path / "failing", "build/pipe:\n\t@echo no such neuron >&2; false\n")
    with pytest.raises(ExecutionError, match="the build: failed: no such neuron"):
        open_runnable(str(failing)).run(x)
    monkeypatch.setattr(c_project, "RUN_SECONDS", 0.5)
    endless = _c_project(tmp_path / "endless", "build/pipe: build/made\n\tcp $< $@\n")
    (endless / "build" / "made").write_text(PIPE)
    (endless / "build" / "made").chmod(0o755)
    with pytest.raises(ExecutionError, match=r"did not end within 0\.5 s"):
        open_runnable(str(endless)).run(x)


@pytest.mark.skipif(not all(map(shutil.which, ("cc", "make"))), reason="no C compiler")
@pytest.mark.parametrize("what", ["build", "run"])
def test_nothing_is_left_of_a_project_that_is_killed(what, tmp_path, monkeypatch):
    """Neither the temporary folder nor what was at work in it."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    started = tmp_path / "started"
    script = f"echo $$ > {started}.part; mv {started}.part {started}; sleep 60\n"
    built = "build/pipe: build/made\n\tcp $< $@\n"
    made = f"build/pipe:\n\t{script.replace('$', '$$')}" if what == "build" else built
    project = _c_project(tmp_path / "c", made)
    (project / "build" / "made").write_text(f"#!/bin/sh\n{script}")
    (project / "build" / "made").chmod(0o755)
    with subprocess.Popen([sys.executable, "-c", BUILDS, str(project)]) as verify:
        end = time.monotonic() + 30
        while not started.exists() and time.monotonic() < end:
            time.sleep(0.02)
        verify.kill()
    builder = Path("/proc") / started.read_text().strip() / "status"
    end = time.monotonic() + 10
    while any((tmp_path / "tmp").iterdir()) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any((tmp_path / "tmp").iterdir())
    assert not builder.exists() or "zombie" in builder.read_text()


def test_every_reader_is_listed_and_says_what_it_takes(repository, tmp_path):
    """One file a form; nothing takes what is none, and what is none is refused with the list."""
    folder = repository / "neurochain" / "agreement" / "readers"
    assert {p.stem for p in folder.glob("[a-z]*.py")} == set(BUILT_IN)
    kinds = [reader.kind for reader in readers()]
    assert len(set(kinds)) == len(kinds)
    (tmp_path / "manifest.json").write_text('{"format": "brian2"}')
    for path in ("nothing", str(tmp_path), "", ":", "lava:"):
        assert not [r.kind for r in readers() if r.takes(path)], path
        with pytest.raises(InputError, match="loihi-graph"):
            reader_of(path)


@pytest.mark.parametrize(
    ("form", "target", "data"),
    [("lava", "loihi2", "weights.npz"), ("netx", "loihi2-netx", "network.net")],
)
def test_a_folder_that_lacks_a_file_is_named_before_it_is_run(form, target, data, tmp_path):
    """Exit code 3 with what, where and a way out; not the traceback of a foreign script."""
    network = open_source("mnist-mlp", CompileOptions(target=target)).artifact.network
    folder = tmp_path / "net"
    export(Job(network=network, name="net"), form, folder)
    (folder / "input.npz").unlink()  # a sample that nobody needs
    whole = (folder / data).read_bytes()
    with suppress(UnsupportedError):  # no lava-dl, which is another matter
        open_runnable(str(folder))
    for damage, what in ((whole[: len(whole) // 2], "is no "), (b"", "is no "), (None, "lacks")):
        (folder / data).unlink()
        if damage is not None:
            (folder / data).write_bytes(damage)
        with pytest.raises(InputError, match=rf"{what}.*Export it again") as refused:
            open_runnable(str(folder))
        assert data in str(refused.value)
        assert str(folder) in str(refused.value)
    done = CliRunner().invoke(cli, ["verify", str(folder), "mnist-mlp", "--input", "demo"])
    assert done.exit_code == 3, done.output
    assert f"{folder}: lacks {data}" in done.stderr


@pytest.mark.skipif(not all(map(shutil.which, ("cc", "make"))), reason="no C compiler")
def test_a_c_project_that_lacks_files_names_them_all(tmp_path):
    network = open_source("mnist-mlp", CompileOptions()).artifact.network
    folder = tmp_path / "net"
    export(Job(network=network, name="net"), "c", folder)
    for name in ("network.c", "Makefile", "runtime/pipe_main.c"):
        (folder / name).unlink()
    done = CliRunner().invoke(cli, ["verify", str(folder), "mnist-mlp", "--input", "demo"])
    assert done.exit_code == 3, done.output
    for name in ("network.c", "Makefile", "runtime/pipe_main.c"):
        assert f"{folder}: lacks {name}, which its manifest names." in done.stderr
    (folder / "manifest.json").write_text('{"format": "c"}')  # and one that names nothing
    done = CliRunner().invoke(cli, ["verify", str(folder), "mnist-mlp", "--input", "demo"])
    assert done.exit_code == 3, done.output
    assert "network.c" in done.stderr


(GIVEN,), (GIVES,) = C_FACTS["sources"], C_FACTS["outputs"]


@pytest.mark.skipif(not all(map(shutil.which, ("cc", "make"))), reason="no C compiler")
@pytest.mark.parametrize(
    "damage",
    [
        [],
        {"sources": "abc"},
        {"sources": [GIVEN | {"shape": [-1]}]},
        {"sources": [GIVEN | {"shape": [10**12]}]},
        {"sources": [GIVEN | {"name": ["in"]}]},
        {"outputs": []},
        {"outputs": [GIVES | {"n": -3}]},
        {"outputs": [GIVES | {"n": 10**15}]},
        {"outputs": [GIVES | {"n": 1 << 27}] * 3},
        {"outputs": [GIVES | {"item": "O"}]},
        {"outputs": [GIVES | {"signal": "smoke"}]},
        {"outputs": [GIVES | {"node": None}]},
        {"outputs": [GIVES | {"start": -1}]},
    ],
)
def test_a_c_project_whose_facts_are_damaged(damage, tmp_path):
    """Refused as what it is, before anything is built."""
    project = _c_project(tmp_path / "c", "build/pipe:\n\tfalse\n")
    assert open_runnable(str(project)).inputs
    found = C_FACTS | damage if isinstance(damage, dict) else damage
    (project / "network.json").write_text(json.dumps(found))
    with pytest.raises(InputError, match=r"network\.json: cannot be read .*Export it again"):
        open_runnable(str(project))


def test_a_netx_folder_without_lava_dl_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "manifest.json").write_text('{"format": "netx"}')
    monkeypatch.setenv("LAVA_DL_PYTHON", sys.executable)
    if find_spec("lava") is not None and find_spec("lava.lib") is not None:
        pytest.skip("lava-dl is installed")
    with pytest.raises(UnsupportedError, match=r"lava-dl==0\.6\.0"):
        open_runnable(str(tmp_path))


@pytest.mark.skipif("LAVA_DL_PYTHON" not in os.environ, reason="no lava-dl (set LAVA_DL_PYTHON)")
def test_a_netx_folder(tmp_path):
    """Late layers are put in the time of the input; a changed weight is found."""
    source = open_source("mnist-mlp", CompileOptions(target="loihi2-netx"))
    network = source.artifact.network
    save_artifact(source.artifact, tmp_path / "chip.nchain")
    export(Job(network=network, name="net"), "netx", tmp_path / "net")
    with np.load(find_model("mnist-mlp").sample) as held:
        x = {network.sources[0].name: held["spikes"][:1].reshape(1, -1, 784).astype(np.float32)}
    ours, netx = (open_runnable(str(tmp_path / name)) for name in ("chip.nchain", "net"))
    found = compare_runs(ours, netx, x)
    assert found.equal, found
    assert all(row.spikes_a for row in found.populations)
    with h5py.File(tmp_path / "net" / "network.net", "r+") as file:
        held_weights = file["layer/1/weight"]
        held_weights.write_direct(np.ascontiguousarray(held_weights[()][::-1]))
    assert not compare_runs(ours, netx, x).equal
    script = (tmp_path / "net" / "run.py").read_text()
    for right, wrong in (
        ("\nSOURCE = ", "\nSOURCE = 3; X = "),
        ("\nSHAPE = ", "\nSHAPE = None, "),
        ("\nLATE = {", "\nLATE = {'x': -4,"),
    ):
        assert right in script
        (tmp_path / "net" / "run.py").write_text(script.replace(right, wrong))
        with pytest.raises(InputError, match="Export it again"):
            open_runnable(str(tmp_path / "net"))
    broken = script.replace("\nLAYERS = [", "\nLAYERS = [1,")  # fails while Lava runs
    (tmp_path / "net" / "run.py").write_text(broken)
    with pytest.raises(ExecutionError, match="cannot unpack"):
        open_runnable(str(tmp_path / "net")).run(x)
