"""Running a network on any number of samples in constant memory, recordings going to disk."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from neurochain.artifact import Artifact
from neurochain.errors import InputError
from neurochain.files import atomic_path
from neurochain.network import Network
from neurochain.session import Progress, Run, Session

__all__ = ["recording_name", "stream"]


def stream(
    art: Artifact | Network,
    batches: Iterable[Any],
    *,
    engine: str = "event",
    steps: int | None = None,
    time_axis: int = 1,
    record: str | tuple[str, ...] | None = "outputs",
    membranes: tuple[str, ...] = (),
    threads: int = 1,
    into: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Generator[Run, None, None]:
    """Run batch after batch, each from rest, and yield each Run: nothing of it is kept.

    batches   what `simulate` takes as x, one after the other (any iterable, e.g. a generator); all
              other arguments as `simulate`
    into      a folder: what is recorded is written there as it comes, one .npy file a population,
              (sample, step, *shape), spikes as NAME.npy and membranes as NAME.membrane.npy (see
              `recording_name`). The files appear when the stream has ended; where it is left or
              fails before, there are none. np.load(..., mmap_mode="r") reads them piece by piece.

    Errors: InputError as `simulate`; also where batches differ in their number of steps and are
    recorded, or the folder cannot be written.
    """
    session = Session(art, engine=engine, record=record, membranes=membranes, threads=threads)
    return _runs(session, batches, steps, time_axis, into, progress)


def _runs(
    session: Session,
    batches: Iterable[Any],
    steps: int | None,
    time_axis: int,
    into: str | os.PathLike[str] | None,
    progress: Progress | None,
) -> Generator[Run, None, None]:
    with ExitStack() as stack:
        files: dict[str, _Rows] = {}
        for x in batches:
            run = session.run(x, steps=steps, time_axis=time_axis, progress=progress)
            if into is not None:
                _write(stack, files, Path(into), run)
            yield run
        for rows in files.values():
            rows.close()


def recording_name(population: str, *, membrane: bool = False) -> str:
    """The file of a population's recording; letters that file systems dislike become %XX."""
    return quote(population, safe="") + (".membrane.npy" if membrane else ".npy")


def _write(stack: ExitStack, files: dict[str, _Rows], folder: Path, run: Run) -> None:
    """Append what a run recorded."""
    arrays = {recording_name(name): array for name, array in run.spikes.items()}
    arrays |= {recording_name(name, membrane=True): a for name, a in run.membranes.items()}
    for name, array in arrays.items():
        if name not in files:
            temporary = stack.enter_context(atomic_path(folder / name))
            stream = stack.enter_context(temporary.open("wb"))
            files[name] = _Rows(folder / name, stream, array)
        files[name].append(array)


class _Rows:
    """An .npy file that grows along its first axis; the header is written again at the end."""

    def __init__(self, path: Path, stream: BinaryIO, like: NDArray[Any]) -> None:
        self._path, self._stream = path, stream
        self._dtype, self._shape, self._count = like.dtype, like.shape[1:], 0
        self._header()

    def _header(self) -> None:
        """NumPy leaves room for the first axis to grow, so that every header is as long."""
        shape = (self._count, *self._shape)
        descr = np.lib.format.dtype_to_descr(self._dtype)
        np.lib.format.write_array_header_1_0(
            self._stream, {"descr": descr, "fortran_order": False, "shape": shape}
        )

    def append(self, array: NDArray[Any]) -> None:
        """Write further samples. Errors: InputError for another number of steps."""
        if array.shape[1:] != self._shape:
            raise InputError(
                f"{self._path}: holds samples of {self._shape[0]} steps, a batch has "
                f"{array.shape[1]}. Record batches of one length, or each into its own folder."
            )
        self._stream.write(np.ascontiguousarray(array).data)
        self._count += len(array)

    def close(self) -> None:
        """Say how many samples there are."""
        self._stream.seek(0)
        self._header()
        self._stream.flush()
