"""Scripts that build a Lava graph; a test runs each in a fresh interpreter of its own."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HEAD = """
import faulthandler, multiprocessing, os, signal, sys, time
faulthandler.dump_traceback_later(50, exit=True)
import numpy as np
"""

GRAPH = """
from neurochain.simulators.lava.compat import load_lava
load_lava()
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import Dense
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer
from lava.proc.lif.process import LIF

FIXED = Loihi2SimCfg(select_tag="fixed_pt")
EXPECTED = [[0] + [1] * 7, [0, 0, 1, 0, 1, 0, 1, 0]]

def build():
    source = RingBuffer(data=np.ones((2, 2, 5), dtype=int))
    dense = Dense(weights=np.array([[64] * 4, [20, 0, 0, 0]]))
    lif = LIF(shape=(2,), du=4095, dv=100, vth=30)
    sink = Sink(shape=(2,), buffer=8)
    source.s_out.flatten().connect(dense.s_in)
    dense.a_out.connect(lif.a_in)
    lif.s_out.connect(sink.a_in)
    return lif, sink
"""


@dataclass(frozen=True)
class Done:
    """How a script ended, and how long after `signal` (or its start) it took to."""

    returncode: int
    out: str
    err: str
    seconds: float
    group: int


def run_script(
    code: str, folder: Path, *options: str, send: int | None = None, to_group: bool = True
) -> Done:
    """Run a script in a process group of its own, of which nothing survives the test.

    send   a signal, sent when the script says "ready" (to the whole group, as a terminal does)
    """
    script = folder / "script.py"
    script.write_text(HEAD + code)
    pipe = subprocess.PIPE
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *options, str(script)],
        stdout=pipe,
        stderr=pipe,
        text=True,
        start_new_session=True,
    )
    try:
        out = ""
        if send is not None:
            while not out.endswith("ready\n"):
                line = process.stdout.readline()
                assert line, process.communicate()[1]
                out += line
            start = time.monotonic()
            (os.killpg if to_group else os.kill)(process.pid, send)
        rest, err = process.communicate(timeout=60)
        seconds = time.monotonic() - start
        return Done(process.returncode, out + rest, err, seconds, process.pid)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


def processes_of(group: int) -> list[str]:
    """The living processes of a group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        name, _, rest = text.partition("(")[2].rpartition(")")
        state, _parent, its_group = rest.split()[:3]
        if int(its_group) == group and state != "Z":
            found.append(name)
    return found


def nothing_left(done: Done, within_s: float = 3.0) -> bool:
    """Whether no process and none of the segments that the script has printed is left."""
    names = [line.split()[1] for line in done.out.splitlines() if line.startswith("segment ")]
    limit = time.monotonic() + within_s
    while True:
        segments = [name for name in names if (Path("/dev/shm") / name).exists()]
        if not processes_of(done.group) and not segments:
            return True
        if time.monotonic() > limit:
            print("left behind:", processes_of(done.group), segments)
            return False
        time.sleep(0.05)
