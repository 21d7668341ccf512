"""Integer networks in a session: whole runs, runs in pieces, what is counted."""

import numpy as np
import pytest

from neurochain.network import Network, OutputPort, Population, Projection, Source
from neurochain.operators import Dense
from neurochain.programs import loihi_lif_reset_program
from neurochain.session import simulate


def _network():
    rng = np.random.default_rng(4)
    values = {"du": 700, "dv": 90, "vth": 4000, "bias": 64, "interval": 9, "offset": 2}
    weights = (rng.integers(-120, 121, (12, 6)) * 2).astype(np.int16)
    return Network(
        sources=(Source(name="in", shape=(2, 3)),),
        populations=(
            Population(
                name="p",
                shape=(3, 4),
                program=loihi_lif_reset_program(),
                params={name: np.asarray(v, np.int32) for name, v in values.items()},
            ),
        ),
        projections=(
            Projection(
                name="f",
                source="in",
                target="p",
                operator=Dense(in_shape=(2, 3), out_shape=(3, 4), weights=weights),
                delay=1,
                weight_exp=7,
            ),
        ),
        outputs=(OutputPort(name="v", node="p", signal="membrane"),),
        dt_s=1e-3,
        arithmetic="loihi",
    )


@pytest.mark.parametrize("engine", ["reference", "event"])
def test_in_pieces(engine):
    network = _network()
    x = (np.random.default_rng(0).random((2, 30, 2, 3)) < 0.3).astype(np.float32)
    whole = simulate(network, x, engine=engine)
    first = simulate(network, x[:, :13], engine=engine)
    second = simulate(network, x[:, 13:], engine=engine, initial_state=first.final_state)
    assert first.final_state["p"]["clock"].tolist() == [[13], [13]]
    assert whole.outputs["v"].dtype == np.int32
    assert whole.outputs["v"].shape == (2, 30, 3, 4)
    for name in ("spikes", "outputs", "overflow"):
        for key, values in getattr(whole, name).items():
            parts = [getattr(run, name)[key] for run in (first, second)]
            assert np.array_equal(values, np.concatenate(parts, axis=1)), name
    assert whole.spikes["p"].any()
    assert whole.overflow["p"][..., 0].any()
