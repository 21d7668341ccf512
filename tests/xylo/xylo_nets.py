"""Small networks compiled for Xylo."""

from itertools import pairwise

import numpy as np

from neurochain.artifact import Artifact
from neurochain.graph import Compare, Reset, ResetKind, ResetTiming
from neurochain.network import Network, OutputPort, Population, Projection, Source
from neurochain.operators import Dense
from neurochain.pipeline.deploy import deploy_artifact
from neurochain.programs import cuba_lif_program


def compiled(sizes=(8, 20, 10, 6)):
    """Layers in a row, each a step later than the one before."""
    rng = np.random.default_rng(5)
    program = cuba_lif_program(
        Reset(kind=ResetKind.SUBTRACT, timing=ResetTiming.SAME_STEP), compare=Compare.GREATER_EQUAL
    )
    params = {"alpha": np.float32(0.75), "beta": np.float32(0.875), "theta": np.float32(1)}
    names = ["in", *(f"l{k}" for k in range(1, len(sizes)))]
    links = []
    for k, (n_in, n_out) in enumerate(pairwise(sizes)):
        weights = (rng.integers(-8, 13, (n_out, n_in)) / 64).astype(np.float32)
        operator = Dense(in_shape=(n_in,), out_shape=(n_out,), weights=weights)
        links.append(
            Projection(name=f"w{k}", source=names[k], target=names[k + 1], operator=operator)
        )
    network = Network(
        sources=(Source(name="in", shape=sizes[:1]),),
        populations=tuple(
            Population(name=name, shape=(n,), program=program, params=params)
            for name, n in zip(names[1:], sizes[1:], strict=True)
        ),
        projections=tuple(links),
        outputs=(OutputPort(name="out", node=names[-1]),),
        dt_s=1e-2,
    )
    return deploy_artifact(Artifact(network=network), "xylo2")
