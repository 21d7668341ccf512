"""Writing the spikes of a run: one .npz, one array a population, the same bytes every time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from neurochain.cli.interruption import tidy_when_ended
from neurochain.errors import InputError
from neurochain.exporters.arrays import write_npz
from neurochain.files import atomic_path
from neurochain.streaming import recording_name

__all__ = ["recording"]


@contextmanager
def recording(
    path: Path | None,
) -> Iterator[tuple[Path | None, Callable[[tuple[str, ...]], None]]]:
    """Yield a folder beside `path` for a stream's recordings, and what makes them one file.

    That function, told the names of the populations, writes `path`, a compressed .npz, atomically.
    Memory does not grow with the recording. Where `path` is None there is nothing to do.

    Errors: InputError where it cannot be written.
    """
    if path is None:
        yield None, lambda _: None
        return
    try:
        folder = TemporaryDirectory(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror}). Choose a folder that exists and is "
            "writable."
        ) from error
    with tidy_when_ended(), folder as name:
        parts = Path(name)

        def write(populations: tuple[str, ...]) -> None:
            files = {p: parts / recording_name(p) for p in populations}
            with atomic_path(path) as temporary:
                arrays = {p: np.load(file, mmap_mode="r") for p, file in files.items()}
                write_npz(temporary, arrays, compress=True)

        yield parts, write
