"""A FrontendResult as plain data and tensors, and back; only listed classes are ever built."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain import graph as g
from neurochain.errors import Finding, InputError, InternalError, Severity
from neurochain.frontends.result import (
    Decoding,
    EncoderFact,
    FrontendResult,
    InputFact,
    OutputFact,
    PopulationFact,
    StateArgument,
    Style,
)
from neurochain.program import Instruction, Op, PortKind, Program

__all__ = ["array_digest", "decode", "encode", "plain_digest"]

_CLASSES: dict[str, Any] = {
    cls.__name__: cls
    for cls in (
        *g.STORED,
        *(Instruction, Program),
        *(
            EncoderFact,
            Finding,
            FrontendResult,
            InputFact,
            OutputFact,
            PopulationFact,
            StateArgument,
        ),
    )
}
_ENUMS: dict[str, type[StrEnum]] = {
    cls.__name__: cls
    for cls in (
        *(g.Compare, g.CurrentOrder, g.ResetKind, g.ResetTiming, Op, PortKind),
        *(Severity, Decoding, Style),
    )
}

Arrays = dict[str, NDArray[Any]]


def array_digest(array: NDArray[Any]) -> str:
    """SHA-256 over dtype, shape and bytes."""
    head = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()


def plain_digest(plain: Any) -> str:
    """SHA-256 over canonical JSON."""
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()


def encode(value: Any, arrays: Arrays) -> Any:
    """Plain data; arrays go to `arrays` under their digest."""
    if isinstance(value, StrEnum):
        return {"@enum": type(value).__name__, "value": value.value}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        digest = array_digest(value)
        arrays[digest] = value
        return {"@array": digest}
    if isinstance(value, tuple | list):
        return [encode(item, arrays) for item in value]
    if isinstance(value, Mapping):
        return {"@map": {str(key): encode(item, arrays) for key, item in value.items()}}
    if type(value).__name__ in _CLASSES:
        members = {f.name: encode(getattr(value, f.name), arrays) for f in fields(value)}
        return {"@": type(value).__name__, **members}
    raise InternalError(f"{type(value).__name__} cannot be stored in a checkpoint.")


def decode(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """Build the value again. Errors: InputError for what is not on the list."""
    if isinstance(value, list):
        return tuple(decode(item, arrays) for item in value)
    if not isinstance(value, dict):
        return value
    if "@map" in value:
        return {key: decode(item, arrays) for key, item in value["@map"].items()}
    try:
        if "@array" in value:
            return arrays[value["@array"]]
        if "@enum" in value:
            return _ENUMS[value["@enum"]](value["value"])
        members = {key: decode(item, arrays) for key, item in value.items() if key != "@"}
        return _CLASSES[value["@"]](**members)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"its topology is damaged ({error!r}). Save the network again.") from error
