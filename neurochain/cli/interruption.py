"""A command that is told to end, by whatever signal, ends as upon Ctrl-C: it tidies up first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["tidy_when_ended"]


@contextmanager
def tidy_when_ended() -> Iterator[None]:
    """SIGTERM (of `timeout`, of batch systems) and SIGHUP are raised as KeyboardInterrupt, once.

    A signal that is ignored already, as SIGHUP is under nohup, or handled, stays so.
    """
    taken: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        for one in taken:
            signal.signal(one, signal.SIG_IGN)  # a second one would end the tidying
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():  # no other may do this
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, interrupt)
                taken.append(number)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
