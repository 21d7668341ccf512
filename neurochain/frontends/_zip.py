"""Reading a file whole, and a zip's list of members, before anything believes what they claim.

Both `.pt` and `.pt2` are zips as torch writes them: stored members under one folder. Whatever
compresses, overlaps, repeats or leaves that folder was not written by torch.
"""

from __future__ import annotations

import os
import stat
import zipfile
from collections import Counter
from io import BytesIO
from pathlib import Path

from neurochain.errors import Finding, InputError

__all__ = ["DAMAGE", "MAX_NAME", "open_zip", "read_regular"]

MAX_FILE_BYTES = 1 << 33
MAX_DIRECTORY_BYTES = 1 << 23
"""The zip's list of members: about 100 bytes each."""
MAX_MEMBERS = 50_000
MAX_NAME = 512
MAX_FINDINGS = 20

_END = b"PK\x05\x06"
_END_BYTES = 22
_END64_LOCATOR = b"PK\x06\x07"
_END64 = b"PK\x06\x06"
_ENCRYPTED = 1

DAMAGE = (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError)
"""What zipfile raises for damaged files."""


def read_regular(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a regular file: a pipe or a device may never end. Errors: InputError."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path}: is no regular file. Give the path of a file.")
        if status.st_size > MAX_FILE_BYTES:
            raise InputError(
                f"{path}: has {status.st_size:,} bytes; at most {MAX_FILE_BYTES:,} are read. Save "
                "a smaller network."
            )
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from error
    if not data:
        raise InputError(f"{path}: is empty. Save the network again.")
    return data


def open_zip(path: str | os.PathLike[str], data: bytes, kind: str, advice: str) -> zipfile.ZipFile:
    """The zip in `data`, every member of which is as torch writes it. kind: ".pt", ".pt2".

    Errors: InputError with every fault and `advice`.
    """
    _check_end(path, data, kind, advice)
    try:
        archive = zipfile.ZipFile(BytesIO(data))
    except DAMAGE as error:
        raise InputError(
            f"{path}: is no readable {kind} file: truncated, damaged or of another kind ({error}). "
            f"{advice}"
        ) from error
    entries = archive.infolist()
    faults = [*_entry_faults(entries), *_size_faults(entries, len(data))]
    if faults:
        where = str(path)
        raise InputError(*(Finding(where=where, what=f, fix=advice) for f in faults[:MAX_FINDINGS]))
    return archive


def _check_end(path: str | os.PathLike[str], data: bytes, kind: str, advice: str) -> None:
    """Look at what the zip's end claims before a list of that length is built."""
    place = data.rfind(_END, max(0, len(data) - _END_BYTES - 0xFFFF))
    if place < 0 or place + _END_BYTES > len(data):
        raise InputError(
            f"{path}: is no readable {kind} file: truncated, damaged or of another kind. {advice}"
        )
    count = int.from_bytes(data[place + 10 : place + 12], "little")
    size = int.from_bytes(data[place + 12 : place + 16], "little")
    locator = data[place - 20 : place] if place >= 20 else b""
    if locator[:4] == _END64_LOCATOR:
        wide = int.from_bytes(locator[8:16], "little")
        if data[wide : wide + 4] == _END64:
            count = int.from_bytes(data[wide + 32 : wide + 40], "little")
            size = int.from_bytes(data[wide + 40 : wide + 48], "little")
    if count > MAX_MEMBERS or size > MAX_DIRECTORY_BYTES:
        raise InputError(
            f"{path}: claims {count:,} members in a list of {size:,} bytes; at most "
            f"{MAX_MEMBERS:,} in {MAX_DIRECTORY_BYTES:,} are read. {advice}"
        )


def _entry_faults(entries: list[zipfile.ZipInfo]) -> list[str]:
    faults = []
    for info in entries:
        name = info.filename
        shown = repr(name[:80])
        parts = name.split("/")
        if len(name) > MAX_NAME or len(parts) < 2 or "\\" in name or "\0" in info.orig_filename:
            faults.append(f"member {shown} has no name that torch gives.")
        elif any(part in ("", ".", "..") for part in parts):
            faults.append(f"member {shown} names a path outside the archive.")
        if info.flag_bits & _ENCRYPTED:
            faults.append(f"member {shown} is encrypted.")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            faults.append(f"member {shown} is compressed; torch stores members as they are.")
    counts = Counter(info.filename for info in entries)
    faults += [
        f"member {name[:80]!r} is there {n} times; which one counts is not defined."
        for name, n in counts.items()
        if n > 1
    ]
    roots = {info.filename.partition("/")[0] for info in entries}
    if len(roots) > 1:
        faults.append(f"has {len(roots)} folders at its top; an archive has one.")
    return faults


def _size_faults(entries: list[zipfile.ZipInfo], length: int) -> list[str]:
    """Stored members cannot hold more than the file does, unless they overlap."""
    total = sum(info.file_size for info in entries)
    if total <= length:
        return []
    what = f"its members claim {total:,} bytes, but the file has {length:,}"
    return [f"{what}: they overlap or are cut off."]
