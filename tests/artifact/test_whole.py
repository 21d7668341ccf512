"""Integer networks through the stored form: the same programs, parameters, counts and spikes."""

import numpy as np
import pytest

from neurochain.accounting import count
from neurochain.artifact.codec import decode, encode
from neurochain.network import Network, OutputPort, Population, PortKind, Projection, Source
from neurochain.operators import Dense
from neurochain.programs import (
    loihi_lif_program,
    loihi_lif_reset_program,
    loihi_ternary_program,
    relay_program,
)
from neurochain.simulators import Record, run


def _network(program, bias):
    rng = np.random.default_rng(2)
    values = {"du": 700, "dv": 90, "vth": 40, "bias": bias, "vth_hi": 40, "vth_lo": -40}
    values |= {"interval": 5, "offset": 2}
    params = {name: np.asarray(values[name], np.int32) for name in program.params}
    params["dv"] = rng.integers(0, 4096, 9).astype(np.int32)
    weights = (rng.integers(-120, 121, (9, 6)) * 2).astype(np.int16)
    return Network(
        sources=(Source(name="in", shape=(6,)),),
        populations=(
            Population(name="p", shape=(9,), program=program, params=params, emits=program.emits),
        ),
        projections=(
            Projection(
                name="f",
                source="in",
                target="p",
                operator=Dense(in_shape=(6,), out_shape=(9,), weights=weights),
                delay=1,
                weight_exp=-1,
            ),
        ),
        outputs=(OutputPort(name="out", node="p"),),
        dt_s=1e-3,
        arithmetic="loihi",
    )


@pytest.mark.parametrize(
    "program",
    [loihi_lif_program(), loihi_lif_reset_program(), loihi_ternary_program()],
    ids=lambda p: p.name,
)
def test_stored_and_read_again(program):
    network = _network(program, 64)
    tensors = {}
    again = decode(encode(network, tensors), tensors)
    assert again.arithmetic == "loihi"
    assert again.populations[0].program == program
    assert again.projections[0].weight_exp == -1
    assert again.populations[0].params["dv"].dtype == np.int32
    x = {"in": (np.random.default_rng(0).random((2, 30, 6)) < 0.3).astype(np.float32)}
    a, b = (run(n, x, record=Record(emissions=("p",))) for n in (network, again))
    assert a.emissions["p"].any()
    assert np.array_equal(a.emissions["p"], b.emissions["p"])
    assert np.array_equal(a.overflow["p"], b.overflow["p"])


def test_files_of_other_networks_say_nothing_of_integers():
    stored = encode(relay_program(PortKind.EVENT), {})
    assert not {"number", "clock", "watch"} & set(stored)


@pytest.mark.parametrize("engine", ["reference", "event"])
@pytest.mark.parametrize(("bias", "adds"), [(64, 2 * 30 * 9), (0, 0)])
def test_a_neurons_own_bias_is_counted_with_its_layer(engine, bias, adds):
    x = {"in": np.zeros((2, 30, 6), np.float32)}
    network = _network(loihi_lif_program(), bias)
    result = run(network, x, engine=engine)
    activity = count(network, result.counts, deployed=True)
    assert activity.total("bias_adds") == adds
    updates = activity.populations[0].total("neuron_updates_input")
    assert updates == (2 * 30 * 9 if bias else 0)
