"""A small network as artefact and as .nir, its input and labels, and a way to call the command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from neurochain.artifact import Artifact, save_artifact
from neurochain.cli import cli
from neurochain.exporters.nir import write_nir
from neurochain.graph import LIF, Affine, Edge, Graph, Input, Output, Reset
from neurochain.lowering import lower_reported

DT_S = 1e-3
STEPS, SAMPLES, CLASSES = 6, 5, 2

Invoke = Callable[..., Result]


def small_graph() -> Graph:
    """4 inputs - fc1 - 3 neurons - fc2 - 2 neurons, weights that are sums of powers of two."""

    def lif(n: int) -> LIF:
        tau, one = np.full(n, 4 * DT_S), np.ones(n)
        return LIF(
            tau=tau, r=4 * one, v_leak=0 * one, v_threshold=one, v_reset=0 * one, reset=Reset()
        )

    w1 = np.array([[1, 0.5, 0, -0.5], [0.25, 1, 1, 0], [0, 0, 2, 1]], dtype=np.float32)
    w2 = np.array([[1, 0, 0.5], [0, 1, 1]], dtype=np.float32)
    return Graph(
        nodes={
            "input": Input(shape=(4,)),
            "fc1": Affine(weight=w1, bias=np.zeros(3, dtype=np.float32)),
            "lif1": lif(3),
            "fc2": Affine(weight=w2, bias=np.zeros(2, dtype=np.float32)),
            "lif2": lif(2),
            "output": Output(shape=(2,)),
        },
        edges=tuple(
            Edge(a, b)
            for a, b in (
                ("input", "fc1"),
                ("fc1", "lif1"),
                ("lif1", "fc2"),
                ("fc2", "lif2"),
                ("lif2", "output"),
            )
        ),
        dt_s=DT_S,
    )


def small_input() -> np.ndarray:
    """(SAMPLES, STEPS, 4) uint8."""
    return (np.random.default_rng(3).random((SAMPLES, STEPS, 4)) < 0.5).astype(np.uint8)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with net.nchain, net.nir, x.npy and y.npy; not to be written to."""
    folder = tmp_path_factory.mktemp("files")
    graph = small_graph()
    decoding = {"kind": "count", "classes": CLASSES, "output": "lif2"}
    artifact = Artifact(network=lower_reported(graph).network, graph=graph, decoding=decoding)
    save_artifact(artifact, folder / "net.nchain")
    write_nir(graph, folder / "net.nir")
    np.save(folder / "x.npy", small_input())
    np.save(folder / "y.npy", np.arange(SAMPLES) % CLASSES)
    return folder


@pytest.fixture
def invoke() -> Invoke:
    """invoke("simulate", path, ...) -> Result, in this process."""

    def call(*args: object) -> Result:
        return CliRunner().invoke(cli, [str(a) for a in args])

    return call
