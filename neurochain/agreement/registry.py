"""Readers by form: those built in, and those that installed packages bring by entry point."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import entry_points

from neurochain.agreement.runnable import Reader, Reading, Runnable
from neurochain.errors import Finding, InputError

__all__ = ["BUILT_IN", "GROUP", "open_runnable", "reader_of", "readers"]

GROUP = "neurochain.readers"
"""Entry point group: name of the form = "module:object", the object being a `Reader`."""

BUILT_IN = (
    "engine",  # lava:PATH before anything that looks at the path
    "compiled",
    "loihi_graph",
    "onnx_folder",
    "c_project",
    "lava_package",
    "netx_folder",
    "module",
)
"""Modules of `readers/`, each with a `READER`; the first that takes a path opens it."""


def readers() -> Iterator[Reader]:
    """All readers in the order in which they are asked."""
    for name in BUILT_IN:
        yield import_module(f"neurochain.agreement.readers.{name}").READER
    for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.name, e.value)):
        reader = entry.load()
        if not isinstance(reader, Reader):
            what = f"{entry.value} is a {type(reader).__name__}, not a Reader."
            raise InputError(Finding(where=f"reader {entry.name}", what=what))
        yield reader


def reader_of(path: str) -> Reader:
    """The reader that takes a path. Errors: InputError where none does."""
    known = []
    for reader in readers():
        if reader.takes(path):
            return reader
        known.append(f"{reader.kind} ({reader.summary})")
    raise InputError(
        Finding(
            where=path,
            what="is nothing that can be run here.",
            fix=f"There are: {'; '.join(known)}.",
        )
    )


def open_runnable(path: str, reading: Reading | None = None) -> Runnable:
    """Open a form of a network. Errors: InputError, and those of its reader."""
    return reader_of(path).open(path, reading or Reading())
