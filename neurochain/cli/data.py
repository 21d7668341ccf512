"""--input of a command line, as batches of arrays (sample, step, *shape)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.cli.options import InputOptions
from neurochain.cli.sources import Opened
from neurochain.errors import InputError
from neurochain.inputs import InputEncoding, OutputDecoding
from neurochain.inputs.arrays import InputSource, open_input
from neurochain.inputs.npy import read_npy
from neurochain.network import Network

__all__ = ["RunInput", "check_labels", "open_data", "read_labels"]

BATCH_BYTES = 128 * 2**20
"""Samples are run in batches whose inputs, states and records stay near this size."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunInput:
    """What a run is fed.

    name    what the input is called in reports
    axes    how the data was understood, for the user to read
    seed    of the encoding, None where nothing is random
    """

    name: str
    samples: int
    steps: int
    batch_size: int
    labels: NDArray[np.int64] | None
    axes: str
    notes: tuple[str, ...]
    seed: int | None
    source: InputSource
    values: NDArray[Any] | None = None

    def first(self) -> NDArray[Any]:
        """The first sample, (1, step, *shape)."""
        return self.source.read(0, 1) if self.values is None else self.values[:1]

    def batches(self) -> Iterator[NDArray[Any]]:
        """All samples in order, (sample, step, *shape)."""
        for start in range(0, self.samples, self.batch_size):
            stop = min(start + self.batch_size, self.samples)
            yield self.source.read(start, stop) if self.values is None else self.values[start:stop]


def open_data(opened: Opened, options: InputOptions) -> RunInput:
    """Open the input of a run. Errors: InputError as of `inputs.open_input`."""
    network = opened.artifact.network
    if len(network.sources) != 1:
        names = ", ".join(s.name for s in network.sources)
        raise InputError(
            f"{opened.name}: has {len(network.sources)} inputs ({names}); the command line feeds "
            "one. Use neurochain.simulate(art, {name: array}) in Python."
        )
    shape = network.sources[0].shape
    _refuse_unused(options)
    encoding = _encoding(opened, options, shape)
    source = open_input(
        _path(opened, options.input),
        shape,
        steps=_static_steps(options, encoding),
        encoding=encoding,
        part=options.part,
    )
    swapped = options.time_axis == 0 and source.axes.startswith("(sample, step")
    values = source.read().swapaxes(0, 1) if swapped else None
    samples = source.samples if values is None else len(values)
    steps = (source.read(0, 1) if values is None else values).shape[1]
    return RunInput(
        name="demo" if options.input == "demo" else Path(options.input).name,
        samples=min(samples, options.limit or samples),
        steps=steps,
        batch_size=_batch_size(network, steps, min(samples, options.limit or samples)),
        labels=_labels(options, source, samples),
        axes=source.axes if values is None else source.axes.replace("sample, step", "step, sample"),
        notes=source.notes,
        seed=encoding.seed if encoding is not None and encoding.kind == "rate" else None,
        source=source,
        values=values,
    )


def check_labels(data: RunInput, decoding: OutputDecoding | None) -> None:
    """Whether decisions can be compared with labels. Errors: InputError."""
    if data.labels is None:
        raise InputError(
            f"{data.name}: holds no labels. Give --labels Y.NPY, or an .npz with an array labels."
        )
    if decoding is None:
        raise InputError("output decoding: the model does not say how it is read. Give --decode.")
    if data.labels.max() >= decoding.classes:
        raise InputError(
            f"{data.name}: has a label {data.labels.max()}; the network has {decoding.classes} "
            "outputs, so classes count from 0."
        )


def _labels(options: InputOptions, source: InputSource, samples: int) -> NDArray[np.int64] | None:
    """One label for each sample that is run, from --labels or from the input itself."""
    labels = source.labels
    if options.labels_file is not None:
        labels = read_labels(options.labels_file)
        if len(labels) != samples:
            raise InputError(
                f"{options.labels_file}: holds {len(labels)} labels for {samples} samples."
            )
    return None if labels is None else labels[: options.limit]


def read_labels(path: Path) -> NDArray[np.int64]:
    """Class numbers from .npy. Errors: InputError for anything but whole numbers, (sample,)."""
    values = read_npy(path)
    if values.ndim != 1 or values.dtype.kind not in "iu" or (values.size and values.min() < 0):
        raise InputError(
            f"{path}: labels have shape {values.shape} and type {values.dtype}; class numbers of "
            "at least 0, (sample,), are needed."
        )
    return values.astype(np.int64)


def _path(opened: Opened, name: str) -> Path:
    if name != "demo":
        return Path(name)
    from neurochain.models import model_of

    origin = opened.artifact.provenance.get("source", {}).get("sha256", "")
    model = opened.zoo or model_of(origin)
    if model is None:
        raise InputError(
            f"{opened.name}: has no demo input; only shipped models and what is compiled from them "
            "have one (neurochain models list). Give --input FILE."
        )
    return model.sample


def _encoding(
    opened: Opened, options: InputOptions, shape: tuple[int, ...]
) -> InputEncoding | None:
    """The artefact's encoding, changed by what the command line says."""
    stored = dict(opened.artifact.encoding)
    said = {"kind": options.encode, "bin_us": options.bin_us, "seed": options.seed}
    if not _is_array(options):
        said["steps"] = options.steps
    said = {key: value for key, value in said.items() if value is not None}
    if options.bin_us is not None:
        said.setdefault("kind", "events")
    if not said or (not stored and set(said) == {"steps"}):
        return InputEncoding.from_dict(stored) if stored else None
    merged: dict[str, Any] = {"shape": shape, **stored, **said}
    if "steps" not in merged or "kind" not in merged:
        raise InputError(
            "input encoding: the model does not say it. Give --encode KIND and --steps N."
        )
    if options.seed is not None and merged["kind"] != "rate":
        raise InputError(f"--seed: the encoding '{merged['kind']}' is not random. Leave it out.")
    if merged["kind"] in ("rate", "direct", "latency") and "max_value" not in stored:
        merged["max_value"] = 255.0
    return InputEncoding.from_dict(merged)


def _static_steps(options: InputOptions, encoding: InputEncoding | None) -> int | None:
    """--steps presents a static array at every step; for encoded data it is the encoding's."""
    return options.steps if _is_array(options) or encoding is None else None


def _is_array(options: InputOptions) -> bool:
    """Whether the input is an array or event list, taken as it is; nothing is encoded."""
    return options.input == "demo" or Path(options.input).suffix in (".npy", ".npz")


def _refuse_unused(options: InputOptions) -> None:
    """An option without effect is an error: it would be dropped silently."""
    array = _is_array(options)
    useless = {
        "--encode": array and options.encode is not None,
        "--seed": array and options.seed is not None,
        "--part": array and options.part is not None,
        "--bin-us": options.input.endswith(".npy") and options.bin_us is not None,
        "--time-axis 0": not array and options.time_axis == 0,
    }
    unused = [name for name, value in useless.items() if value]
    if unused:
        kind = "arrays, which are taken as they are" if array else "recordings and images"
        raise InputError(f"{', '.join(unused)}: has no meaning for {kind}. Leave it out.")


def _batch_size(network: Network, steps: int, samples: int) -> int:
    per_step = 5 * prod(network.sources[0].shape) + sum(2 * p.n for p in network.populations)
    per_step += 400 * len(network.projections)  # counts of each layer, sample and step
    return max(1, min(samples, BATCH_BYTES // (per_step * steps)))
