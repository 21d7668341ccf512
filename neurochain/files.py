"""Writing files so that a reader never sees half of one; letting go of mapped ones."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neurochain.errors import InputError

__all__ = ["atomic_path", "atomic_write_bytes", "let_go"]


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary sibling of `path`; on success fsync it and rename it over `path`.

    If the block raises, the temporary file is removed and `path` is left as it was.

    Errors: InputError where the folder does not exist or cannot be written.
    """
    final = Path(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{final.name}.", suffix=".tmp", dir=final.parent)
    except OSError as error:
        raise InputError(
            f"{final}: cannot be written ({error.strerror}). Choose a folder that exists and is "
            "writable."
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        # mkstemp makes the file private; a result file gets the permissions the user expects
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(final)
        _sync_folder(final.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError(f"{final}: cannot be written ({error.strerror or error}).") from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def atomic_write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` atomically. Errors: InputError where it cannot be written."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def let_go(*arrays: Any) -> None:
    """Take the pages of arrays that lie in a mapped file out of this process' memory.

    They stay in the page cache of the system and come back when they are touched. Arrays in
    ordinary memory are left alone.
    """
    for array in arrays:
        owner = array
        while owner is not None and not isinstance(owner, mmap.mmap):
            owner = owner.obj if isinstance(owner, memoryview) else getattr(owner, "base", None)
        if owner is not None and hasattr(mmap, "MADV_DONTNEED"):
            owner.madvise(mmap.MADV_DONTNEED)
