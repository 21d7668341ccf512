"""Threads that stay between runs: callers at once, forks, Ctrl-C, many runs."""

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from border_cases import case
from engine_cases import dense, one_projection

from neurochain.network import PortKind
from neurochain.simulators.event import pack, pack_inputs, prepare
from neurochain.simulators.event.calls import Calls


def _same(one, other):
    a, b = one.prepared.result(), other.prepared.result()
    return all(np.array_equal(a.emissions[k], b.emissions[k]) for k in a.emissions)


def _run(**given):
    c = case(**given)
    c.prepared.advance()
    return c


@pytest.fixture(scope="module")
def alone():
    return {batch: _run(batch=batch, threads=1) for batch in (1, 5)}


def _threads():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Threads:")).split()[1])


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="counts threads as Linux does")
def test_runs_one_after_the_other_share_their_threads(alone):
    _run(batch=5, threads=4)
    before = _threads()
    for _ in range(20):
        assert _same(_run(batch=5, threads=4), alone[5])
        assert _same(_run(batch=1, threads=3), alone[1])
    assert _threads() <= before


@pytest.mark.parametrize("batch", [1, 5])
def test_callers_at_once(batch, alone):
    """More threads than processors, workers that wait for each other among them."""
    found = []

    def call():
        for _ in range(5):
            found.append(_same(_run(batch=batch, threads=3), alone[batch]))

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert found == [True] * 20


def test_callers_whose_workers_are_more_than_there_can_be(alone):
    """Workers of a sample wait for each other: the second caller's begin when they all can."""
    found, most = [], case().lib.NC_MOST_THREADS
    cases = [case(batch=1, threads=most * 3 // 4) for _ in range(6)]
    together = threading.Barrier(3)

    def call(mine):
        together.wait()
        for c in mine:
            c.prepared.advance()
            found.append(_same(c, alone[1]))

    callers = [threading.Thread(target=call, args=(cases[k::3],)) for k in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert found == [True] * 6


def _in_a_child(batch, pipe):
    pipe.send(_same(_run(batch=batch, threads=3), _run(batch=batch, threads=1)))
    pipe.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("batch", [1, 5])
def test_a_forked_process_has_threads_of_its_own(batch, alone):
    _run(batch=batch, threads=3)
    here, there = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_in_a_child, args=(batch, there))
    child.start()
    there.close()
    assert here.poll(30), "the child waits for threads that it does not have"
    assert here.recv() is True
    child.join(10)
    assert child.exitcode == 0
    assert _same(_run(batch=batch, threads=3), alone[batch])  # nor has the parent lost its own


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals of POSIX")
def test_signals_are_for_the_main_thread():
    """One that asks for attention while helpers sleep wakes who sleeps in Python."""
    _run(batch=5, threads=4)
    time.sleep(0.02)  # the helpers sleep
    asked = []
    before = signal.signal(signal.SIGUSR1, lambda *_: asked.append(time.perf_counter()))
    try:
        start = time.perf_counter()
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        time.sleep(1.0)
        assert len(asked) == 1
        assert asked[0] - start < 0.5
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize(("batch", "threads"), [(1, 3), (5, 2)])
def test_an_interrupted_run_begins_anew_when_its_call_has_ended(batch, threads, long):
    """Ctrl-C leaves the kernel at work on the run's memory, where calls are long."""
    rng = np.random.default_rng(3)
    network = one_projection(rng, dense, "float32", PortKind.EVENT, (300,))
    spikes = (rng.random((batch, 2000, 300)) < 0.2).astype(np.float32)
    runs = [prepare(pack(network), pack_inputs(network, {"s": spikes}), threads=1)]
    runs.append(prepare(runs[0].packed, runs[0].inputs, threads=threads))
    runs[0].advance()
    runs[1].calls = Calls(long=long)

    def again_and_again():  # the timer too: it may be late in saying that it runs
        threading.Timer(0.005, os.kill, (os.getpid(), signal.SIGINT)).start()
        while True:
            runs[1].advance()
            runs[1].rewind()

    for _ in range(5):
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            again_and_again()
        assert time.monotonic() - start < 0.5
        runs[1].rewind()
    runs[1].advance()
    wanted, found = (run.counts() for run in runs)
    for name, counts in wanted.projections.items():
        assert np.array_equal(found.projections[name], counts)
    for name, counts in wanted.populations.items():
        assert np.array_equal(found.populations[name], counts)


def test_helpers_do_not_burn_the_processor():
    _run(batch=5, threads=4)
    time.sleep(0.05)
    start = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - start < 0.15
