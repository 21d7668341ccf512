"""Relays, gains, thresholds and max pools become links and neurons: the same spikes in float."""

import numpy as np
import pytest
from chip_networks import Maker, chip_network
from hypothesis import given
from hypothesis import strategies as st

from neurochain.errors import UnsupportedError
from neurochain.network import Network, OutputPort
from neurochain.operators import Conv, Csr, Dense, Pool
from neurochain.quantize.loihi.assemble import float_network
from neurochain.quantize.loihi.collapse import collapse
from neurochain.quantize.loihi.maps import applied, dense_weights, joined, matrix_of, row_scaled
from neurochain.quantize.loihi.plan import UnitKind
from neurochain.session import simulate
from neurochain.targets import load_target

LOIHI = load_target("loihi2")


@given(st.integers(0, 10_000))
def test_joined_maps_do_what_the_maps_do(seed):
    maker = Maker(seed)
    shape, maps = maker.sources[0].shape, []
    for _ in range(3):
        operator = maker.map(shape)
        if not operator.accumulates:
            break
        maps.append(operator)
        shape = operator.out_shape
    if not maps:
        return
    x = maker.rng.integers(-3, 4, (4, maps[0].n_in)).astype(np.float64)
    wanted = applied(maps, x)
    assert np.array_equal(applied([joined(maps)], x), wanted)
    factor = maker.rng.choice([0.5, 1.0, 2.0], maps[-1].n_out)
    scaled = row_scaled(joined(maps), factor)
    assert np.array_equal(applied([scaled], x), wanted * factor)


def test_a_pool_and_a_convolution_stay_a_convolution_where_borders_allow():
    rng = np.random.default_rng(1)
    weights = rng.integers(-4, 5, (3, 2, 3, 3)).astype(np.float32)

    def pair(size):
        pool = Pool(
            in_shape=(2, size, size), out_shape=(2, size // 2, size // 2), kernel=(2, 2),
            stride=(2, 2), padding=(0, 0), average=True,
        )  # fmt: skip
        conv = Conv(
            in_shape=pool.out_shape, out_shape=(3, size // 2, size // 2), weights=weights,
            stride=(1, 1), padding=(1, 1), dilation=(1, 1),
        )  # fmt: skip
        return [pool, conv]

    even, odd = joined(pair(8)), joined(pair(9))
    assert isinstance(even, Conv)
    assert even.weights.shape == (3, 2, 6, 6)
    assert isinstance(odd, Csr | Dense)  # the ninth row is in no window
    sparse = matrix_of(pair(8))
    assert isinstance(sparse, Csr)
    x = rng.random((2, 128))
    assert np.allclose(x @ dense_weights(sparse).T, applied(pair(8), x))


def test_the_plan_spikes_as_the_network():
    """Dyadic numbers, so that no sum is rounded and equality is exact."""
    relays, pools, recurrent, spikes, late = 0, 0, 0, 0, 0
    refused = []
    for seed in range(200):
        network, x = chip_network(seed, readout=seed % 3 == 0)
        try:
            plan = collapse(network, LOIHI)
        except UnsupportedError as error:
            refused += error.findings
            continue
        if any("begins at step" in f.what for f in plan.findings):
            late += 1
            continue
        a, b = simulate(network, x, record="all"), simulate(float_network(plan), x, record="all")
        for name, wanted in a.spikes.items():
            assert np.array_equal(b.spikes[name], wanted), (seed, name)
            spikes += int(wanted.sum())
        for name in a.membranes:
            assert np.array_equal(a.membranes[name], b.membranes[name]), (seed, name)
        relays += len(network.populations) > len(plan.units)
        pools += any(unit.kind is UnitKind.ANY for unit in plan.units)
        recurrent += any(link.source == link.target for link in plan.links)
    assert spikes > 10_000
    assert min(relays, pools, recurrent) > 5
    assert 0 < late < 40
    assert refused
    assert all("its current has a bias" in f.what for f in refused)


def test_what_cannot_be_on_the_chip_is_refused_with_all_its_findings():
    network, _ = chip_network(3)
    relay = next(
        (n, p)
        for n, _ in (chip_network(seed) for seed in range(50))
        for p in n.populations
        if p.is_relay
    )
    bad = Network(
        sources=relay[0].sources,
        populations=relay[0].populations,
        projections=relay[0].projections,
        outputs=(OutputPort(name="sum", node=relay[1].name), OutputPort(name="x", node="in")),
        dt_s=1e-3,
    )
    with pytest.raises(UnsupportedError) as caught:
        collapse(bad, LOIHI)
    assert len(caught.value.findings) == 2
    assert all("is no neuron" in f.what and f.fix for f in caught.value.findings)
    assert collapse(network, LOIHI).units
