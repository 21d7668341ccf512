"""A record made from counts that were worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from neurochain.graph import LIF, Affine, Edge, Graph, Input, Output, Reset
from neurochain.lowering import lower_reported
from neurochain.reporting import Meta, RunRecord, count_set, run_record
from neurochain.session import Run, simulate

# energy.md's worked example: 3 inputs, 2 outputs with bias, 4 steps
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
