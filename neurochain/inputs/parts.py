"""Large arrays in parts, between which Python can handle Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

__all__ = ["PART", "contiguous", "every"]

PART = 1 << 21
"""Elements of a part: NumPy takes some milliseconds for them."""
_FLAGS: list[Literal["external_loop", "buffered", "zerosize_ok"]]
_FLAGS = ["external_loop", "buffered", "zerosize_ok"]


def every(array: NDArray[Any], test: Callable[[NDArray[Any]], NDArray[np.bool_]]) -> bool:
    """True where `test`, which is told parts of the array in any order, holds for all elements."""
    with np.nditer(array, _FLAGS, ["readonly"], order="K", buffersize=PART) as parts:
        one = cast("Iterable[NDArray[Any]]", parts)  # of one array; the stubs say tuples
        return all(bool(test(part).all()) for part in one)


def contiguous(array: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """The array itself where it is of that dtype and C-contiguous, else a copy that is."""
    if array.dtype == dtype and array.flags.c_contiguous:
        return array
    copy = np.empty(array.shape, dtype=dtype)
    pair = np.nditer(
        [array, copy], _FLAGS, [["readonly"], ["writeonly"]],
        op_dtypes=[array.dtype, copy.dtype], order="C", casting="unsafe", buffersize=PART,
    )  # fmt: skip
    with pair:
        for given, taken in pair:
            taken[...] = given
    return copy
