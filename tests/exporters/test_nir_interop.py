"""Files written for Norse, SpikingJelly and snnTorch, run in the real packages: the same spikes."""

import nir
import numpy as np
import pytest
from interop_nets import CASES, TYPE_CHECK_OFF, Nets
from real_readers import MODULES, ours, spikes_in, theirs

from neurochain.errors import UnsupportedError
from neurochain.exporters.manifest import Fidelity
from neurochain.exporters.nir import write_nir
from neurochain.frontends.nir import read_nir

pytestmark = pytest.mark.torch

VARIANTS = [(1e-3, "dyadic"), (1e-4, "float")]
MORE = [(1e-4, "dyadic"), (1e-3, "float"), (0.02, "float"), (1.0, "dyadic")]


def last(graph):
    (edge,) = [e for e in graph.edges if e.target in graph.outputs]
    return edge.source


@pytest.mark.parametrize("reader", MODULES)
@pytest.mark.parametrize("name", CASES)
def test_the_real_package_gives_the_same_spikes(name, reader, tmp_path):
    """Exact and rounded ones; what is refused is named, and the table in docs/ lists it."""
    same_spikes(name, reader, VARIANTS, tmp_path)


@pytest.mark.judge
@pytest.mark.parametrize("reader", MODULES)
@pytest.mark.parametrize("name", CASES)
def test_the_real_package_gives_the_same_spikes_at_other_steps(name, reader, tmp_path):
    same_spikes(name, reader, MORE, tmp_path)


def same_spikes(name, reader, variants, tmp_path):
    for dt, kind in variants:
        graph = CASES[name](Nets(dt, kind))
        try:
            manifest = write_nir(graph, tmp_path / "g.nir", reader=reader)
        except UnsupportedError:
            return  # named in the table of docs/nir-export.md, which test_nir_table.py checks
        assert {n.fidelity for n in manifest.notes} <= {Fidelity.EXACT, Fidelity.ROUNDED}
        x = spikes_in(graph)
        here = ours(graph, x)
        output, there = theirs(
            reader, tmp_path / "g.nir", graph, x, list(here), check=name not in TYPE_CHECK_OFF
        )
        for population, spikes in here.items():
            assert spikes.any(), f"{population} is silent: nothing was compared"
            differ = np.count_nonzero(spikes != there[population])
            assert differ == 0, f"{population}, dt {dt}, {kind}: {differ} of {spikes.size} differ"
        assert np.array_equal(output, here[last(graph)])


@pytest.mark.parametrize("reader", MODULES)
@pytest.mark.parametrize("name", CASES)
def test_the_file_means_the_same_here(name, reader, tmp_path):
    """Read back by our own reader: the same spikes, and by stock nir: the same nodes.

    Norse's time constants are float32 neighbours, right in its arithmetic; here a decay may be
    off in its last bit, which decides where a membrane meets the threshold exactly.
    """
    graph = CASES[name](Nets())
    try:
        write_nir(graph, tmp_path / "g.nir", reader=reader)
    except UnsupportedError:
        return  # as above
    result = read_nir(tmp_path / "g.nir")
    x = spikes_in(graph)
    here, back = ours(graph, x), ours(result.graph, x)
    differ = sum(np.count_nonzero(here[n] != back[n]) for n in here)
    assert differ <= (0.001 * sum(s.size for s in here.values()) if reader == "norse" else 0)
    read = nir.read(tmp_path / "g.nir", type_check=name not in TYPE_CHECK_OFF)
    assert set(read.nodes) == set(graph.nodes)


@pytest.mark.parametrize("reader", MODULES)
def test_from_snntorch_to_another_program(reader, tmp_path):
    """A live module, exported, run in the other program: the module's own spikes."""
    import snntorch as snn
    import torch
    from torch import nn

    from neurochain.frontends.modules import to_graph

    torch.manual_seed(7)
    leaky = {"init_hidden": True, "reset_mechanism": "zero"}
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        snn.Leaky(beta=0.9, **leaky),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(36, 5),
        snn.Leaky(beta=0.8, threshold=0.4, **leaky),
    )
    graph = to_graph(module, torch.rand(1, 1, 8, 8)).graph
    write_nir(graph, tmp_path / "m.nir", reader=reader)
    x = spikes_in(graph)
    for layer in module:
        if isinstance(layer, snn.Leaky):
            layer.reset_mem()
    with torch.no_grad():
        live = [module(torch.from_numpy(step)).numpy() for step in np.swapaxes(x, 0, 1)]
    output, _ = theirs(reader, tmp_path / "m.nir", graph, x, [])
    assert output.any()
    assert np.array_equal(output, np.stack(live, axis=1))


LOSSY = [
    *((reader, "LIF, subtractive reset") for reader in MODULES),
    *((reader, "recurrent bias, no layer in front") for reader in ("norse", "spikingjelly")),
    ("spikingjelly", "two neurons on one cycle"),
]


@pytest.mark.parametrize(("reader", "name"), LOSSY)
def test_the_measured_divergence_is_the_real_one(reader, name, tmp_path):
    """What the manifest measures without the package is what the package does."""
    graph = CASES[name](Nets())
    x = spikes_in(graph)
    with pytest.raises(UnsupportedError, match="allow-lossy"):
        write_nir(graph, tmp_path / "g.nir", reader=reader, inputs=[x])
    manifest = write_nir(
        graph, tmp_path / "g.nir", reader=reader, allow_lossy=True, inputs=[x[:1], x[1:]]
    )
    assert manifest.lossy
    here = ours(graph, x)
    _, there = theirs(reader, tmp_path / "g.nir", graph, x, list(here))
    assert sum(d.differing for d in manifest.divergence) > 0
    for found in manifest.divergence:
        differ = here[found.name] != there[found.name]
        assert found.spikes_here == np.count_nonzero(here[found.name])
        assert found.spikes_there == np.count_nonzero(there[found.name])
        assert (found.differing, found.compared) == (np.count_nonzero(differ), differ.size)
        steps = np.flatnonzero(differ.any(axis=(0, 2)))
        assert found.first_step == (int(steps[0]) if steps.size else None)


def test_measured_for_the_reference_is_the_file_without_our_metadata(tmp_path):
    graph = CASES["LIF, subtractive reset"](Nets())
    x = spikes_in(graph)
    manifest = write_nir(graph, tmp_path / "g.nir", allow_lossy=True, inputs=[x])
    read = nir.read(tmp_path / "g.nir")
    read.metadata = {}
    nir.write(tmp_path / "bare.nir", read)
    here, there = ours(graph, x), ours(read_nir(tmp_path / "bare.nir", dt_s=1e-3).graph, x)
    for found in manifest.divergence:
        differ = here[found.name] != there[found.name]
        assert found.differing == np.count_nonzero(differ) > 0
        assert found.first_step == int(np.flatnonzero(differ.any(axis=(0, 2)))[0])


def test_nothing_is_measured_without_input(tmp_path):
    graph = CASES["LIF"](Nets())
    assert write_nir(graph, tmp_path / "g.nir").divergence is None
    found = write_nir(graph, tmp_path / "g.nir", inputs=[spikes_in(graph)]).divergence
    assert [(d.differing, d.first_step) for d in found] == [(0, None)] * 2
