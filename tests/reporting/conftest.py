"""A record made from counts that were worked out by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from neurochain.artifact import Artifact
from neurochain.graph import LIF, Affine, Edge, Graph, Input, Output, Reset
from neurochain.lowering import lower_reported
from neurochain.mapping import Placement, map_network
from neurochain.reporting import Meta, RunRecord, count_set, run_record
from neurochain.reporting.traces import record_traces
from neurochain.session import Run, simulate
from neurochain.targets import load_target

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "mapping")]  # chromium.py, integer_networks.py

# the worked example of docs/counting.md: 3 inputs, 2 outputs with bias, 4 steps
WEIGHT = np.array([[1, 0, -1], [0.5, 0.25, 0]], dtype=np.float32)
EVENTS = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0], [1, 1, 1]], dtype=np.uint8)


@pytest.fixture(scope="session")
def worked_run() -> Run:
    """One sample of the worked example."""
    one = np.ones(2)
    graph = Graph(
        nodes={
            "input": Input(shape=(3,)),
            "fc": Affine(weight=WEIGHT, bias=np.array([0.125, 0], dtype=np.float32)),
            "lif": LIF(
                tau=2 * one, r=2 * one, v_leak=0 * one, v_threshold=one, v_reset=0 * one,
                reset=Reset(),
            ),
            "output": Output(shape=(2,)),
        },
        edges=(Edge("input", "fc"), Edge("fc", "lif"), Edge("lif", "output")),
        dt_s=1.0,
    )  # fmt: skip
    return simulate(lower_reported(graph).network, EVENTS, engine="reference")


def meta(samples: int = 1) -> Meta:
    """A head for a record."""
    return Meta(
        tool_version="0",
        model="worked",
        model_hash="a" * 64,
        input="example",
        input_hash="b" * 64,
        seed=None,
        timesteps=4,
        dt_s=1.0,
        samples=samples,
        batch_size=samples,
        engine="reference",
        weights="float32",
        quantisation=[],
    )


@pytest.fixture(scope="session")
def record(worked_run: Run) -> RunRecord:
    """The record of the worked example."""
    return run_record(
        meta(), count_set(worked_run.activity), count_set(worked_run.activity_deployed)
    )


NAME = "</script><script>alert(1)</script>"


def deep_graph(layers: int, size: int, name: str = NAME) -> Graph:
    """A chain of matrices and neurons; the first layer has a name that a page must not run."""
    rng = np.random.default_rng(11)
    nodes: dict[str, object] = {"input": Input(shape=(size,))}
    one, edges, before = np.ones(size), [], "input"
    for k in range(layers):
        layer = name if k == 0 else f"fc{k}"
        weight = rng.integers(-6, 9, (size, size)) / 8 * (rng.random((size, size)) < 0.7)
        nodes[layer] = Affine(weight=weight.astype(np.float32), bias=np.zeros(size, np.float32))
        nodes[f"lif{k}"] = LIF(
            tau=2 * one, r=2 * one, v_leak=0 * one, v_threshold=one, v_reset=0 * one, reset=Reset()
        )
        edges += [Edge(before, layer), Edge(layer, f"lif{k}")]
        before = f"lif{k}"
    nodes["output"] = Output(shape=(size,))
    return Graph(nodes=nodes, edges=(*edges, Edge(before, "output")), dt_s=1.0)


@pytest.fixture(scope="session")
def busy_artifact() -> Artifact:
    """Three layers of twelve neurons."""
    return Artifact(network=lower_reported(deep_graph(3, 12)).network)


@pytest.fixture(scope="session")
def busy_input() -> np.ndarray:
    """(sample, step, neuron): one sample of halves among spikes."""
    x = (np.random.default_rng(4).random((4, 30, 12)) < 0.4).astype(np.float32)
    x[1] *= 0.5
    return x


@pytest.fixture(scope="session")
def busy_run(busy_artifact: Artifact, busy_input: np.ndarray) -> Run:
    """Its run."""
    return simulate(busy_artifact, busy_input, engine="reference")


@pytest.fixture(scope="session")
def busy(busy_artifact: Artifact, busy_input: np.ndarray, busy_run: Run) -> RunRecord:
    """Its record, with everything that a report shows."""
    about = meta(4)
    about = type(about)(
        **{name: getattr(about, name) for name in about.__struct_fields__} | {"timesteps": 30}
    )
    return run_record(
        about,
        count_set(busy_run.activity),
        count_set(busy_run.activity_deployed),
        traces=record_traces(busy_artifact, busy_input[:1], "reference"),
    )


@pytest.fixture(scope="session")
def placed() -> tuple[Placement, Run, RunRecord]:
    """Some layers on cores drawn at random, so that packets have ways to go, and their run."""
    from integer_networks import drawn

    network = drawn(3)
    placement = map_network(network, load_target("loihi1"), method="random", seed=5)
    artifact = Artifact(network=network, placement=placement)
    x = (np.random.default_rng(2).random((3, 12, network.sources[0].shape[0], 9, 8)) < 0.3) * 1.0
    run = simulate(artifact, x.astype(np.float32), mapped=True)
    record = run_record(
        msgspec.structs.replace(meta(3), timesteps=12),
        count_set(run.activity),
        count_set(run.activity_deployed),
        placement=placement,
    )
    return placement, run, record
