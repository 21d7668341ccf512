"""--assume on the command line: the form that check prints is the file that compile takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import snntorch as snn
    import torch
    from torch import nn

    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(4, 3), snn.Leaky(beta=0.5, init_hidden=True))
    with torch.no_grad():
        net[0].weight.copy_(torch.round(net[0].weight * 16) / 4)
        net[0].bias.zero_()
    path = tmp_path_factory.mktemp("assume") / "weights.pt"
    torch.save(net.state_dict(), path)
    return path


def filled(form: str) -> str:
    """Every "?" replaced, line by line."""
    answers = {
        "order": '["0", "1"]', "input_shape": "4", "dt": "0.001", "output": '"spikes"',
        "reset_delay": "true", "inhibition": "false", "state_quant": "false",
    }  # fmt: skip
    lines = []
    for line in form.splitlines():
        name, _, rest = line.partition(" = ")
        if rest.startswith('"?"'):
            hint = rest.partition("# ")[2]
            lines.append(f"{name} = {answers.get(name, json.dumps(hint))}")
        else:
            lines.append(line)
    return "\n".join(lines)


def test_check_prints_a_form_and_compile_takes_it(
    invoke: Any, weights: Path, tmp_path: Path
) -> None:
    result = invoke("check", weights)
    assert result.exit_code == 3
    assert "1 (Leaky: threshold 1, beta 0.5, reset subtract): the file does" in result.stdout
    record = json.loads(invoke("check", weights, "--json").stdout)
    assert record["ok"] is False
    assert record["form"].rstrip() in result.stdout
    facts = tmp_path / "facts.toml"
    facts.write_text(filled(record["form"]))
    net = tmp_path / "net.nchain"
    result = invoke("compile", weights, "--assume", facts, "-o", net)
    assert result.exit_code == 0, result.output
    assert "not verified: its module was made from assumed facts" in result.stdout
    assert "reset_mechanism_val" in result.stderr
    np.save(tmp_path / "x.npy", np.ones((1, 9, 4), np.uint8))
    said = json.loads(invoke("simulate", net, "--input", tmp_path / "x.npy", "--json").stdout)
    assert '"verified":null' in json.dumps(said, separators=(",", ":"))
    assert invoke("check", weights, "--assume", facts).exit_code == 0


def test_facts_as_words(invoke: Any, weights: Path) -> None:
    words = ["order=0,1", "input_shape=4", "dt=1e-3", "output=spikes", "0.class=Linear",
             "1.class=Leaky", "*.inhibition=false", "*.state_quant=false"]  # fmt: skip
    given = [part for word in words for part in ("--assume", word)]
    result = invoke("compile", weights, *given)
    assert result.exit_code == 3
    assert "the file does not hold its reset_delay" in result.stderr
    assert invoke("compile", weights, *given, "--assume", "1.reset_delay=true").exit_code == 0
    result = invoke("compile", weights, *given, "--assume", "1.beta=0.5")
    assert (result.exit_code, "in the file itself" in result.stderr) == (3, True)
    result = invoke("compile", weights, *given, "--assume", "nonsense")
    assert (result.exit_code, "neither key=value" in result.stderr) == (3, True)
