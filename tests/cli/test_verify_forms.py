"""`neurochain verify A B` of two forms that are run: answers, exit codes, JSON."""

import json
from dataclasses import replace

import numpy as np
import pytest

from neurochain.artifact import load_artifact, save_artifact


@pytest.fixture
def changed(files, tmp_path):
    """net.nchain with another weight in fc2."""
    art = load_artifact(files / "net.nchain")
    *before, last = art.network.projections
    weights = np.array(last.operator.weight)
    weights[0, 0] -= 2
    last = replace(last, operator=last.operator.with_weights(weights))
    path = tmp_path / "changed.nchain"
    save_artifact(replace(art, network=replace(art.network, projections=(*before, last))), path)
    return path


def test_two_forms_of_a_network(invoke, files):
    result = invoke("verify", files / "net.nchain", files / "net.nir", "--input", files / "x.npy")
    assert result.exit_code == 0, result.output
    assert "equal over 5 samples of 6 steps" in result.output
    assert "membranes within 0" in result.output


def test_the_first_difference_is_printed(invoke, files, changed):
    result = invoke("verify", files / "net.nchain", changed, "--input", files / "x.npy", "--json")
    assert result.exit_code == 1, result.output
    report = json.loads(result.stdout)
    assert report["ok"] is report["equal"] is False
    assert report["kinds"] == ["nchain", "nchain"]
    assert report["first"]["population"] == "lif2"
    assert report["first"]["what"] == "spike"
    rows = {row["name"]: row for row in report["populations"]}
    assert rows["lif1"]["differing"] == 0
    assert rows["lif2"]["differing"] > 0
    text = invoke("verify", files / "net.nchain", changed, "--input", files / "x.npy")
    first = report["first"]
    where = f"sample {first['sample']}, step {first['step']}, lif2[{first['neuron']}]: spike"
    assert where in text.output


def test_another_engine(invoke, files, changed):
    arguments = ("--input", files / "x.npy", "--limit", 2)
    result = invoke("verify", f"reference:{changed}", changed, *arguments)
    assert result.exit_code == 0, result.output
    assert "2 samples" in result.output


def test_strict_says_no_where_little_fired(invoke, files, tmp_path):
    np.save(tmp_path / "silent.npy", np.zeros((2, 6, 4), np.uint8))
    arguments = (files / "net.nchain", files / "net.nir", "--input", tmp_path / "silent.npy")
    assert invoke("verify", *arguments).exit_code == 0
    result = invoke("verify", *arguments, "--strict")
    assert result.exit_code == 1
    assert "warning: fired below 1 %" in result.output


def test_what_cannot_be_run_is_refused(invoke, files, tmp_path):
    x = ("--input", files / "x.npy")
    result = invoke("verify", files / "net.nchain", tmp_path, *x)
    assert result.exit_code == 3
    assert "nothing that can be run" in result.output
    assert invoke("verify", files / "net.nchain", tmp_path / "no.nchain", *x).exit_code == 3
    assert invoke("verify", "no-such-model", files / "net.nchain", *x).exit_code == 3


def test_two_folders_take_arrays(invoke, tmp_path):
    """Neither side holds an encoding, so the input is an array of the right shape."""
    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "exporters"))
    import graph_networks

    from neurochain.exporters.job import Job
    from neurochain.exporters.run import export

    network, chip, placement, inputs = graph_networks.compiled(6)
    job = Job(network=network, name="net", placement=placement, target=chip)
    export(job, "loihi-graph", tmp_path / "graph")
    shape = network.sources[0].shape
    np.save(tmp_path / "x.npy", inputs["in"].reshape(*inputs["in"].shape[:2], *shape))
    pair = ("verify", tmp_path / "graph", tmp_path / "graph", "--input")
    result = invoke(*pair, tmp_path / "x.npy")
    assert result.exit_code == 0, result.output
    assert "(u, v included)" in result.output
    np.savez(tmp_path / "x.npz", x=np.load(tmp_path / "x.npy"))
    assert invoke(*pair, tmp_path / "x.npz", "--limit", 1).exit_code == 0
    for wrong in (tmp_path / "recording.bin", tmp_path / "graph"):
        result = invoke(*pair, wrong)
        assert result.exit_code == 3
        assert "Give an .npy" in result.output
