"""A `.pt2` file as a bounded, read-only set of named byte strings; nothing in it is ever unpickled.

The archive that torch.export.save writes is a zip of stored (uncompressed) members under one
folder: `models/model.json`, raw weight blobs with a JSON that describes them, and pickles of sample
inputs, which are never opened here.
"""

from __future__ import annotations

import os
import stat
import zipfile
from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from neurochain.errors import Finding, InputError

__all__ = ["Archive", "open_archive"]

MAX_FILE_BYTES = 1 << 32
MAX_DIRECTORY_BYTES = 1 << 23
"""The zip's list of members: about 100 bytes each."""
MAX_MEMBERS = 50_000
MAX_JSON_BYTES = 1 << 26
MAX_NAME = 512

_END = b"PK\x05\x06"
_END_BYTES = 22
_END64_LOCATOR = b"PK\x06\x07"
_END64 = b"PK\x06\x06"
_ENCRYPTED = 1

_OLD_LAYOUT = ("serialized_exported_program.json", "serialized_state_dict.pt")
_DAMAGE = (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Members by their name below the archive's folder, checked but not yet read."""

    path: str
    data: memoryview
    zip: zipfile.ZipFile
    members: dict[str, zipfile.ZipInfo]

    def read(self, name: str) -> bytes:
        """The bytes of a member, its checksum verified. Errors: InputError."""
        info = self.members.get(name)
        if info is None:
            raise InputError(f"{self.path}: {name} is missing from the archive. Export it again.")
        try:
            return self.zip.read(info)
        except _DAMAGE as error:
            raise InputError(
                f"{self.path}: {name} is damaged ({error}). Export the network again."
            ) from error

    def read_json(self, name: str) -> bytes:
        """As `read`, for members that are decoded as a whole; bounded. Errors: InputError."""
        info = self.members.get(name)
        if info is not None and info.file_size > MAX_JSON_BYTES:
            raise InputError(
                f"{self.path}: {name} has {info.file_size:,} bytes; at most {MAX_JSON_BYTES:,} are "
                "read. Export one step of the network instead of a long loop."
            )
        return self.read(name)

    def text(self, name: str) -> str:
        """A short member as text, "" where it is missing."""
        info = self.members.get(name)
        if info is None or info.file_size > MAX_NAME:
            return ""
        return self.read(name).decode("ascii", "replace").strip()


def open_archive(path: str | os.PathLike[str]) -> Archive:
    """Check the zip's structure; every fault is a finding.

    Errors: InputError where the file is missing, no `.pt2`, damaged, unsafe or over a limit.
    """
    data = _bytes(Path(path))
    _check_end(path, data)
    try:
        archive = zipfile.ZipFile(BytesIO(data))
    except _DAMAGE as error:
        raise InputError(
            f"{path}: is no readable .pt2 file: truncated, damaged or of another kind ({error}). "
            "Export the network again."
        ) from error
    entries = archive.infolist()
    faults = [*_entry_faults(entries), *_size_faults(entries, len(data))]
    if faults:
        raise InputError(*(Finding(where=str(path), what=w, fix=f) for w, f in faults))
    members = {info.filename.partition("/")[2]: info for info in entries}
    result = Archive(path=str(path), data=memoryview(data), zip=archive, members=members)
    _check_format(result)
    return result


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InputError(f"{path}: is no regular file. Give a .pt2 file.")
            if status.st_size > MAX_FILE_BYTES:
                raise InputError(
                    f"{path}: has {status.st_size:,} bytes; at most {MAX_FILE_BYTES:,} are read. "
                    "Export a smaller network."
                )
            data = stream.read()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from error
    if not data:
        raise InputError(f"{path}: is empty. Export the network again.")
    return data


def _check_end(path: str | os.PathLike[str], data: bytes) -> None:
    """Look at what the zip's end claims before a list of that length is built."""
    place = data.rfind(_END, max(0, len(data) - _END_BYTES - 0xFFFF))
    if place < 0 or place + _END_BYTES > len(data):
        raise InputError(
            f"{path}: is no zip archive, or is truncated; a .pt2 file is one. Write it with "
            "torch.export.save(torch.export.export(net, (sample,)), path)."
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
            f"{MAX_MEMBERS:,} in {MAX_DIRECTORY_BYTES:,} are read. Export the network again."
        )


def _entry_faults(entries: list[zipfile.ZipInfo]) -> list[tuple[str, str]]:
    faults = []
    again = "Write the file with torch.export.save and do not repack it."
    for info in entries:
        name = info.filename
        shown = repr(name[:80])
        parts = name.split("/")
        if len(name) > MAX_NAME or len(parts) < 2 or "\\" in name or "\0" in info.orig_filename:
            faults.append((f"member {shown} has no name that torch.export gives.", again))
        elif any(part in ("", ".", "..") for part in parts):
            faults.append((f"member {shown} names a path outside the archive.", again))
        if info.flag_bits & _ENCRYPTED:
            faults.append((f"member {shown} is encrypted.", again))
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            faults.append((f"member {shown} is compressed; torch.export stores members.", again))
    counts = Counter(info.filename for info in entries)
    faults += [
        (f"member {name[:80]!r} is there {n} times; which one counts is not defined.", again)
        for name, n in counts.items()
        if n > 1
    ]
    roots = {info.filename.partition("/")[0] for info in entries}
    if len(roots) > 1:
        faults.append((f"has {len(roots)} folders at its top; an archive has one.", again))
    return faults[:20]


def _size_faults(entries: list[zipfile.ZipInfo], length: int) -> list[tuple[str, str]]:
    """Stored members cannot hold more than the file does, unless they overlap."""
    total = sum(info.file_size for info in entries)
    if total <= length:
        return []
    what = (
        f"its members claim {total:,} bytes, but the file has {length:,}: they overlap or are cut "
        "off."
    )
    return [(what, "Export the network again.")]


def _check_format(archive: Archive) -> None:
    old = [name for name in _OLD_LAYOUT if name in archive.members]
    flat = [info.filename for info in archive.members.values() if info.filename in _OLD_LAYOUT]
    if old or flat:
        raise InputError(
            f"{archive.path}: has the layout of torch before 2.8, which keeps weights as a pickle. "
            "Load it with that torch and save it again with torch 2.8 or newer."
        )
    if archive.text("archive_format") != "pt2":
        raise InputError(
            f"{archive.path}: says archive_format {archive.text('archive_format')[:40]!r}, not "
            "'pt2': a .pt checkpoint or a TorchScript file under another name. Rename it, or write "
            "it with torch.export.save."
        )
    version, order = archive.text("archive_version"), archive.text("byteorder")
    faults = []
    if version != "0":
        faults.append(f"is of archive version {version[:40]!r}; 0 is read.")
    if order != "little":
        faults.append(f"stores its numbers in byte order {order[:40]!r}; 'little' is read.")
    if faults:
        fix = "Export it with torch 2.8 to 2.13 on a little-endian machine."
        raise InputError(*(Finding(where=archive.path, what=f, fix=fix) for f in faults))
