"""Checkpoints: exact, deterministic, safe to load, clear about what is wrong."""

import io
import os
import pickle

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

from neurochain import InputError, UnsupportedError
from neurochain.frontends import checkpoint
from neurochain.frontends.modules import to_graph
from neurochain.lowering import lower
from neurochain.verification import verify_network

pytestmark = pytest.mark.torch

SAMPLE = np.ones((2, 2, 8, 8), dtype=np.float32)


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, stride=2, padding=1, bias=False),
        snn.Synaptic(alpha=0.5, beta=torch.tensor(0.9), init_hidden=True, reset_mechanism="zero"),
        nn.MaxPool2d(2),
        nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(12, 5)),
        snn.RLeaky(beta=torch.rand(5), linear_features=5, init_hidden=True, reset_delay=False),
        nn.Linear(5, 5),
        snn.RLeaky(beta=1.0, all_to_all=False, V=torch.rand(5), init_hidden=True, output=True),
    ).eval()


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.pt"
    checkpoint.save(network(), path, SAMPLE, dt_s=1e-3, input_encoding={"kind": "rate", "seed": 3})
    return path


def parameters(node):
    return {k: v for k in node.__slots__ if isinstance(v := getattr(node, k), np.ndarray)}


def test_the_graph_comes_back_to_the_bit(saved):
    read = to_graph(network(), SAMPLE, dt_s=1e-3)
    loaded = checkpoint.load(saved)
    assert loaded.result.graph.edges == read.graph.edges
    assert list(loaded.result.graph.nodes) == list(read.graph.nodes)
    for name, node in read.graph.nodes.items():
        other = loaded.result.graph.nodes[name]
        assert type(other) is type(node)
        for key, value in parameters(node).items():
            got = getattr(other, key)
            assert (got.dtype, got.shape) == (value.dtype, value.shape)
            assert got.tobytes() == value.tobytes()
    for field in (
        "style",
        "time_axis",
        "batched",
        "steps",
        "input_shape",
        "populations",
        "outputs",
    ):
        assert getattr(loaded.result, field) == getattr(read, field)
    assert loaded.input_encoding == {"kind": "rate", "seed": 3}
    assert loaded.output_decoding is None
    assert loaded.sample.shape == (1, 2, 8, 8)


def test_the_module_comes_back_and_is_verified(saved):
    loaded = checkpoint.load(saved)
    before = list(snn.SpikingNeuron.instances)
    checkpoint.rebuild_module(loaded, listed=False)
    assert len(snn.SpikingNeuron.instances) == len(before)
    module = checkpoint.rebuild_module(loaded)
    neurons = [part for part in module.modules() if isinstance(part, snn.SpikingNeuron)]
    assert all(any(n is known for known in snn.SpikingNeuron.instances) for n in neurons)
    assert str(module) == str(network())
    x = (np.random.default_rng(1).random((30, 2, 8, 8)) < 0.4).astype(np.float32)
    report = verify_network(lower(loaded.result.graph), loaded.result, module, x)
    assert report.equal
    live = verify_network(lower(loaded.result.graph), loaded.result, network(), x)
    assert live.equal


def test_same_network_same_bytes(saved, tmp_path):
    again = tmp_path / "another-name.pt"
    checkpoint.save(network(), again, SAMPLE, dt_s=1e-3, input_encoding={"seed": 3, "kind": "rate"})
    facts = [torch.load(p, weights_only=True)["digest"] for p in (saved, again)]
    assert facts[0] == facts[1]
    checkpoint.save(network(), again, SAMPLE, dt_s=1e-3, input_encoding={"kind": "rate", "seed": 3})
    assert again.read_bytes() == saved.read_bytes()


def test_plain_torch_reads_the_state_dict(saved):
    state = torch.load(saved, weights_only=True)["state_dict"]
    network().load_state_dict(state)


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.lif = nn.Linear(4, 3), snn.Leaky(beta=0.5)

    def forward(self, x):
        mem, record = self.lif.reset_mem(), []
        for frame in x:
            spk, mem = self.lif(self.fc(frame), mem)
            record.append(spk)
        return torch.stack(record).sum(0)


def test_own_classes_need_a_factory_to_be_verified(tmp_path):
    path = tmp_path / "own.pt"
    net = Own().eval()
    checkpoint.save(net, path, np.zeros((5, 3, 4)))
    loaded = checkpoint.load(path)
    assert checkpoint.rebuild_module(loaded) is None
    assert (loaded.result.steps, loaded.result.time_axis) == (5, 0)
    assert loaded.sample.shape == (5, 1, 4)
    module = checkpoint.load_state_dict_file(path, Own)
    assert torch.equal(module.fc.weight, net.fc.weight)


def test_what_is_refused_is_not_written(tmp_path):
    with pytest.raises(UnsupportedError):
        checkpoint.save(
            nn.Sequential(nn.Linear(2, 2), nn.ReLU()), tmp_path / "x.pt", np.zeros((1, 2))
        )
    with pytest.raises(InputError, match="no plain data"):
        checkpoint.save(network(), tmp_path / "x.pt", SAMPLE, output_decoding={"x": object()})
    assert list(tmp_path.iterdir()) == []


def stored(content):
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def changed(data, change):
    content = torch.load(io.BytesIO(data), weights_only=True)
    change(content)
    return stored(content)


def nan_weight(content):
    key = next(k for k in content["tensors"])
    content["tensors"][key].view(-1)[0] = float("nan")


class Evil:
    def __reduce__(self):
        return os.mkdir, ("neurochain-was-here",)


DAMAGE = {
    "empty": (lambda d: b"", "is empty"),
    "text": (lambda d: b"weights", "no readable .pt file"),
    "half": (lambda d: d[: len(d) // 2], "no readable .pt file"),
    "cut": (lambda d: d[:-300], "no readable .pt file"),
    "module": (lambda d: stored(nn.Linear(2, 2)), "run code when loaded"),
    "pickle": (lambda d: pickle.dumps(Evil(), 2), "run code when loaded"),
    "new_pickle": (lambda d: pickle.dumps(Evil()), "run code when loaded"),
    "tensor": (lambda d: stored(torch.zeros(3)), r"holds a tensor of shape \(3,\)"),
    "list": (lambda d: stored([1, 2]), "holds a list"),
    "state_dict": (lambda d: stored(network().state_dict()), "bare state dict.*reset_delay"),
    "wrapped": (lambda d: stored({"state_dict": network().state_dict()}), "bare state dict"),
    "nan": (lambda d: changed(d, nan_weight), "was changed after saving|not finite"),
    "version": (lambda d: changed(d, lambda c: c.update(version=9)), "version 9"),
    "missing": (lambda d: changed(d, lambda c: c.pop("tensors")), "is damaged"),
    "edited": (
        lambda d: changed(d, lambda c: c["facts"]["topology"].update(batched=False)),
        "changed after saving",
    ),
    "class": (lambda d: changed(d, lambda c: c.update(facts=[], digest="")), "changed|damaged"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_one_clear_line(name, saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    damage, message = DAMAGE[name]
    saved.write_bytes(damage(saved.read_bytes()))
    with pytest.raises(InputError, match=message) as caught:
        checkpoint.load(saved)
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)
    assert str(caught.value).startswith(str(saved))
    assert not (tmp_path / "neurochain-was-here").exists()


def test_no_file():
    with pytest.raises(InputError, match="cannot be read"):
        checkpoint.load("no-such-file.pt")


def test_state_dict_files(tmp_path):
    path = tmp_path / "state.pt"
    torch.save(Own().state_dict(), path)
    assert isinstance(checkpoint.load_state_dict_file(path, Own), Own)
    with pytest.raises(InputError, match="do not fit the module of --model"):
        checkpoint.load_state_dict_file(path, network)
    with pytest.raises(InputError, match="returns int"):
        checkpoint.load_state_dict_file(path, lambda: 3)
    with pytest.raises(InputError, match="the factory fails"):
        checkpoint.load_state_dict_file(path, lambda: 1 / 0)
    torch.save([1], path)
    with pytest.raises(InputError, match="no state dict"):
        checkpoint.load_state_dict_file(path, Own)
