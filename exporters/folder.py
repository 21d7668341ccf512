"""A folder that is there as a whole or not at all, whenever the process dies."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neurochain.errors import Finding, InputError
from neurochain.exporters.leftovers import (
    make_sibling,
    remove_leftovers,
    remove_sibling,
    sibling_name,
)

__all__ = ["atomic_folder", "refuse_existing"]

_AT_FDCWD, _RENAME_NOREPLACE, _RENAME_EXCHANGE = -100, 1, 2  # linux/fs.h


def refuse_existing(path: Path, *, force: bool) -> None:
    """Errors: InputError where something is at `path` already, unless `force`.

    With `force` too where it is a folder of other things: it would be deleted with all it holds.
    """
    if os.path.lexists(path) and not force:
        raise InputError(
            Finding(where=str(path), what="exists.", fix="Choose another name, or give --force.")
        )
    if path.is_dir() and not (path / "manifest.json").is_file() and any(path.iterdir()):
        what = "holds something, and no manifest.json of an export: it is not replaced."
        raise InputError(Finding(where=str(path), what=what, fix="Choose another name."))


@contextmanager
def atomic_folder(path: Path, *, force: bool) -> Iterator[Path]:
    """Yield an empty temporary folder; on success all of it is synced and renamed to `path`.

    With `force` a folder that is there changes places with the new one in one system call and is
    then removed. If the block raises, nothing remains of it. A killed process leaves at most a
    sibling called `.NAME.*.tmp`, which the next export to `path` removes.

    Errors: InputError where `path` exists and is not to be replaced, or is no folder, or where the
    system does not let it be written.
    """
    refuse_existing(path, force=force)
    if os.path.lexists(path) and (path.is_symlink() or not path.is_dir()):
        raise InputError(Finding(where=str(path), what="is no folder.", fix="Choose another name."))
    remove_leftovers(path)
    sibling, lock = sibling_name(path), -1
    try:
        lock = make_sibling(sibling)
        temporary = sibling / "folder"
        temporary.mkdir()
        yield temporary
        _sync_tree(temporary)
        _move(temporary, path, force=force)
        _sync(path.parent)
    except OSError as error:
        raise _cannot(path, error) from error
    finally:
        remove_sibling(sibling)  # with what it holds: after an exchange, the old folder
        if lock >= 0:
            os.close(lock)


def _cannot(path: Path, error: OSError) -> InputError:
    reason = error.strerror or str(error)
    fix = "Choose a folder that exists and is writable."
    return InputError(Finding(where=str(path), what=f"cannot be written ({reason}).", fix=fix))


def _move(temporary: Path, path: Path, *, force: bool) -> None:
    exchange = force and path.is_dir()
    if _renameat2(temporary, path, _RENAME_EXCHANGE if exchange else _RENAME_NOREPLACE):
        return
    if exchange:  # no such system call: the folder is missing for a moment, but never half there
        old = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".old", dir=path.parent))
        path.rename(old)
        temporary.rename(path)
        shutil.rmtree(old, ignore_errors=True)
        return
    temporary.rename(path)  # fails on a folder that has come to hold something meanwhile


def _renameat2(source: Path, target: Path, flags: int) -> bool:
    """Linux' renameat2; False where libc or the file system lacks it. Errors: OSError."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    here = ctypes.c_int(_AT_FDCWD)
    done = call(here, os.fsencode(source), here, os.fsencode(target), ctypes.c_uint(flags))
    if done == 0:
        return True
    number = ctypes.get_errno()
    if number in (22, 38):  # EINVAL, ENOSYS
        return False
    raise OSError(number, os.strerror(number), str(target))


def _sync_tree(folder: Path) -> None:
    for root, _, files in os.walk(folder):
        for name in files:
            _sync(Path(root) / name)
        _sync(Path(root))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
