"""Reading an HDF5 file that may be hostile: every object is looked at before a byte of it is read.

`nir.read` follows external links and storage, allocates from declared shapes and recurses on link
loops. Here only hard links to plain, local datasets are read, each object once, within the limits
below. Metadata other than our own is not read at all: it carries no meaning.
"""

from __future__ import annotations

import mmap
import os
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, InputError
from neurochain.frontends.nir.chunks import DEFLATE, SHUFFLE, read_chunks
from neurochain.frontends.nir.texts import DESCRIPTOR_BYTES, Texts, layout_fault

__all__ = ["METADATA_KEY", "Tree", "Value", "load_tree"]

MAX_TOTAL_BYTES = 1 << 30
"""All arrays of a file together."""
MAX_INFLATED = 1 << 26
"""Bytes that all arrays together may have beyond what is stored of them: compressed zeros."""
MAX_TEXT_BYTES = 1 << 24
MAX_TEXTS = 20_000
"""Values of one dataset: two an edge."""
MAX_DEPTH = 32
MAX_OBJECTS = 12_000
MAX_MEMBERS = 1_000
"""Of one group: nodes of a graph."""
MAX_NAME = 512
FLETCHER = 3
OWN_FILTERS = 6
"""HDF5's own filters have the ids 1 to 6; beyond, only LZF is known, the rest are plug-ins."""
LZF = 32000
MAX_LZF_CHUNK = 1 << 20
"""libhdf5 inflates these; 1 byte gives 88 at most."""
METADATA_KEY = "neurochain"

Value: TypeAlias = "NDArray[Any] | str | Tree"
Tree: TypeAlias = "dict[str, Any]"
"""Name -> array, text or Tree; arrays of text have dtype object."""

_DAMAGE = (
    OSError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    MemoryError,
    ArithmeticError,
)


_AGAIN = "Export the file again."


def load_tree(path: str | os.PathLike[str]) -> Tree:
    """Return groups as dicts and datasets as arrays or text.

    Errors: InputError where the file is missing, no HDF5, damaged, unsafe or over a limit; every
    unsafe object is a finding.
    """
    import h5py

    file = Path(path)
    if not file.is_file():
        raise InputError(f"{path}: there is no such file. Check the path.")
    size = file.stat().st_size
    if size == 0:
        raise InputError(f"{path}: the file is empty. Export it again.")
    try:
        with (
            file.open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            fault = layout_fault(data)
            if fault:
                raise ValueError(fault)
            with h5py.File(file, "r") as h5:
                walk = _Walk(h5py, Texts(data))
                tree = walk.group(h5, "", 0)
    except InputError:
        raise
    except _DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: not a readable NIR file (HDF5): {printable(reason)}. It may be truncated, "
            "damaged or of another type; export it again."
        ) from error
    if walk.findings:
        raise InputError(*walk.findings)
    return tree


def printable(text: str) -> str:
    """`text` without what would disturb a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text[:300])


class _Walk:
    """The state of one walk: what was counted, seen and found."""

    def __init__(self, h5py: Any, texts: Texts) -> None:
        self.h5py = h5py
        self.texts = texts
        self.objects = 0
        self.bytes = 0
        self.inflated = 0
        self.text_bytes = 0
        self.seen: set[int] = set()
        self.findings: list[Finding] = []

    rewrite = "Write it with nir.write(path, graph, compression=None)."

    def say(self, path: str, what: str, fix: str = _AGAIN) -> None:
        """Note a finding about the object at `path`."""
        self.findings.append(Finding(where=printable(path), what=what, fix=fix))

    def group(self, group: Any, path: str, depth: int) -> Tree:
        """The contents of a group, as far as they are legal."""
        tree: Tree = {}
        if depth > MAX_DEPTH:
            self.say(path, f"groups are nested deeper than {MAX_DEPTH}.")
            return tree
        if len(group) > MAX_MEMBERS:
            raise InputError(
                f"{printable(path)}/: holds {len(group)} objects; at most {MAX_MEMBERS} are read."
            )
        self.objects += len(group)
        if self.objects > MAX_OBJECTS:
            raise InputError(f"{printable(path)}/: the file holds more than {MAX_OBJECTS} objects.")
        for name in group:
            if not self._legal(group, name, f"{path}/{name}"):
                continue
            item = group[name]
            if self._is_new(item, f"{path}/{name}"):
                self._item(tree, group, name, item, f"{path}/{name}", depth)
        return tree

    def _item(self, tree: Tree, parent: Any, name: str, item: Any, path: str, depth: int) -> None:
        if isinstance(item, self.h5py.Group):
            if name == "metadata" and self._is_node(parent):
                tree[name] = self._own_metadata(item, path)
            else:
                tree[name] = self.group(item, path, depth + 1)
        elif isinstance(item, self.h5py.Dataset):
            value = self._dataset(item, path)
            if value is not None:
                tree[name] = value
        else:
            self.say(path, f"is a {type(item).__name__}; groups and datasets are expected.")

    def _is_node(self, group: Any) -> bool:
        """Whether a group states a type (and is no list of nodes, one of them called "type")."""
        if not isinstance(group.get("type", getlink=True), self.h5py.HardLink):
            return False
        return group.get("type", getclass=True) is self.h5py.Dataset

    def _own_metadata(self, group: Any, path: str) -> Tree:
        """Our own entry if it is plain text; others' metadata may be anything and is not read."""
        if METADATA_KEY not in group or not self._legal(group, METADATA_KEY, path):
            return {}
        item = group[METADATA_KEY]
        if not isinstance(item, self.h5py.Dataset) or item.shape != ():
            return {}
        value = self._dataset(item, f"{path}/{METADATA_KEY}")
        return {METADATA_KEY: value} if isinstance(value, str) else {}

    def _legal(self, group: Any, name: str, path: str) -> bool:
        """Only hard links under printable names; links elsewhere could read any local file."""
        link = group.get(name, getlink=True)
        if not isinstance(link, self.h5py.HardLink):
            self.say(
                path,
                f"is a {type(link).__name__}; only hard links are read.",
                "Copy the data into the file itself.",
            )
            return False
        if not name.isprintable() or len(name) > MAX_NAME:
            self.say(path, "has a name that is not printable or too long.", "Rename it.")
            return False
        return True

    def _is_new(self, item: Any, path: str) -> bool:
        """Each object is read once: loops and repeated links are no NIR."""
        address = self.h5py.h5o.get_info(item.id).addr
        if address in self.seen:
            self.say(path, "is linked more than once.", "Give every node its own data.")
            return False
        self.seen.add(address)
        return True

    def _dataset(self, item: Any, path: str) -> NDArray[Any] | str | None:
        """Array or text of a plain dataset; None (and a finding) for anything else."""
        dtype = item.dtype
        text = self.h5py.check_string_dtype(dtype) is not None
        odd = dtype.kind not in "fiubc" or dtype.itemsize > 16 or dtype.shape
        fault = self._storage_fault(item)
        if not fault and odd and not text:
            fault = f"has the type {dtype}; numbers or text are expected."
        fault = fault or self._size_fault(item, dtype)
        if fault:
            self.say(path, fault, self.rewrite if "stores" in fault else _AGAIN)
            return None
        if text:
            return self._text(item, path)
        try:
            return self._numbers(item, dtype)
        except ValueError as error:
            self.say(path, f"{error}.", self.rewrite)
            return None

    def _numbers(self, item: Any, dtype: Any) -> NDArray[Any]:
        """The values of a plain dataset. Errors: ValueError."""
        plist = item.id.get_create_plist()
        if plist.get_layout() != self.h5py.h5d.CHUNKED or item.size == 0:
            return np.asarray(item[()])
        filters, chunk = _filters(plist), plist.get_chunk()
        if set(filters) <= {SHUFFLE, DEFLATE}:
            if not item.id.get_type().equal(self.h5py.h5t.py_create(dtype)):
                raise ValueError(f"has the type {dtype} in chunks; plain numbers are expected")
            return read_chunks(self.texts.data, item, chunk, filters)
        if prod(chunk) * dtype.itemsize > MAX_LZF_CHUNK:
            raise ValueError(f"has LZF chunks of more than {MAX_LZF_CHUNK} bytes")
        return np.asarray(item[()])

    def _storage_fault(self, item: Any) -> str:
        plist = item.id.get_create_plist()
        if plist.get_layout() == self.h5py.h5d.VIRTUAL:
            return "is a virtual dataset, made of other datasets."
        if plist.get_external_count():
            return "keeps its data in another file (external storage)."
        filters = _filters(plist)
        foreign = [f for f in filters if f > OWN_FILTERS and f != LZF]
        if foreign:
            return f"uses the HDF5 filter plug-in {foreign[0]}."
        known = filters in ((), (DEFLATE,), (SHUFFLE,), (SHUFFLE, DEFLATE))
        if known or set(filters) <= {SHUFFLE, LZF, FLETCHER}:
            return ""
        return f"uses the HDF5 filters {list(filters)}; gzip, LZF and shuffle are read."

    def _size_fault(self, item: Any, dtype: Any) -> str:
        if item.shape is None:
            return "holds no value."
        size = prod(item.shape) * dtype.itemsize
        stored = item.id.get_storage_size()
        more = 0
        if stored < size:  # what is small becomes float32 at least
            more = prod(item.shape) * max(dtype.itemsize, 4) - stored
        if self.inflated + more > MAX_INFLATED or (size and not stored):
            return f"declares {size} bytes but stores {stored}."
        self.inflated += more
        if stored > len(self.texts.data):
            return f"declares {stored} stored bytes, more than the file has."
        self.bytes += size
        if self.bytes > MAX_TOTAL_BYTES:
            return (
                f"declares {size} bytes, {self.bytes} with what stands before it; "
                f"at most {MAX_TOTAL_BYTES} are read."
            )
        return ""

    def _text(self, item: Any, path: str) -> NDArray[Any] | str | None:
        """Text of one or many values."""
        try:
            values = [value.decode() for value in self._raw_text(item)]
        except UnicodeDecodeError:
            self.say(path, "is not UTF-8 text.")
            return None
        except ValueError as error:
            self.say(path, f"{error}.")
            return None
        self.text_bytes += sum(len(value) for value in values)
        if self.text_bytes > MAX_TEXT_BYTES:
            raise InputError(f"{printable(path)}: more than {MAX_TEXT_BYTES} characters of text.")
        if item.shape == ():
            return values[0]
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array.reshape(item.shape)

    def _raw_text(self, item: Any) -> list[bytes]:
        """Bytes of every value. Errors: ValueError."""
        count = prod(item.shape)
        if count == 0:
            return []
        if count > MAX_TEXTS:
            raise ValueError(f"has {count} values of text; at most {MAX_TEXTS} are read")
        if self.h5py.check_string_dtype(item.dtype).length is not None:
            return [bytes(value) for value in np.asarray(item[()]).reshape(-1)]
        offset = item.id.get_offset()
        if offset is None or item.id.get_storage_size() != count * DESCRIPTOR_BYTES:
            raise ValueError("keeps its text in chunks; nir.write does not")
        return self.texts.read(offset, count)


def _filters(plist: Any) -> tuple[int, ...]:
    """The numbers of a dataset's filters, in the order in which they were applied."""
    return tuple(plist.get_filter(k)[0] for k in range(plist.get_nfilters()))
