"""Random networks on tight cores: every neuron once, no limit exceeded, every number recounted."""

from dataclasses import replace

import numpy as np
import pytest
import recount
from integer_networks import drawn

from neurochain.errors import FitError
from neurochain.mapping import CORE_LIMITS, map_network
from neurochain.targets import Number, load_target

TIGHT = {
    "neurons_per_core": 64,
    "memory_bits_per_core": 40_000,
    "input_axons_per_core": 230,
    "output_axons_per_core": 150,
    "decay_profiles_per_core": 6,
    "threshold_profiles_per_core": 2,
    "synapse_formats_per_core": 3,
}
METHODS = ("hilbert", "greedy", "sequential", "random")


def target(name="loihi1", **numbers):
    chip = load_target(name)
    given = {key: Number(value=value, source="test") for key, value in numbers.items()}
    return replace(chip, numbers={**chip.numbers, **given})


@pytest.mark.parametrize("seed", range(12))
def test_no_limit_is_exceeded_and_every_number_is_right(seed):
    network, chip = drawn(seed), target(**TIGHT)
    for inputs in (False, True):
        placement = map_network(
            network, chip, method=METHODS[seed % 4], place_inputs=inputs, seed=seed
        )
        for p in network.populations:
            assert placement.core_of[p.name].shape == (p.n,)
        assert ("in" in placement.core_of) == inputs
        counted = recount.resources(
            network, placement, weight_bits=(1, 2, 3, 4, 5, 6, 8), index_bits=6, neuron_bits=0
        )
        assert sorted(counted) == placement.cores.tolist()
        for row in placement.rows():
            for name in CORE_LIMITS:
                assert row.used[name] == counted[row.core][name], (name, row.core)
                assert row.used[name] <= TIGHT[f"{name}_per_core"] if name != "memory_bits" else 1
            assert row.used["memory_bits"] <= TIGHT["memory_bits_per_core"]
            assert sum(row.nodes.values()) == row.used["neurons"]


@pytest.mark.parametrize("seed", range(6))
def test_loihi2_keeps_neurons_and_synapses_in_one_memory(seed):
    network = drawn(40 + seed)
    chip = target("loihi2", memory_bits_per_core=60_000)
    placement = map_network(network, chip, seed=seed)
    counted = recount.resources(
        network, placement, weight_bits=range(1, 9), index_bits=13, neuron_bits=192
    )
    for row in placement.rows():
        assert row.used["memory_bits"] == counted[row.core]["memory_bits"] <= 60_000
        assert row.most["input_axons"] is None


def test_tight_limits_bind_one_by_one():
    """Each limit alone makes more cores than none; otherwise the test above tests nothing."""
    network = drawn(3)
    free = dict.fromkeys(TIGHT, 10**9)
    fewest = len(map_network(network, target(**free), method="sequential").cores)
    binding = set()
    for key, value in TIGHT.items():
        chip = target(**{**free, key: value})
        try:
            placement = map_network(network, chip, method="sequential")
        except FitError:
            continue
        if len(placement.cores) > fewest:
            binding.add(key)
            assert {row.binds for row in placement.rows()} == {key.removesuffix("_per_core")}
    assert binding >= {"neurons_per_core", "memory_bits_per_core", "input_axons_per_core"}


def test_the_same_bytes_for_the_same_seed():
    network, chip = drawn(5), target(**TIGHT)
    one, two = (map_network(network, chip, seed=9) for _ in range(2))
    for name in one.core_of:
        assert np.array_equal(one.core_of[name], two.core_of[name])
    assert one.costs == two.costs
