"""`.pt2` files: the interpreter against torch's own execution of the same program, to the bit."""

import inspect
import warnings

import pt2_nets
import pytest
import snntorch as snn
import torch
from torch import nn
from torch.utils._pytree import tree_flatten

import neurochain
from neurochain import InputError, UnsupportedError
from neurochain.frontends.pt2 import read_pt2
from neurochain.frontends.pt2.operators import _TABLE

pytestmark = pytest.mark.torch

NAMES = tuple(pt2_nets.cases())


def export(net, given, path, *, decomposed=False):
    """Save as users do; torch warns about attributes that snnTorch assigns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(net, given)
        if decomposed:
            program = program.run_decompositions()
        torch.export.save(program, path)
    return program


def flat(value):
    return tree_flatten(value)[0]


@pytest.mark.parametrize("decomposed", [False, True], ids=["training", "decomposed"])
@pytest.mark.parametrize("name", NAMES)
def test_interpreter_gives_torchs_bits(name, decomposed, tmp_path):
    """Three calls, so that what a call leaves in buffers is compared as well."""
    net, given = pt2_nets.cases()[name]
    path = tmp_path / "net.pt2"
    with torch.no_grad():
        judge = export(net, given, path, decomposed=decomposed).module()
        module = read_pt2(path)
        torch.manual_seed(9)
        fired = 0.0
        for _ in range(3):
            values = [torch.rand_like(g) * 3 for g in given]
            expected = flat(judge(*[v.clone() for v in values]))
            got = flat(module(*values))
            assert len(got) == len(expected)
            for a, b in zip(got, expected, strict=True):
                assert a.dtype == b.dtype
                assert torch.equal(a, b)
            fired += float(expected[0].abs().sum())
    assert fired > 0
    for part in ("named_parameters", "named_buffers"):
        names = {n for n, _ in getattr(net, part)(remove_duplicate=False)}
        assert names <= {n for n, _ in getattr(module, part)(remove_duplicate=False)}


def test_the_exported_network_is_the_users(tmp_path):
    """Not only torch's program: the live module itself, step by step, states passed by hand."""
    net, given = pt2_nets.cases()["synaptic"]
    export(net, given, tmp_path / "net.pt2")
    module = read_pt2(tmp_path / "net.pt2")
    a = b = given[1:]
    with torch.no_grad():
        for x in torch.rand(30, 1, 6, generator=torch.Generator().manual_seed(1)) * 4:
            spk, *a = net(x, *a)
            got, *b = module(x, *b)
            assert torch.equal(spk, got)
            assert all(torch.equal(p, q) for p, q in zip(a, b, strict=True))


def test_argument_names_and_origins(tmp_path):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(6, 5)
            self.lif1 = snn.Leaky(beta=0.9)

        def forward(self, x, mem):
            return self.lif1(self.fc(x), mem)

    export(Net().eval(), (torch.rand(1, 6), torch.zeros(1, 5)), tmp_path / "net.pt2")
    module = read_pt2(tmp_path / "net.pt2")
    assert list(inspect.signature(module.forward).parameters) == ["x", "mem"]
    first, *rest = module.pt2_origins
    assert (first.module, first.kind.rpartition(".")[2], first.call) == ("fc", "Linear", 0)
    assert {(o.module, o.kind.rpartition(".")[2]) for o in rest} == {("lif1", "Leaky")}
    assert first.line.startswith("test_pt2.py:")
    assert "self.fc(x)" in first.line
    assert module.pt2_running is None
    with pytest.raises(ValueError, match="exported for"):
        module(torch.rand(2, 6), torch.zeros(2, 5))


def test_decomposed_layers_are_layers_again(tmp_path):
    net, given = pt2_nets.cases()["rleaky"]
    export(net, given, tmp_path / "net.pt2", decomposed=True)
    targets = [step.target for step in read_pt2(tmp_path / "net.pt2").pt2_program.steps]
    assert targets.count("torch.ops.aten.linear.default") == 2
    assert not any("addmm" in t or "permute" in t for t in targets)


def test_decomposed_stacks_are_stacks_again(tmp_path):
    net, given = pt2_nets.cases()["loop-synaptic"]
    export(net, given, tmp_path / "net.pt2", decomposed=True)
    targets = [step.target for step in read_pt2(tmp_path / "net.pt2").pt2_program.steps]
    assert "torch.ops.aten.stack.default" in targets
    assert not any("aten.cat" in t or "aten.view" in t for t in targets)


@pytest.mark.parametrize("run_before", [False, True])
def test_hidden_states_that_export_drops_are_refused(tmp_path, run_before):
    """torch.export of init_hidden=True gives a network that forgets: never compiled so."""
    net = nn.Sequential(
        nn.Linear(6, 5), snn.Leaky(beta=0.9, init_hidden=True),
        nn.Linear(5, 3), snn.Synaptic(alpha=0.5, beta=0.9, init_hidden=True, output=True),
    ).eval()  # fmt: skip
    x = torch.rand(1, 6)
    if run_before:
        net(x)
    export(net, (x,), tmp_path / "net.pt2")
    with pytest.raises(UnsupportedError) as caught:
        read_pt2(tmp_path / "net.pt2")
    assert [f.where for f in caught.value.findings] == ["1 (Leaky)", "3 (Synaptic)"]


def test_neurons_of_other_packages_without_memory_are_refused(tmp_path):
    """SpikingJelly's and sinabs' neurons keep their state in attributes, as snnTorch's do."""

    class Neuron(nn.Module):
        def forward(self, x):
            return (x - 1.0 >= 0.0).to(x)

    Neuron.__module__ = "spikingjelly.activation_based.neuron"
    net = nn.Sequential(nn.Linear(6, 5), Neuron()).eval()
    export(net, (torch.rand(1, 6),), tmp_path / "net.pt2")
    with pytest.raises(UnsupportedError, match=r"1 \(Neuron\): keeps its state"):
        read_pt2(tmp_path / "net.pt2")


def test_a_live_module_is_still_read_after_its_export(tmp_path):
    """torch.export leaves tensors without values in the module."""
    net = nn.Sequential(nn.Linear(6, 5), snn.Leaky(beta=0.9, init_hidden=True)).eval()
    export(net, (torch.rand(1, 6),), tmp_path / "net.pt2")
    art = neurochain.compile(net, torch.rand(1, 6), dt=1e-3)
    assert art.provenance["verification"]["equal"] is True


def test_unknown_operators_are_all_named(tmp_path):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.act = nn.GELU()

        def forward(self, x):
            return self.act(torch.fft.fft(x).real) + torch.rand(1, 6)

    export(Net().eval(), (torch.rand(1, 6),), tmp_path / "net.pt2")
    with pytest.raises(UnsupportedError) as caught:
        read_pt2(tmp_path / "net.pt2")
    text = str(caught.value)
    for part in ("act (GELU)", "aten.gelu.default", "aten.rand.default", "test_pt2.py"):
        assert part in text
    assert len(caught.value.findings) >= 3


def test_sizes_that_are_not_fixed_are_refused(tmp_path):
    batch = torch.export.Dim("batch")
    program = torch.export.export(
        nn.Linear(6, 5), (torch.rand(4, 6),), dynamic_shapes=({0: batch},)
    )
    torch.export.save(program, tmp_path / "net.pt2")
    with pytest.raises(UnsupportedError, match="input: has a size that is not fixed"):
        read_pt2(tmp_path / "net.pt2")


def test_control_flow_inside_is_refused(tmp_path):
    class Net(nn.Module):
        def forward(self, x):
            return torch.cond(x.sum() > 0, lambda a: a + 1, lambda a: a - 1, (x,))

    export(Net(), (torch.rand(1, 6),), tmp_path / "net.pt2")
    with pytest.raises(UnsupportedError, match="higher_order"):
        read_pt2(tmp_path / "net.pt2")


def test_training_mode_is_refused(tmp_path):
    net = nn.Sequential(nn.Linear(6, 5), nn.Dropout(0.5), nn.BatchNorm1d(5)).train()
    export(net, (torch.rand(4, 6),), tmp_path / "net.pt2")
    with pytest.raises(UnsupportedError, match=r"training mode|statistics"):
        read_pt2(tmp_path / "net.pt2")


def test_one_tensor_for_two_states_is_refused(tmp_path):
    """torch.export merges them: its program, run by torch, is no longer the user's network."""
    net, (x, zero, _) = pt2_nets.cases()["synaptic"]
    export(net, (x, zero, zero), tmp_path / "net.pt2")
    with pytest.raises(UnsupportedError, match="never reads the argument states_0"):
        read_pt2(tmp_path / "net.pt2")


def test_memory_under_two_names_is_refused(tmp_path):
    export(pt2_nets.WrittenTwice(), (torch.rand(1, 6),), tmp_path / "net.pt2")
    with pytest.raises(UnsupportedError, match="under another name"):
        read_pt2(tmp_path / "net.pt2")


def test_changed_arguments_are_refused(tmp_path):
    class Net(nn.Module):
        def forward(self, x):
            x += 1
            return x * 2

    export(Net(), (torch.rand(1, 6),), tmp_path / "net.pt2")
    with pytest.raises((UnsupportedError, InputError), match=r"argument of forward|mutation"):
        read_pt2(tmp_path / "net.pt2")


@pytest.mark.parametrize("name", sorted(_TABLE))
def test_table_takes_torchs_own_arguments(name):
    """Every argument of the aten overload, by torch's name, and none that torch lacks."""
    base, _, overload = name.partition(".")
    if base in ("copy", "zero", "fill"):
        base += "_"  # reached through their in-place forms
    schema = getattr(getattr(torch.ops.aten, base), overload)._schema
    names = {a.name for a in schema.arguments}
    required = {a.name for a in schema.arguments if not a.has_default_value()}
    ours = inspect.signature(_TABLE[name]).parameters
    assert names - set(ours) <= {"device", "layout", "pin_memory"}
    assert {n for n, p in ours.items() if p.default is p.empty} - {"device"} <= required
    assert set(ours) - names <= {"device", "alpha", "rounding_mode"}
