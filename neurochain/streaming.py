"""Running a network on any number of samples in constant memory, recordings going to disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Literal
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from neurochain.artifact import Artifact
from neurochain.errors import InputError
from neurochain.files import atomic_path
from neurochain.network import Network
from neurochain.session import Progress, Run, Session

__all__ = ["recording_name", "stream"]

Join = Literal["samples", "steps"]
HEADER_BYTES = 256
"""Of a recording: what precedes the data, a multiple of 64, with room for any number of steps."""
LONGEST_NAME = 200
"""Of a file, in bytes, with room for endings and what temporary files add."""


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
    mapped: bool | None = None,
    join: Join = "samples",
    into: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Generator[Run, None, None]:
    """Run batch after batch and yield each Run: nothing of it is kept.

    batches   what `simulate` takes as x, one after the other (any iterable, e.g. a generator); all
              other arguments as `simulate`
    join      "samples": every batch is further samples and starts from rest. "steps": every batch
              is the next steps of the same samples and goes on from the state that the last one
              left, so that a sample may be as long as one likes; the result is that of one run.
    into      a folder: what is recorded is written there as it comes, one .npy file a population,
              (sample, step, *shape), spikes as NAME.npy and membranes as NAME.membrane.npy (see
              `recording_name`). The files appear when the stream has ended; where it is left or
              fails before, there are none. np.load(..., mmap_mode="r") reads them piece by piece.

    Errors: InputError as `simulate`; also where recorded batches differ in their number of steps
    (or, joined by steps, hold more than one sample), where joined batches differ in their number of
    samples, or the folder cannot be written.
    """
    if join not in ("samples", "steps"):
        raise InputError(f'join is {join!r}; it must be "samples" or "steps".')
    session = Session(
        art, engine=engine, record=record, membranes=membranes, threads=threads, mapped=mapped
    )
    return _runs(session, batches, steps, time_axis, join, into, progress)


def _runs(
    session: Session,
    batches: Iterable[Any],
    steps: int | None,
    time_axis: int,
    join: Join,
    into: str | os.PathLike[str] | None,
    progress: Progress | None,
) -> Generator[Run, None, None]:
    axis = ("samples", "steps").index(join)
    with ExitStack() as stack:
        files: dict[str, _Rows] = {}
        state = None
        for x in batches:
            run = session.run(
                x, steps=steps, time_axis=time_axis, initial_state=state, progress=progress
            )
            if into is not None:
                _write(stack, files, Path(into), run, axis)
            if join == "steps":
                state = run.final_state
            yield run
        for rows in files.values():
            rows.close()


def recording_name(population: str, *, membrane: bool = False) -> str:
    """The file of a population's recording; letters that file systems dislike become %XX.

    Of long names the beginning, and a digest.
    """
    name = quote(population, safe="")
    if len(name) > LONGEST_NAME:
        digest = hashlib.sha256(population.encode()).hexdigest()[:16]
        name = f"{name[: LONGEST_NAME - 17]}~{digest}"
    if name.endswith(".membrane"):  # not the membrane of another one
        name = name.removesuffix(".membrane") + "%2Emembrane"
    return name + (".membrane.npy" if membrane else ".npy")


def _write(stack: ExitStack, files: dict[str, _Rows], folder: Path, run: Run, axis: int) -> None:
    """Append what a run recorded."""
    arrays = {recording_name(name): array for name, array in run.spikes.items()}
    arrays |= {recording_name(name, membrane=True): a for name, a in run.membranes.items()}
    for name, array in arrays.items():
        if name not in files:
            temporary = stack.enter_context(atomic_path(folder / name))
            stream = stack.enter_context(temporary.open("wb"))
            files[name] = _Rows(folder / name, stream, array, axis)
        files[name].append(array)


class _Rows:
    """An .npy file that grows along one axis; the header is written again at the end.

    axis  0: samples are appended; 1: steps of its one sample
    """

    def __init__(self, path: Path, stream: BinaryIO, like: NDArray[Any], axis: int) -> None:
        self._path, self._stream, self._axis = path, stream, axis
        self._dtype, self._shape = like.dtype, [*like.shape]
        self._shape[axis] = 0
        self._header()

    def _header(self) -> None:
        """Of a fixed size, so that it can be written again when the file has grown."""
        fields = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": tuple(self._shape),
        }
        text = repr(fields).encode("latin1")
        padding = b" " * (HEADER_BYTES - 10 - len(text) - 1)
        self._stream.write(np.lib.format.magic(1, 0))
        self._stream.write((HEADER_BYTES - 10).to_bytes(2, "little") + text + padding + b"\n")

    def append(self, array: NDArray[Any]) -> None:
        """Write further samples or steps. Errors: InputError for arrays that do not fit."""
        samples, steps = array.shape[:2]
        if self._axis == 0 and steps != self._shape[1]:
            raise InputError(
                f"{self._path}: holds samples of {self._shape[1]} steps, a batch has {steps}. "
                "Record batches of one length, or each into its own folder."
            )
        if self._axis == 1 and samples != 1:
            raise InputError(
                f"{self._path}: grows by the steps of one sample, a batch has {samples} samples. "
                "Record one sample a stream."
            )
        self._stream.write(np.ascontiguousarray(array).data)
        self._shape[self._axis] += array.shape[self._axis]

    def close(self) -> None:
        """Say how much there is."""
        self._stream.seek(0)
        self._header()
        self._stream.flush()
