"""Scripts that build a Lava graph; a test runs each in a fresh interpreter of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

HEAD = """
import faulthandler, multiprocessing, sys
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


def run_script(code: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process group of its own, which is killed whatever comes of it."""
    script = folder / "script.py"
    script.write_text(HEAD + code)
    command = [sys.executable, *options, str(script)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        try:
            out, err = process.communicate(timeout=60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(command, process.returncode, out, err)
