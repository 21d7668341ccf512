"""Taking a node's parameters out of a file, one by one; every fault is a finding.

A reader asks for each field by name and kind, gets a usable stand-in where the file is wrong, and
closes with `done`, which reports what nobody asked for. So one pass finds all faults.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding
from neurochain.frontends.nir.hdf5 import Tree

__all__ = ["Fields", "Problems"]

F64 = NDArray[np.float64]

MAX_AXES = 8
MAX_INT = 1 << 31


@dataclass(slots=True)
class Problems:
    """What is wrong with a file, and what is legal but not supported; how many nodes it has."""

    bad: list[Finding] = field(default_factory=list)
    unsupported: list[Finding] = field(default_factory=list)
    nodes: int = 0


class Fields:
    """The parameters of one node, `raw`, reported under `where`."""

    def __init__(self, where: str, raw: Tree, problems: Problems) -> None:
        self.where, self.raw, self.problems = where, raw, problems
        self.asked: set[str] = {"type", "metadata"}
        self.weight_known = False

    def bad(self, what: str, fix: str = "Correct it and write the file again.") -> None:
        """Note a fault of this node."""
        self.problems.bad.append(Finding(where=self.where, what=what, fix=fix))

    def unsupported(self, what: str, fix: str) -> None:
        """Note a legal construct that has no meaning here."""
        self.problems.unsupported.append(Finding(where=self.where, what=what, fix=fix))

    def has(self, name: str) -> bool:
        """Whether the file holds the field."""
        self.asked.add(name)
        return name in self.raw

    def number(self, name: str) -> NDArray[Any] | None:
        """A real, finite array as stored; None and a finding where it is none."""
        if not self.has(name):
            self.bad(f"parameter {name} is missing.", "Add it; NIR requires it.")
            return None
        value = self.raw[name]
        kind = _kind(value)
        if kind != "number":
            self.bad(f"{name} is {kind}; a number is expected.")
            return None
        array = np.asarray(value)
        if array.ndim > MAX_AXES or array.size == 0:
            self.bad(f"{name} has shape {array.shape}; it must hold values.")
            return None
        if not np.isfinite(array).all():
            self._not_finite(name, array)
            return None
        return array

    def _not_finite(self, name: str, array: NDArray[Any]) -> None:
        wrong = np.argwhere(~np.isfinite(array))
        place = tuple(int(k) for k in wrong[0])
        extra = ""
        if name.startswith("tau") and np.isinf(array).any():
            extra = " A neuron without leak is an IF."
        self.bad(
            f"{name}{list(place) if place else ''} is {array[place]}; {len(wrong)} of "
            f"{array.size} values are not finite.",
            f"Correct the values and write the file again.{extra}",
        )

    def param(self, name: str, *, minimum: float | None = None, above: float | None = None) -> F64:
        """A parameter in float64, at least `minimum`, greater than `above`."""
        array = self.number(name)
        values = np.zeros(()) if array is None else array.astype(np.float64)
        if array is not None and above is not None and not (values > above).all():
            self.bad(f"{name} is {values.min():g}; it must be above {above:g}.")
        if array is not None and minimum is not None and not (values >= minimum).all():
            self.bad(f"{name} is {values.min():g}; it must be at least {minimum:g}.")
        values.setflags(write=False)
        return values

    def param_or(self, name: str, default: F64, shape: tuple[int, ...]) -> F64:
        """A parameter that older files leave out; a scalar is spread over `shape`."""
        values = self.param(name) if self.has(name) else default
        if values.shape == ():
            values = np.full(shape, values[()])
        values.setflags(write=False)
        return values

    def same_shape(self, **values: F64) -> tuple[int, ...]:
        """All parameters of a neuron have one shape; return that of the first."""
        first, shape = next((name, value.shape) for name, value in values.items())
        if any(finding.where == self.where for finding in self.problems.bad):
            return shape  # a stand-in may be among the values
        for name, value in values.items():
            if value.shape != shape:
                self.bad(
                    f"{name} has shape {value.shape}, but {first} has {shape}.",
                    "Give every parameter one value a neuron.",
                )
        return shape

    def weight(self, name: str, axes: int, meaning: str) -> NDArray[Any]:
        """A weight tensor; float32 stays float32, whole numbers become it where they fit."""
        stand_in = np.zeros((1,) * axes, dtype=np.float32)
        array = self.number(name)
        if array is None:
            return stand_in
        if array.ndim < axes or (array.ndim > axes and axes > 2):
            self.bad(f"{name} has shape {array.shape}; {meaning} is expected.")
            return stand_in
        if array.ndim > axes:
            self.unsupported(
                f"{name} has shape {array.shape}; {meaning} is supported.",
                "Split it into one matrix a node.",
            )
            return stand_in
        self.weight_known = True
        return _as_weight(array)

    def bias(self, n_out: int) -> NDArray[Any]:
        """One bias an output of the weight read before."""
        array = self.number("bias")
        if array is None or not self.weight_known:  # a fault of the weight was said already
            return np.zeros(n_out, dtype=np.float32)
        if array.shape != (n_out,):
            self.bad(
                f"bias has shape {array.shape}, but its weight has {n_out} outputs.",
                f"Give it {n_out} values.",
            )
        return _as_weight(array)

    def ints(self, name: str, axes: int, minimum: int) -> tuple[int, ...]:
        """One whole number an axis; a single one serves all axes."""
        array = self._whole(name)
        if array is None:
            return (max(minimum, 1),) * axes
        values = tuple(int(v) for v in array.reshape(-1))
        if array.ndim > 1 or len(values) not in (1, axes):
            self.bad(f"{name} has shape {array.shape}; one value or {axes} are expected.")
            return (max(minimum, 1),) * axes
        if min(values) < minimum:
            self.bad(f"{name} is {min(values)}; it must be at least {minimum}.")
        return values if len(values) == axes else values * axes

    def whole(self, name: str, default: int | None = None) -> int:
        """One whole number."""
        if default is not None and not self.has(name):
            return default
        array = self._whole(name)
        if array is None:
            return 1
        if array.size != 1:
            self.bad(f"{name} has shape {array.shape}; one number is expected.")
        return int(array.reshape(-1)[0])

    def shape(self, name: str) -> tuple[int, ...]:
        """A shape: positive whole numbers."""
        array = self._whole(name)
        if array is None:
            return ()
        if array.ndim != 1 or (array < 1).any():
            self.bad(f"{name} is {array.tolist()}; a list of positive sizes is expected.")
            return ()
        return tuple(int(v) for v in array)

    def _whole(self, name: str) -> NDArray[Any] | None:
        array = self.number(name)
        if array is None:
            return None
        if (np.rint(array) != array).any() or (np.abs(array.astype(np.float64)) > MAX_INT).any():
            self.bad(f"{name} is {array.reshape(-1)[:4].tolist()}; whole numbers are expected.")
            return None
        return array

    def done(self, known: Sequence[str] = ()) -> None:
        """Report parameters that this type of node does not have."""
        extra = sorted(set(self.raw) - self.asked - set(known))
        if extra:
            names = ", ".join(extra)
            self.bad(f"has unknown parameters: {names}.", "Remove them; they have no meaning.")


def _kind(value: Any) -> str:
    """A name for what stands where a number should."""
    if isinstance(value, dict):
        return "a group"
    if isinstance(value, str) or (isinstance(value, np.ndarray) and value.dtype.kind in "OSU"):
        return "text"
    names = {"c": "complex", "b": "boolean"}
    kind = np.asarray(value).dtype.kind
    if np.asarray(value).dtype.itemsize > 8 and kind == "f":
        return "extended precision"
    return names.get(kind, "number" if kind in "fiu" else f"of type {kind}")


def _as_weight(array: NDArray[Any]) -> NDArray[Any]:
    """float32 or float64, whichever holds every value; native byte order, read-only."""
    if array.dtype in (np.float32, np.float64):
        weights = np.ascontiguousarray(array).view()  # the array may be the caller's
        weights.setflags(write=False)
        return weights
    with np.errstate(over="ignore"):  # what float32 cannot hold is found when it is lowered
        single = array.astype(np.float32)
    keeps = array.dtype.kind == "f" and array.dtype.itemsize == 8  # of the other byte order
    exact = not keeps and bool((single.astype(np.float64) == array).all())
    weights = np.ascontiguousarray(single if exact else array.astype(np.float64))
    weights.setflags(write=False)
    return weights
