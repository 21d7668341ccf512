"""Calls of the kernel: in this thread or in another one; how long chunks become."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest

from neurochain.graph import Reset
from neurochain.network import Network, Population, Projection, Source
from neurochain.operators import Csr
from neurochain.programs import lif_program
from neurochain.simulators import Record
from neurochain.simulators.event import pack, pack_inputs, prepare
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


@pytest.mark.parametrize(
    ("sources", "fan", "own_thread"), [(20, 10, False), (1000, 2000, False), (4000, 2000, True)]
)
def test_a_burst_after_silence_fits_into_a_chunk(sources: int, fan: int, own_thread: bool) -> None:
    """However long the silence: a chunk in which everything fires takes no longer than that."""
    n = 70_000  # two blocks of targets
    targets = np.tile(np.arange(fan, dtype=np.int32) * (n // fan), sources)
    operator = Csr(
        in_shape=(sources,), out_shape=(n,), indptr=np.arange(sources + 1) * fan,
        targets=targets, weights=np.ones(targets.size, dtype=np.float32),
    )  # fmt: skip
    program = lif_program(Reset())
    params = {"beta": np.float32(0.5), "theta": np.float32(1e9)}
    network = Network(
        sources=(Source(name="s", shape=(sources,)),),
        populations=(Population(name="p", shape=(n,), program=program, params=params),),
        projections=(Projection(name="e", source="s", target="p", operator=operator),),
        outputs=(), dt_s=1e-3,
    )  # fmt: skip
    fed = np.zeros((1, 900, sources), dtype=np.float32)
    fed[:, 700:] = 1
    packed = pack(network)
    told: list[int] = []
    run = prepare(packed, pack_inputs(network, {"s": fed}), record=Record(emissions=()))
    assert run.calls.in_a_thread == own_thread
    assert packed.step_seconds >= 2e-9 * sources * fan
    if own_thread:  # Ctrl-C does not wait for it
        return
    run.advance(told.append)
    assert sum(told) == 900
    assert run.most == min(run.chunk, int(CHUNK_SECONDS / packed.step_seconds))
    assert run.most > 15
