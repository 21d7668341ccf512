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


def test_helpers_do_not_burn_the_processor():
    _run(batch=5, threads=4)
    time.sleep(0.05)
    start = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - start < 0.15
