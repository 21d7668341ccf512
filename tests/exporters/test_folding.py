"""Relays that are folded into what is behind them: the same network, and how far floats are off."""

from dataclasses import replace

import numpy as np
import pytest
from folding_networks import network_of, neurons, pool_of, relay, rich, to

from neurochain.exporters import folding
from neurochain.exporters.folded import folded_lattices, folded_notes
from neurochain.exporters.folding import fold_relays
from neurochain.exporters.lattice import Lattice, emission_lattices
from neurochain.exporters.manifest import Fidelity
from neurochain.network import OutputPort
from neurochain.operators import Csr, Dense, Diagonal, Identity, MaxPool
from neurochain.simulators.reference import run_reference
from neurochain.simulators.types import Record


def _spikes(network, inputs, names=("a", "b")):
    flat = {name: x.reshape(*x.shape[:2], -1) for name, x in inputs.items()}
    return run_reference(network, flat, record=Record(emissions=names)).emissions


@pytest.mark.parametrize("seed", range(20))
def test_the_folded_network_spikes_the_same(seed):
    """Numbers for which no float32 sum rounds, so that neither order nor product matters."""
    network, inputs = rich(seed)
    found = fold_relays(network)
    assert not found.kept
    assert [p.name for p in found.network.populations] == ["a", "b"]
    want, got = _spikes(network, inputs), _spikes(found.network, inputs)
    for name, spikes in want.items():
        assert np.array_equal(spikes, got[name]), name
    assert any(spikes.any() for spikes in want.values())


def test_names_delays_and_biases_of_their_own_steps():
    """A path is called like its last weights; each first step of a bias has a projection."""
    network, _ = rich(0)
    delays = {"pool": 1, "conv": 2, "mix": 3}
    projections = tuple(replace(p, delay=delays.get(p.name, p.delay)) for p in network.projections)
    folded = fold_relays(replace(network, projections=projections))
    of_a = [p for p in folded.network.projections if p.target == "a"]
    assert [(p.name, p.delay) for p in of_a] == [
        ("mix", 6), ("mix from in", 3), ("back", 2),
    ]  # fmt: skip
    assert sorted(p.bias_from_step for p in of_a) == [1, 3, 5]
    assert [p.name for p in folded.paths["mix"]] == ["pool", "conv", "mix"]
    assert folded.behind("sum") == ("mix",)
    projections = tuple(p for p in projections if p.name != "back")
    left = fold_relays(replace(network, projections=projections)).network.projections
    (extra,) = [p for p in left if p.name.startswith("bias of a")]
    assert isinstance(extra.operator, Csr)
    assert not extra.operator.weights.size


def test_a_network_without_relays_is_the_same_object():
    network = network_of(
        [neurons("a", (3,))],
        [to("f", "in", "a", Dense(in_shape=(2, 6, 6), out_shape=(3,),
                                   weights=np.ones((3, 72), np.float32)))],
    )  # fmt: skip
    assert fold_relays(network).network is network


def test_integer_weights_become_numbers():
    rng = np.random.default_rng(4)
    weights = rng.integers(-9, 10, (5, 18)).astype(np.int8)
    dense = Dense(in_shape=(2, 3, 3), out_shape=(5,), weights=weights)
    network = network_of(
        [relay("pooled", (2, 3, 3)), neurons("a", (5,))],
        [to("pool", "in", "pooled", pool_of((2, 6, 6))),
         to("fc", "pooled", "a", dense, scale=np.float32(0.125))],
        arithmetic="int8",
    )  # fmt: skip
    folded = fold_relays(network).network
    assert folded.arithmetic == "float32"
    x = {"in": (rng.random((3, 9, 2, 6, 6)) < 0.4).astype(np.float32)}
    want, got = _spikes(network, x, ("a",))["a"], _spikes(folded, x, ("a",))["a"]
    assert np.array_equal(want, got)
    assert want.any()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"outputs": (OutputPort(name="out", node="r"),)}, "is an output"),
        ({"maximum": True}, "a maximum stands"),
        ({"program": "mul"}, "does more than add up"),
        ({"empty": True}, "adds up nothing"),
        ({"cycle": True}, "a cycle without a neuron"),
        ({"ways": True}, "ways lead"),
        ({"huge": True}, "beyond float32's range"),
    ],
)
def test_what_is_not_folded_has_a_reason(changes, why):
    """It stays a population, and formats without relays refuse it by name."""
    shape = (2, 6, 6)
    same = Identity(in_shape=shape, out_shape=shape)
    last, relays, changes = relay("r", shape), [], dict(changes)
    projections = [to("f", "in", "r", same), to("g", "r", "a", same)]
    if changes.pop("maximum", False):
        pool = MaxPool(in_shape=shape, out_shape=shape, kernel=(1, 1), stride=(1, 1),
                       padding=(0, 0), dilation=(1, 1))  # fmt: skip
        projections[1] = to("g", "r", "a", pool)
    if changes.pop("program", None):
        body = last.program.body
        twice = replace(body[0], op=type(body[0].op).ADD, args=("x", "x"))
        last = replace(last, program=replace(last.program, name="twice", body=(twice,)))
    if changes.pop("empty", False):
        projections = [projections[1], to("h", "in", "a", same)]
    if changes.pop("cycle", False):
        projections.append(to("own", "r", "r", same, delay=1))
    if changes.pop("ways", False):
        before = "in"
        for k in range(7):
            relays.append(relay(f"s{k}", shape))
            projections += [to(f"s{k}{j}", before, f"s{k}", same) for j in "ab"]
            before = f"s{k}"
        projections[0] = to("f", before, "r", same)
    if changes.pop("huge", False):
        large = Diagonal(in_shape=shape, out_shape=shape, weights=np.full(72, 1e30, np.float32))
        projections = [to("f", "in", "r", large), to("g", "r", "a", large)]
    network = network_of([*relays, last, neurons("a", shape)], projections, **changes)
    found = fold_relays(network)
    assert any(why in reason for reason in found.kept.values()), found.kept
    assert set(found.kept) <= {p.name for p in found.network.populations}


def test_a_map_with_too_many_connections_is_not_made(monkeypatch):
    network, _ = rich(0)
    monkeypatch.setattr(folding, "MOST_CONNECTIONS", 20)
    found = fold_relays(network)
    assert found.network is network
    assert set(found.kept) == {"pooled", "sum", "low"}
    assert "connections" in found.kept["sum"]


# --- what is said of it ---------------------------------------------------------------------------


def _known(network):
    return emission_lattices(network, {s.name: Lattice(1.0, 1.0) for s in network.sources})


def _true_values(network, x):
    """Values of relays in float64, of a network without delays: name -> (sample, step, n)."""
    found = {"in": x.reshape(*x.shape[:2], -1).astype(np.float64)}
    for population in network.populations:
        if population.is_relay:
            total = 0.0
            for p in network.incoming(population.name):
                flat = found[p.source].reshape(-1, p.operator.n_in)
                total = total + p.operator.reference_step(flat).reshape(*x.shape[:2], -1)
                total = total + (0 if p.bias is None else p.bias.astype(np.float64))
            found[population.name] = total
    return found


@pytest.mark.parametrize("kernel", [(2, 2), (3, 3)])
@pytest.mark.parametrize("seed", range(4))
def test_values_are_no_further_off_than_is_said(kernel, seed):
    """Numbers with all their bits; windows of 4, which divide exactly, and of 9, which do not."""
    rng = np.random.default_rng([72, seed])
    pool = pool_of((2, 6, 6), kernel, kernel)
    n = int(np.prod(pool.out_shape))
    first = Dense(in_shape=pool.out_shape, out_shape=(30,),
                  weights=rng.normal(0, 1, (30, n)).astype(np.float32))  # fmt: skip
    last = Dense(in_shape=(30,), out_shape=(5,),
                 weights=rng.normal(0, 1, (5, 30)).astype(np.float32))  # fmt: skip
    bias = rng.normal(0, 1, 30).astype(np.float32)
    network = network_of(
        [relay("pooled", pool.out_shape), relay("sum", (30,)), neurons("a", (5,))],
        [to("pool", "in", "pooled", pool), to("one", "pooled", "sum", first, bias=bias),
         to("two", "sum", "a", last)],
    )  # fmt: skip
    x = (rng.random((8, 16, 2, 6, 6)) < 0.5).astype(np.float32)
    here = _spikes(network, {"in": x}, ("pooled", "sum"))
    true = _true_values(network, x)
    off = {name: np.abs(here[name].reshape(true[name].shape) - true[name]).max() for name in here}
    found = fold_relays(network)
    notes = {note.name: note for note in folded_notes(network, found, _known(network))}
    said = notes["sum"].reason
    assert notes["sum"].fidelity is Fidelity.APPROXIMATE
    bound = float(said.partition("off by at most ")[2].partition(")")[0])
    assert 0 < off["sum"] <= bound * 1.01  # printed with two digits
    assert bound < 1e-3
    if kernel == (2, 2):
        assert off["pooled"] == 0
        assert notes["pooled"].fidelity is Fidelity.EXACT
        assert notes["pooled"].reason == "folded into one; its values are exact here and there"
    else:
        assert off["pooled"] > 0
        assert notes["pooled"].fidelity is Fidelity.APPROXIMATE
        assert "in a sum of one" in notes["pooled"].reason
    limit = folded_lattices(network, found, _known(network))["sum"].limit
    assert np.abs(true["sum"]).max() <= limit < 1e3
