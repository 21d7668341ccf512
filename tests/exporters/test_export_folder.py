"""`export` to a folder: nothing is overwritten, half-written or half-refused; plug-ins work."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from neurochain.cli import cli
from neurochain.errors import Finding, InputError, UnsupportedError
from neurochain.exporters.job import Exporter, Job
from neurochain.exporters.manifest import Fidelity, NodeNote
from neurochain.exporters.registry import exporter_names, find_exporter
from neurochain.exporters.run import export
from neurochain.network import Network, Population, Projection, Source
from neurochain.operators import Dense
from neurochain.program import PortKind
from neurochain.programs import relay_program

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "examples" / "exporter_plugin"


def _network():
    weights = np.array([[0.5, 0.0], [1.0, -2.0]], dtype=np.float32)
    program = relay_program(PortKind.ANALOG)
    return Network(
        sources=(Source(name="in", shape=(2,)),),
        populations=(Population(name="out", shape=(2,), program=program, emits=program.emits),),
        projections=(
            Projection(
                name="fc",
                source="in",
                target="out",
                port=program.ports[0],
                operator=Dense(in_shape=(2,), out_shape=(2,), weights=weights),
            ),
        ),
        outputs=(),
        dt_s=1e-3,
    )


JOB = Job(network=_network(), name="two")


def _note(name, fidelity, reason=""):
    return NodeNote(name=name, kind="test", fidelity=fidelity, reason=reason)


def _rated(fidelity):
    return [_note(name, fidelity, f"{name} cannot.") for name in ("in", "fc", "out")]


def _writes(text):
    def write(job, folder):
        (folder / "inner").mkdir()
        (folder / "inner" / "file.txt").write_text(text)
        return [Finding(what="said.")]

    return Exporter(summary="", check=lambda job: _rated(Fidelity.EXACT), write=write)


def test_a_folder_and_its_manifest(tmp_path):
    manifest = export(JOB, "test", tmp_path / "out", exporter=_writes("one"))
    assert manifest.files == (tmp_path / "out" / "inner" / "file.txt",)
    stored = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert stored["files"] == ["inner/file.txt"]
    assert stored["exact"] is True
    assert [n["name"] for n in stored["nodes"]] == ["in", "fc", "out"]
    assert stored["findings"][0]["what"] == "said."
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_nothing_is_replaced_without_force(tmp_path):
    export(JOB, "test", tmp_path / "out", exporter=_writes("one"))
    with pytest.raises(InputError, match=r"exists.*--force"):
        export(JOB, "test", tmp_path / "out", exporter=_writes("two"))
    assert (tmp_path / "out" / "inner" / "file.txt").read_text() == "one"
    export(JOB, "test", tmp_path / "out", exporter=_writes("two"), force=True)
    assert (tmp_path / "out" / "inner" / "file.txt").read_text() == "two"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_force_replaces_folders_only(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match="no folder"):
        export(JOB, "test", tmp_path / "out", exporter=_writes("x"), force=True)
    assert (tmp_path / "out").read_text() == "mine"


def test_force_replaces_exports_only(tmp_path):
    """A wrong -o must not delete a folder of somebody's work."""
    out = tmp_path / "out"
    out.mkdir()
    export(JOB, "test", out, exporter=_writes("x"), force=True)  # empty
    (out / "manifest.json").unlink()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match=r"manifest\.json.*not replaced"):
        export(JOB, "test", out, exporter=_writes("x"), force=True)
    assert (out / "thesis.txt").read_text() == "mine"


def test_a_failure_leaves_what_was_there(tmp_path):
    export(JOB, "test", tmp_path / "out", exporter=_writes("one"))

    def fails(job, folder):
        (folder / "half").write_text("half")
        raise KeyError("in the middle")

    broken = Exporter(summary="", check=lambda job: _rated(Fidelity.EXACT), write=fails)
    with pytest.raises(KeyError):
        export(JOB, "test", tmp_path / "out", exporter=broken, force=True)
    assert (tmp_path / "out" / "inner" / "file.txt").read_text() == "one"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_appears_meanwhile_is_kept(tmp_path):
    def write(job, folder):
        (folder / "ours").write_text("ours")
        (tmp_path / "out").mkdir()
        return []

    late = Exporter(summary="", check=lambda job: _rated(Fidelity.EXACT), write=write)
    with pytest.raises(InputError, match="cannot be written"):
        export(JOB, "test", tmp_path / "out", exporter=late)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_killed_export_leaves_no_folder(tmp_path):
    """kill -9 while files are written: the old folder is whole, the new one has no name."""
    export(JOB, "test", tmp_path / "out", exporter=_writes("one"))
    program = (
        "import time, sys; from pathlib import Path\n"
        "from neurochain.exporters.folder import atomic_folder\n"
        f"with atomic_folder(Path({str(tmp_path / 'out')!r}), force=True) as folder:\n"
        "    (folder / 'half').write_text('half'); print('ready', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
    assert (tmp_path / "out" / "inner" / "file.txt").read_text() == "one"
    rest = [p.name for p in tmp_path.iterdir() if p.name != "out"]
    assert len(rest) == 1
    assert rest[0].startswith(".out.")
    assert rest[0].endswith(".tmp")


HOLDS = (
    "import time, sys; from pathlib import Path\n"
    "from neurochain.exporters.folder import atomic_folder\n"
    "with atomic_folder(Path(sys.argv[1]), force=True) as folder:\n"
    "    (folder / 'half').write_text('half'); print(folder, flush=True); time.sleep(60)\n"
)


def _holding(path):
    """A process in the middle of an export, and the folder that it writes."""
    command = [sys.executable, "-c", HOLDS, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return process, Path(process.stdout.readline().strip())


def test_the_next_export_removes_what_a_killed_one_left(tmp_path):
    """Of the same name and of dead processes only; one at work keeps its folder."""
    killed, left = _holding(tmp_path / "out")
    alive, working = _holding(tmp_path / "out")
    other, elsewhere = _holding(tmp_path / "out.b")
    with killed, alive, other:
        try:
            for process in (killed, other):
                process.send_signal(signal.SIGKILL)
                process.wait(timeout=60)
            assert (left / "half").is_file()
            foreign = [".out.mine.tmp", ".out.0123456789abcdef.tmp"]  # somebody's, without our mark
            for name in foreign:
                (tmp_path / name).mkdir()
                (tmp_path / name / "thesis.txt").write_text("mine")
            (tmp_path / ".out.00000000deadbeef.tmp").symlink_to(elsewhere)
            export(JOB, "test", tmp_path / "out", exporter=_writes("one"))
            assert not left.exists()
            assert (working / "half").is_file()
            assert (elsewhere / "half").is_file()
            assert all((tmp_path / name / "thesis.txt").is_file() for name in foreign)
            assert (tmp_path / ".out.00000000deadbeef.tmp").is_symlink()
        finally:
            alive.kill()
    export(JOB, "test", tmp_path / "out", exporter=_writes("two"), force=True)
    assert not working.exists()
    names = sorted(p.name for p in (tmp_path / "out").rglob("*"))
    assert names == ["file.txt", "inner", "manifest.json"]  # the mark is not exported


def test_a_replaced_folder_is_never_missing(tmp_path):
    """Somebody looks all the time while the folder is replaced."""
    export(JOB, "test", tmp_path / "out", exporter=_writes("one"))
    watcher = (
        "import os, sys, time\n"
        "path, end = sys.argv[1], time.monotonic() + 60\n"
        "print('ready', flush=True)\n"
        "while not os.path.exists(path + '.stop') and time.monotonic() < end:\n"
        "    if not os.path.isfile(path + '/manifest.json'): sys.exit(1)\n"
    )
    command = [sys.executable, "-c", watcher, str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        for k in range(20):
            export(JOB, "test", tmp_path / "out", exporter=_writes(str(k)), force=True)
            time.sleep(0.005)
        (tmp_path / "out.stop").touch()
        assert process.wait(timeout=60) == 0


def test_every_refused_node_is_named(tmp_path):
    def check(job):
        return [
            _note("in", Fidelity.EXACT),
            _note("fc", Fidelity.REFUSED, "is too wide."),
            _note("out", Fidelity.REFUSED, "is odd."),
        ]

    refusing = Exporter(summary="", check=check, write=lambda job, folder: [])
    with pytest.raises(UnsupportedError) as refused:
        export(JOB, "test", tmp_path / "out", exporter=refusing)
    assert [f.where for f in refused.value.findings] == ["fc (test)", "out (test)"]
    assert not list(tmp_path.iterdir())


def test_a_node_that_is_not_rated_is_a_warning(tmp_path):
    silent = Exporter(summary="", check=lambda job: [], write=lambda job, folder: [])
    manifest = export(JOB, "test", tmp_path / "out", exporter=silent)
    assert [f.where for f in manifest.findings] == ["in", "fc", "out"]


def test_unknown_formats_are_refused():
    with pytest.raises(InputError, match=r"Did you mean onnx\?"):
        find_exporter("onx")
    with pytest.raises(InputError, match=r"There are: .*netx, nir, onnx"):  # a file, not a folder
        find_exporter("nope")


def test_built_in_formats():
    assert {"brian2", "c", "netx", "onnx", "pynn"} <= set(exporter_names())


def test_the_command_line_says_so_at_once(tmp_path):
    out = tmp_path / "there"
    out.mkdir()
    done = CliRunner().invoke(cli, ["export", "no-such-model", "--to", "onnx", "-o", str(out)])
    assert done.exit_code == 3
    assert "--force" in done.output
    done = CliRunner().invoke(cli, ["export", "x", "--to", "nowhere", "-o", str(tmp_path / "x")])
    assert done.exit_code == 3
    assert "nowhere" in done.output


@pytest.mark.parametrize("form", ["loihi-graph", "sana-fe"])
def test_what_is_not_placed_lacks_a_fact(form, tmp_path):
    """One mistake, one exit code: nothing in the network is unsupported, --target was forgotten."""
    done = CliRunner().invoke(cli, ["export", "mnist-mlp", "--to", form, "-o", str(tmp_path / "x")])
    assert done.exit_code == 3, done.output
    assert "mnist-mlp: is not placed on the cores of a chip" in done.stderr
    assert "Compile it with --target loihi1 or loihi2" in done.stderr


# --- plug-ins -------------------------------------------------------------------------------------


def _installed(source, where):
    """Install a package the way users do, into a folder of its own."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--target", str(where), str(source)]
    subprocess.run(command, check=True, capture_output=True)


def _export(where, *arguments):
    path = os.pathsep.join(filter(None, [str(where), os.environ.get("PYTHONPATH", "")]))
    command = [sys.executable, "-c", "from neurochain.cli import main; main()", "export"]
    return subprocess.run(
        [*command, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )


def _copied(tmp_path, name="edge-list", package="edge-list"):
    source = tmp_path / f"source-{package}"
    source.mkdir()
    (source / "edge_list.py").write_text((PLUGIN / "edge_list.py").read_text())
    project = (PLUGIN / "pyproject.toml").read_text()
    project = project.replace("neurochain-edge-list", f"neurochain-{package}")
    (source / "pyproject.toml").write_text(project.replace("edge-list =", f"{name} ="))
    return source


def test_a_plug_in_package(tmp_path):
    """Built and installed from the example: it exports, and its refusals name all nodes."""
    where = tmp_path / "site"
    _installed(_copied(tmp_path), where)
    done = _export(where, "mnist-mlp", "--to", "edge-list", "-o", str(tmp_path / "edges"))
    assert done.returncode == 4, done.stderr
    assert "fc1" in done.stderr
    assert "fc2" in done.stderr
    assert not (tmp_path / "edges").exists()
    sys.path.insert(0, str(where))
    try:
        manifest = export(JOB, "edge-list", tmp_path / "edges")
    finally:
        sys.path.remove(str(where))
        sys.modules.pop("edge_list", None)
    assert manifest.lossy
    rows = (tmp_path / "edges" / "edges.csv").read_text().split()
    assert rows == ["in,0,out,0,0.5", "in,0,out,1,1.0", "in,1,out,1,-2.0"]


def test_a_plug_in_takes_no_name_that_is_taken(tmp_path):
    where = tmp_path / "site"
    _installed(_copied(tmp_path, name="onnx"), where)
    done = _export(where, "mnist-mlp", "--to", "onnx", "-o", str(tmp_path / "x"))
    assert done.returncode == 3
    assert "neurochain and neurochain-edge-list" in done.stderr


def test_a_plug_in_that_is_broken(tmp_path):
    where, source = tmp_path / "site", _copied(tmp_path)
    (source / "edge_list.py").write_text("EXPORTER = 3\n")
    _installed(source, where)
    done = _export(where, "mnist-mlp", "--to", "edge-list", "-o", str(tmp_path / "x"))
    assert done.returncode == 3
    assert "is a int, not" in done.stderr


def test_the_example_is_what_the_docs_show():
    text = (ROOT / "docs" / "exports.md").read_text()
    code = (PLUGIN / "edge_list.py").read_text()
    project = (PLUGIN / "pyproject.toml").read_text()
    assert code in text
    assert project in text
    assert len(code.splitlines()) + len(project.splitlines()) <= 60
