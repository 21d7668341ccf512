"""Calls of the kernel that leave Python free for Ctrl-C, and how many steps one may take."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

__all__ = ["CHUNK_SECONDS", "Calls", "next_chunk"]

CHUNK_SECONDS = 0.1
"""A call ends with a chunk of steps, which should take no longer."""


class Calls:
    """Calls of one run, one after the other.

    Where `long`, each runs in a thread of its own while this one waits, since Python handles
    signals in no other way while C is at work: Ctrl-C is answered at once, and the call ends by
    itself a chunk later. Until then the next one waits.
    """

    def __init__(self, *, long: bool) -> None:
        self._long = long
        self._ended = Event()
        self._ended.set()

    @property
    def in_a_thread(self) -> bool:
        """Whether calls run in threads of their own."""
        return self._long

    def finish(self) -> None:
        """Wait for a call that was interrupted: until it ends, it works on the run's memory."""
        self._ended.wait()

    def call(self, function: Callable[..., Any], *arguments: Any, keep: Any = None) -> Any:
        """What function(*arguments), of C, returns.

        keep  what owns the memory that it works on: it outlives an interrupted call
        """
        self.finish()
        if not self._long:
            return function(*arguments)
        returned: list[Any] = []
        ended, turn = Event(), [True]
        # Not only a name of the thread's: a program that is interrupted need not wait for it, and
        # when Python takes itself down, names go while C is still at work.
        owner = ctypes.py_object(keep)
        ctypes.pythonapi.Py_IncRef(owner)

        def work(asked: bool = True) -> None:
            try:
                turn.pop()  # whoever is first, also where this thread was interrupted meanwhile
            except IndexError:
                return
            try:
                if asked:
                    returned.append(function(*arguments))
            finally:
                ctypes.pythonapi.Py_DecRef(owner)
                ended.set()

        self._ended = ended
        try:
            Thread(target=work, name="neurochain kernel", daemon=True).start()
        except RuntimeError:  # the system gives no further thread: Ctrl-C waits for the call
            work()
        except BaseException:  # Ctrl-C; perhaps no thread has begun
            work(asked=False)
            raise
        ended.wait()
        return returned[0]


def next_chunk(chunk: int, step_seconds: float, most: int, together: int) -> int:
    """Steps of the next chunk, so that it takes no longer than CHUNK_SECONDS.

    step_seconds   what a step took in the last one, of `chunk` steps
    together       steps that the kernel likes to take at once: of more, whole multiples
    """
    fits = min(most, 2 * chunk, int(CHUNK_SECONDS / max(step_seconds, 1e-9)))
    return max(1, fits if fits < together else fits // together * together)
