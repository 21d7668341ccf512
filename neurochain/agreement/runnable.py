"""What a reader makes of a path: something that runs on given inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.exporters.consumer import Inputs, Trace

__all__ = ["Inputs", "Reader", "Reading", "Runnable", "Trace", "as_flat"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Runnable:
    """An opened form of a network.

    name    for messages
    kind    of form: "nchain", "onnx", ...
    inputs  source -> shape of an element of its input
    run     inputs -> Trace
    named   whether populations have the names of the compiled network; where not, populations are
            compared in their order
    """

    name: str
    kind: str
    inputs: Mapping[str, tuple[int, ...]]
    run: Callable[[Inputs], Trace]
    named: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a user may say about opening.

    model      PKG.MOD:FACTORY of a bare state dict
    sample     one call's input of a module
    time_axis  of time in a module's input
    """

    model: str | None = None
    sample: Any = None
    time_axis: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A form that can be opened.

    takes  whether a path (or a word that is none) is of this form: looks at names and manifests,
           opens nothing large, raises nothing
    open   the Runnable. Errors: InputError, UnsupportedError with what and where
    """

    kind: str
    summary: str
    takes: Callable[[str], bool]
    open: Callable[[str, Reading], Runnable]


def as_flat(values: NDArray[Any]) -> NDArray[Any]:
    """(sample, step, *shape) as (sample, step, n)."""
    return np.ascontiguousarray(values.reshape(*values.shape[:2], -1))
