"""Lava's operating-system processes and shared memory, so that none of them outlives its run.

Every process of a graph ends with the application: it looks a few times a second whether its
parent is still there. It does not see Ctrl-C, which is the parent's to handle. An exception in it
reaches the parent as text, whatever its class, for not every exception survives pickling.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.shared_memory import SharedMemory
from typing import Any

from neurochain.simulators.lava.names import MultiProcessing, SharedMemoryManager, SystemProcess

__all__ = ["Infrastructure"]

PARENT_SECONDS = 0.2
"""How often a process looks for its parent."""
END_SECONDS = 1.0
"""How long a process that was told to end has for it."""


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Ctrl-C waits; processes that are forked meanwhile never see it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with(parent: int) -> None:
    """In a child: end at once when `parent` is gone."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent", daemon=True).start()


class Actor(SystemProcess):
    """One process of the graph, or the service that keeps them in step."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parent = os.getpid()
        self.builder: Any = None
        self.label = ""

    def run(self) -> None:
        """In the child."""
        end_with(self.parent)
        try:
            multiprocessing.Process.run(self)
            self._cconn.send(None)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            self._cconn.send((RuntimeError(text), traceback.format_exc()))

    def fault(self, *, stopping: bool) -> tuple[str, str] | None:
        """(what happened, the child's traceback) where it failed or was killed; None if neither.

        stopping   whether it was told to end, and may have
        """
        if self._is_done:
            return None
        raised = self.exception
        if raised is None and not self.is_alive():
            raised = self.exception  # it may have come just before the end
            if raised is None and not (stopping and self.exitcode == 0):
                return _ended(self.exitcode), ""
        return None if raised is None else (f"failed: {raised[0]}", raised[1])

    def end(self, deadline: float) -> None:
        """Told to end, waited for until `deadline` (monotonic seconds), killed after it."""
        if self._is_done:
            return
        multiprocessing.Process.join(self, max(deadline - time.monotonic(), 0))
        if self.is_alive():
            self.kill()
        self.join()


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended by itself with exit code {code}."
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed ({name})."


class Memory(SharedMemoryManager):
    """Shared memory that is gone after `shutdown`, even where its manager was killed."""

    _manager: Any

    def start(self) -> None:
        """Start the manager's process."""
        self._manager.start(initializer=end_with, initargs=(os.getpid(),))

    def shutdown(self) -> None:
        """Let go of every segment and end the manager. Does nothing the second time."""
        if self._manager is None:
            return
        names = [handle.name for handle in self._shared_memory_handles]
        for handle in self._shared_memory_handles:
            with suppress(BufferError):  # arrays of the ports may still look at it
                handle.close()
        self._shared_memory_handles.clear()
        self._manager.shutdown()
        self._manager = None
        for name in names:
            with suppress(FileNotFoundError):
                left = SharedMemory(name=name)
                left.close()
                left.unlink()


class Infrastructure(MultiProcessing):
    """Makes the processes of a graph and takes them away again."""

    def start(self) -> None:
        """Start the manager of shared memory."""
        self._smm = Memory()
        self._smm.start()

    def build_actor(self, target_fn: Any, builder: Any, exception_q: Any = None) -> Any:
        """Fork the process that runs `builder`'s model."""
        actor = Actor(
            target=target_fn, args=(), kwargs={"builder": builder, "exception_q": exception_q}
        )
        actor.builder, model = builder, getattr(builder, "proc_model", None)
        actor.label = "the runtime service" if model is None else model.__name__
        with interrupts_held():
            actor.start()
        self._actors.append(actor)
        return actor

    def stop(self) -> None:
        """Wait a little for the processes to end, kill those that do not, let memory go."""
        self._end(END_SECONDS)

    def kill(self) -> None:
        """End every process now, and let memory go."""
        for actor in self._actors:
            if not actor._is_done and actor.is_alive():
                actor.terminate()
        self._end(END_SECONDS)

    def _end(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for actor in self._actors:
            actor.end(deadline)
        if self._smm is not None:
            self._smm.shutdown()
