"""compile --target, and what runs of such artefacts print."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from neurochain import compile, load, simulate
from neurochain.artifact import load_artifact
from neurochain.cli.app import cli
from neurochain.errors import InputError, UnsupportedError
from neurochain.models import find_model


def invoke(*args):
    return CliRunner().invoke(cli, args, standalone_mode=True)


@pytest.fixture(scope="module")
def chip(tmp_path_factory):
    """mnist-mlp for Loihi 2 with 6 bits, calibrated on its demo input."""
    path = tmp_path_factory.mktemp("chip") / "chip.nchain"
    result = invoke(
        "compile", "mnist-mlp", "--target", "loihi2", "--weight-bits", "6", "--calibrate", "demo",
        "--calibrate-samples", "4", "-o", str(path),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return path, result


def test_compile_says_what_quantisation_cost(chip):
    _, result = chip
    assert "target loihi2: 6 bits a weight, scales by spikes, 2 steps of latency" in result.output
    assert "on 4 samples of 20 steps:" in result.output
    assert "costs most" in result.output
    assert "calibration: 4 samples" in result.stderr


def test_the_artefact_runs_on_both_engines_and_its_report_has_the_error(chip):
    path, _ = chip
    reports = []
    for engine in ("event", "reference"):
        result = invoke("evaluate", str(path), "--input", "demo", "--engine", engine, "--json")
        assert result.exit_code == 0, result.output
        reports.append(json.loads(result.stdout))
    assert reports[0]["evaluation"] == reports[1]["evaluation"]
    meta = reports[0]["meta"]
    assert meta["weights"] == "loihi"
    assert [row["layer"] for row in meta["quantisation"]] == ["fc1", "fc2"]
    assert all(row["rms_error"] > 0 for row in meta["quantisation"])
    assert reports[0]["meta"]["timesteps"] == 20
    assert reports[0]["deployed"]["steps"] == 22


def test_layers_of_an_artefact_in_lavas_units(chip):
    path, _ = chip
    art = load_artifact(path)
    one, two = art.loihi_layers()
    assert one.weight.shape == (256, 784)
    assert (one.source, one.target, two.name) == ("input", "lif1", "fc2")
    assert (one.du, one.dv) == (4095, 410)
    assert one.bias.shape == (256,)
    assert (one.weight % 8 == 0).all()  # 6 bits of weights of both signs
    assert (one.start, two.start, one.delay) == (1, 2, 0)
    x = np.load(find_model("mnist-mlp").sample)["spikes"][:2]
    run = simulate(art, x)
    # by hand from the layer alone, for the first layer: u = 64 W x, v decays, reset to 0
    drive = x.reshape(2, 20, -1).astype(np.int64) @ one.weight.T.astype(np.int64) << one.weight_exp
    v = np.zeros((2, 256), dtype=np.int64)
    for t in range(20):
        kept = np.sign(v) * (np.abs(v * (4096 - one.dv)) >> 12)
        v = kept + 64 * drive[:, t] + one.bias
        spikes = v > one.vth << 6
        v[spikes] = 0
        assert np.array_equal(run.spikes["lif1"][:, t], spikes)
    with pytest.raises(InputError, match="target='loihi1'"):
        load(find_model("mnist-mlp").checkpoint.with_suffix(".nchain")).loihi_layers()


def test_soft_reset_is_refused_with_the_way_out():
    result = invoke("compile", "mnist-mlp-subtract", "--target", "loihi1")
    assert result.exit_code == 4
    assert "lif1: resets by subtraction" in result.stderr
    assert "reset_mechanism='zero'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--weight-bits", "4"], "none is given"),
        (["--calibrate", "demo"], "Give --target NAME"),
        (["--target", "loihi9"], "'loihi9' is unknown"),
        (["--target", "loihi1", "--weight-bits", "7"], "no weights of 7 bits"),
        (["--target", "loihi1", "--weights", "int8"], "a target has its own"),
        (["--target", "loihi1", "--calibration", "spikes"], "needs data"),
    ],
)
def test_bad_options(arguments, said):
    result = invoke("compile", "mnist-mlp", *arguments)
    assert result.exit_code == 3
    assert said in result.stderr


def test_analog_input_is_refused_and_counts_need_payloads():
    path = find_model("mnist-mlp").checkpoint.with_suffix(".nchain")
    x = np.load(find_model("mnist-mlp").sample)["spikes"][:1].astype(np.float32)
    with pytest.raises(UnsupportedError, match=r"presented as numbers.*--encode"):
        compile(path, target="loihi2", calibrate=x * 0.5)
    with pytest.raises(UnsupportedError, match=r"whole numbers: refused by loihi1"):
        compile(path, target="loihi1", calibrate=x * 2)
    art = compile(path, target="loihi2", calibrate=x * 2)
    assert art.network.sources[0].emits == "graded"
    assert simulate(art, x * 2).spikes["lif2"].shape == (1, 20, 10)
    with pytest.raises(InputError, match="0 and 1 only"):
        simulate(compile(path, target="loihi1"), x * 2)


def test_its_nir_file_would_be_another_network(chip, tmp_path):
    """The graph is the trained one: refused, or written with a warning that says so."""
    path, _ = chip
    out = tmp_path / "out.nir"
    refused = invoke("export", str(path), "--to", "nir", "-o", str(out))
    assert refused.exit_code == 4
    assert "calculates in a chip's integers, which NIR cannot say" in refused.stderr
    assert not out.exists()
    written = invoke("export", str(path), "--to", "nir", "--allow-lossy", "-o", str(out))
    assert written.exit_code == 0, written.output
    assert "as it was trained" in written.stderr
    assert out.exists()
