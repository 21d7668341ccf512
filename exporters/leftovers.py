"""Temporary siblings of an export, and taking away those whose process was killed.

A sibling is a folder `.NAME.*.tmp` that holds a mark. The process that writes it keeps the
mark locked; the system lets go of the lock however the process ends, and a number of a process that
came to be another's cannot mislead.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

__all__ = ["make_sibling", "remove_leftovers", "remove_sibling", "sibling_name"]

_MARK = ".neurochain-export"
_SAYS = b"A temporary folder of neurochain export. It may be deleted once that has ended.\n"


def sibling_name(path: Path) -> Path:
    """A name for a sibling that nobody has: chosen first, so that nothing is made without one."""
    return path.parent / f".{path.name}.{secrets.token_hex(8)}.tmp"


def make_sibling(sibling: Path) -> int:
    """Make it, private and empty but for its mark, and give the lock. Errors: OSError.

    What the mark says is written once it is locked, so that nobody takes it for left over.
    """
    sibling.mkdir(mode=0o700)
    lock = os.open(sibling / _MARK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with suppress(OSError):  # a file system without locks: not marked, so never taken for left over
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.write(lock, _SAYS)
    return lock


def remove_leftovers(path: Path) -> None:
    """Remove siblings that killed exports to `path` have left; what cannot be removed stays."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{16}}\.tmp")
    with suppress(OSError), os.scandir(path.parent) as entries:
        found = [e for e in entries if ours.fullmatch(e.name) and e.is_dir(follow_symlinks=False)]
        for entry in found:
            with suppress(OSError):
                _remove_left(Path(entry.path))


def _remove_left(sibling: Path) -> None:
    """Errors: OSError where it has no mark, or its owner is at work."""
    lock = os.open(sibling / _MARK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.read(lock, len(_SAYS) + 1) == _SAYS:
            remove_sibling(sibling)
    finally:
        os.close(lock)


def remove_sibling(sibling: Path) -> None:
    """The mark goes last: what is left of an interrupted removal is still known."""
    with suppress(OSError):
        for entry in sibling.iterdir():
            if entry.name != _MARK:
                shutil.rmtree(entry, ignore_errors=True)
    shutil.rmtree(sibling, ignore_errors=True)
