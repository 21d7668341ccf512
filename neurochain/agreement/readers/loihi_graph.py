"""A loihi-graph folder in its own interpreter, core by core."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurochain.agreement.runnable import Inputs, Reader, Reading, Runnable, Trace
from neurochain.errors import Finding, InputError
from neurochain.exporters.loihi_graph.interpreter import GraphError, read_graph, run_graph

__all__ = ["READER"]


def _takes(path: str) -> bool:
    return (Path(path) / "graph.json").is_file()


def _open(path: str, reading: Reading) -> Runnable:
    try:
        graph = read_graph(path)
    except GraphError as error:
        raise InputError(
            *(Finding(where=f"{path}: {f.where}", what=f.what) for f in error.faults)
        ) from error
    start = {p["name"]: p["start"] for p in graph.document["populations"]}

    def run(inputs: Inputs) -> Trace:
        steps = next(iter(inputs.values())).shape[1] if inputs else 1
        try:
            made = run_graph(graph, inputs, steps + max(start.values()))
        except ValueError as error:
            raise InputError(f"{path}: {error}") from error

        def cut(name: str, values: np.ndarray) -> np.ndarray:
            return values[:, start[name] : start[name] + steps]

        return Trace(
            spikes={name: cut(name, values) for name, values in made.spikes.items()},
            states={
                name: {"u": cut(name, made.u[name]), "v": cut(name, made.v[name])}
                for name in made.spikes
            },
        )

    inputs = {i["name"]: tuple(i["shape"]) for i in graph.document["inputs"]}
    return Runnable(name=path, kind="loihi-graph", inputs=inputs, run=run)


READER = Reader(
    kind="loihi-graph", summary="a folder, in its own interpreter", takes=_takes, open=_open
)
