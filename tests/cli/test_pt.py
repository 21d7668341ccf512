"""Commands on .pt files: the road from a checkpoint, verification, and bad files."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.torch

Make = Callable[[Path], None]

FACTORY = """
import snntorch as snn
from torch import nn

def make():
    return nn.Sequential(
        nn.Linear(4, 3), snn.Leaky(beta=0.5, init_hidden=True, reset_mechanism="zero"),
        nn.Linear(3, 2), snn.Leaky(beta=0.5, init_hidden=True, reset_mechanism="zero"),
    )

def wrong():
    return nn.Linear(9, 9)

def unsupported():
    return nn.Sequential(nn.Linear(4, 3), nn.Bilinear(3, 3, 3), nn.GELU(), nn.Softmax(dim=-1))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """mynet.py, and its network as checkpoint (model.pt) and as state dict (weights.pt)."""
    import torch

    import neurochain

    place = tmp_path_factory.mktemp("pt")
    (place / "mynet_of_tests.py").write_text(FACTORY)
    sys.path.insert(0, str(place))
    try:
        from mynet_of_tests import make  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(place))
    torch.manual_seed(1)
    net = make()
    with torch.no_grad():
        for parameter in (net[0].weight, net[2].weight):
            parameter.copy_(torch.round(parameter * 16) / 4)
        net[0].bias.zero_()
        net[2].bias.zero_()
    neurochain.save(net, place / "model.pt", torch.zeros(1, 4))
    torch.save(net.state_dict(), place / "weights.pt")
    np.save(place / "x.npy", (np.random.default_rng(2).random((3, 40, 4)) < 0.4).astype(np.uint8))
    return place


def ok(result: Any) -> Any:
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result


def test_compile_verifies(invoke, folder: Path, tmp_path: Path) -> None:
    result = ok(invoke("compile", folder / "model.pt", "-o", tmp_path / "net.nchain"))
    assert "verified: equal to the PyTorch module on" in result.stdout
    result = ok(invoke("compile", folder / "model.pt", "--no-verify"))
    assert "not verified: left out on request" in result.stdout


def test_integer_weights_are_not_called_verified(invoke, folder: Path, tmp_path: Path) -> None:
    """The comparison with the module is made before the weights become integers, and says so."""
    net = tmp_path / "net.nchain"
    said = "before its weights became int8"
    result = ok(invoke("compile", folder / "model.pt", "--weights", "int8", "-o", net))
    assert f"verified: {said}, equal to the PyTorch module on" in result.stdout
    result = ok(invoke("simulate", net, "--input", folder / "x.npy"))
    text = " ".join(result.stdout.split())
    assert f"verified against its PyTorch module {said}, neurochain" in text


def test_state_dict_with_factory(invoke, folder: Path) -> None:
    args = ("compile", folder / "weights.pt", "--model", "mynet_of_tests:make", "--json")
    built = json.loads(ok(invoke(*args, "--input-shape", "1x4")).stdout)
    saved = json.loads(ok(invoke("compile", folder / "model.pt", "--json")).stdout)
    assert built["model_hash"] == saved["model_hash"]
    assert built["provenance"]["verification"]["equal"] is True


def test_verify_equal(invoke, folder: Path, tmp_path: Path) -> None:
    art = tmp_path / "net.nchain"
    ok(invoke("compile", folder / "model.pt", "-o", art))
    args = ("verify", art, folder / "model.pt", "--input", folder / "x.npy", "--json")
    report = json.loads(ok(invoke(*args)).stdout)
    assert (report["ok"], report["equal"], report["first_divergence"]) == (True, True, None)


def test_verify_different(invoke, folder: Path, tmp_path: Path) -> None:
    """One weight changed by hand: exit code 1, and the first divergence is named."""
    import torch

    state = torch.load(folder / "weights.pt", weights_only=True)
    state["0.weight"][0, 0] += 4
    torch.save(state, tmp_path / "other.pt")
    art = tmp_path / "net.nchain"
    ok(invoke("compile", folder / "model.pt", "-o", art))
    args = ("verify", art, tmp_path / "other.pt", "--model", "mynet_of_tests:make")
    result = invoke(*args, "--input", folder / "x.npy")
    assert result.exit_code == 1
    assert "step" in result.stdout
    assert "expected" in result.stdout
    found = json.loads(invoke(*args, "--input", folder / "x.npy", "--json").stdout)
    assert {"sample", "step", "node", "neuron", "expected", "got"} <= set(found["first_divergence"])
    assert found["first_divergence"]["node"] == "1"


def test_strict_wants_activity(invoke, folder: Path, tmp_path: Path) -> None:
    silent = tmp_path / "silent.npy"
    np.save(silent, np.zeros((1, 40, 4), np.uint8))
    art = tmp_path / "net.nchain"
    ok(invoke("compile", folder / "model.pt", "-o", art))
    args = ("verify", art, folder / "model.pt", "--input", silent)
    assert "fired below 1 %" in ok(invoke(*args)).stdout
    assert invoke(*args, "--strict").exit_code == 1


def empty(file: Path) -> None:
    file.write_bytes(b"")


def text(file: Path) -> None:
    file.write_text("no checkpoint\n" * 99)


def pickled_module(file: Path) -> None:
    import torch

    torch.save(torch.nn.Linear(2, 2), file)


def plain_list(file: Path) -> None:
    import torch

    torch.save([1, 2, 3], file)


def nothing(file: Path) -> None:
    """The file does not exist."""


COMPILE = ("compile", "{bad}", "-o", "{out}/net.nchain")
WITH = (*COMPILE, "--input-shape", "1x4", "--model")
TABLE = [
    ("missing", nothing, COMPILE, 3, "no such file"),
    ("empty", empty, COMPILE, 3, "is empty"),
    ("truncated", "model.pt", COMPILE, 3, "no readable .pt file"),
    ("text", text, COMPILE, 3, "bad.pt"),
    ("pickled module", pickled_module, COMPILE, 3, "holds Python objects"),
    ("list", plain_list, COMPILE, 3, "holds a list, not a checkpoint"),
    ("bare state dict", "weights.pt whole", COMPILE, 3, "is a bare state dict"),
    ("NaN weights", "weights.pt nan", (*WITH, "mynet_of_tests:make"), 3, "weight"),
    ("other network", "weights.pt whole", (*WITH, "mynet_of_tests:wrong"), 3, "do not fit"),
    ("no such factory", "weights.pt whole", (*WITH, "mynet_of_tests:none"), 3, "has no 'none'"),
    ("no such module", "weights.pt whole", (*WITH, "no_such_module:f"), 3, "cannot be imported"),
    ("factory unnamed", "weights.pt whole", (*WITH, "mynet_of_tests"), 3, "is not of the form"),
    ("no shape", "weights.pt whole", (*COMPILE, "--model", "mynet_of_tests:make"), 3, "sample"),
    ("shape", "weights.pt whole", (*COMPILE, "--model", "mynet_of_tests:make", "--input-shape",
     "1x5"), 3, ""),
    ("unsupported", "unsupported.pt", (*WITH, "mynet_of_tests:unsupported"), 4, "Bilinear"),
    ("option for .nir", "model.pt whole", (*COMPILE, "--reset", "zero"), 3, "from the live module"),
]  # fmt: skip


def prepare(file: Path, folder: Path, make: Make | str) -> None:
    """Write the bad file: by a function, or from a good one."""
    import torch

    if callable(make):
        make(file)
    elif make == "unsupported.pt":
        from mynet_of_tests import unsupported

        torch.save(unsupported().state_dict(), file)
    elif make.endswith("nan"):
        state = torch.load(folder / make.split()[0], weights_only=True)
        state["0.weight"][0, 0] = torch.nan
        torch.save(state, file)
    else:
        data = (folder / make.split()[0]).read_bytes()
        file.write_bytes(data if make.endswith("whole") else data[: len(data) // 2])


@pytest.mark.parametrize(
    ("make", "command", "code", "says"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_bad_pt(
    invoke, folder: Path, tmp_path: Path, make: Make | str, command: tuple[str, ...],
    code: int, says: str,
) -> None:  # fmt: skip
    bad, out = tmp_path / "bad.pt", tmp_path / "out"
    out.mkdir()
    prepare(bad, folder, make)
    result = invoke(*(part.format(bad=bad, out=out) for part in command))
    lines = result.stderr.splitlines()
    assert result.exit_code == code, lines
    assert lines[0].startswith("error: ")
    assert says in lines[0]
    assert "Traceback" not in result.output
    assert list(out.iterdir()) == []


def test_every_unsupported_layer_is_named(invoke, folder: Path, tmp_path: Path) -> None:
    prepare(tmp_path / "bad.pt", folder, "unsupported.pt")
    args = ("--model", "mynet_of_tests:unsupported", "--input-shape", "1x4")
    result = invoke("check", tmp_path / "bad.pt", *args)
    assert result.exit_code == 4
    assert all(name in result.stdout for name in ("Bilinear", "GELU", "Softmax"))
