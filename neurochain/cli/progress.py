"""Progress on stderr: a bar on a terminal, nothing or plain lines otherwise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["bar"]


@contextmanager
def bar(label: str, total: int, *, least: int = 2) -> Iterator[Callable[[int], None]]:
    """Yield advance(n). The bar shows on a terminal, for `least` units or more."""
    if not sys.stderr.isatty() or total < least:
        yield lambda n: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda n: progress.advance(task, n)
