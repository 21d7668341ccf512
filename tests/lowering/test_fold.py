"""Batch normalisation folded into weights: where it is exact, where it rounds, what is said."""

from dataclasses import replace

import numpy as np
import pytest
import snntorch as snn
import torch
from snntorch import utils
from torch import nn

import neurochain
from neurochain.accounting import count
from neurochain.artifact import save_artifact
from neurochain.errors import Severity
from neurochain.graph import Conv, Edge, ScaleShift
from neurochain.lowering import fold, lower
from neurochain.simulators import run

STEPS = 30


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def fill(norm, scales, shifts):
    """Statistics that give these scales and shifts, exactly where they are short."""
    n = norm.num_features
    with torch.no_grad():
        norm.eps = 0.0
        norm.running_var.fill_(1.0)
        norm.running_mean.zero_()
        norm.weight.copy_(torch.tensor(scales).repeat(n)[:n])
        norm.bias.copy_(torch.tensor(shifts).repeat(n)[:n])


def network(scales, shifts, *, bias=False, spikes=False, short=True):
    """[spikes -] conv - norm - leaky - linear - norm - leaky."""
    generator = torch.Generator().manual_seed(7)
    front = [snn.Leaky(0.5, threshold=0.5, init_hidden=True)] if spikes else []
    net = nn.Sequential(
        *front,
        nn.Conv2d(2, 4, 3, bias=bias), nn.BatchNorm2d(4), snn.Leaky(0.75, init_hidden=True),
        nn.Flatten(),
        nn.Linear(64, 8, bias=bias), nn.BatchNorm1d(8), snn.Leaky(0.75, init_hidden=True),
    ).eval()  # fmt: skip
    with torch.no_grad():
        for module in net:
            if isinstance(module, nn.Conv2d | nn.Linear):
                for parameter in module.parameters():
                    drawn = torch.randn(parameter.shape, generator=generator) / 3 + 0.05
                    parameter.copy_(torch.round(drawn * 32) / 32 if short else drawn)
            if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
                fill(module, scales, shifts)
    return net


def samples():
    drawn = torch.rand(STEPS, 1, 2, 6, 6, generator=torch.Generator().manual_seed(8))
    return (drawn < 0.3).float()


def emitted(net_or_graph, x, engine="event"):
    found = lower(net_or_graph)
    return run(found, {found.sources[0].name: x.numpy().reshape(1, STEPS, -1)}, engine=engine)


def said(art):
    return [f for f in art.findings if "ScaleShift" in f.where]


def left(art):
    return [name for name, node in art.graph.nodes.items() if isinstance(node, ScaleShift)]


CASES = {
    "powers": ({"scales": [0.5, -2.0, 1.0], "shifts": [0.25, 0.3], "short": False}, 2),
    "powers_and_biases": ({"scales": [0.5, 2.0], "shifts": [0.0], "short": False, "bias": True}, 2),
    "powers_biases_shifts": (
        {"scales": [0.5, 2.0], "shifts": [0.3], "short": False, "bias": True}, 0,
    ),
    "short_numbers_of_spikes": (
        {"scales": [0.75, -1.5], "shifts": [0.25, 0.5], "bias": True, "spikes": True}, 2,
    ),
    "short_numbers_of_any_input": ({"scales": [0.75, 1.5], "shifts": [0.25], "bias": True}, 1),
    "long_scales": ({"scales": [0.7, 1.3], "shifts": [0.25], "spikes": True}, 0),
    "long_shifts": ({"scales": [0.75, 1.5], "shifts": [0.3], "spikes": True}, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_exact(name):
    """Folded or kept, the spikes are the module's, and those of the graph with nothing folded."""
    options, folded = CASES[name]
    net, x = network(**options), samples()
    art = neurochain.compile(net, x[0], dt=1e-3)
    assert art.provenance["verification"]["equal"]
    assert len(left(art)) == 2 - folded
    assert sum("rounds nothing" in f.what for f in said(art)) == folded
    assert sum("is kept" in f.what for f in said(art)) == 2 - folded
    assert all(f.severity is Severity.INFO for f in said(art))
    utils.reset(net)
    with torch.no_grad():
        wanted = torch.stack([net(step).flatten() for step in x]).numpy()
    last = str(len(net) - 1)
    assert 0.02 < wanted.mean() < 0.98
    whole = neurochain.frontends.modules.to_graph(net, x[0], dt_s=1e-3).graph
    for engine in ("reference", "event"):
        got = emitted(art.graph, x, engine).emissions
        unfolded = emitted(whole, x, engine).emissions
        for neuron in (n for n in whole.nodes if type(whole.nodes[n]).__name__ == "LIF"):
            np.testing.assert_array_equal(got[neuron], unfolded[neuron])
        if options.get("short", True):
            np.testing.assert_array_equal(got[last][0], wanted)


def test_folded_all_the_same():
    """On request, and for integer weights; the verification ran on the exact network."""
    net, x = network([0.7, 1.3], [0.2], short=False, bias=True), samples()
    for options in ({"fold_batchnorm": True}, {"weights": "int8"}):
        art = neurochain.compile(net, x[0], dt=1e-3, **options)
        assert not left(art)
        assert art.provenance["verification"]["equal"]
        assert all("last bits" in f.what and "is folded" in f.what for f in said(art))
        assert len(said(art)) == 2
        assert len(art.network.projections) == 2
    art = neurochain.compile(net, x[0], dt=1e-3, fold_batchnorm=True)
    node, norm = art.graph.nodes["0"], net[1]
    scale = (norm.weight / torch.sqrt(norm.running_var)).detach().numpy()
    want = net[0].weight.detach().numpy() * scale[:, None, None, None]
    assert isinstance(node, Conv)
    np.testing.assert_allclose(node.weight, want, rtol=1e-6)


def test_an_artefact_is_folded_later(tmp_path):
    net, x = network([0.7, 1.3], [0.2], short=False), samples()
    art = neurochain.compile(net, x[0], dt=1e-3)
    save_artifact(art, tmp_path / "a.nchain")
    for options in ({"fold_batchnorm": True}, {"weights": "int16"}):
        again = neurochain.compile(tmp_path / "a.nchain", **options)
        assert len(left(art)) == 2
        assert not left(again)
        assert len(again.network.projections) == 2
        assert not any("is kept" in f.what for f in again.findings)
    assert neurochain.compile(tmp_path / "a.nchain").findings == art.findings


def test_what_else_reads_the_map_keeps_it():
    """Nothing is folded where the map is read twice, or where an output reads the result."""
    net, x = network([0.5], [0.25]), samples()
    art = neurochain.compile(net, x[0], dt=1e-3, fold_batchnorm=False)
    assert not left(art)
    graph = neurochain.frontends.modules.to_graph(net, x[0], dt_s=1e-3).graph
    assert fold(graph).graph is not graph
    other = replace(graph, edges=(*graph.edges, Edge("0", "2")))
    again = fold(other)
    assert [f.where for f in again.findings] == ["5 (ScaleShift)"]
    assert isinstance(again.graph.nodes["1"], ScaleShift)


def test_counts_are_those_of_the_network_that_runs():
    """A folded layer is one layer: what it adds is its connections, and its biases."""
    net, x = network([0.5], [0.25]), samples()
    art = neurochain.compile(net, x[0], dt=1e-3)
    found = emitted(art.graph, x)
    counted = count(art.network, found.counts, deployed=False).to_dict()["layers"]
    layers = {layer["name"]: layer for layer in counted}
    assert sorted(layers) == ["0", str(len(net) - 3)]
    events = int(x.sum())
    assert layers["0"]["events_in"] == events
    assert layers["0"]["bias_adds"] == STEPS * 4 * 16
    assert layers["0"]["synops_effective_ac"] > 0
    assert layers["0"]["synops_effective_mac"] == 0
