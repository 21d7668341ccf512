"""A `.pt2` file as a bounded, read-only set of named byte strings; nothing in it is ever unpickled.

The archive that torch.export.save writes is a zip of stored (uncompressed) members under one
folder: `models/model.json`, raw weight blobs with a JSON that describes them, and pickles of sample
inputs, which are never opened here.
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass

from neurochain.errors import Finding, InputError
from neurochain.frontends._zip import DAMAGE, MAX_NAME, open_zip, read_regular

__all__ = ["Archive", "open_archive"]

MAX_JSON_BYTES = 1 << 25
MAX_JSON_OBJECTS = 600_000
MAX_JSON_QUOTES = 4_000_000
"""About twice what torch writes into as many bytes; a record takes up to 100 times its text."""

_ADVICE = (
    "Write it with torch.export.save(torch.export.export(net, (sample,)), path), as a file of its "
    "own that is not repacked."
)
_SMALLER = "Export one step of the network instead of a long loop."
_TAIL = 1 << 16
_OLD_LAYOUT = ("serialized_exported_program.json", "serialized_state_dict.pt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Members by their name below the archive's folder, checked but not yet read."""

    path: str
    zip: zipfile.ZipFile
    members: dict[str, zipfile.ZipInfo]

    def read(self, name: str) -> bytes:
        """The bytes of a member, its checksum verified. Errors: InputError."""
        info = self.members.get(name)
        if info is None:
            raise InputError(f"{self.path}: {name} is missing from the archive. Export it again.")
        try:
            return self.zip.read(info)
        except DAMAGE as error:
            raise InputError(
                f"{self.path}: {name} is damaged ({error}). Export the network again."
            ) from error

    def read_json(self, name: str) -> bytes:
        """As `read`, for members that are decoded as a whole; bounded. Errors: InputError."""
        info = self.members.get(name)
        if info is not None and info.file_size > MAX_JSON_BYTES:
            raise InputError(
                f"{self.path}: {name} has {info.file_size:,} bytes; at most {MAX_JSON_BYTES:,} are "
                f"read. {_SMALLER}"
            )
        text = self.read(name)
        if text.count(b"{") > MAX_JSON_OBJECTS or text.count(b'"') > MAX_JSON_QUOTES:
            raise InputError(
                f"{self.path}: {name} holds {text.count(b'{'):,} objects; at most "
                f"{MAX_JSON_OBJECTS:,} are read. {_SMALLER}"
            )
        return text

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
    data = read_regular(path)
    if any(name.encode() in data[-_TAIL:] for name in _OLD_LAYOUT):
        raise InputError(
            f"{path}: has the layout of torch before 2.8, which keeps weights as a pickle. Load it "
            "with that torch and save it again with torch 2.8 or newer."
        )
    archive = open_zip(path, data, ".pt2", _ADVICE)
    entries = archive.infolist()
    members = {info.filename.partition("/")[2]: info for info in entries}
    result = Archive(path=str(path), zip=archive, members=members)
    _check_format(result)
    return result


def _check_format(archive: Archive) -> None:
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
