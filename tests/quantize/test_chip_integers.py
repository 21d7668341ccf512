"""Integers on the common grid; exact where nothing has to be rounded; what data choose and tell."""

from dataclasses import replace

import numpy as np
import pytest
from chip_networks import chip_network
from hypothesis import given
from hypothesis import strategies as st

from neurochain.errors import InputError, UnsupportedError
from neurochain.graph import Compare, Reset, ResetKind, ResetTiming
from neurochain.lowering import retime
from neurochain.network import Network, OutputPort, Population, Projection, Source
from neurochain.operators import Dense
from neurochain.programs import cuba_lif_program, li_program, lif_program
from neurochain.quantize.loihi.assemble import integer_network, pipelined
from neurochain.quantize.loihi.collapse import collapse
from neurochain.quantize.loihi.deploy import deploy
from neurochain.quantize.loihi.layers import loihi_layers
from neurochain.quantize.loihi.rounding import grid, round_decay
from neurochain.quantize.loihi.scale import error_of, scale_by_weights
from neurochain.session import simulate
from neurochain.targets import load_target

LOIHI = load_target("loihi2")


def one_layer(weights, *, theta=1.0, beta=0.9, bias=None, recurrent=None, delay=0):
    """An input and a layer of neurons."""
    n_out, n_in = weights.shape
    program = lif_program(Reset(kind=ResetKind.ZERO))
    projections = [
        Projection(
            name="w",
            source="in",
            target="a",
            operator=Dense(
                in_shape=(n_in,), out_shape=(n_out,), weights=weights.astype(np.float32)
            ),
            bias=None if bias is None else np.asarray(bias, np.float32),
            delay=delay,
        )
    ]
    if recurrent is not None:
        operator = Dense(
            in_shape=(n_out,), out_shape=(n_out,), weights=recurrent.astype(np.float32)
        )
        projections.append(
            Projection(name="rec", source="a", target="a", operator=operator, delay=1)
        )
    return Network(
        sources=(Source(name="in", shape=(n_in,)),),
        populations=(
            Population(
                name="a",
                shape=(n_out,),
                program=program,
                params={
                    "beta": np.asarray(beta, np.float32),
                    "theta": np.asarray(theta, np.float32),
                },
            ),
        ),
        projections=tuple(projections),
        outputs=(OutputPort(name="out", node="a"),),
        dt_s=1e-3,
    )


def lava_truncated(weights, bits):
    """What Lava's Dense makes of weights once, by loihi.md: clip, then drop the lowest bits."""
    mixed = (weights > 0).any() and (weights < 0).any()
    low, high = (-256, 255) if mixed else (0, 255) if (weights >= 0).all() else (-255, 0)
    k = 8 - bits + mixed
    clipped = np.clip(weights, low, high)
    if low == -255:
        return -((-clipped >> k) << k)
    return (clipped >> k) << k


@given(
    st.integers(2, 8),
    st.sampled_from(["both", "positive", "negative"]),
    st.integers(0, 2**31),
    st.sampled_from(["peak", "percentile", "mse"]),
)
def test_weights_are_where_every_reader_agrees(bits, signs, seed, method):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(5, 7)) * 10.0 ** rng.uniform(-2, 1)
    weights = {"both": weights, "positive": np.abs(weights), "negative": -np.abs(weights)}[signs]
    made = deploy(one_layer(weights), LOIHI, weight_bits=bits, method=method)
    (layer,) = loihi_layers(made.network)
    w = layer.weight
    assert np.array_equal(w, lava_truncated(w, bits))
    assert np.abs(w).max() <= 254
    assert 0 <= layer.weight_exp <= 7
    assert 1 <= layer.vth < 2**17
    scale = made.rounded[0].setting.q / 2.0**layer.weight_exp
    step, largest = grid(weights, bits, 254)
    fits = np.abs(weights * scale) <= largest
    assert (np.abs(w - weights * scale)[fits] <= step / 2 + 1e-3 * np.abs(w[fits])).all()
    assert (np.abs(w[~fits]) == largest).all()
    if method == "peak":
        assert not made.rounded[0].links["w"].clipped


@pytest.mark.parametrize(
    ("kept", "dv", "du"),
    [(1.0, 0, 0), (0.0, 4095, 4095), (0.5, 2048, 2047), (0.9, 410, 409), (1 - 1e-5, 0, 0)],
)
def test_decays_in_lavas_convention(kept, dv, du):
    """The current keeps (4095 - du) / 4096, the membrane (4096 - dv) / 4096."""
    assert round_decay(np.asarray(kept), LOIHI) == dv
    assert round_decay(np.asarray(kept), LOIHI, offset=1) == du


@given(st.floats(-300, 300), st.floats(0.01, 4.0))
def test_biases_have_a_mantissa_and_an_exponent(bias, theta):
    made = deploy(one_layer(np.array([[0.5], [-0.25]]), bias=[bias, 0.0], theta=theta), LOIHI)
    (layer,) = loihi_layers(made.network)
    item = made.rounded[0]
    full, exponent = int(layer.bias[0]), item.bias_exp
    assert 0 <= exponent <= 7
    assert full % 2**exponent == 0
    assert abs(full >> exponent) <= 4095
    exact = float(np.float32(bias)) * item.setting.q * 64
    clipped = abs(exact) > 4095.5 * 128
    assert clipped == bool(item.bias_clipped)
    assert clipped or abs(full - exact) <= 2**exponent / 2 + 1e-6 * abs(exact)


def exact_cases(count):
    """Networks of whole decays whose numbers all fit without rounding."""
    for seed in range(count):
        network, x = chip_network(seed, decays=False, currents=False)
        try:
            plan = collapse(network, LOIHI)
            rounded = [scale_by_weights(plan, unit, 8, LOIHI, "mse") for unit in plan.units]
        except UnsupportedError:
            continue
        late = any("begins at step" in f.what for f in plan.findings)
        whole = all(error_of(plan, item) == 0 for item in rounded)
        if whole and not late and all(i.setting.lowered for i in rounded if i.unit.equal):
            yield seed, network, x, plan, rounded


def test_exact_numbers_give_the_float_networks_spikes():
    """No decay, dyadic weights: integers lose nothing, in zero-delay and in pipelined timing."""
    cases, spikes, early = 0, 0, []
    for seed, network, x, plan, rounded in exact_cases(150):
        wanted = simulate(network, x, record="all").spikes
        integers = integer_network(plan, rounded)
        straight = simulate(integers, x, record="all").spikes
        try:
            piped = simulate(pipelined(integers, LOIHI), x, record="all")
        except UnsupportedError as error:
            early += error.findings
            piped = None
        for name, values in wanted.items():
            assert np.array_equal(values, straight[name]), (seed, name)
            assert piped is None or np.array_equal(values, piped.spikes[name]), (seed, name)
            spikes += int(values.sum())
        cases += 1
    assert cases > 25
    assert spikes > 2_000
    assert len(early) < cases // 5
    assert all("before its start" in f.what for f in early)


def test_pipelined_integers_are_the_zero_delay_ones():
    """Rounded or not, biases and loops included; a bias that fires too early is refused."""
    cases, biased, refused = 0, 0, []
    for seed in range(80):
        network, x = chip_network(seed, readout=seed % 2 == 0)
        try:
            made = deploy(network, LOIHI)
        except UnsupportedError as error:
            refused += error.findings
            continue
        a = simulate(integer_network(made.plan, made.rounded), x, record="all")
        b = simulate(made.network, x, record="all")
        for name, values in a.spikes.items():
            assert np.array_equal(values, b.spikes[name]), (seed, name)
            start = made.network.node(name).start
            raw = b.raw_spikes[name]
            assert raw.shape[1] == 12 + made.network.latency
            assert np.array_equal(raw[:, start : start + 12], values)
        for name in a.membranes:
            assert np.array_equal(a.membranes[name], b.membranes[name])
        biased += any(p.program.clock for p in made.network.populations)
        cases += 1
    assert cases > 45
    assert biased > 15
    assert all(f.fix for f in refused)


def test_a_layer_without_a_start_would_spike_otherwise():
    """Two layers; the second one's bias has been at work for a step when its time begins."""
    first = one_layer(np.full((2, 2), 0.6), beta=1.0)
    weights = Dense(in_shape=(2,), out_shape=(1,), weights=np.full((1, 2), 0.25, np.float32))
    second = replace(first.populations[0], name="b", shape=(1,))
    network = replace(
        first,
        populations=(*first.populations, second),
        projections=(
            *first.projections,
            Projection(
                name="v",
                source="a",
                target="b",
                operator=weights,
                bias=np.full(1, 0.3, np.float32),
            ),
        ),
        outputs=(OutputPort(name="out", node="b"),),
    )
    x = np.zeros((1, 12, 2), np.float32)
    made = deploy(network, LOIHI)
    timed = retime(integer_network(made.plan, made.rounded), cleared=True)
    wanted = simulate(integer_network(made.plan, made.rounded), x).spikes["b"]
    assert wanted.any()
    assert np.array_equal(simulate(made.network, x).spikes["b"], wanted)
    assert not np.array_equal(simulate(timed, x).spikes["b"], wanted)


def test_spikes_from_before_a_start_are_refused():
    """A bias above the threshold fires at once, and the loop carries that into the layer's time."""
    network = one_layer(
        np.full((2, 2), 0.5), bias=[1.5, 0.0], recurrent=np.array([[0, 0.1], [0.3, 0]])
    )
    with pytest.raises(UnsupportedError, match=r"a: its bias alone.*rec carries"):
        deploy(network, LOIHI)
    without = replace(network, projections=network.projections[:1])
    x = np.ones((1, 6, 2), np.float32)
    made = deploy(without, LOIHI)
    run = simulate(made.network, x)
    assert run.raw_spikes["a"][
        0, 0, 0
    ]  # the chip spikes before its start; the user does not see it
    assert np.array_equal(
        run.spikes["a"],
        simulate(integer_network(made.plan, made.rounded), x).spikes["a"],
    )


def test_an_old_current_is_a_longer_projection():
    reset = Reset(kind=ResetKind.ZERO)
    new, old = cuba_lif_program(reset), cuba_lif_program(reset, old_current=True)
    base = one_layer(np.array([[0.8, 0.4]]))
    params = {
        "alpha": np.asarray(0.5, np.float32),
        "beta": np.asarray(0.5, np.float32),
        "theta": np.asarray(1.0, np.float32),
    }
    networks = [
        replace(base, populations=(replace(base.populations[0], program=p, params=params),))
        for p in (new, old)
    ]
    x = (np.random.default_rng(2).random((1, 20, 2)) < 0.5).astype(np.float32)
    plans = [deploy(n, LOIHI) for n in networks]
    assert [m.plan.links[0].delay for m in plans] == [0, 1]
    a, b = (simulate(m.network, x).spikes["a"] for m in plans)
    assert a.any()
    assert np.array_equal(a[:, :-1], b[:, 1:])
    assert loihi_layers(plans[0].network)[0].du == 2047


def test_projections_into_the_same_neurons_share_a_scale():
    """A recurrent weight a thousand times smaller is lost, and the compiler says so."""
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(6, 6))
    made = deploy(one_layer(weights, recurrent=weights / 3000), LOIHI, method="peak")
    rec, ff = (next(k for k in loihi_layers(made.network) if k.name == n) for n in ("rec", "w"))
    scale = made.rounded[0].setting.q
    assert np.allclose(ff.weight * 2.0**ff.weight_exp / scale, weights, atol=0.02)
    if not rec.weight.any():
        assert any("every weight became 0" in f.what for f in made.findings)
    fine = deploy(one_layer(weights, recurrent=weights / 50), LOIHI, method="mse")
    exponents = {k.name: k.weight_exp for k in loihi_layers(fine.network)}
    assert exponents["w"] > exponents["rec"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weight_bits": 9}, "no weights of 9 bits"),
        ({"method": "spikes"}, "needs data"),
        ({"method": "best"}, "'best' is unknown"),
    ],
)
def test_options_that_make_no_sense(change, said):
    with pytest.raises(InputError, match=said):
        deploy(one_layer(np.eye(2)), LOIHI, **change)


def test_an_integer_network_is_not_quantised_again():
    made = deploy(one_layer(np.eye(2)), LOIHI)
    with pytest.raises(InputError, match="already in loihi"):
        deploy(made.network, LOIHI)


def test_a_threshold_too_far_from_the_weights():
    with pytest.raises(UnsupportedError, match=r"a: threshold 1e\+06.*too far apart"):
        deploy(one_layer(np.eye(2), theta=1e6), LOIHI)


PROGRAMS = {
    "soft_reset": lif_program(Reset(kind=ResetKind.SUBTRACT)),
    "no_reset": lif_program(Reset(kind=ResetKind.NONE)),
    "discarding_reset": lif_program(
        Reset(kind=ResetKind.ZERO, timing=ResetTiming.NEXT_STEP_DISCARD)
    ),
    "reset_to_value": lif_program(Reset(kind=ResetKind.VALUE)),
    "reset_to_zero": lif_program(Reset(kind=ResetKind.ZERO), compare=Compare.GREATER_EQUAL),
    "membrane_output": li_program(),
}


@pytest.mark.parametrize("construct", PROGRAMS)
@pytest.mark.parametrize("chip", ["loihi1", "loihi2"])
def test_the_compiler_does_what_the_target_says(chip, construct):
    target, program = load_target(chip), PROGRAMS[construct]
    base = one_layer(np.eye(2))
    params = {name: np.asarray(0.5, np.float32) for name in program.params}
    population = replace(base.populations[0], program=program, params=params, emits=program.emits)
    network = replace(
        base,
        populations=(population,),
        outputs=(OutputPort(name="out", node="a", signal="membrane"),),
    )
    said = target.constructs[construct]
    if said.status == "exact":
        assert deploy(network, target).network.arithmetic == "loihi"
        return
    with pytest.raises(UnsupportedError) as caught:
        deploy(network, target)
    assert said.why in str(caught.value)
    assert said.fix in str(caught.value)


@pytest.mark.parametrize(
    ("target", "known"), [("loihi1", "2, 3, 4, 5, 6, 8"), ("loihi2", "2, 3, 4")]
)
def test_one_bit_holds_weights_of_one_sign(target, known):
    """Of both signs one bit is the sign."""
    chip = load_target(target)
    both = one_layer(np.array([[0.5, -0.25], [0.125, 0.5]]))
    with pytest.raises(UnsupportedError) as caught:
        deploy(both, chip, weight_bits=1)
    said = f"w: has weights from -0.25 to 0.5; in 1 bit {target} holds multiples of 256 up to 254"
    assert said in str(caught.value)
    assert f"Bits: {known}" in str(caught.value)
    made = deploy(one_layer(np.full((2, 2), 0.5)), chip, weight_bits=1)
    assert (made.network.projections[0].operator.weight == 128).all()
