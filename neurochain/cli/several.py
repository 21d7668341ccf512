"""Networks with several inputs on the command line: one array a name, in .npz files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.cli.options import InputOptions
from neurochain.cli.sources import Opened
from neurochain.errors import InputError
from neurochain.inputs.npy import read_npy, read_npz

__all__ = ["read_inputs", "read_sample"]


def read_sample(path: Path | None) -> Any:
    """One call's input: an array of .npy, or of .npz one for each argument of forward by name."""
    if path is None:
        return None
    return read_npz(path) if path.suffix == ".npz" else read_npy(path)


def read_inputs(opened: Opened, options: InputOptions) -> dict[str, NDArray[np.float32]]:
    """Every input of the network, (sample, step, *shape) or (step, *shape), by name.

    Errors: InputError for files of another kind and for options that say nothing about arrays.
    """
    shapes = {source.name: source.shape for source in opened.artifact.network.sources}
    names = ", ".join(shapes)
    said = {
        "--steps": options.steps is not None,
        "--time-axis 0": options.time_axis == 0,
        "--part": options.part is not None,
        "--encode": options.encode is not None,
        "--bin-us": options.bin_us is not None,
        "--seed": options.seed is not None,
        "--labels": options.labels_file is not None,
    }
    unused = [name for name, value in said.items() if value]
    if unused:
        raise InputError(
            f"{', '.join(unused)}: has no meaning for a network with several inputs ({names}), "
            "whose arrays are taken as they are. Leave it out."
        )
    if Path(options.input).suffix != ".npz":
        raise InputError(
            f"{options.input}: {opened.name} has several inputs. Give an .npz with the arrays "
            f"{names}."
        )
    found = read_npz(options.input)
    if set(found) != set(shapes):
        raise InputError(
            f"{options.input}: holds {', '.join(found)}; the network's inputs are {names}. Give an "
            "array for each."
        )
    values = {name: np.asarray(found[name], dtype=np.float32) for name in shapes}
    if options.limit is None:
        return values
    return {
        name: x[: options.limit] if x.ndim == len(shapes[name]) + 2 else x
        for name, x in values.items()
    }
