"""`neurochain verify A B` where the two are not a network and its module: both are run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurochain.cli.options import CompileOptions, InputOptions
from neurochain.cli.sources import SUFFIXES, resolve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from neurochain.agreement import Agreement, Reading, Runnable
    from neurochain.cli.sources import Opened

__all__ = ["agreement_dict", "agreement_lines", "agreement_of"]

COMPILED = (".nchain", ".nir")


def agreement_of(a: str, b: str, reading: Reading, data: InputOptions) -> Agreement:
    """Open both, read the input, run both. Errors: as of the readers and of `open_data`."""
    from neurochain.agreement import compare_runs, open_runnable

    paths = [_path(word) for word in (a, b)]
    first, second = (open_runnable(path, reading) for path in paths)
    return compare_runs(first, second, _inputs(first, (a, b), data))


def _path(word: str) -> str:
    """The word itself where a reader takes it, else the file of a shipped model."""
    engine, colon, rest = word.partition(":")
    if colon and engine in ("event", "lava", "reference"):
        return f"{engine}:{_path(rest)}"
    return str(resolve(word)[0]) if not Path(word).exists() else word


def _compiled(word: str) -> str:
    """What `open_source` opens of a word, "" where it is no compiled network."""
    name = word.partition(":")[2] if word.startswith(("event:", "lava:", "reference:")) else word
    suffix = Path(name).suffix
    if suffix in COMPILED or (suffix not in SUFFIXES and not Path(name).exists()):
        return name
    return ""


def _inputs(first: Runnable, words: tuple[str, str], data: InputOptions) -> dict[str, NDArray[Any]]:
    """The input as (sample, step, n) by the names of the first; a compiled network knows how."""
    import numpy as np

    from neurochain.cli.data import open_data
    from neurochain.cli.several import read_inputs
    from neurochain.cli.sources import open_source

    name = next(filter(None, map(_compiled, words)), "")
    if not name:
        return _arrays(first, data)
    opened: Opened = open_source(name, CompileOptions())
    sources = opened.artifact.network.sources
    if len(sources) > 1:
        found: Mapping[str, NDArray[Any]] = read_inputs(opened, data)
    else:
        batches = list(open_data(opened, data).batches())
        found = {sources[0].name: np.concatenate(batches)}
    return {s.name: _flat(found[s.name], s.shape) for s in sources}


def _flat(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """(sample, step, *shape) or (step, *shape) as (sample, step, n) float32."""
    import numpy as np

    x = np.asarray(values, dtype=np.float32)
    x = x if x.ndim == len(shape) + 2 else x[None]
    return np.ascontiguousarray(x.reshape(*x.shape[:2], prod(shape)))


def _arrays(first: Runnable, data: InputOptions) -> dict[str, NDArray[Any]]:
    """Arrays alone: neither side says how anything else becomes its input."""
    from neurochain.errors import InputError
    from neurochain.inputs.arrays import open_input
    from neurochain.inputs.npy import read_npz

    said = (data.part, data.encode, data.bin_us, data.seed)
    if any(value is not None for value in said) or Path(data.input).suffix not in (".npy", ".npz"):
        raise InputError(
            f"{data.input}: neither {first.name} nor the other says how it becomes its input. Give "
            "an .npy or .npz, or compare with a .nchain, which holds its encoding."
        )
    if len(first.inputs) != 1:
        held = read_npz(data.input)
        if set(held) != set(first.inputs):
            names = ", ".join(first.inputs)
            raise InputError(f"{data.input}: holds {', '.join(held)}; {first.name} takes {names}.")
        return {
            name: _flat(held[name], shape)[: data.limit] for name, shape in first.inputs.items()
        }
    ((name, shape),) = first.inputs.items()
    source = open_input(data.input, shape, steps=data.steps)
    x = source.read()
    if data.time_axis == 0 and source.axes.startswith("(sample, step"):
        x = x.swapaxes(0, 1)
    return {name: _flat(x, shape)[: data.limit]}


def agreement_dict(found: Agreement) -> dict[str, Any]:
    """As JSON has it."""
    return asdict(found)


def agreement_lines(found: Agreement) -> list[str]:
    """For people: the verdict, a line a population, and what was not compared."""
    lines = [str(found)]
    size = max(len(row.name) for row in found.populations)
    for row in found.populations:
        text = f"  {row.name:{size}}  spikes {row.spikes_a:,} / {row.spikes_b:,}, "
        text += f"{row.differing:,} of {row.compared:,} values differ"
        text += f" ({', '.join(row.states)} included)" if row.states else ""
        if row.deviation is not None:
            text += f"; membranes within {row.deviation:.2g}"
        lines.append(text)
    for name, only in ((found.a, found.only_a), (found.b, found.only_b)):
        if only:
            lines.append(f"not compared, only in {name}: {', '.join(only)}")
    if found.not_exercised:
        names = ", ".join(found.not_exercised)
        lines.append(f"warning: fired below 1 % or above 99 %: {names}")
    return lines
