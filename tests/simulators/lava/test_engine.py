"""Engine "lava": networks in the full Lava runtime against our own engines."""

import float_nets
import numpy as np
import pytest
from draw import FAMILIES, inputs
from same import differences
from specs import network_of

from neurochain import simulate
from neurochain.errors import UnsupportedError
from neurochain.graph import Compare, Reset, ResetKind, ResetTiming
from neurochain.network import Network, OutputPort, Population, PortKind, Projection, Source
from neurochain.operators import Conv, Dense, Pool
from neurochain.programs import lif_program, relay_program
from neurochain.simulators import Record, run
from neurochain.simulators.lava.engine import traced_states
from neurochain.simulators.lava.plan import plan

LOOPED = {"spiking": 18, "convolutional": 12}


def batch_of(rng, spec, samples=2, steps=30):
    return np.stack([inputs(rng, spec, steps) for _ in range(samples)]).astype(np.float32)


@pytest.mark.parametrize("family", LOOPED)
def test_integer_networks_bit_for_bit(family) -> None:
    """30 random networks, two samples each: spikes, u and v of every neuron and step, counts."""
    from equal import recorded

    spikes = 0
    for seed in range(LOOPED[family]):
        rng = np.random.default_rng([seed, *family.encode(), 7])
        spec = FAMILIES[family](rng)
        network, x = network_of(spec), batch_of(rng, spec)
        result, states = traced_states(network, {"in": x})
        names = tuple(p.name for p in network.populations)
        for engine in ("event", "reference"):
            wanted = run(network, {"in": x}, engine=engine, record=Record(emissions=names))
            assert differences(wanted, result) == [], (seed, engine)
        spikes += sum(int(np.count_nonzero(v)) for v in result.emissions.values())
        for sample in range(len(x)):
            _, ours = recorded(network, x[sample])
            wrong = [k for k, v in ours.items() if not np.array_equal(v, states[k][sample])]
            assert wrong == [], seed
    assert spikes > 1_000  # the networks did something


def test_float_networks_whose_sums_are_exact() -> None:
    """Shifted back by what the network says, every spike and membrane is the one without delay."""
    spikes = latency = 0
    for seed in range(16):
        rng = np.random.default_rng([seed, 5])
        network = float_nets.network(rng)
        x = rng.random((2, float_nets.STEPS, network.sources[0].shape.__len__() and _n(network)))
        x = (x < 0.4).astype(np.float32)
        names = tuple(p.name for p in network.populations)
        record = Record(emissions=names, membranes=names)
        result = run(network, {"in": x}, engine="lava", record=record)
        wanted = run(network, {"in": x}, engine="reference", record=record)
        assert differences(wanted, result) == [], seed
        spikes += sum(int(v.sum()) for v in result.emissions.values())
        latency = max(latency, plan(network).latency)
    assert spikes > 1_000
    assert latency >= 3


def _n(network):
    return int(np.prod(network.sources[0].shape))


@pytest.mark.torch
def test_the_trained_model() -> None:
    """The zoo's MNIST network: the same spikes, decisions and counts on its sample."""
    from neurochain import compile
    from neurochain.inputs.npy import read_npz
    from neurochain.models import zoo

    model = zoo()["mnist-mlp"]
    network = compile(model.checkpoint)
    x = read_npz(model.sample)["spikes"][:6].astype(np.float32)
    lava = simulate(network, x, engine="lava")
    event = simulate(network, x)
    assert event.spikes["lif1"].sum() > 500
    for name, spikes in event.spikes.items():
        assert np.array_equal(spikes, lava.spikes[name]), name
    assert lava.activity.to_dict() == event.activity.to_dict()


# --- what is refused ------------------------------------------------------------------------------


def one_layer(population: Population, operator=None, **projection) -> Network:
    operator = operator or Dense(in_shape=(2,), out_shape=(2,), weights=np.ones((2, 2), np.float32))
    return Network(
        sources=(Source(name="in", shape=operator.in_shape),),
        populations=(population,),
        projections=(
            Projection(name="fc", source="in", target="p", operator=operator, **projection),
        ),
        outputs=(OutputPort(name="out", node="p"),),
        dt_s=1e-3,
    )


def lif(reset=None, compare=Compare.GREATER, beta=0.5, shape=(2,), **params) -> Population:
    program = lif_program(reset or Reset(), compare=compare)
    values = {"beta": np.float32(beta), "theta": np.float32(1.0)} | params
    return Population(
        name="p",
        shape=shape,
        program=program,
        params={k: np.asarray(values[k], np.float32) for k in program.params},
    )


def reset(kind: str, timing: str = "same_step") -> Reset:
    return Reset(kind=ResetKind(kind), timing=ResetTiming(timing))


CONV = Conv(
    in_shape=(1, 4, 4),
    out_shape=(1, 3, 3),
    weights=np.ones((1, 1, 2, 2), np.float32),
    stride=(1, 1),
    padding=(0, 0),
    dilation=(1, 1),
)
POOL = Pool(
    in_shape=(1, 4, 4),
    out_shape=(1, 2, 2),
    kernel=(2, 2),
    stride=(2, 2),
    padding=(0, 0),
    average=False,
)
RELAY = Population(
    name="p",
    shape=(2,),
    program=relay_program(PortKind.ANALOG),
    emits=PortKind.ANALOG,
)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (one_layer(lif(reset("subtract"))), "p: .*no reset by subtraction"),
        (one_layer(lif(reset("subtract", "next_step"))), "p: .*no reset by subtraction"),
        (one_layer(lif(reset("none"))), "p: .*always resets to 0"),
        (one_layer(lif(reset("zero", "next_step_discard"))), "p: .*does not lose its input"),
        (one_layer(lif(compare=Compare.GREATER_EQUAL)), "p: .*above the threshold, not on it"),
        (one_layer(lif(beta=[0.5, 0.25])), "p: has 2 different values of beta"),
        (one_layer(RELAY), "p: .*only adds up"),
        (one_layer(lif(shape=(1, 2, 2)), POOL), "projection fc: is a pool"),
        (one_layer(lif(shape=(1, 3, 3)), CONV, delay=2), "projection fc: .*2 steps.*takes 1"),
        (
            one_layer(lif(), bias=np.ones(2, np.float32), bias_from_step=3),
            "p: the bias of projection fc starts late",
        ),
    ],
)
def test_what_stock_lava_cannot_express_is_refused_by_name(network, said) -> None:
    with pytest.raises(UnsupportedError, match=said):
        run(network, {"in": np.zeros((1, 2, _n(network)), np.float32)}, engine="lava")


def test_a_run_that_carries_a_state_on_is_refused() -> None:
    network, x = one_layer(lif()), np.zeros((1, 2, 2), np.float32)
    state = run(network, {"in": x}).final_state
    with pytest.raises(UnsupportedError, match="starts every sample at rest"):
        run(network, {"in": x}, engine="lava", initial_state=state)


def test_weights_and_biases_beyond_the_fixed_point_format_are_refused() -> None:
    from specs import Connection, Neurons, Spec

    params = {"du": 0, "dv": 0, "vth": 10}
    wide = Spec(
        (2,),
        (Neurons("l0", "lif", (2,), {**params, "bias_mant": np.array([4097, 4099])}),),
        (Connection("c0", "in", "l0", np.array([[300, 0], [0, -300]])),),
    )
    with pytest.raises(UnsupportedError) as caught:
        plan(network_of(wide))
    assert "c0: has weights -300..300; Lava's are -256..255" in str(caught.value)
    assert "l0: a bias of 4099 is no 13-bit mantissa" in str(caught.value)
