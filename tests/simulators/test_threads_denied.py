"""What a run does where the system gives no further thread."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

resource = pytest.importorskip("resource", reason="limits of a process need POSIX")

pytestmark = pytest.mark.skipif(
    "libasan" in os.environ.get("LD_PRELOAD", ""),
    reason="the sanitizer ends a process that lacks memory",
)

PROGRAM = """
import resource, sys
sys.path.insert(0, sys.argv[2])
import numpy as np
from border_cases import case
from neurochain.errors import NeurochainError
c, same = (case(batch=int(sys.argv[1]), threads=k) for k in (4, 1))
same.prepared.advance()
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 2**20  # less than a thread's stack
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    c.prepared.advance()
except NeurochainError as error:
    print(str(error))
    sys.exit(9)
for key, value in same.prepared.result().emissions.items():
    assert np.array_equal(c.prepared.result().emissions[key], value), key
print("equal", c.prepared.struct[0].teams)
"""

CALLS = """
import resource
from neurochain.simulators.event.calls import Calls
calls = Calls(long=True)
assert calls.call(divmod, 7, 3) == (2, 1)
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 2**20  # less than a thread's stack
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
print(calls.call(divmod, 8, 3))
calls.finish()
"""


def _run(batch, program=PROGRAM):
    return subprocess.run(
        [sys.executable, "-c", program, str(batch), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_samples_are_done_by_those_that_are_there():
    done = _run(3)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["equal", "3"]


def test_neurons_cannot_be_shared_by_fewer():
    done = _run(1)
    assert done.returncode == 9, done.stderr
    assert "thread" in done.stdout


def test_a_long_call_does_without_a_thread():
    done = _run(1, CALLS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["(2,", "2)"]
