"""Data choose scales, and say which layer and which number an activity died of."""

from dataclasses import replace

import numpy as np
import pytest
from chip_networks import chip_network
from test_chip_integers import LOIHI, one_layer

from neurochain.errors import UnsupportedError
from neurochain.quantize.loihi.assemble import float_network, integer_network
from neurochain.quantize.loihi.calibrate import calibrate
from neurochain.quantize.loihi.collapse import collapse
from neurochain.quantize.loihi.deploy import deploy
from neurochain.quantize.loihi.diagnose import diagnose
from neurochain.quantize.loihi.scale import scale_by_weights
from neurochain.session import simulate


def spikes_of(shape, rate, seed=1):
    return (np.random.default_rng(seed).random(shape) < rate).astype(np.float32)


def differing(network, made, x):
    """Spikes of the integer network that are not those of the float network."""
    a = simulate(network, x, record="all").spikes
    b = simulate(made.network, x, record="all").spikes
    return sum(int((a[name] != b[name]).sum()) for name in a)


def outliers(seed=5):
    """Weights of which one in a hundred is far larger than the rest."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(12, 60)) * 0.15
    far = rng.random(weights.shape) < 0.01
    return np.where(far, weights * 12, weights)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_data_choose_better_scales_than_the_largest_weight(bits):
    network = one_layer(outliers(), bias=np.full(12, 0.02))
    x = spikes_of((20, 30, 60), 0.2)
    fresh = spikes_of((20, 30, 60), 0.2, seed=2)
    errors = {
        method: differing(
            network, deploy(network, LOIHI, weight_bits=bits, method=method, data={"in": x}), fresh
        )
        for method in ("peak", "percentile", "mse", "spikes")
    }
    assert errors["spikes"] <= errors["mse"]
    assert errors["spikes"] < errors["peak"]
    assert errors["mse"] < errors["peak"]


def test_calibration_never_differs_more_on_its_own_data():
    """Layer by layer its first trial is what weights alone choose, so it can only be better."""
    better = 0
    for seed in range(25):
        network, x = chip_network(seed)
        try:
            plan = collapse(network, LOIHI)
        except UnsupportedError:
            continue
        data = {"in": x.reshape(*x.shape[:2], -1)}
        first = plan.units[0].name
        plain = [scale_by_weights(plan, unit, 3, LOIHI, "mse") for unit in plan.units]
        counts = [
            next(layer for layer in diagnose(plan, items, data).layers if layer.name == first)
            for items in (plain, calibrate(plan, 3, LOIHI, data))
        ]
        assert counts[1].forced <= counts[0].forced
        better += counts[1].forced < counts[0].forced
    assert better > 5


def test_sums_that_overflow_are_scaled_down():
    """Two hundred inputs of the largest weight at once pass 16 bits; half the scale does not."""
    network = one_layer(np.full((3, 200), 0.3), theta=90.0, beta=0.5)
    x = spikes_of((2, 12, 200), 0.9)
    data = {"in": x}
    plain = deploy(network, LOIHI, method="mse", data=data)
    assert plain.diagnosis.layers[0].input_overflow > 0
    assert any("pass 16 bits" in f.what for f in plain.findings)
    calibrated = deploy(network, LOIHI, data=data)
    assert calibrated.diagnosis.layers[0].input_overflow == 0
    assert not any("pass 16 bits" in f.what for f in calibrated.findings)
    assert differing(network, calibrated, x) == 0


def deep():
    """Three layers that pass activity on."""
    rng = np.random.default_rng(9)
    base = one_layer(np.abs(rng.normal(size=(20, 20))) * 0.3)
    population, projection = base.populations[0], base.projections[0]
    names = ["in", "a", "b", "c"]
    weights = [np.abs(rng.normal(size=(20, 20))).astype(np.float32) * 0.2 for _ in range(3)]
    return replace(
        base,
        populations=tuple(replace(population, name=n) for n in names[1:]),
        projections=tuple(
            replace(
                projection,
                name=f"w{k}",
                source=names[k],
                target=names[k + 1],
                operator=projection.operator.with_weights(weights[k]),
                bias=np.full(20, 0.03, np.float32),
            )
            for k in range(3)
        ),
        outputs=(replace(base.outputs[0], node="c"),),
    )


def test_the_diagnosis_names_what_was_damaged():
    """One number of one layer is spoilt on purpose; the report names layer and number."""
    network = deep()
    data = {"in": spikes_of((4, 30, 20), 0.2)}
    plan = collapse(network, LOIHI)
    good = [scale_by_weights(plan, unit, 8, LOIHI, "mse") for unit in plan.units]
    zero = np.zeros((), np.int32)
    link = good[1].links["w1"]
    weak = link.operator.with_weights((link.operator.weights // 8).astype(np.int16))
    damage = {
        "threshold": {"setting": replace(good[1].setting, vth=good[1].setting.vth * 3)},
        "decay": {"dv": np.asarray(3900, np.int32)},
        "bias": {"bias": np.full(20, -200_000, np.int32)},
        "weights": {"links": {"w1": replace(link, operator=weak)}},
    }
    for kind, change in damage.items():
        bad = [good[0], replace(good[1], **change), good[2]]
        a, b, c = diagnose(plan, bad, data).layers
        assert b.worst == kind
        assert b.rate < b.rate_float
        assert b.first_divergence is not None
        assert b.forced > 10 * max(a.forced, c.forced)
        assert c.differing > c.forced  # it suffers from b, not from itself
    still = diagnose(plan, [good[0], replace(good[1], dv=zero), good[2]], data).layers[1]
    assert still.decays_lost == ("membrane",)
    assert not diagnose(plan, good, data).layers[1].decays_lost


def test_figures_of_the_diagnosis_are_those_of_the_runs():
    network = deep()
    x = spikes_of((3, 25, 20), 0.2)
    made = deploy(network, LOIHI, weight_bits=3, data={"in": x})
    a = simulate(float_network(made.plan), x, record="all").spikes
    b = simulate(integer_network(made.plan, made.rounded), x, record="all").spikes
    for layer in made.diagnosis.layers:
        wanted, got = a[layer.name], b[layer.name]
        assert layer.rate_float == wanted.mean()
        assert layer.rate == got.mean()
        assert layer.differing == (wanted != got).mean()
        sample, step, neuron = layer.first_divergence
        assert wanted[sample, step, neuron] != got[sample, step, neuron]
        assert np.array_equal(wanted[:, :step], got[:, :step])
        assert layer.weights_zeroed == sum(
            item.zeroed for r in made.rounded if r.unit.name == layer.name
            for item in r.links.values()
        )  # fmt: skip
    assert made.diagnosis.to_dict()["layers"][2]["worst"] == made.diagnosis.layers[2].worst


def test_a_membrane_at_its_limit_is_counted():
    """Inhibition without decay takes the membrane to the chip's lower limit."""
    network = one_layer(np.array([[-1.0], [1.0]]), beta=1.0, theta=0.5)
    x = np.ones((1, 1200, 1), np.float32)
    made = deploy(network, LOIHI, method="peak", data={"in": x})
    layer = made.diagnosis.layers[0]
    drop = int(np.abs(made.network.projections[0].operator.weight).max()) << 6
    reached = -(-(2**23 - 1) // drop)
    assert layer.membrane_clipped == 1200 - reached + 1
