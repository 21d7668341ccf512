"""Packets and hops on the command line: simulate, report, and what a run must not exceed."""

import json

import pytest
from click.testing import CliRunner

from neurochain.cli.app import cli


def invoke(*args):
    return CliRunner().invoke(cli, [str(a) for a in args], standalone_mode=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two samples of mnist-mlp on Loihi 1: two cores of one tile, inputs from outside."""
    folder = tmp_path_factory.mktemp("placed")
    done = invoke(
        "simulate", "mnist-mlp", "--target", "loihi1", "--input", "demo", "--limit", "2", "--json",
        "--no-traces",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    path = folder / "run.json"
    path.write_text(done.stdout)
    return path


def test_the_record_has_packets_and_they_add_up(run):
    record = json.loads(run.read_text())
    mapped = record["deployed"]["mapped"]
    assert (mapped["target"], mapped["samples"], mapped["steps"]) == ("loihi1", 2, 22)
    nodes = {node["name"]: node for node in mapped["nodes"]}
    assert nodes["input"]["placed"] is False
    for node in nodes.values():
        for name in ("packets", "hops_x", "hops_y", "updates"):
            assert node[name] == sum(step[name] for step in node["per_timestep"])
    events = sum(layer["synaptic_events"] for layer in mapped["layers"])
    assert events == sum(core["synaptic_events"] for core in mapped["cores"]) > 0
    packets = sum(node["packets"] for node in nodes.values())
    assert packets == sum(core["packets_in"] for core in mapped["cores"]) > 0
    sent = sum(core["packets_out"] for core in mapped["cores"])
    assert sent == packets - nodes["input"]["packets"]
    chip = [e for e in record["energy"] if e["model"] == "chip-profile"]
    assert {e["counting"] for e in chip} == {"model", "deployed"}
    assert all(e["latency"]["busiest_s"] > 0 for e in chip)


def test_inputs_on_cores_have_packets_of_their_own():
    done = invoke(
        "simulate", "mnist-mlp", "--target", "loihi1", "--place-inputs", "--input", "demo",
        "--limit", "1", "--json", "--no-traces",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    node = next(n for n in record["deployed"]["mapped"]["nodes"] if n["name"] == "input")
    assert (node["placed"], node["input"], node["updates"]) == (True, True, 0)
    chip = next(e for e in record["energy"] if e["model"] == "chip-profile")
    row = next(row for row in chip["rows"] if row["name"] == "input")
    assert row["part"] == "chip"
    assert row["nominal_j"] == pytest.approx(node["packets"] * 1.7e-12)
    assert not any("outside" in note for note in chip["notes"])
    refused = invoke("simulate", "mnist-mlp", "--place-inputs", "--input", "demo")
    assert "place_inputs say something about a target" in refused.stderr


def test_report_says_packets_terms_and_what_is_missing(run):
    said = invoke("report", run, "--prices", "loihi1-sanafe2025").output
    text = " ".join(said.split())
    assert "as placed (loihi1, 2 cores in 1 tile, 22 steps): packets" in text
    assert "on the busiest core" in text
    assert "missing: barrier, static power, input and I/O, off-chip memory, reset" in text
    assert "come from outside the mesh" in text
    for form in ("--markdown", "--html"):
        assert "as placed (loihi1" in invoke("report", run, form).output


def test_static_power_takes_the_time_of_the_list(run):
    plain = invoke("report", run, "--prices", "loihi1-davies2018", "--json").output
    static = invoke("report", run, "--prices", "loihi1-davies2018", "--static", "--json").output
    before, after = (json.loads(text)["energy"][1] for text in (plain, static))
    term = next(t for t in after["terms"] if t["name"] == "static")
    assert term["count"] == 44
    assert after["total"]["nominal_j"] == pytest.approx(
        before["total"]["nominal_j"] + term["nominal_j"]
    )
    time = after["latency"]
    spent = time["busiest_s"] + time["route_s"]
    barrier = (time["barrier_low_s"] + time["barrier_high_s"]) / 2
    assert term["nominal_j"] == pytest.approx(0.104 * 44 * (spent + barrier))
    assert "has no static power" in invoke(
        "report", run, "--prices", "loihi1-sanafe2025", "--static"
    ).stderr  # fmt: skip
    assert invoke("report", run, "--static").exit_code == 2


def test_fail_on_packets(run):
    assert invoke("report", run, "--fail-on", "packets>1").exit_code == 1
    assert invoke("report", run, "--fail-on", "hops>0").exit_code == 0
