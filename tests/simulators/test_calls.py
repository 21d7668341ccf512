"""Calls of the kernel: in this thread or in another one; how long chunks become."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from neurochain.simulators.event.calls import CHUNK_SECONDS, Calls, next_chunk


@pytest.mark.parametrize("long", [False, True])
def test_a_call_returns_what_it_returns(long: bool) -> None:
    calls = Calls(long=long)
    assert [calls.call(divmod, k, 3) for k in (7, 8)] == [(2, 1), (2, 2)]
    where = calls.call(threading.get_ident)
    assert (where == threading.get_ident()) != long


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_a_long_call_does_not_hold_up_ctrl_c() -> None:
    """And the next call begins when the interrupted one has ended."""
    calls, ended = Calls(long=True), threading.Event()

    def work() -> None:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        time.sleep(1)
        ended.set()

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        calls.call(work)
    assert time.monotonic() - start < 0.9
    assert not ended.is_set()
    assert calls.call(ended.is_set)


@pytest.mark.parametrize(
    ("chunk", "steps_that_fit", "most", "wanted"),
    [
        (1, 1000, 128, 2),  # no more than twice as many
        (64, 1000, 128, 128),
        (100, 1000, 128, 128),
        (100, 120, 200, 64),  # whole multiples of 64
        (40, 50, 128, 50),
        (16, 3.5, 128, 3),
        (16, 0.1, 128, 1),
        (16, 1e12, 20, 20),
    ],
)
def test_chunks_grow_and_shrink(chunk: int, steps_that_fit: float, most: int, wanted: int) -> None:
    assert next_chunk(chunk, CHUNK_SECONDS / steps_that_fit, most, 64) == wanted
    assert next_chunk(chunk, 0.0, most, 64) >= 1
