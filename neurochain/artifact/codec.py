"""Frozen dataclasses <-> plain data plus tensors, over a fixed list of classes.

Nothing outside the list can be written or built, so reading runs no code of the file's choosing.
A dataclass becomes {"@": class name, field: value, ...}; an array {"@tensor": content hash}; a
0-d array or NumPy scalar is a tensor too, so that its bits survive.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain import graph as g
from neurochain.artifact.container import pieces
from neurochain.errors import InputError, InternalError
from neurochain.mapping import Costs, Mesh, Placement
from neurochain.network import (
    Instruction,
    Network,
    Op,
    OutputPort,
    Population,
    PortKind,
    Program,
    Projection,
    Source,
)
from neurochain.operators import OPERATORS

__all__ = ["decode", "encode", "tensor_digest"]

Tensors = dict[str, NDArray[Any]]

_NETWORK = (Instruction, Network, OutputPort, Population, Program, Projection, Source)
_CLASSES: dict[str, type[Any]] = {
    **{f"graph.{cls.__name__}": cls for cls in g.STORED},
    **{f"network.{cls.__name__}": cls for cls in _NETWORK},
    **{f"mapping.{cls.__name__}": cls for cls in (Costs, Mesh, Placement)},
    **{f"operator.{kind}": cls for kind, cls in OPERATORS.items()},
}
_LATER = frozenset({"start", "number", "clock", "watch", "weight_exp"})
"""Fields that came later: written where they say something, so other files stay as they were."""
_NAMES = {cls: name for name, cls in _CLASSES.items()}
_ENUMS: dict[str, type[StrEnum]] = {
    cls.__name__: cls
    for cls in (Op, PortKind, g.Compare, g.CurrentOrder, g.ResetKind, g.ResetTiming)
}


def tensor_digest(array: NDArray[Any]) -> str:
    """SHA-256 over dtype, shape and bytes (row-major), in hexadecimal."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    for piece in pieces(array):
        digest.update(piece)
    return digest.hexdigest()


def encode(value: Any, tensors: Tensors) -> Any:
    """Plain data for `value`; arrays go to `tensors` under their digest."""
    if isinstance(value, StrEnum):
        return {"@enum": type(value).__name__, "value": value.value}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        array = np.ascontiguousarray(value).reshape(np.shape(value))
        digest = tensor_digest(array)
        tensors[digest] = array
        return {"@tensor": digest}
    if isinstance(value, tuple | list):
        return [encode(item, tensors) for item in value]
    if isinstance(value, Mapping):
        return {"@map": {str(key): encode(item, tensors) for key, item in value.items()}}
    if is_dataclass(value) and type(value) in _NAMES:
        members = {
            f.name: encode(getattr(value, f.name), tensors)
            for f in fields(value)
            if f.name not in _LATER or getattr(value, f.name) != f.default
        }
        return {"@": _NAMES[type(value)], **members}
    raise InternalError(f"{type(value).__name__} cannot be stored in an artefact.")


def decode(value: Any, tensors: Mapping[str, NDArray[Any]]) -> Any:
    """Build the value again. Errors: InputError where the data name what is not on the list."""
    if isinstance(value, list):
        return tuple(decode(item, tensors) for item in value)
    if not isinstance(value, dict):
        return value
    if "@tensor" in value:
        return _tensor(value["@tensor"], tensors)
    if "@enum" in value:
        return _enum(value)
    if "@map" in value:
        return {key: decode(item, tensors) for key, item in value["@map"].items()}
    return _dataclass(value, tensors)


def _tensor(digest: Any, tensors: Mapping[str, NDArray[Any]]) -> Any:
    if digest not in tensors:
        raise InputError(f"the manifest names tensor {str(digest)[:12]}..., which is missing.")
    return tensors[digest]


def _enum(value: Mapping[str, Any]) -> StrEnum:
    kind = _ENUMS.get(value["@enum"])
    try:
        if kind is not None:
            return kind(str(value.get("value")))
    except ValueError:
        pass
    raise InputError(f"the manifest holds an unknown value {value.get('value')!r}.")


def _dataclass(value: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Any:
    cls = _CLASSES.get(value.get("@", ""))
    if cls is None:
        raise InputError(
            f"the manifest holds {value.get('@')!r}, which this version does not know. "
            "Update neurochain, or compile the model again."
        )
    members = {key: decode(item, tensors) for key, item in value.items() if key != "@"}
    if cls is Projection and members.get("scale") is not None:
        members["scale"] = np.float32(members["scale"])
    try:
        return cls(**members)
    except (TypeError, AttributeError, ValueError) as error:
        raise InputError(f"the manifest's {value.get('@')} is incomplete: {error}.") from error
