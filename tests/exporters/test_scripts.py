"""Scripts of exported folders end, with all that they started, when whoever runs them does."""

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from neurochain.cli.options import CompileOptions
from neurochain.cli.sources import open_source
from neurochain.errors import ExecutionError
from neurochain.exporters.consumer import installed
from neurochain.exporters.job import Job
from neurochain.exporters.registry import find_exporter
from neurochain.exporters.render import renderer
from neurochain.exporters.run import export
from neurochain.exporters.scripts import through_script

BUSY = """
import multiprocessing.shared_memory as shared, os, pathlib, tempfile, time
held = shared.SharedMemory(create=True, size=64)
kept = tempfile.mkdtemp()
child = os.fork()
if child:
    here = pathlib.Path(__file__).with_name("started")
    here.with_suffix(".tmp").write_text(f"{os.getpid()} {child} {held.name} {kept}")
    here.with_suffix(".tmp").rename(here)
time.sleep(60)
"""
CALLER = """
import sys
from pathlib import Path
from neurochain.exporters.scripts import through_script
through_script(Path(sys.argv[1]), sys.executable, {}, 60)
"""


def _written(folder, text=BUSY):
    (folder / "run.py").write_text(text)
    return folder


def _wait(true, seconds=10):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


def _gone(pid):
    status = Path("/proc") / pid / "status"
    try:
        return "zombie" in status.read_text()  # until init has taken it away
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="looks into Linux' /proc and /dev/shm")
@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_nothing_is_left_of_a_run_that_is_ended(how, tmp_path, monkeypatch):
    """No process, no shared memory, no temporary folder, however it ends."""
    places = tmp_path / "tmp"
    places.mkdir()
    monkeypatch.setenv("TMPDIR", str(places))
    folder = _written(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", CALLER, str(folder)], stderr=subprocess.DEVNULL
    ) as caller:
        assert _wait((folder / "started").exists)
        caller.send_signal(signal.Signals[how])
    script, child, memory, kept = (folder / "started").read_text().split()
    assert Path(kept).is_relative_to(places)
    assert _wait(lambda: _gone(script) and _gone(child))
    assert _wait(lambda: not (Path("/dev/shm") / memory).exists())
    assert _wait(lambda: not list(places.iterdir())), list(places.rglob("*"))


def test_one_that_does_not_listen_is_killed(tmp_path):
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    began = time.monotonic()
    with pytest.raises(ExecutionError, match="did not end within 1 s"):
        through_script(_written(tmp_path, deaf), sys.executable, {}, 1)
    assert time.monotonic() - began < 20


def test_what_a_script_says_when_it_fails(tmp_path):
    """Its last words; and nothing waits for what it has left running."""
    text = "import os, sys, time\nif not os.fork(): time.sleep(60)\nsys.exit('no such layer')"
    with pytest.raises(ExecutionError, match="failed: no such layer"):
        through_script(_written(tmp_path, text), sys.executable, {}, 30)


def test_its_output_is_read_whole(tmp_path):
    text = "import sys, numpy; numpy.savez(sys.argv[2], **numpy.load(sys.argv[1]))"
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    (made,) = through_script(_written(tmp_path, text), sys.executable, {"in": x}, 60)
    assert np.array_equal(made["in"], x)


# --- input that does not fit ----------------------------------------------------------------------

BAD = {
    "lacks": ({"other": np.zeros((3, 4))}, r"lacks 'in'; it holds 'other'"),
    "nothing": ({}, "lacks 'in'; it holds nothing"),
    "narrow": ({"in": np.zeros((6, 2))}, r"'in' is of shape \(6, 2\); wanted \(step, 4\)"),
    "flat": ({"in": np.zeros(12)}, r"'in' is of shape \(12,\)"),
    "one": ({"in": np.zeros(())}, r"'in' is of shape \(\)"),
    "empty": ({"in": np.zeros((0, 4))}, r"'in' is of shape \(0, 4\)"),
    "nan": ({"in": np.full((3, 4), np.nan)}, "something else than finite numbers"),
    "words": ({"in": np.full((3, 4), "a")}, "something else than finite numbers"),
    "steps": ({"in": np.zeros((3, 4)), "too": np.zeros((2, 5))}, "as many steps as each other"),
}


def _reads(samples, folder):
    """What stands in the scripts, as a module of its own."""
    text = renderer(Path("."))("read_input.py.j2", samples=samples)
    script = folder / "script.py"
    script.write_text(f"import sys\nimport zipfile\n\nimport numpy as np\n\n\n{text}")
    spec = spec_from_file_location("script", script)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.read_input


@pytest.mark.parametrize("samples", [False, True])
@pytest.mark.parametrize("case", BAD)
def test_an_input_that_does_not_fit_is_named(case, samples, tmp_path):
    """Nothing is reshaped or cut until it fits."""
    arrays, said = BAD[case]
    sizes = {"in": 4} | ({"too": 5} if case == "steps" else {})
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(SystemExit, match=said):
        _reads(samples, tmp_path)(tmp_path / "x.npz", sizes)


def test_samples_are_taken_where_the_script_takes_them(tmp_path):
    given = {"in": np.ones((2, 3, 2, 2)), "too": np.ones((2, 3, 5))}
    np.savez(tmp_path / "x.npz", unused=0, **given)
    got = _reads(samples=True, folder=tmp_path)(tmp_path / "x.npz", {"in": 4, "too": 5})
    assert {name: x.shape for name, x in got.items()} == {"in": (2, 3, 2, 2), "too": (2, 3, 5)}
    with pytest.raises(SystemExit, match=r"wanted \(step, 4\)\."):
        _reads(samples=False, folder=tmp_path)(tmp_path / "x.npz", {"in": 4, "too": 5})
    np.savez(tmp_path / "y.npz", **{"in": np.ones((3, 2, 2))})
    assert _reads(samples=False, folder=tmp_path)(tmp_path / "y.npz", {"in": 4})["in"].shape == (
        3,
        2,
        2,
    )


@pytest.mark.parametrize("held", [b"", b"PK", b"no archive", None])
def test_a_file_that_is_no_archive_is_named(held, tmp_path):
    if held is not None:
        (tmp_path / "x.npz").write_bytes(held)
    with pytest.raises(SystemExit, match=r"x\.npz: is no \.npz of arrays"):
        _reads(samples=False, folder=tmp_path)(tmp_path / "x.npz", {"in": 4})
    np.save(tmp_path / "x.npy", np.zeros((3, 4)))
    with pytest.raises(SystemExit, match=r"x\.npy: is no \.npz of arrays"):
        _reads(samples=False, folder=tmp_path)(tmp_path / "x.npy", {"in": 4})


@pytest.mark.skipif(find_spec("lava") is None, reason="Lava is not installed (make lava)")
def test_lavas_script_ends_with_a_word(tmp_path):
    _ends_with_a_word("lava", tmp_path)


@pytest.mark.judge
@pytest.mark.parametrize("form", ["brian2", "netx", "pynn"])
def test_scripts_end_with_a_word(form, tmp_path):
    """Fails, not skips, without the program that they are for."""
    _ends_with_a_word(form, tmp_path)


def _ends_with_a_word(form, tmp_path):
    """No traceback where the input does not fit."""
    found = installed(find_exporter(form).consumer)
    assert found is not None, f"{form}: its program is not installed"
    target = {"lava": "loihi2", "netx": "loihi2-netx"}.get(form)
    network = open_source("mnist-mlp", CompileOptions(target=target)).artifact.network
    export(Job(network=network, name="net"), form, tmp_path / "net")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    name = network.sources[0].name
    for x, said in (
        (np.zeros((8, 392)), "(8, 392)"),
        (np.full((3, 784), 0.5), "" if form == "brian2" else "holds "),
    ):
        np.savez(tmp_path / "x.npz", **{name: x})
        done = subprocess.run(
            [found[0], str(tmp_path / "net" / "run.py"), str(tmp_path / "x.npz")],
            capture_output=True, text=True, timeout=120, env=environment,
            cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == (1 if said else 0), done.stderr
        assert said in done.stderr
        assert "Traceback" not in done.stderr
