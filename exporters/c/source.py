"""A prepared run -> a C file with its network, input and buffers; and its results back again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import Finding, InputError, InternalError
from neurochain.exporters.c.image import Image
from neurochain.exporters.render import renderer
from neurochain.simulators.event.engine import PreparedRun

__all__ = ["case_source", "load_results", "render", "results_of", "runtime_folder", "table_source"]

_HERE = Path(__file__).resolve().parent


def runtime_folder() -> Path:
    """The C files that are the same for every network."""
    return _HERE / "runtime"


def render(template: str, **values: Any) -> str:
    """A template of this folder as text."""
    return renderer(_HERE / "templates")(template, **values)


def results_of(run: PreparedRun) -> list[NDArray[Any]]:
    """The arrays that the kernel writes and `PreparedRun.result` reads, in one fixed order."""
    arrays: list[NDArray[Any]] = []
    for population in run.network.populations:
        arrays += [run.state[population.name][name] for name in population.program.states]
    for group in (run.emissions, run.membranes, run.currents, run.history):
        arrays += group.values()
    arrays += run.population_counts.values()
    arrays += run.projection_counts.values()
    return [array for array in arrays if array.size]  # sources are not written


def case_source(name: str, run: PreparedRun) -> str:
    """The C file of a run that has not begun: `const nc_case NAME`, with all that it points at.

    `name` is a C identifier, and begins every name in the file.

    Errors: InputError for a name that is none, or for a run of several threads.
    """
    if not name.isidentifier() or not name.isascii():
        raise InputError(Finding(where="case", what=f"{name!r} is no C identifier."))
    if run.teams != 1 or run.workers != 1:
        threads = run.teams * run.workers
        raise InputError(
            Finding(
                where=name,
                what=f"has {threads} threads; C without an operating system runs one.",
                fix="Prepare it with threads=1.",
            )
        )
    image = Image(name, run.packed.memory, run.memory)
    ffi = run.memory.ffi
    network, state = image.root(run.packed.struct), image.root(run.struct)
    results = []
    for array in results_of(run):
        place = image.root(ffi.cast("uint8_t *", ffi.from_buffer(array)))
        results.append((place, array.nbytes))
    return render(
        "case.c.j2",
        name=name,
        definitions=list(image.definitions()),
        network=network,
        run=state,
        results=results,
    )


def table_source(names: Iterable[str]) -> str:
    """The C file that lists the cases of a program."""
    return render("table.c.j2", names=list(names))


def load_results(run: PreparedRun, data: memoryview) -> memoryview:
    """Put what a C program wrote for its case into the run; returns the rest of the data.

    `run.result()` then gives what the program computed, as if this machine had run it.

    Errors: InternalError where the program reports a failure or wrote too little.
    """
    arrays = results_of(run)
    wanted = 4 + sum(array.nbytes for array in arrays)
    if len(data) < wanted:
        raise InternalError(f"the C program wrote {len(data)} bytes, wanted {wanted}.")
    status = int(np.frombuffer(data[:4], dtype="<i4")[0])
    if status:
        raise InternalError(f"the C program reports status {status}.")
    place = 4
    for array in arrays:
        got = np.frombuffer(data[place : place + array.nbytes], dtype=array.dtype)
        array[...] = got.reshape(array.shape)
        place += array.nbytes
    return data[place:]
