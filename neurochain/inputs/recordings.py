"""Collections of recordings: a folder or a zip file, with lists of sample number and class.

A list is a text file with one header line and then "number<TAB>class" per line (`train1K.txt`,
`test100.txt`); the recording `number.bs2` or `number.bin` lies beside it.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from neurochain.errors import InputError
from neurochain.inputs.nmnist import Events, parse_events

__all__ = ["Recordings", "open_recordings"]

_SUFFIXES = (".bs2", ".bin")
_DAMAGE = (OSError, KeyError, EOFError, ValueError, zlib.error, zipfile.BadZipFile)
_MAX_FILE = 64 << 20  # bytes; the longest N-MNIST recording is under 50 KB


@dataclass(frozen=True, slots=True, kw_only=True)
class Recordings:
    """Recordings of one list, read one at a time.

    names   member names, in the order of the list
    labels  (sample,) int64 class numbers; None where no list was found
    source  the folder or zip file
    """

    source: Path
    names: tuple[str, ...]
    labels: npt.NDArray[np.int64] | None = field(compare=False)
    numbers: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def read(self, start: int = 0, stop: int | None = None) -> list[Events]:
        """Events of the samples start..stop-1. Errors: InputError for damaged files."""
        names = self.names[start:stop]
        blobs = self.read_bytes(start, stop)
        return [
            parse_events(blob, f"{self.source}/{name}")
            for blob, name in zip(blobs, names, strict=True)
        ]

    def read_bytes(self, start: int = 0, stop: int | None = None) -> list[bytes]:
        """The same samples as raw bytes of their files."""
        with _Store(self.source) as store:
            return [store.read(name) for name in self.names[start:stop]]

    def md5(self) -> str:
        """MD5 over the lines "number class md5-of-the-file", one per sample, in list order."""
        digest = hashlib.md5(usedforsecurity=False)
        labels = [-1] * len(self) if self.labels is None else self.labels.tolist()
        with _Store(self.source) as store:
            for number, label, name in zip(self.numbers, labels, self.names, strict=True):
                part = hashlib.md5(store.read(name), usedforsecurity=False).hexdigest()
                digest.update(f"{number} {label} {part}\n".encode())
        return digest.hexdigest()


def open_recordings(path: str | os.PathLike[str], part: str | None = None) -> Recordings:
    """Find the recordings under `path`: a folder, a zip file, one recording, or a list file.

    `part` picks a list by a piece of its name ("test", "train1K.txt"); it may also be written as
    the last piece of the path ("nmnist.zip/test100.txt").

    Errors: InputError where nothing is found, several lists fit, or a list names a missing file.
    """
    base, part = _split(Path(path), part)
    if base.is_file() and not zipfile.is_zipfile(base):
        return Recordings(source=base.parent, names=(base.name,), labels=None, numbers=(0,))
    with _Store(base) as store:
        names = store.names()
        chosen = _choose_list(base, [n for n in names if n.endswith(".txt")], part)
        if chosen is None:
            return _unlabelled(base, names)
        rows = _rows(f"{base}/{chosen}", store.read(chosen))
    return _listed(base, chosen, rows, set(names))


def _split(path: Path, part: str | None) -> tuple[Path, str | None]:
    """Separate a list file at the end of the path from the folder or zip file before it."""
    if path.suffix == ".txt" and path.parent.exists():
        return path.parent, path.name
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder.")
    return path, part


def _choose_list(base: Path, lists: list[str], part: str | None) -> str | None:
    fitting = [n for n in lists if part is None or part in PurePosixPath(n).name]
    if len(fitting) == 1 or (part is None and not lists):
        return fitting[0] if fitting else None
    found = ", ".join(PurePosixPath(n).name for n in lists) or "none"
    problem = "several lists fit" if fitting else f"no list is called like {part!r}"
    raise InputError(
        f"{base}: {problem} (found: {found}). Name one, for example {base}/"
        f"{PurePosixPath(lists[0]).name if lists else 'test100.txt'}."
    )


def _unlabelled(base: Path, names: Iterable[str]) -> Recordings:
    found = [n for n in names if n.endswith(_SUFFIXES)]
    if not found:
        raise InputError(f"{base}: no recording (*.bs2, *.bin) in it.")
    found.sort(key=lambda n: (len(n), n))  # 2.bs2 before 10.bs2
    return Recordings(
        source=base, names=tuple(found), labels=None, numbers=tuple(range(len(found)))
    )


def _listed(base: Path, listing: str, rows: list[tuple[int, int]], present: set[str]) -> Recordings:
    folder = PurePosixPath(listing).parent
    names: list[str] = []
    for number, _ in rows:
        candidates = [str(folder / f"{number}{suffix}") for suffix in _SUFFIXES]
        name = next((c for c in candidates if c in present), None)
        if name is None:
            raise InputError(
                f"{base}/{listing}: names recording {number}, but {candidates[0]} is missing."
            )
        names.append(name)
    labels = np.array([label for _, label in rows], np.int64)
    numbers = tuple(number for number, _ in rows)
    return Recordings(source=base, names=tuple(names), labels=labels, numbers=numbers)


def _rows(where: str, data: bytes) -> list[tuple[int, int]]:
    rows: list[tuple[int, int]] = []
    for line_number, line in enumerate(data.decode("utf-8", "replace").splitlines()[1:], start=2):
        words = line.split()
        if not words:
            continue
        if len(words) != 2 or not all(w.isascii() and w.isdigit() for w in words):
            raise InputError(
                f"{where}: line {line_number} is {line[:60]!r}; wanted: sample number, tab, class."
            )
        rows.append((int(words[0]), int(words[1])))
    if not rows:
        raise InputError(f"{where}: the list is empty (one header line, then a line per sample).")
    return rows


class _Store:
    """Read members of a folder or a zip file by their relative name, sizes limited."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._zip: zipfile.ZipFile | None = None

    def __enter__(self) -> _Store:
        if not self._path.is_dir():
            try:
                self._zip = zipfile.ZipFile(self._path)
            except (OSError, zipfile.BadZipFile) as error:
                raise InputError(f"{self._path}: not a readable zip file ({error}).") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._zip is not None:
            self._zip.close()

    def names(self) -> list[str]:
        if self._zip is not None:
            return [n for n in self._zip.namelist() if not n.endswith("/")]
        return sorted(p.name for p in self._path.iterdir() if p.is_file())

    def read(self, name: str) -> bytes:
        try:
            if self._zip is None:
                file = self._path / name
                self._check_size(name, file.stat().st_size)
                return file.read_bytes()
            self._check_size(name, self._zip.getinfo(name).file_size)
            return self._zip.read(name)
        except _DAMAGE as error:
            raise InputError(f"{self._path}/{name}: cannot be read ({error}).") from error

    def _check_size(self, name: str, size: int) -> None:
        if size > _MAX_FILE:
            raise InputError(
                f"{self._path}/{name}: {size} bytes; recordings up to {_MAX_FILE} are read."
            )
