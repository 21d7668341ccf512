"""Progress of training: a bar on a terminal, a plain line per epoch otherwise."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from neurochain.cli.output import note
from neurochain.learning.results import Progress, ProgressCallback

__all__ = ["training_progress"]


@contextmanager
def training_progress() -> Iterator[ProgressCallback]:
    """Yield the callback that `learning.train` reports to."""
    if not sys.stderr.isatty():
        yield _plain
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("training", total=None)

        def report(state: Progress) -> None:
            bars.update(task, completed=state.done, total=state.total, description=_label(state))
            if state.done == state.total and state.phase == "train":
                bars.console.print(_label(state), highlight=False)

        yield report


def _plain(state: Progress) -> None:
    """One line when an epoch is done."""
    if state.done == state.total:
        note(_label(state))


def _label(state: Progress) -> str:
    if state.phase == "evaluate":
        return f"{state.run}: test"
    return f"{state.run}: epoch {state.epoch + 1}/{state.epochs}, loss {state.loss:.4f}"
