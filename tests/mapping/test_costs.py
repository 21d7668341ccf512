"""Packets, hops, links and energy: by hand, recounted, and never worse than sequential fill."""

from importlib.util import find_spec

import numpy as np
import pytest
import recount
from integer_networks import chain, dense, drawn
from test_limits import TIGHT, target

from neurochain.errors import InputError
from neurochain.mapping import map_network
from neurochain.mapping.hilbert import hilbert_index
from neurochain.mapping.limits import limits_of
from neurochain.mapping.mesh import link_loads, mesh_of
from neurochain.targets import load_target

METHODS = ("sequential", "random", "greedy", "hilbert")
if find_spec("pymetis") is not None:  # the extra `mapping`, which `make setup` installs
    METHODS = (*METHODS, "metis")


def emissions(network, seed):
    rng = np.random.default_rng(seed)
    return {
        node.name: (rng.random((2, 5, *node.shape)) < 0.3).astype(np.uint8)
        for node in network.nodes
    }


@pytest.mark.parametrize("seed", range(10))
def test_recounted_and_never_worse_than_sequential(seed):
    network, chip = drawn(100 + seed), target(**TIGHT)
    given = emissions(network, seed)
    spikes = {name: np.count_nonzero(x, axis=(0, 1)).reshape(-1) for name, x in given.items()}
    energy = {}
    for method in METHODS:
        placement = map_network(
            network, chip, method=method, emissions=given, place_inputs=True, seed=seed
        )
        assert placement.weighed == "recorded"
        found = recount.packets(network, placement, spikes)
        at = {c: recount.router(c, chips_across=placement.chips) for c in placement.cores.tolist()}
        assert placement.chips == 1
        between = {pair: n for pair, n in found.items() if pair[0] != pair[1] and n}
        x = sum(n * abs(at[a][0] - at[b][0]) for (a, b), n in between.items())
        y = sum(n * abs(at[a][1] - at[b][1]) for (a, b), n in between.items())
        costs = placement.costs
        assert (costs.packets, costs.hops_x, costs.hops_y) == (sum(between.values()), x, y)
        assert costs.energy == 3000 * x + 4000 * y
        routes = zip(placement.source, placement.target_core, placement.packets, strict=True)
        assert {(int(a), int(b)): int(n) for a, b, n in routes if n} == between
        assert costs.peak_link == _busiest(between, at)
        energy[method] = costs.energy
    for method in set(METHODS) - {"random"}:
        assert energy[method] <= energy["sequential"], method
    assert energy["hilbert"] < energy["random"]


def _busiest(between, at):
    """Each packet walked link by link, along the row first."""
    load = {}
    for (a, b), n in between.items():
        (x, y), (to_x, to_y) = at[a], at[b]
        while (x, y) != (to_x, to_y):
            step = (np.sign(to_x - x), 0) if x != to_x else (0, np.sign(to_y - y))
            link = (x, y, *step)
            load[link] = load.get(link, 0) + n
            x, y = x + step[0], y + step[1]
    return max(load.values(), default=0)


def test_a_chain_of_three_by_hand():
    """64 -> 1024 -> 10 on Loihi 1: 8-bit weights that share one sign need no sign bit.

    The first layer's neurons fill a core (1024), with 64 lists of 1024 synapses: 16 blocks of
    64 ceil((64 8 + 10) / 64) = 576 bits, 9216 a list. The second: 1024 lists of 10 synapses,
    64 ceil(90 / 64) = 128 bits each.
    """
    network = chain([(64,), (1024,), (10,)], [dense(64, 1024), dense(1024, 10)])
    placement = map_network(network, load_target("loihi1"))
    one, two = placement.rows()
    assert (one.nodes, two.nodes) == ({"n0": 1024}, {"n1": 10})
    assert (one.used["memory_bits"], two.used["memory_bits"]) == (64 * 9216, 1024 * 128)
    assert (one.used["input_axons"], two.used["input_axons"]) == (64, 1024)
    assert (one.used["output_axons"], two.used["output_axons"]) == (1024, 0)
    assert (one.binds, two.binds) == ("neurons", "input_axons")
    # every neuron of n0 counts as one spike; both cores lie in one tile
    assert placement.costs.packets == 1024
    assert (placement.costs.energy, placement.unit) == (0, "fJ")


def test_a_packet_serves_all_targets_in_a_core():
    """lambda - 1: two projections from one neuron to one core are one packet."""
    same = (dense(4, 300), 2)
    network = chain([(4,), (4,), (300,)], [dense(4, 4), dense(4, 300)], more=[("n0", "n1", *same)])
    chip = target(neurons_per_core=100)
    placement = map_network(network, chip, method="sequential")
    assert len(placement.cores) == 4
    assert placement.costs.packets == 4 * 3
    assert placement.used["output_axons"].tolist() == [4 * 6, 0, 0, 0]


def test_chips_lie_side_by_side():
    limits = limits_of(load_target("loihi1"))
    two, four = mesh_of(limits, 2), mesh_of(limits, 4)
    assert (two.width, two.height) == (8, 8)
    assert (four.width, four.height) in ((16, 8), (8, 16))
    # core 5 is in tile 1: column 0, row 1; core 128 + 5 in the chip below
    assert (two.x[5], two.y[5]) == (0, 1)
    assert (two.x[133], two.y[133]) == (0, 5)
    assert len({(x, y) for x, y in zip(four.x, four.y, strict=True)}) == 4 * 32


def test_link_loads_by_hand():
    """From column 0, row 0 (core 0) to column 2, row 1 (tile 9, core 36): two east, one south."""
    mesh = mesh_of(limits_of(load_target("loihi1")), 1)
    one = np.array([1])
    east, west, south, north = link_loads(mesh, 0 * one, 36 * one, 7 * one)
    assert (west == 0).all()
    assert (north == 0).all()
    assert east[0, :2].tolist() == [7, 7]
    assert east.sum() == 14
    assert south[0, 2] == south.sum() == 7
    _, west, _, north = link_loads(mesh, 36 * one, 0 * one, 7 * one)
    assert west[1, :2].tolist() == [7, 7]
    assert north[0, 0] == north.sum() == 7


@pytest.mark.parametrize("side", [1, 2, 8, 16])
def test_the_hilbert_curve_visits_every_point_step_by_step(side):
    y, x = np.divmod(np.arange(side * side), side)
    index = hilbert_index(x, y, side)
    assert sorted(index.tolist()) == list(range(side * side))
    order = np.argsort(index)
    steps = abs(np.diff(x[order])) + abs(np.diff(y[order]))
    assert (steps == 1).all()


def test_unknown_names_and_missing_spikes():
    network, chip = drawn(1), load_target("loihi2")
    with pytest.raises(InputError, match="Known: hilbert"):
        map_network(network, chip, method="magic")
    given = emissions(network, 0)
    del given["n0"]
    with pytest.raises(InputError, match="n0 is missing"):
        map_network(network, chip, emissions=given)
    given["n0"] = np.zeros((1, 5, 3))
    with pytest.raises(InputError, match="wanted"):
        map_network(network, chip, emissions=given)
