"""neurochain bench, on small workloads in place of the large ones."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from neurochain.bench import workloads


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same names and families, a hundredth of the size."""
    makers = {
        "mlp-b1-p0.05": partial(
            workloads.mlp, rate=0.2, thresholds=(60.5, 60.5), steps=9, sizes=(30, 20, 5)
        ),
        "rnn-n4000": partial(workloads.rnn, n=90, density=0.1, steps=40),
    }
    monkeypatch.setattr(workloads, "WORKLOADS", makers)


def test_a_table_and_the_same_as_json(invoke, small: None, tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    result = invoke("bench", "all", "--against", "reference", "--reps", 2, "--json", file)
    assert result.exit_code == 0, result.output
    head, *lines = result.stdout.splitlines()
    assert head.split()[:6] == ["workload", "weights", "against", "us/step", "theirs", "ratio"]
    assert [line.split()[:3] for line in lines] == [
        ["mlp-b1-p0.05", "i8", "reference"],
        ["rnn-n4000", "i8", "reference"],
    ]
    data = json.loads(file.read_text())
    assert (data["schema"], data["schema_version"]) == ("neurochain.bench", 1)
    for line, row in zip(lines, data["rows"], strict=True):
        assert line.split()[5] == f"{row['ratio']:.2f}"
        assert line.split()[8] == "2" == str(len(row["ratios"]))
        assert len(row["seconds"]) == len(row["seconds_against"]) == 2
        assert sum(row["spikes"]) > 0


def test_the_variant_and_threads_are_said(invoke, small: None, tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    args = ("bench", "mlp", "--against", "reference", "--reps", 1, "--variant", "i16")
    result = invoke(*args, "--threads", 2, "--json", file)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].split()[:3] == ["mlp-b1-p0.05", "i16", "reference"]
    assert json.loads(file.read_text())["threads"] == 2


def test_bad_words_have_their_exit_codes(invoke) -> None:
    result = invoke("bench", "w9")
    assert result.exit_code == 3
    assert result.stderr.startswith("error: workload: 'w9' is unknown. Workloads: mlp-b1-p0.01")
    result = invoke("bench", "rnn-n4000", "--variant", "lava")
    assert result.exit_code == 4
    assert "variant lava: needs the Lava back end" in result.stderr
    assert invoke("bench", "--reps", 0).exit_code == 2


def test_without_a_kernel_it_says_what_to_do(invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    import neurochain.simulators

    monkeypatch.setattr(neurochain.simulators, "has_kernel", lambda: False)
    result = invoke("bench", "mlp")
    assert result.exit_code == 3
    assert "The C kernel of neurochain is not built" in result.stderr
