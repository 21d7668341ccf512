"""The benchmark of large networks, on small ones: what it checks and what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from neurochain.simulators import has_kernel

pytestmark = [
    pytest.mark.skipif(not has_kernel(), reason="the C kernel is not built"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"}
"""The scripts import what lies beside them."""


def test_three_networks_are_made_saved_loaded_and_checked(repository: Path, tmp_path: Path) -> None:
    found = tmp_path / "scale.json"
    command = [sys.executable, str(repository / "benchmarks" / "scale.py"), "--scale", "0.002"]
    command += ["--folder", str(tmp_path), "--json", str(found)]
    done = subprocess.run(command, check=True, capture_output=True, text=True,
                          env=ENVIRONMENT)  # fmt: skip
    tables = json.loads(found.read_text(encoding="utf-8"))["tables"]
    assert list(tables) == ["dense", "csr", "recurrent"]
    for table in tables.values():
        assert 1.9e6 < table["synapses"] < 2.1e6
        assert table["synops"] > 1e5
        assert table["spikes"] > 100
        assert table["checked_spikes"] > 0
        assert table["differ"] == 0
    assert "bytes_a_synapse" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["scale.json"]


def test_a_network_it_does_not_have(repository: Path) -> None:
    command = [sys.executable, str(repository / "benchmarks" / "scale.py"), "cubic"]
    done = subprocess.run(command, check=False, capture_output=True, text=True,
                          env=ENVIRONMENT)  # fmt: skip
    assert done.returncode == 2
    assert "unknown network cubic" in done.stderr
