"""A folder -> a Graph, or everything that is wrong with it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.exporters.loihi_graph.interpreter.errors import Fault, GraphError
from neurochain.exporters.loihi_graph.interpreter.schema import schema_faults

__all__ = ["SCHEMA_FILE", "TENSORS", "Graph", "read_graph"]

SCHEMA_FILE = Path(__file__).resolve().parent / "schema.json"
MOST_JSON = 1 << 30  # bytes

TENSORS: Mapping[str, tuple[str, str]] = {
    "compartment.population": ("int32", "compartment"),
    "compartment.neuron": ("int32", "compartment"),
    "compartment.decay": ("int32", "compartment"),
    "compartment.threshold": ("int32", "compartment"),
    "compartment.bias_mantissa": ("int32", "compartment"),
    "compartment.bias_exponent": ("int32", "compartment"),
    "input_axon.source": ("int32", "input axon"),
    "input_axon.synapses": ("int64", "input axon + 1"),
    "synapse.compartment": ("int32", "synapse"),
    "synapse.weight": ("int16", "synapse"),
    "output_axon.compartment": ("int32", "output axon"),
    "output_axon.core": ("int32", "output axon"),
    "output_axon.axon": ("int32", "output axon"),
    "input.element": ("int32", "input entry"),
    "input.core": ("int32", "input entry"),
    "input.axon": ("int32", "input entry"),
}
"""Name -> dtype and what a row is; all have one axis."""


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """document: graph.json; arrays: graph.safetensors. Both have passed every check."""

    document: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


def read_graph(folder: str | os.PathLike[str]) -> Graph:
    """Read and check a folder. Errors: GraphError with every fault that was found.

    Faults come in stages, each of which needs the one before: the files, the schema, the digests,
    the tensors, then what the numbers mean.
    """
    from neurochain.exporters.loihi_graph.interpreter.checks import semantic_faults

    place = Path(folder)
    document = _document(place / "graph.json")
    _refuse(schema_faults(document, json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))))
    _refuse(_digest_faults(document, place))
    arrays = _arrays(place / document["tensors"]["file"])
    _refuse(_tensor_faults(arrays))
    graph = Graph(document, arrays)
    _refuse(semantic_faults(graph))
    return graph


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise GraphError(faults)


def _document(path: Path) -> Any:
    try:
        if path.stat().st_size > MOST_JSON:
            raise GraphError([Fault("graph.json", f"has more than {MOST_JSON} bytes.")])
        return json.loads(path.read_bytes().decode("utf-8"), object_pairs_hook=_unique_pairs)
    except OSError as error:
        raise GraphError([Fault(str(path), f"cannot be read ({error.strerror}).")]) from error
    except GraphError:
        raise
    except (ValueError, RecursionError) as error:
        raise GraphError([Fault("graph.json", f"is no JSON ({error}).")]) from error


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names a key twice")
    return found


def _digest_faults(document: Mapping[str, Any], place: Path) -> list[Fault]:
    rest = {key: value for key, value in document.items() if key != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    faults = []
    found = hashlib.sha256(text.encode()).hexdigest()
    if found != document["digest"]:
        what = (
            f"is {document['digest'][:12]}..., the document's is {found[:12]}...: it was changed."
        )
        faults.append(Fault("graph.json.digest", what))
    path, wanted = place / document["tensors"]["file"], document["tensors"]["sha256"]
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        return [*faults, Fault(str(path), f"cannot be read ({error.strerror}).")]
    if found != wanted:
        what = f"has the SHA-256 {found[:12]}..., graph.json says {wanted[:12]}...: it was changed."
        faults.append(Fault(path.name, what))
    return faults


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise GraphError([Fault(path.name, f"is no safetensors file ({error}).")]) from error


def _tensor_faults(arrays: Mapping[str, NDArray[Any]]) -> list[Fault]:
    """Those of the format, of their dtypes, and those of a kind of row as long as each other."""
    faults = [Fault(f"tensor {name}", "is missing.") for name in TENSORS if name not in arrays]
    faults += [
        Fault(f"tensor {name}", "is no part of the format.")
        for name in arrays
        if name not in TENSORS
    ]
    lengths: dict[str, int] = {}
    for name, (dtype, row) in TENSORS.items():
        if name not in arrays:
            continue
        array = arrays[name]
        if array.dtype != np.dtype(dtype) or array.ndim != 1:
            what = f"is {array.dtype} of {array.ndim} axes; wanted {dtype} of 1."
            faults.append(Fault(f"tensor {name}", what))
            continue
        kind, length = row.removesuffix(" + 1"), len(array) - row.endswith(" + 1")
        if lengths.setdefault(kind, length) != length:
            what = f"has {length} rows, others of its kind {lengths[kind]}."
            faults.append(Fault(f"tensor {name}", what))
    return faults
