"""The imitated orders of execution against the real ones, on random graphs with cycles."""

import string

import numpy as np
import pytest
from interop_nets import Nets
from real_readers import ours, spikes_in, theirs

from neurochain.errors import UnsupportedError
from neurochain.exporters.nir import write_nir
from neurochain.graph import Edge, Graph, Input, Output

pytestmark = pytest.mark.torch

WIDTH = 6


def random_graph(seed):
    """Blocks of a matrix and a neuron in a chain, with shortcuts and ways back, oddly named."""
    rng = np.random.default_rng(seed)
    nets = Nets(seed=seed)
    names = iter(rng.permutation([a + b for a in string.ascii_lowercase for b in "xyz"]).tolist())
    nodes, pairs = {"input": Input(shape=(WIDTH,))}, []
    neurons, before = [], "input"
    for beta in rng.choice([0.5, 0.75, 0.875], rng.integers(1, 5)):
        layer, neuron = next(names), next(names)
        nodes[layer], nodes[neuron] = nets.linear(WIDTH, WIDTH), nets.lif(beta, theta=0.75)
        pairs += [(before, layer), (layer, neuron)]
        neurons.append(neuron)
        before = neuron
    for _ in range(rng.integers(0, 4)):
        source, target = rng.choice(["input", *neurons]), rng.choice(neurons)
        layer = next(names)
        nodes[layer] = nets.linear(WIDTH, WIDTH, 0.4)
        pairs += [(str(source), layer), (layer, str(target))]
    nodes["output"] = Output(shape=(WIDTH,))
    pairs.append((neurons[-1], "output"))
    order = [pairs[k] for k in rng.permutation(len(pairs))]
    return Graph(nodes=nodes, edges=tuple(Edge(*pair) for pair in order), dt_s=nets.dt)


def compare(reader, seeds, tmp_path):
    """What is measured here is what the package does. Returns how many ran, how many were lossy."""
    ran = lossy = 0
    for seed in seeds:
        graph = random_graph(seed)
        x = spikes_in(graph, seed)[:, :40]
        try:
            manifest = write_nir(
                graph, tmp_path / "g.nir", reader=reader, allow_lossy=True, inputs=[x]
            )
        except UnsupportedError:
            continue  # the package would not run it at all
        here = ours(graph, x)
        _, there = theirs(reader, tmp_path / "g.nir", graph, x, list(here))
        found = {d.name: (d.differing, d.spikes_there) for d in manifest.divergence}
        real = {
            n: (np.count_nonzero(here[n] != there[n]), np.count_nonzero(there[n])) for n in here
        }
        assert found == real, f"seed {seed}, lossy: {manifest.lossy}"
        if not manifest.lossy:
            assert not any(differing for differing, _ in real.values()), f"seed {seed}"
        ran += 1
        lossy += manifest.lossy
    return ran, lossy


@pytest.mark.parametrize("reader", ["norse", "spikingjelly"])
def test_random_graphs(reader, tmp_path):
    ran, lossy = compare(reader, range(16), tmp_path)
    assert ran >= 8
    assert ran > lossy


@pytest.mark.judge
@pytest.mark.parametrize("reader", ["norse", "spikingjelly"])
def test_many_random_graphs(reader, tmp_path):
    ran, lossy = compare(reader, range(1000, 1300), tmp_path)
    assert ran >= 100
    assert lossy >= 5 or reader == "norse"  # what Norse would run otherwise, it cannot run at all
