"""Any number of samples in constant memory; recordings on disk; Ctrl-C; threads and progress."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurochain
from neurochain.errors import InputError
from neurochain.graph import Reset
from neurochain.inputs import EventFrames
from neurochain.network import Network, OutputPort, Population, PortKind, Projection, Source
from neurochain.operators import Dense
from neurochain.programs import lif_program
from neurochain.session import Session, simulate
from neurochain.simulators import engines, has_kernel
from neurochain.streaming import recording_name

F = np.float32
needs_kernel = pytest.mark.skipif(not has_kernel(), reason="the C kernel is not built")


def network(emits: PortKind = PortKind.EVENT) -> Network:
    """12 inputs, a hidden layer whose name holds a slash, an output layer."""
    rng = np.random.default_rng(4)
    params = {"beta": F(0.5), "theta": F(1)}
    lif = lif_program(Reset())
    return Network(
        sources=(Source(name="in", shape=(3, 4), emits=emits),),
        populations=(Population(name="a/b", shape=(2, 5), program=lif, params=params),
                     Population(name="c", shape=(4,), program=lif, params=params)),
        projections=(
            Projection(name="1", source="in", target="a/b", operator=Dense(
                in_shape=(3, 4), out_shape=(2, 5), weights=rng.normal(size=(10, 12)).astype(F))),
            Projection(name="2", source="a/b", target="c", operator=Dense(
                in_shape=(2, 5), out_shape=(4,), weights=rng.normal(size=(4, 10)).astype(F)))),
        outputs=(OutputPort(name="o", node="c"),), dt_s=1e-3,
    )  # fmt: skip


def batches(sizes: tuple[int, ...], steps: int = 6) -> list[np.ndarray]:
    rng = np.random.default_rng(9)
    return [(rng.random((n, steps, 3, 4)) < 0.4).astype(F) for n in sizes]


@pytest.mark.parametrize("engine", engines())
def test_a_stream_is_its_batches(engine: str, tmp_path: Path) -> None:
    """Every Run is that of simulate, and the files hold all of them one after the other."""
    net, fed = network(), batches((3, 1, 4))
    whole = simulate(net, np.concatenate(fed), engine=engine, record="all", membranes=("c",))
    told: list[int] = []
    found = list(
        neurochain.stream(net, iter(fed), engine=engine, record="all", membranes=("c",),
                          into=tmp_path, progress=told.append)
    )  # fmt: skip
    for name, spikes in whole.spikes.items():
        assert np.concatenate([run.spikes[name] for run in found]).tobytes() == spikes.tobytes()
        stored = np.load(tmp_path / recording_name(name), mmap_mode="r")
        assert (stored.dtype, stored.shape) == (spikes.dtype, spikes.shape)
        assert stored.tobytes() == spikes.tobytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a%2Fb.npy", "c.membrane.npy", "c.npy"]
    assert np.load(tmp_path / "c.membrane.npy").tobytes() == whole.membranes["c"].tobytes()
    total = sum(run.activity.total("synops_effective_ac") for run in found)
    assert total == whole.activity.total("synops_effective_ac")
    assert sum(told) == 8 * 6


@pytest.mark.parametrize("engine", engines())
def test_a_long_sample_comes_in_pieces(engine: str, tmp_path: Path) -> None:
    """Joined by steps, a stream and its files are one run of all steps."""
    net, whole = network(), batches((1,), steps=23)[0]
    wanted = simulate(net, whole, engine=engine, record="all", membranes=("c",))
    pieces = (whole[:, a:b] for a, b in ((0, 1), (1, 9), (9, 10), (10, 23)))
    found = list(neurochain.stream(net, pieces, engine=engine, record="all", membranes=("c",),
                                   join="steps", into=tmp_path))  # fmt: skip
    for name, spikes in wanted.spikes.items():
        stored = np.load(tmp_path / recording_name(name), mmap_mode="r")
        assert (stored.dtype, stored.shape) == (spikes.dtype, spikes.shape)
        assert stored.tobytes() == spikes.tobytes()
    assert np.load(tmp_path / "c.membrane.npy").tobytes() == wanted.membranes["c"].tobytes()
    for node, state in wanted.final_state.items():
        for key, value in state.items():
            assert found[-1].final_state[node][key].tobytes() == value.tobytes(), (node, key)
    total = sum(run.activity.total("synops_effective_ac") for run in found)
    assert total == wanted.activity.total("synops_effective_ac")


def test_pieces_of_several_samples(tmp_path: Path) -> None:
    """They go on from where they were; only a file of them could not grow."""
    net, whole = network(), batches((3,), steps=8)[0]
    pieces = [whole[:, :5], whole[:, 5:]]
    found = list(neurochain.stream(net, pieces, join="steps"))
    spikes = np.concatenate([run.spikes["c"] for run in found], axis=1)
    assert spikes.tobytes() == simulate(net, whole).spikes["c"].tobytes()
    with pytest.raises(InputError, match=r"a batch has 3 samples\. Record one sample a stream"):
        list(neurochain.stream(net, pieces, join="steps", into=tmp_path))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError):
        list(neurochain.stream(net, [whole[:, :5], whole[:2, 5:]], join="steps"))
    with pytest.raises(InputError, match="join is 'time'"):
        neurochain.stream(net, pieces, join="time")  # type: ignore[arg-type]


def test_only_outputs_unless_more_is_asked_for(tmp_path: Path) -> None:
    for _ in neurochain.stream(network(), batches((2,)), into=tmp_path):
        assert list(tmp_path.glob("*.npy")) == []  # they appear at the end
    assert [p.name for p in tmp_path.iterdir()] == ["c.npy"]


def test_batches_come_when_they_are_wanted() -> None:
    asked: list[int] = []

    def fed() -> Iterator[np.ndarray]:
        for k, x in enumerate(batches((1, 1, 1))):
            asked.append(k)
            yield x

    runs = neurochain.stream(network(), fed())
    assert asked == []
    next(runs)
    assert asked == [0]


def test_a_stream_that_is_left_leaves_no_file(tmp_path: Path) -> None:
    runs = neurochain.stream(network(), batches((2, 2)), into=tmp_path)
    next(runs)
    assert list(tmp_path.iterdir()) != []
    runs.close()
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_fails_says_why_and_leaves_no_file(tmp_path: Path) -> None:
    fed = [*batches((2,), steps=6), *batches((2,), steps=7)]
    with pytest.raises(InputError, match="holds samples of 6 steps, a batch has 7"):
        list(neurochain.stream(network(), fed, into=tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert len(list(neurochain.stream(network(), fed))) == 2
    with pytest.raises(InputError, match="cannot be written"):
        list(neurochain.stream(network(), fed, into=tmp_path / "none"))
    with pytest.raises(InputError, match="unknown populations"):
        neurochain.stream(network(), fed, record=("z",))


@needs_kernel
@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_change_nothing(threads: int) -> None:
    (x,) = batches((5,), steps=20)
    one, more = simulate(network(), x), simulate(network(), x, threads=threads)
    assert one.spikes["c"].tobytes() == more.spikes["c"].tobytes()
    assert one.activity.to_dict() == more.activity.to_dict()
    with pytest.raises(InputError, match="threads"):
        simulate(network(), x, threads=0)


@pytest.mark.parametrize("engine", engines())
def test_event_frames_as_input(engine: str) -> None:
    (x,) = batches((2,))
    frames = x.reshape(-1, 12)
    frame, index = np.nonzero(frames)
    start = np.searchsorted(frame, np.arange(len(frames) + 1)).astype(np.int64)
    events = EventFrames(samples=2, steps=6, n=12, start=start, index=index.astype(np.uint32))
    a, b = (simulate(network(), given, engine=engine) for given in (x, events))
    assert a.spikes["c"].tobytes() == b.spikes["c"].tobytes()
    assert a.activity.to_dict() == b.activity.to_dict()
    two = EventFrames(samples=2, steps=6, n=12, start=start, index=events.index,
                      value=np.full(index.size, 2, F))  # fmt: skip
    with pytest.raises(InputError, match="takes 0 and 1 only"):
        simulate(network(), two)
    assert simulate(network(PortKind.GRADED), two, engine=engine).activity.total("events_in") > 0
    with pytest.raises(InputError, match="5 steps were asked for"):
        simulate(network(), events, steps=5)
    wrong = EventFrames(samples=1, steps=1, n=9, start=np.zeros(2, np.int64),
                        index=np.zeros(0, np.uint32))  # fmt: skip
    with pytest.raises(InputError, match="over 9 elements; the network takes 12"):
        simulate(network(), wrong)


def driven(n: int = 4, **more: Any) -> Network:
    """No input: neurons driven by their leak, that reach each other a step later."""
    rng = np.random.default_rng(2)
    return Network(
        sources=(),
        populations=(Population(name="p", shape=(n,), program=lif_program(Reset(), leak=True),
                                params={"beta": F(0.5), "theta": F(1), "leak": F(0.75)}),),
        projections=(Projection(name="w", source="p", target="p", delay=1, operator=Dense(
            in_shape=(n,), out_shape=(n,), weights=rng.normal(size=(n, n)).astype(F) / n)),),
        outputs=(OutputPort(name="o", node="p"),), dt_s=1e-3, **more,
    )  # fmt: skip


@pytest.mark.parametrize("engine", engines())
def test_a_network_without_input(engine: str) -> None:
    run = simulate(driven(), steps=12, engine=engine)
    assert run.outputs["o"].shape == (1, 12, 4)
    assert run.outputs["o"].any()
    assert simulate(driven(), {}, steps=5, samples=3, engine=engine).outputs["o"].shape == (3, 5, 4)
    for wrong in ({}, {"steps": 0}, {"steps": 3, "samples": 0}):
        with pytest.raises(InputError, match="no input that says how long"):
            simulate(driven(), engine=engine, **wrong)
    with pytest.raises(InputError, match="the network has none"):
        simulate(driven(), np.ones((1, 2, 4)), steps=2, engine=engine)
    with pytest.raises(InputError, match="2 samples, but 3 were asked for"):
        simulate(network(), batches((2,))[0], samples=3)


def test_a_session_runs_again_from_rest() -> None:
    session = Session(network())
    (x,) = batches((2,))
    first = session.run(x).spikes["c"].tobytes()
    assert session.run(x).spikes["c"].tobytes() == first


MEMORY = """
import sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[1])
from test_streaming import network
import neurochain

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

rng = np.random.default_rng(0)
def fed(samples):
    for _ in range(samples // 50):
        yield (rng.random((50, 20, 3, 4)) < 0.3).astype(np.float32)

out, spikes = Path(sys.argv[2]), 0
for samples in (100, 10_000):
    for run in neurochain.stream(network(), fed(samples), record="all", into=out):
        spikes += int(run.spikes["c"].sum())
    print(samples, peak())
assert np.load(out / "c.npy", mmap_mode="r").shape == (10_000, 20, 4)
"""


@needs_kernel
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ten_thousand_samples_take_the_memory_of_a_hundred(tmp_path: Path) -> None:
    here = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", MEMORY, here, tmp_path],
                          check=True, capture_output=True, text=True)  # fmt: skip
    (_, few), (_, many) = (map(int, line.split()) for line in done.stdout.splitlines())
    assert many - few < 4096  # KiB; 10,000 samples of input alone would be 9,600


INTERRUPT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from test_streaming import driven
from neurochain.session import Session
session = Session(driven(3000), record=(), threads=int(sys.argv[2]))
try:
    session.run(steps=20_000, progress=lambda n: print("running", flush=True))
except KeyboardInterrupt:
    print("interrupted", time.monotonic(), flush=True)
    sys.exit(130)
print("ended")
"""


@needs_kernel
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_ends_a_long_run(threads: int) -> None:
    """Every neuron fires every other step: minutes of work. The bound allows for busy machines."""
    here = Path(__file__).parent
    child = subprocess.Popen([sys.executable, "-c", INTERRUPT, here, str(threads)],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "running\n"
    sent = time.monotonic()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (130, "")
    word, at = out.splitlines()[-1].split()
    assert word == "interrupted"
    assert float(at) - sent < 2


AGAIN = """
import gc, os, signal, sys, threading
sys.path.insert(0, sys.argv[1])
from test_streaming import driven
from neurochain.session import Session
session = Session(driven(4600), record=())
for k in range(4):
    started = threading.Event()
    def strike():
        started.wait(60)
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=strike, daemon=True).start()
    try:
        session.run(steps=20_000, progress=lambda n: started.set())
    except KeyboardInterrupt:
        gc.collect()  # what the interrupted call works on must not go with its run
        print("interrupted", flush=True)
del session
"""


@needs_kernel
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_interrupted_runs_keep_their_memory_until_they_end() -> None:
    """Where one step alone takes long, C is still at work when Python goes on, or has ended."""
    here = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", AGAIN, here], capture_output=True, text=True,
                          timeout=120, check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["interrupted"] * 4
