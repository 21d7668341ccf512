"""What goes wrong in a Lava graph becomes an error soon, and leaves nothing behind.

Every drill is a script in an interpreter of its own, with the real runtime and stock processes
around one process of a user's that misbehaves.
"""

import signal

import pytest
from graphs import GRAPH, nothing_left, run_script

SOON = 2.0
"""Seconds from the fault to the error."""

FAULTY = (
    GRAPH
    + '''
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from neurochain.errors import ExecutionError
from neurochain.simulators.lava.supervise import start, supervised

class Odd(Exception):
    """One that does not survive pickling."""
    def __init__(self, left, right):
        super().__init__(f"{left} and {right}")

def misbehave(how):
    time.sleep(0.01)
    if how == "raise":
        raise ValueError("on purpose")
    if how == "odd":
        raise Odd("neither", "nor")
    if how == "exit":
        sys.exit(0)
    if how == "hang":
        time.sleep(1000)

class Faulty(AbstractProcess):
    """Passes on what it gets; at step 3 it misbehaves."""
    def __init__(self, how, when):
        super().__init__(how=how, when=when)
        self.s_in, self.s_out = InPort(shape=(2,)), OutPort(shape=(2,))

@implements(proc=Faulty, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class FaultyModel(PyLoihiProcessModel):
    s_in = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
    def __init__(self, proc_params):
        super().__init__(proc_params)
        if proc_params["when"] == 0:
            misbehave(proc_params["how"])
    def run_spk(self):
        got = self.s_in.recv()
        if self.time_step == self.proc_params["when"]:
            misbehave(self.proc_params["how"])
        self.s_out.send(got)

def faulty(where, how="raise", when=3):
    """source -> [Faulty] -> dense -> LIF -> [Faulty] -> sink"""
    source = RingBuffer(data=np.ones((2, 5), dtype=int))
    dense = Dense(weights=np.array([[64, 64], [20, 0]]))
    lif, sink = LIF(shape=(2,), du=4095, dv=100, vth=30), Sink(shape=(2,), buffer=8)
    bad = Faulty(how, when)
    if where == "upstream":
        source.s_out.connect(bad.s_in)
        bad.s_out.connect(dense.s_in)
        lif.s_out.connect(sink.a_in)
    else:
        source.s_out.connect(dense.s_in)
        lif.s_out.connect(bad.s_in)
        bad.s_out.connect(sink.a_in)
    dense.a_out.connect(lif.a_in)
    return lif, sink

def segments(runtime):
    for handle in runtime._messaging_infrastructure.smm._shared_memory_handles:
        print("segment", handle.name, flush=True)

def error_of(action):
    began = time.monotonic()
    try:
        action()
    except ExecutionError as error:
        took = time.monotonic() - began
        assert took < LIMIT, took
        return str(error)
    raise SystemExit("no error")
'''.replace("LIMIT", str(SOON))
)


def drill(code: str, folder, **how):
    """Run a drill; code is the body of the main guard."""
    body = "".join(f"    {line}\n" for line in code.strip().splitlines())
    return run_script(f'{FAULTY}\nif __name__ == "__main__":\n{body}', folder, **how)


@pytest.mark.parametrize("where", ["upstream", "downstream"])
@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raise", "ValueError: on purpose"),
        ("odd", "Odd: neither and nor"),
        ("exit", "ended by itself with exit code 0"),
    ],
)
def test_a_process_that_fails(where, how, said, tmp_path) -> None:
    """The error names the process, quotes its exception, and stop() after it returns."""
    done = drill(
        f"""
lif, _ = faulty({where!r}, {how!r})
segments(start(lif, FIXED))
message = error_of(lambda: lif.run(condition=RunSteps(num_steps=8)))
assert {said!r} in message and "(Faulty, FaultyModel)" in message, message
began = time.monotonic()
lif.stop()
lif.stop()
assert time.monotonic() - began < 0.5
assert not multiprocessing.active_children()
""",
        tmp_path,
    )
    assert done.returncode == 0, done.err
    assert nothing_left(done)


@pytest.mark.parametrize("how", ["raise", "odd", "exit"])
def test_a_model_that_cannot_be_built(how, tmp_path) -> None:
    done = drill(
        f"""
lif, _ = faulty("upstream", {how!r}, when=0)
message = error_of(lambda: start(lif, FIXED))
assert "FaultyModel" in message or "cannot be built" in message, message
assert not multiprocessing.active_children()
""",
        tmp_path,
    )
    assert done.returncode == 0, done.err
    assert nothing_left(done)


def test_a_process_that_never_answers(tmp_path) -> None:
    """With a time-out the run ends by an error; without one, stop() still ends the graph."""
    done = drill(
        """
lif, _ = faulty("upstream", "hang")
segments(start(lif, FIXED, timeout_s=1.0))
message = error_of(lambda: lif.run(condition=RunSteps(num_steps=8)))
assert "has not ended after 1 s" in message, message
lif, _ = faulty("downstream", "hang")
segments(start(lif, FIXED))
lif.run(condition=RunSteps(num_steps=8, blocking=False))
time.sleep(0.5)
began = time.monotonic()
lif.stop()
assert time.monotonic() - began < 4
assert not multiprocessing.active_children()
""",
        tmp_path,
    )
    assert done.returncode == 0, done.err
    assert nothing_left(done)


@pytest.mark.parametrize("victim", ["LIF", "service"])
def test_kill_9_of_a_child(victim, tmp_path) -> None:
    done = drill(
        f"""
import threading
lif, _ = build()
runtime = start(lif, FIXED)
segments(runtime)
actors = runtime._messaging_infrastructure.actors
found = [a for a in actors if {victim!r} in runtime._name(a)]
assert len(found) == 1
lif.run(condition=RunSteps(num_steps=10**9, blocking=False))
time.sleep(0.3)
os.kill(found[0].pid, signal.SIGKILL)
message = error_of(lif.wait)
assert "was killed (SIGKILL)" in message and {victim!r} in message, message
lif.stop()
assert not multiprocessing.active_children()
""",
        tmp_path,
    )
    assert done.returncode == 0, done.err
    assert nothing_left(done)


def test_kill_9_of_the_memory_manager(tmp_path) -> None:
    """The graph runs on, for its memory is mapped, and nothing stays behind all the same."""
    done = drill(
        """
lif, sink = build()
runtime = start(lif, FIXED)
segments(runtime)
os.kill(runtime._messaging_infrastructure.smm._manager._process.pid, signal.SIGKILL)
lif.run(condition=RunSteps(num_steps=8))
assert sink.data.get().astype(int).tolist() == EXPECTED
lif.stop()
""",
        tmp_path,
    )
    assert done.returncode == 0, done.err
    assert nothing_left(done)


def test_ctrl_c(tmp_path) -> None:
    """As a terminal sends it, to every process: only the application hears it, and ends soon."""
    done = drill(
        """
lif, _ = build()
with supervised(lif, FIXED) as runtime:
    segments(runtime)
    lif.run(condition=RunSteps(num_steps=100))
    print("ready", flush=True)
    lif.run(condition=RunSteps(num_steps=10**9))
""",
        tmp_path,
        send=signal.SIGINT,
    )
    assert done.returncode == -signal.SIGINT, done.err
    assert done.seconds < SOON
    assert done.err.count("Traceback") == 1, done.err
    assert nothing_left(done)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
def test_the_application_is_killed(number, tmp_path) -> None:
    """Its processes end by themselves, and the system's tracker takes their memory away."""
    done = drill(
        """
lif, _ = build()
segments(start(lif, FIXED))
print("ready", flush=True)
lif.run(condition=RunSteps(num_steps=10**9))
""",
        tmp_path,
        send=number,
        to_group=False,
    )
    assert done.returncode == -number
    assert nothing_left(done)


def test_an_application_that_forgets_to_stop(tmp_path) -> None:
    done = drill(
        """
lif, sink = build()
segments(start(lif, FIXED))
lif.run(condition=RunSteps(num_steps=8))
""",
        tmp_path,
    )
    assert done.returncode == 0, done.err
    assert not done.err
    assert nothing_left(done)


def test_several_runs_in_one_process(tmp_path) -> None:
    """One after the other, two at a time, and one after a failure."""
    done = drill(
        """
def good(lif, sink):
    lif.run(condition=RunSteps(num_steps=5))
    lif.run(condition=RunSteps(num_steps=3))
    assert sink.data.get().astype(int).tolist() == EXPECTED
for _ in range(2):
    lif, sink = build()
    with supervised(lif, FIXED) as runtime:
        segments(runtime)
        good(lif, sink)
first, second = build(), build()
with supervised(first[0], FIXED), supervised(second[0], FIXED):
    good(*first)
    good(*second)
lif, _ = faulty("upstream")
start(lif, FIXED)
error_of(lambda: lif.run(condition=RunSteps(num_steps=8)))
lif, sink = build()
with supervised(lif, FIXED):
    good(lif, sink)
assert not multiprocessing.active_children()
""",
        tmp_path,
    )
    assert done.returncode == 0, done.err
    assert nothing_left(done)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_start_method_already_set(method, tmp_path) -> None:
    done = drill(
        f"""
multiprocessing.set_start_method({method!r})
lif, sink = build()
with supervised(lif, FIXED) as runtime:
    segments(runtime)
    lif.run(condition=RunSteps(num_steps=8))
    assert sink.data.get().astype(int).tolist() == EXPECTED
assert multiprocessing.get_start_method() == {method!r}
""",
        tmp_path,
    )
    assert done.returncode == 0, done.err
    assert nothing_left(done)
