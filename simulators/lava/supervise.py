"""Lava graphs that cannot hang: a runtime that looks after its processes while it waits.

`start(process, run_cfg)` takes the place of what the first `process.run` would do. From then on
`run`, `wait`, `pause`, `stop` and `Var.get` are Lava's, and each of them raises an ExecutionError
with the traceback of the process where one fails, is killed, or does not answer in time. Whatever
ends a run early ends all of its processes and leaves no shared memory.
"""

from __future__ import annotations

import atexit
import logging
import os
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from queue import Empty
from typing import Any

from neurochain.errors import ExecutionError, Finding
from neurochain.simulators.lava.actors import Infrastructure
from neurochain.simulators.lava.names import (
    MGMT_RESPONSE,
    ActorType,
    Runtime,
    enum_equal,
)

__all__ = ["WatchedRuntime", "start", "stopped", "supervised"]

POLL_SECONDS = 0.1
"""How long a wait lasts before the processes are looked at."""
REPORT_SECONDS = 1.0
"""How long the exception of a process that reported an error may take to arrive."""
STOP_SECONDS = 2.0
"""How long a graph has to stop in order before its processes are ended."""
BUILD_SECONDS = 60.0
"""How long the processes of a graph have to build their models."""

_LIVE: weakref.WeakSet[Any] = weakref.WeakSet()


class WatchedRuntime(Runtime):
    """Lava's runtime whose every wait ends: with an answer, an error, or a time-out.

    timeout_s   of one run; None: a run may take as long as its processes are alive
    """

    _is_running: bool

    def __init__(self, executable: Any, *, timeout_s: float | None, level: int) -> None:
        super().__init__(executable, ActorType.MultiProcessing, loglevel=level)
        self.timeout_s = timeout_s
        self._owner = os.getpid()
        self._stopping = False
        self._deadline: tuple[float, str] | None = None
        self.ended = False

    # --- building ---------------------------------------------------------------------------------

    def _build_message_infrastructure(self) -> None:
        self._messaging_infrastructure = Infrastructure()
        self._messaging_infrastructure.start()

    def initialize(self, node_cfg_idx: int = 0) -> None:
        """Build channels and processes. Errors: ExecutionError where a model cannot be built."""
        self._build_watchdog_manager()
        self._build_message_infrastructure()
        self._build_channels()
        self._build_sync_channels()
        self._build_processes()
        self._build_runtime_services()
        self._start_ports()
        self._within(BUILD_SECONDS, "was not built")
        for queue in self.exception_q:
            self._built(queue)
            queue.close()
        self._deadline = None
        del self.exception_q
        for port in self.service_to_runtime:
            port.recv = partial(self._received, port, port.recv)
        for port in self.runtime_to_service:
            port.send = partial(self._sent, port, port.send)
        self._is_initialized = True

    def _built(self, queue: Any) -> None:
        """Wait for one process to say that its model was built."""
        while True:
            try:
                failed = queue.get(timeout=POLL_SECONDS) is not None
            except Empty:
                self._look()
                continue
            except Exception:  # an exception that does not survive pickling
                failed = True
            if failed:
                self._await_report()
            return

    # --- waiting ----------------------------------------------------------------------------------

    def _received(self, port: Any, receive: Callable[[], Any]) -> Any:
        """What arrives at a port, however long it takes while the processes are well."""
        while True:
            try:
                port._queue.get(timeout=POLL_SECONDS, peek=True)
            except Empty:
                self._look()
            else:
                return receive()

    def _sent(self, port: Any, send: Callable[[Any], None], data: Any) -> None:
        while not port._semaphore.acquire(timeout=POLL_SECONDS):
            self._look()
        port._semaphore.release()
        send(data)

    def _get_resp_for_run(self) -> None:
        """Wait for the end of a run. Errors: ExecutionError."""
        if not self._is_running:
            return
        self._within(self.timeout_s, "has not ended")
        for port in self.service_to_runtime:
            answer = port.recv()
            if enum_equal(answer, MGMT_RESPONSE.REQ_PAUSE):
                self.pause()
                return
            if enum_equal(answer, MGMT_RESPONSE.REQ_STOP):
                self.stop()
                return
            if not enum_equal(answer, MGMT_RESPONSE.DONE):
                self._await_report()
        self._deadline = None
        self._is_running = False

    def _within(self, seconds: float | None, what: str) -> None:
        if seconds is not None:
            self._deadline = (time.monotonic() + seconds, f"{what} after {seconds:g} s.")

    def _look(self) -> None:
        """Look at every process. Errors: ExecutionError, after the graph was ended."""
        for actor in self._messaging_infrastructure.actors:
            fault = actor.fault(stopping=self._stopping)
            if fault is not None:
                self._fail(f"process {self._name(actor)} {fault[0]}", fault[1])
        if self._deadline is not None and time.monotonic() > self._deadline[0]:
            self._fail(f"the graph {self._deadline[1]}")

    def _await_report(self) -> None:
        """A process has reported an error: wait for the exception itself."""
        limit = time.monotonic() + REPORT_SECONDS
        while time.monotonic() < limit:
            self._look()
            time.sleep(POLL_SECONDS / 10)
        self._fail("a process has reported an error and did not say which.")

    def _name(self, actor: Any) -> str:
        """The name of the process that an actor runs."""
        for process, builder in self._executable.proc_builders.items():
            if builder is actor.builder:
                return f"{process.name} ({type(process).__name__}, {actor.label})"
        return str(actor.label)

    def _fail(self, what: str, trace: str = "") -> None:
        self.abort()
        text = f"{what}\n{trace.rstrip()}" if trace else what
        raise ExecutionError(Finding(where="lava", what=text)) from None

    # --- ending -----------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop in order; processes that do not are ended. Does nothing the second time."""
        if self.ended or os.getpid() != self._owner:
            return
        if not self._is_started:
            self.abort()
            return
        self._stopping = True
        self._within(STOP_SECONDS, "did not stop")
        try:
            super().stop()
        except (ExecutionError, RuntimeError) as error:
            logging.getLogger(__name__).warning("Lava did not stop in order: %s", error)
        self.abort()

    def abort(self) -> None:
        """End every process now and leave nothing behind."""
        if self.ended or os.getpid() != self._owner:
            return
        self.ended = True
        self._is_started = self._is_running = False
        for port in self._open_ports:
            port.join()
            port._array = []
        self._open_ports.clear()
        if self._messaging_infrastructure is not None:
            self._messaging_infrastructure.kill()


def start(process: Any, run_cfg: Any, *, timeout_s: float | None = None) -> WatchedRuntime:
    """Compile the graph that `process` belongs to and start its processes, supervised.

    timeout_s   of one run; None: as long as its processes are alive
    Errors: ExecutionError where a model cannot be built.
    """
    executable = process.compile(run_cfg)
    level = process._log_config.level
    runtime = WatchedRuntime(executable, timeout_s=timeout_s, level=level)
    _LIVE.add(runtime)
    try:
        executable.assign_runtime_to_all_processes(runtime)
        runtime.initialize()
    except BaseException:
        runtime.abort()
        raise
    return runtime


@contextmanager
def supervised(process: Any, run_cfg: Any, *, timeout_s: float | None = None) -> Iterator[Any]:
    """As `start`, and stopped at the end of the block, in order where nothing was raised."""
    with stopped(start(process, run_cfg, timeout_s=timeout_s)) as runtime:
        yield runtime


@contextmanager
def stopped(runtime: WatchedRuntime) -> Iterator[WatchedRuntime]:
    """A runtime that ends with the block."""
    try:
        yield runtime
    except BaseException:
        runtime.abort()
        raise
    runtime.stop()


@atexit.register
def _end_all() -> None:
    """Graphs that were not stopped end with the application."""
    for runtime in list(_LIVE):
        runtime.abort()
