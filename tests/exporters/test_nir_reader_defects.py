"""Why files are written for a reader: what the real package does with the plain file."""

import nir
import numpy as np
import pytest
from interop_nets import CASES, Nets
from real_readers import MODULES, ours, run, spikes_in, theirs

from neurochain.errors import InputError, UnsupportedError
from neurochain.exporters.nir import write_nir
from neurochain.exporters.nir.names import RESERVED

pytestmark = pytest.mark.torch


def differing(reader, name, tmp_path):
    """How many spikes differ when the plain file is run."""
    graph = CASES[name](Nets())
    write_nir(graph, tmp_path / "g.nir")
    x = spikes_in(graph)
    here = ours(graph, x)
    _, there = theirs(reader, tmp_path / "g.nir", graph, x, list(here))
    return sum(int(np.count_nonzero(here[n] != there[n])) for n in here)


def test_norse_ignores_r(tmp_path):
    assert differing("norse", "LIF", tmp_path) > 100


def test_norse_starts_at_v_leak(tmp_path):
    with pytest.raises(UnsupportedError, match=r"n1 .LIF.: Norse .* starts at v_leak"):
        write_nir(
            CASES["LIF, v_leak, no layer in front"](Nets()), tmp_path / "g.nir", reader="norse"
        )


def test_the_plain_file_of_a_recurrent_bias_differs(tmp_path):
    """nirtorch leaves it out at step 0; moved to the layer in front it is there."""
    for reader in ("norse", "spikingjelly"):
        assert differing(reader, "recurrent LIF with a bias", tmp_path) > 0


def test_spikingjelly_fires_at_the_threshold(tmp_path):
    """Integers that meet the threshold exactly: in the plain file they fire."""
    graph = Nets().chain((3,), (3,), n1=Nets().integrator(theta=2.0))
    x = np.ones((1, 10, 3), np.float32)
    here = ours(graph, x)["n1"]
    write_nir(graph, tmp_path / "plain.nir")
    write_nir(graph, tmp_path / "written.nir", reader="spikingjelly")
    plain = run("spikingjelly", tmp_path / "plain.nir", 1e-3, x, [])[0]
    written = run("spikingjelly", tmp_path / "written.nir", 1e-3, x, [])[0]
    assert np.count_nonzero(plain) > np.count_nonzero(here)
    assert np.array_equal(written, here)


def test_snntorch_rewires_recurrent_graphs(tmp_path, capsys):
    graph = CASES["recurrent LIF"](Nets(1e-4))
    write_nir(graph, tmp_path / "g.nir")
    with pytest.raises(AttributeError):
        run("snntorch", tmp_path / "g.nir", 1e-4, spikes_in(graph), [])
    with pytest.raises(UnsupportedError, match=r"hidden\.lif .LIF.: snnTorch .* rewires"):
        write_nir(graph, tmp_path / "g.nir", reader="snntorch")


def test_nirtorch_loses_the_bias_of_an_affine(tmp_path):
    """Its own map of Affine: the reason why none of the three readers uses it."""
    nirtorch = pytest.importorskip("nirtorch", reason="nirtorch is not installed")
    import torch

    graph = Nets().chain((12,), (9,), fc=Nets().affine(9, 12))
    write_nir(graph, tmp_path / "g.nir")
    torch.manual_seed(1)
    module = nirtorch.nir_to_torch(nir.read(tmp_path / "g.nir"), {})
    assert not np.array_equal(module.fc.bias.detach().numpy(), graph.nodes["fc"].bias)


def test_norse_drops_what_it_does_not_know(tmp_path):
    """A mean pool vanishes from the plain file without a word; written for Norse it is a sum.

    In which order Norse runs the two neurons on the sides of the gap is not fixed (it takes the
    nodes without an edge in front in the order of a set), so the plain file is not run.
    """
    graph = CASES["AvgPool2d 3x3"](Nets())
    write_nir(graph, tmp_path / "g.nir")
    module = MODULES["norse"](tmp_path / "g.nir", 1e-3, True)
    assert {name for name, _ in module.named_children()} == set(graph.nodes) - {"pool"}
    with pytest.raises(UnsupportedError, match=r"pool .AvgPool.: Norse 1.1.0 has no AvgPool"):
        write_nir(graph, tmp_path / "g.nir", reader="norse")


def test_norse_runs_side_by_side_layers_out_of_order(tmp_path):
    graph = CASES["two layers side by side"](Nets())
    write_nir(graph, tmp_path / "g.nir")
    x = spikes_in(graph)
    output = run("norse", tmp_path / "g.nir", 1e-3, x, [])[0]
    assert not np.array_equal(np.unique(output), [0, 1])  # what a layer emits, no spikes


@pytest.mark.parametrize("name", ["type", "keys", "a b", "x.y"])
def test_names_that_torch_cannot_hold(name, tmp_path):
    nets = Nets()
    graph = nets.chain((12,), (9,), fc1=nets.linear(9, 12), **{name: nets.lif(), "x_y": nets.lif()})
    for reader in MODULES:
        with pytest.raises(UnsupportedError, match="name"):
            write_nir(graph, tmp_path / "g.nir", reader=reader)


def test_the_names_are_those_of_the_installed_torch():
    import torch

    public = {n for n in dir(torch.nn.ModuleDict()) if not n.startswith("_")}
    assert public <= RESERVED


def test_an_unknown_reader(tmp_path):
    with pytest.raises(InputError, match="norse"):
        write_nir(CASES["LIF"](Nets()), tmp_path / "g.nir", reader="brian")
