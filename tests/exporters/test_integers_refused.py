"""Formats that are written for float32 refuse a chip's integers by name."""

import numpy as np
import pytest

from neurochain.errors import UnsupportedError
from neurochain.exporters.job import Job
from neurochain.exporters.run import export
from neurochain.network import Network, OutputPort, Population, Projection, Source
from neurochain.operators import Dense
from neurochain.programs import loihi_lif_program


def _network():
    params = {"du": 4095, "dv": 256, "vth": 10, "bias": 0}
    program = loihi_lif_program()
    return Network(
        sources=(Source(name="in", shape=(4,)),),
        populations=(
            Population(
                name="l1",
                shape=(3,),
                program=program,
                params={k: np.asarray(params[k], dtype=np.int32) for k in program.params},
            ),
        ),
        projections=(
            Projection(
                name="w",
                source="in",
                target="l1",
                delay=1,
                operator=Dense(
                    in_shape=(4,), out_shape=(3,), weights=np.full((3, 4), 2, dtype=np.int8)
                ),
            ),
        ),
        outputs=(OutputPort(name="out", node="l1"),),
        dt_s=1e-3,
        arithmetic="loihi",
    )


@pytest.mark.parametrize("name", ["brian2", "pynn"])
def test_the_population_is_named_and_nothing_is_written(name, tmp_path):
    with pytest.raises(UnsupportedError, match=r"l1 .*chip's integers.*se another format"):
        export(Job(network=_network(), name="chip"), name, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
