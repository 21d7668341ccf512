"""Weights as deployed have the bits of the chip, not those of the arrays that hold them."""

from dataclasses import replace

import numpy as np
import pytest

from neurochain.accounting import stored_widths
from neurochain.accounting.energy import memory_aware, sums_of
from neurochain.accounting.prices import find_prices
from neurochain.artifact import Artifact
from neurochain.graph import Reset, ResetKind
from neurochain.mapping.demand import demand_of
from neurochain.mapping.limits import limits_of
from neurochain.network import Network, OutputPort, Population, Projection, Source
from neurochain.operators import Csr, Dense
from neurochain.pipeline.deploy import deploy_artifact
from neurochain.programs import lif_program
from neurochain.quantize import quantize_weights
from neurochain.session import simulate
from neurochain.targets import load_target


def layer(name, source, weights, bias=None):
    n_out, n_in = weights.shape
    neurons = Population(
        name=f"{name}.n",
        shape=(n_out,),
        program=lif_program(Reset(kind=ResetKind.ZERO)),
        params={"beta": np.float32(0.9), "theta": np.float32(1)},
    )
    operator = Dense(in_shape=(n_in,), out_shape=(n_out,), weights=weights.astype(np.float32))
    link = Projection(name=name, source=source, target=neurons.name, operator=operator, bias=bias)
    return neurons, link


def network(*links):
    """Layers one after the other."""
    made, before = [], "in"
    for name, weights, bias in links:
        made.append(layer(name, before, weights, bias))
        before = f"{name}.n"
    return Network(
        sources=(Source(name="in", shape=(links[0][1].shape[1],)),),
        populations=tuple(p for p, _ in made),
        projections=tuple(link for _, link in made),
        outputs=(OutputPort(name="out", node=before),),
        dt_s=1e-3,
    )


def two_layers():
    """Weights of both signs, then of one."""
    rng = np.random.default_rng(7)
    return network(("a", rng.normal(size=(30, 20)), None), ("b", rng.random((10, 30)) + 0.05, None))


def deployed(art, seed=1, rate=0.3):
    size = art.network.sources[0].shape[0]
    x = (np.random.default_rng(seed).random((2, 15, size)) < rate).astype(np.float32)
    run = simulate(art, x)
    return run.activity_deployed, sums_of(run.activity_deployed)


@pytest.mark.parametrize("target", ["loihi1", "loihi2", "loihi2-netx"])
@pytest.mark.parametrize("bits", [8, 6, 4, 2])
def test_a_chips_weights_have_its_bits(target, bits):
    """Of both signs they are kept in int16, and the chip stores them in 8 bits or fewer."""
    art = deploy_artifact(Artifact(network=two_layers()), target, weight_bits=bits)
    assert art.network.projections[0].operator.weight.dtype == np.int16
    activity, sums = deployed(art)
    assert [x.weight_bits for x in activity.layers] == [bits, bits]
    assert [x.weight_bytes for x in sums.layers] == [600 * bits // 8, 300 * bits // 8]
    for x in activity.layers:
        read = -(-x.counts["synops_nominal"] * bits // 8)
        assert np.array_equal(x.counts["weight_read_bytes"], read)
    assert art.provenance["target"]["layer_bits"] == {"a": bits, "b": bits}


@pytest.mark.parametrize(("target", "stored"), [("loihi1", 8), ("loihi2", 7)])
def test_layers_take_what_they_need_and_the_chip_has(target, stored):
    """Weights that all end in zeros: Loihi 1 has no 7 bits; placed networks say the same."""
    art = deploy_artifact(Artifact(network=two_layers()), target)
    coarse = art.network.projections[0]
    even = coarse.operator.with_weights((coarse.operator.weight // 4 * 4).astype(np.int16))
    changed = replace(
        art.network,
        projections=(replace(coarse, operator=even), *art.network.projections[1:]),
    )
    assert stored_widths(changed) == {"a": 7, "b": 8}
    limits = limits_of(load_target(target))
    links = demand_of(changed, limits, place_inputs=False).links
    assert [link.format.weight_bits for link in links] == [stored, 8]
    noted = {"a": stored, "b": 8}
    given = {"target": {**art.provenance["target"], "layer_bits": noted}}
    activity, _ = deployed(replace(art, network=changed, provenance=given))
    assert [x.weight_bits for x in activity.layers] == [stored, 8]


@pytest.mark.parametrize("said", [None, 7, ["a"], {"a": -1, "b": "x"}, {"a": 1e9, "b": True}, {}])
def test_what_a_file_says_of_widths_is_no_more_than_a_note(said):
    """Of a file that was changed, or one of an older version."""
    art = deploy_artifact(Artifact(network=two_layers()), "loihi2", weight_bits=4)
    for target in (None, "loihi2", {"layer_bits": said}):
        activity, _ = deployed(replace(art, provenance={"target": target}))
        assert [x.weight_bits for x in activity.layers] == [4, 4]


def test_memory_is_priced_by_what_the_chip_stores():
    """8 bits are half of int16: reads cost by bytes, and by the size of the memory."""
    prices = find_prices("horowitz45-int8")
    art = deploy_artifact(Artifact(network=two_layers()), "loihi2")
    _, sums = deployed(art)
    estimate = memory_aware(sums, prices)
    reads = [c for c in estimate.cells if c.term == "weight_read"]
    assert [c.count for c in reads] == [x.counts["synops_nominal"] for x in sums.layers]
    assert "weights are read at 8 bits, as they were counted" in estimate.notes


def test_biases_of_narrow_weights_are_float32():
    """Of weights x scale: 8 bits a weight, 4 bytes a bias."""
    weights = np.random.default_rng(3).normal(size=(10, 20))
    whole, _ = quantize_weights(network(("a", weights, np.ones(10, np.float32))), "int8")
    _, sums = deployed(Artifact(network=whole))
    assert [x.weight_bytes for x in sums.layers] == [200 + 40]


def test_indices_of_sparse_rows_stay():
    """An index of 4 bytes an entry beside the chip's bits."""
    rng = np.random.default_rng(5)
    full = np.where(rng.random((40, 50)) < 0.1, rng.normal(size=(40, 50)), 0)
    sparse = Csr.from_dense(full.astype(np.float32), in_shape=(50,), out_shape=(40,))
    made = network(("a", full, None))
    link = replace(made.projections[0], operator=sparse)
    art = deploy_artifact(
        Artifact(network=replace(made, projections=(link,))), "loihi2", weight_bits=4
    )
    activity, sums = deployed(art)
    stored = art.network.projections[0].operator.weight.size
    assert [x.weight_bytes for x in sums.layers] == [-(-stored * 4 // 8) + 4 * stored]
    counts = activity.layers[0].counts
    synops = counts["synops_effective_ac"]
    assert np.array_equal(counts["weight_read_bytes"], -(-synops * 4 // 8) + 4 * synops)
