"""Scripts of exported folders end, with all that they started, when whoever runs them does."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from neurochain.errors import ExecutionError
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
