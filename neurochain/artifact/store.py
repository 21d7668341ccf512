"""model.nchain: one safetensors file, packed tensors and a JSON manifest in its header.

The header's metadata entry `manifest` holds the schema version, the network, the graph, encoding,
decoding, provenance, findings, and the SHA-256 of every tensor (its name is its digest); the entry
`sha256` is the manifest's own: a file changed in any byte is refused.
The same artefact gives the same bytes: no dates, no paths, tensors in the order of their names.
Mappings keep their order: that of a graph's nodes decides the order of its inputs and outputs.
Files are written and checked in slices; tensors of large files are views of the mapped file, so
such a file must not be overwritten in place while the artefact is in use (neurochain never does).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from neurochain.artifact import container
from neurochain.artifact.artifact import Artifact
from neurochain.artifact.codec import decode, encode, tensor_digest
from neurochain.errors import Finding, InputError, InternalError, Severity
from neurochain.files import atomic_path, let_go
from neurochain.graph import Graph
from neurochain.mapping import Placement
from neurochain.mapping.soundness import placement_fault
from neurochain.network import Network
from neurochain.operators.checks import slices

__all__ = ["SCHEMA_VERSION", "load_artifact", "save_artifact", "to_bytes"]

SCHEMA_VERSION = 1
_DAMAGE = (
    *(ArithmeticError, AttributeError, InternalError, KeyError, RecursionError),
    *(TypeError, ValueError, struct.error),
)
"""What reading or building from damaged data raises."""


def to_bytes(artifact: Artifact) -> bytes:
    """The file's bytes."""
    stream = io.BytesIO()
    _write(artifact, stream)
    return stream.getvalue()


def _write(artifact: Artifact, stream: BinaryIO) -> None:
    tensors: dict[str, NDArray[Any]] = {}
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "network": encode(artifact.network, tensors),
        "graph": encode(artifact.graph, tensors),
        "encoding": dict(artifact.encoding),
        "decoding": dict(artifact.decoding),
        "provenance": dict(artifact.provenance),
        "findings": [
            {"what": f.what, "where": f.where, "fix": f.fix, "severity": f.severity.value}
            for f in artifact.findings
        ],
    }
    if artifact.placement is not None:
        manifest["placement"] = encode(artifact.placement, tensors)
    text = json.dumps(manifest, separators=(",", ":"), allow_nan=False)
    metadata = {"manifest": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    container.write(stream, tensors, metadata)


def save_artifact(artifact: Artifact, path: str | os.PathLike[str]) -> None:
    """Write `path` atomically. Errors: InputError where it cannot be written."""
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        _write(artifact, stream)


def load_artifact(path: str | os.PathLike[str]) -> Artifact:
    """Read `path`, checking every tensor against its digest; runs no code, needs no torch.

    Errors: InputError for files that are missing, truncated, damaged, or of another kind.
    """
    file = Path(path)
    manifest, tensors = _read(file)
    version = manifest.get("schema_version")
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{file}: has schema version {version}, this neurochain reads {SCHEMA_VERSION}. "
            "Compile the model again, or update neurochain."
        )
    try:
        network = decode(manifest["network"], tensors)
        graph = decode(manifest["graph"], tensors)
        placement = decode(manifest.get("placement"), tensors)
        findings = tuple(
            Finding(
                what=str(f["what"]),
                where=str(f["where"]),
                fix=str(f["fix"]),
                severity=Severity(f["severity"]),
            )
            for f in manifest["findings"]
        )
        extra = {k: manifest[k] for k in ("encoding", "decoding", "provenance")}
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
    except _DAMAGE as error:
        raise InputError(f"{file}: the manifest is damaged ({error!r}). Compile again.") from error
    if not isinstance(network, Network) or not isinstance(graph, Graph | None):
        raise InputError(f"{file}: the manifest holds no network. Compile the model again.")
    fault = "" if placement is None else _placement_fault(placement, network)
    if fault:
        raise InputError(f"{file}: the placement is damaged: {fault}. Compile the model again.")
    if not all(isinstance(value, dict) for value in extra.values()):
        raise InputError(f"{file}: the manifest is damaged. Compile the model again.")
    return Artifact(network=network, graph=graph, findings=findings, placement=placement, **extra)


def _placement_fault(placement: Any, network: Network) -> str:
    if not isinstance(placement, Placement):
        return "it is none"
    try:
        return placement_fault(placement, network)
    except (*_DAMAGE, IndexError) as error:
        return repr(error)


def _read(file: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    try:
        metadata, tensors = container.read(file)
        manifest = _manifest(metadata)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}).") from error
    except _DAMAGE as error:
        raise InputError(
            f"{file}: is no neurochain artefact, or is damaged ({str(error)[:120]}). "
            "Compile the model again."
        ) from error
    for name, array in tensors.items():
        if tensor_digest(array) != name:
            raise InputError(
                f"{file}: tensor {name[:12]}... does not match its SHA-256: the file is damaged. "
                "Compile the model again."
            )
        if array.dtype.kind == "f" and not _finite(array):
            raise InputError(f"{file}: tensor {name[:12]}... holds NaN or infinity.")
        let_go(array)
    return manifest, tensors


def _finite(array: NDArray[Any]) -> bool:
    flat = array.reshape(-1)
    return all(np.isfinite(flat[part]).all() for part in slices(flat.size))


def _manifest(metadata: Mapping[str, str]) -> dict[str, Any]:
    text = metadata["manifest"]
    if hashlib.sha256(text.encode()).hexdigest() != metadata["sha256"]:
        raise ValueError("the manifest does not match its SHA-256")
    manifest = json.loads(text, parse_constant=_refuse_constant)
    if not isinstance(manifest, dict):
        raise TypeError("the manifest is no object")
    return manifest


def _refuse_constant(name: str) -> None:
    raise ValueError(f"the manifest holds {name}")
