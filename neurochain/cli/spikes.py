"""Writing the spikes of a run: one .npz, one array a population, the same bytes every time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from neurochain.exporters.arrays import write_npz
from neurochain.files import atomic_path

__all__ = ["write_arrays"]


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write `arrays` to a compressed .npz, atomically. Errors: InputError where it cannot be."""
    with atomic_path(path) as temporary:
        write_npz(temporary, arrays, compress=True)
