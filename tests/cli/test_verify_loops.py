"""`verify` and `compile` on a class that loops over time, named by --model."""

import sys

import numpy as np
import pytest

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

CODE = """
import snntorch as snn
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 5)
        self.lif = snn.Leaky(beta=0.5)

    def forward(self, x):
        mem = self.lif.init_leaky()
        out = []
        for step in range(x.size(0)):
            spk, mem = self.lif(self.fc(x[step]), mem)
            out.append(spk)
        return torch.stack(out)


def make():
    torch.manual_seed(0)
    return Net()
"""


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """A folder with the class's module, its checkpoint and an input; it is the current one."""
    (tmp_path / "looping.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    import torch

    import neurochain

    looping = __import__("looping")
    neurochain.save(looping.make(), "net.pt", torch.zeros(12, 1, 6), dt_s=2e-3)
    np.save("x.npy", (np.random.default_rng(0).random((12, 6)) < 0.4).astype(np.uint8))
    yield tmp_path
    sys.modules.pop("looping", None)


def test_a_checkpoint_brings_its_sample_along(invoke, saved):
    result = invoke("compile", "net.pt", "--model", "looping:make", "-o", "net.nchain")
    assert result.exit_code == 0, result.output
    assert "verified: equal" in result.output
    assert "dt 0.002 s" in result.output


def test_verify_needs_no_sample(invoke, saved):
    assert invoke("compile", "net.pt", "-o", "net.nchain").exit_code == 0
    result = invoke("verify", "net.nchain", "net.pt", "--model", "looping:make", "--input", "x.npy")
    assert result.exit_code == 0, result.output
    assert "equal over 1 sample" in result.output


def test_integer_weights_are_not_verified(saved):
    import neurochain

    art = neurochain.compile("net.pt", model="looping:make")
    assert art.verified
    assert not neurochain.compile("net.pt", model="looping:make", weights="int8").verified


def test_two_forms_exclude_each_other(invoke, saved):
    result = invoke("report", "run.json", "--csv", "--markdown")
    assert result.exit_code == 2
    assert "exclude each other" in result.output


def test_a_damaged_checkpoint_is_no_bare_state_dict(invoke, saved):
    """--model must not turn a failed digest into a default dt and a fresh trace."""
    import torch

    content = torch.load("net.pt", weights_only=True)
    content["state_dict"]["fc.weight"][0, 0] += 1.0
    torch.save(content, "changed.pt")
    result = invoke(
        "compile",
        "changed.pt",
        "--model",
        "looping:make",
        "--input-shape",
        "12,1,6",
        "-o",
        "c.nchain",
    )
    assert result.exit_code == 3, result.output
    assert "was changed after saving" in result.output
    assert not (saved / "c.nchain").exists()
    assert invoke("compile", "net.pt", "-o", "net.nchain").exit_code == 0
    arguments = ("--model", "looping:make", "--input", "x.npy")
    result = invoke("verify", "net.nchain", "changed.pt", *arguments)
    assert result.exit_code == 3, result.output
