"""The `$ neurochain ...` lines of README.md run, in the order in which they stand there.

Files they read (model.pt, spikes.npy) are put beside them first; what they write stays for the
next line. `make` lines are for `.ci/run`.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

FENCE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(neurochain [^`]+)`")


def commands(text: str) -> list[list[str]]:
    """Words of each command line of the console blocks, then of the inline code."""
    lines = [
        line.removeprefix("$ ")
        for block in FENCE.findall(text)
        for line in block.replace("\\\n", " ").splitlines()
        if line.startswith("$ neurochain ")
    ]
    lines += INLINE.findall(FENCE.sub("", text))
    return [shlex.split(line, comments=True) for line in lines]


def test_commands_are_found() -> None:
    text = "a `neurochain doctor` b\n```console\n$ neurochain x \\\n  -o y  # why\n$ make z\n```\n"
    assert commands(text) == [["neurochain", "x", "-o", "y"], ["neurochain", "doctor"]]


@pytest.mark.torch
def test_readme(invoke, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from snntorch import Leaky

    import neurochain

    readme = repository / "README.md"
    if not readme.is_file():
        pytest.skip("there is no README.md yet")
    monkeypatch.chdir(tmp_path)
    net = torch.nn.Sequential(torch.nn.Linear(6, 4), Leaky(beta=0.5, init_hidden=True))
    neurochain.save(net, "model.pt", torch.zeros(1, 6))
    np.save("spikes.npy", (np.random.default_rng(0).random((2, 9, 6)) < 0.5).astype(np.uint8))
    found = commands(readme.read_text(encoding="utf-8"))
    assert found
    for words in found:
        target = words[words.index(">") + 1] if ">" in words else None
        result = invoke(*(words[1 : words.index(">")] if target else words[1:]))
        assert result.exit_code == 0, (words, result.output)
        if target is not None:
            Path(target).write_text(result.stdout, encoding="utf-8")
