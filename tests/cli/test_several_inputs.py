"""A network with several inputs: compiled with a sample by argument, verified on arrays by name."""

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
        self.left, self.right = nn.Linear(6, 5), nn.Linear(3, 5)
        self.lif = snn.Leaky(beta=0.5)

    def forward(self, image, context):
        mem = self.lif.init_leaky()
        out = []
        for step in range(image.size(0)):
            spk, mem = self.lif(self.left(image[step]) + self.right(context[step]), mem)
            out.append(spk)
        return torch.stack(out)


def make():
    torch.manual_seed(0)
    return Net()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the class, a state dict, a sample and inputs; it is the current one."""
    (tmp_path / "two_inputs.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    import torch

    module = __import__("two_inputs")
    torch.save(module.make().state_dict(), "net.pt")
    draw = np.random.default_rng(0).random
    np.savez("sample.npz", image=np.zeros((4, 1, 6)), context=np.zeros((4, 1, 3)))
    x = {"input": draw((3, 9, 6)) < 0.4, "context": draw((3, 9, 3)) < 0.4}
    np.savez("x.npz", **{name: values.astype(np.uint8) for name, values in x.items()})
    yield tmp_path
    sys.modules.pop("two_inputs", None)


MODEL = ("--model", "two_inputs:make")


def test_compile_and_verify(invoke, folder):
    result = invoke("compile", "net.pt", *MODEL, "--sample", "sample.npz", "-o", "net.nchain")
    assert result.exit_code == 0, result.output
    assert "verified: equal" in result.output
    verify = ("verify", "net.nchain", "net.pt", *MODEL, "--input")
    for more in ((), ("--sample", "sample.npz")):
        result = invoke(*verify, "x.npz", *more)
        assert result.exit_code == 0, result.output
        assert "equal over 3 sample" in result.output
    result = invoke(*verify, "x.npz", "--limit", "2")
    assert "equal over 2 sample" in result.output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("sample.npz",), "the network's inputs are input, context"),
        (("x.npy",), "has several inputs"),
        (("x.npz", "--encode", "rate"), "--encode: has no meaning"),
    ],
)
def test_inputs_that_do_not_fit(invoke, folder, arguments, text):
    assert (
        invoke("compile", "net.pt", *MODEL, "--sample", "sample.npz", "-o", "net.nchain").exit_code
        == 0
    )
    result = invoke("verify", "net.nchain", "net.pt", *MODEL, "--input", *arguments)
    assert result.exit_code == 3, result.output
    assert text in " ".join(result.output.split())
