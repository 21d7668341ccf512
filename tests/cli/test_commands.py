"""Each command does what its help says, in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from neurochain.accounting import LAYER_COUNTS, POPULATION_COUNTS


def ok(result: Result) -> Result:
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result


def data(result: Result) -> Any:
    return json.loads(ok(result).stdout)


def test_compile_writes_an_artefact(invoke, files: Path, tmp_path: Path) -> None:
    result = ok(invoke("compile", files / "net.nir", "-o", tmp_path / "out.nchain"))
    assert "fc1" in result.stdout
    assert "not verified: a .nir file has no module beside it" in result.stdout
    first = (tmp_path / "out.nchain").read_bytes()
    ok(invoke("compile", files / "net.nir", "-o", tmp_path / "out.nchain"))
    assert (tmp_path / "out.nchain").read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == ["out.nchain"]


def test_compile_json(invoke, files: Path) -> None:
    report = data(invoke("compile", files / "net.nir", "--weights", "int8", "--json"))
    assert (report["schema"], report["schema_version"]) == ("neurochain.compile", 1)
    assert [layer["dtype"] for layer in report["layers"]] == ["int8", "int8"]
    assert report["weights"] == "int8"


def test_check_says_ok(invoke, files: Path) -> None:
    assert "ok: it compiles" in ok(invoke("check", files / "net.nir")).stdout
    assert data(invoke("check", files / "net.nchain", "--json"))["ok"] is True


def test_check_of_a_bad_file_is_a_result(invoke, tmp_path: Path) -> None:
    (tmp_path / "bad.nir").write_bytes(b"no hdf5")
    result = invoke("check", tmp_path / "bad.nir", "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["findings"][0]["severity"] == "error"
    assert result.stderr == ""


@pytest.mark.parametrize("engine", ["event", "reference"])
def test_simulate_json_is_the_report(invoke, files: Path, engine: str) -> None:
    run = data(
        invoke(
            "simulate", files / "net.nchain", "--input", files / "x.npy", "--engine", engine,
            "--json",
        )
    )  # fmt: skip
    assert (run["schema"], run["schema_version"], run["counting"]) == ("neurochain.run", 2, "model")
    assert run["meta"]["samples"] == 5
    assert run["meta"]["timesteps"] == 6
    assert run["meta"]["dt_s"] == 1e-3
    assert run["meta"]["date"] is None
    assert [layer["name"] for layer in run["layers"]] == ["fc1", "fc2"]
    x = np.load(files / "x.npy")
    assert run["layers"][0]["events_in"] == int(x.sum())
    for layer in run["layers"] + run["deployed"]["layers"]:
        assert all(isinstance(layer[name], int) for name in LAYER_COUNTS)
    for population in run["populations"]:
        assert all(isinstance(population[name], int) for name in POPULATION_COUNTS)


def test_the_same_run_gives_the_same_bytes(invoke, files: Path) -> None:
    args = ("simulate", files / "net.nchain", "--input", files / "x.npy", "--json")
    assert ok(invoke(*args)).stdout == ok(invoke(*args)).stdout


def test_simulate_prints_the_table(invoke, files: Path) -> None:
    result = ok(invoke("simulate", files / "net.nchain", "--input", files / "x.npy"))
    assert "counts only, no energy" in result.stdout
    assert "5 samples, (sample, step, 4), dense" in result.stderr


def test_spikes_are_saved(invoke, files: Path, tmp_path: Path) -> None:
    args = ("simulate", files / "net.nchain", "--input", files / "x.npy", "--save-spikes")
    ok(invoke(*args, tmp_path / "a.npz"))
    ok(invoke(*args, tmp_path / "b.npz"))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz") as arrays:
        assert {k: v.shape for k, v in arrays.items()} == {"lif1": (5, 6, 3), "lif2": (5, 6, 2)}
        assert arrays["lif1"].dtype == np.uint8
        assert arrays["lif1"].any()


def test_batches_change_nothing(invoke, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    args = ("evaluate", files / "net.nchain", "--input", files / "x.npy", "--labels")
    whole = data(invoke(*args, files / "y.npy", "--json"))
    monkeypatch.setattr("neurochain.cli.data.BATCH_BYTES", 1)
    single = data(invoke(*args, files / "y.npy", "--json"))
    assert (whole["meta"].pop("batch_size"), single["meta"].pop("batch_size")) == (5, 1)
    assert whole == single


def test_steps_limit_and_time_axis(invoke, files: Path, tmp_path: Path) -> None:
    x = np.load(files / "x.npy")
    np.save(tmp_path / "swapped.npy", x.swapaxes(0, 1))
    plain = data(invoke("simulate", files / "net.nchain", "--input", files / "x.npy", "--json"))
    swapped = data(
        invoke(
            "simulate", files / "net.nchain", "--input", tmp_path / "swapped.npy",
            "--time-axis", "0", "--json",
        )
    )  # fmt: skip
    assert swapped["layers"] == plain["layers"]
    assert swapped["meta"]["input_hash"] == plain["meta"]["input_hash"]
    np.save(tmp_path / "static.npy", x[:, 0].astype(np.float32))
    static = data(
        invoke(
            "simulate", files / "net.nchain", "--input", tmp_path / "static.npy", "--steps", 9,
            "--limit", 2, "--json",
        )
    )  # fmt: skip
    assert (static["meta"]["samples"], static["meta"]["timesteps"]) == (2, 9)
    assert static["layers"][0]["events_in"] == 9 * int(x[:2, 0].sum())


def test_evaluate(invoke, files: Path) -> None:
    args = ("evaluate", files / "net.nchain", "--input", files / "x.npy", "--labels")
    result = data(invoke(*args, files / "y.npy", "--json"))
    found = result["evaluation"]
    assert np.sum(found["confusion"]) == found["samples"] == 5
    assert np.trace(found["confusion"]) == found["correct"]
    assert found["accuracy"] == found["correct"] / 5
    layers = result["layers"]
    total = sum(x["synops_effective_ac"] + x["synops_effective_mac"] for x in layers)
    assert found["synops_per_sample"]["mean"] == pytest.approx(total / 5)
    assert "accuracy:" in ok(invoke(*args, files / "y.npy")).stdout


def test_evaluate_other_decoding(invoke, files: Path) -> None:
    args = ("evaluate", files / "net.nchain", "--input", files / "x.npy", "--labels")
    for kind in ("first_spike", "membrane_max", "membrane_sum"):
        found = data(invoke(*args, files / "y.npy", "--decode", kind, "--json"))
        assert found["evaluation"]["decoding"] == kind


def test_report_reads_what_simulate_wrote(invoke, files: Path, tmp_path: Path) -> None:
    run = ok(invoke("simulate", files / "net.nchain", "--input", files / "x.npy", "--json")).stdout
    file = tmp_path / "run.json"
    file.write_text(run)
    assert ok(invoke("report", file, "--json")).stdout == run
    assert "total" in ok(invoke("report", file)).stdout
    assert ok(invoke("report", file, "--csv")).stdout.count("\n") == 3
    assert ok(invoke("report", file, "--markdown")).stdout.startswith("# net.nchain")
    assert "<table>" in ok(invoke("report", file, "--html")).stdout
    assert "(deployed set)" in ok(invoke("report", file, "--counting", "deployed")).stdout
    ok(invoke("report", file, "--markdown", "-o", tmp_path / "report.md"))
    assert (tmp_path / "report.md").read_text().startswith("# net.nchain")


def test_report_can_run_a_network(invoke, files: Path) -> None:
    assert "total" in ok(invoke("report", files / "net.nchain", "--input", files / "x.npy")).stdout
    refused = invoke("report", files / "net.nchain")
    assert refused.exit_code == 2
    assert "no counts until it has run" in refused.stderr


def test_export_and_back(invoke, files: Path, tmp_path: Path) -> None:
    out = tmp_path / "again.nir"
    manifest = data(invoke("export", files / "net.nchain", "-o", out, "--json"))
    assert manifest["exact"] is True
    here = data(invoke("inspect", files / "net.nchain", "--json"))
    back = data(invoke("inspect", out, "--json"))
    assert back["model_hash"] == here["model_hash"]


def test_export_measures_what_is_lossy(invoke, tmp_path: Path) -> None:
    out = tmp_path / "lossy.nir"
    arguments = ("export", "mnist-mlp-subtract", "-o", out, "--allow-lossy", "--force")
    assert "divergence: not measured" in ok(invoke(*arguments)).stdout
    assert data(invoke(*arguments, "--json"))["divergence"] is None
    measured = (*arguments, "--input", "demo", "--limit", "2")
    found = data(invoke(*measured, "--json"))["divergence"]
    assert [d["name"] for d in found] == ["lif1", "lif2"]
    assert all(0 < d["differing"] <= d["compared"] for d in found)
    assert (
        f"{found[0]['differing']} of {found[0]['compared']} differ" in ok(invoke(*measured)).stdout
    )


@pytest.mark.parametrize("reader", ["norse", "spikingjelly", "snntorch"])
def test_export_for_a_reader(invoke, reader: str, tmp_path: Path) -> None:
    out = tmp_path / "written.nir"
    done = invoke("export", "mnist-mlp", "-o", out, "--for", reader, "--input", "demo", "--json")
    manifest = data(done)
    assert manifest["for"] == reader
    assert [d["differing"] for d in manifest["divergence"]] == [0, 0]
    assert "nir.read(path)" in manifest["findings"][0]["what"]
    assert out.is_file()


def test_export_limits_an_input_only(invoke, files: Path, tmp_path: Path) -> None:
    refused = invoke("export", files / "net.nchain", "-o", tmp_path / "x.nir", "--limit", "3")
    assert refused.exit_code == 2
    assert "give --input" in refused.stderr


def test_inspect(invoke, files: Path) -> None:
    text = ok(invoke("inspect", files / "net.nchain")).stdout
    assert "lif1" in text
    assert "not verified" in text


def test_models_list_is_a_list(invoke) -> None:
    assert isinstance(data(invoke("models", "list", "--json")), list)


def test_doctor(invoke) -> None:
    report = data(invoke("doctor", "--json"))
    assert report["ok"] is True
    assert {"numpy", "C kernel", "torch", "lava-nc", "models"} <= {
        check["name"] for check in report["checks"]
    }
    (lava,) = (check for check in report["checks"] if check["name"] == "lava-nc")
    assert "--ignore-requires-python lava-nc==0.10.0" in lava["fix"]
    assert lava["fix"] in invoke("doctor").stdout or lava["ok"]


def test_the_engine_that_served_is_named(
    invoke, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neurochain.simulators.has_kernel", lambda: False)
    monkeypatch.setattr("neurochain.simulators._warn_once", lambda: None)
    run = data(invoke("simulate", files / "net.nchain", "--input", files / "x.npy", "--json"))
    assert run["meta"]["engine"] == "reference"


def test_one_sample_has_no_axis_to_swap(invoke, files: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.load(files / "x.npy")[0])
    args = ("simulate", files / "net.nchain", "--input", tmp_path / "one.npy", "--json")
    assert data(invoke(*args)) == data(invoke(*args, "--time-axis", "0"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--encode", "rate"), "--encode: has no meaning"),
        (("--seed", "0"), "--seed: has no meaning"),
        (("--part", "test", "--bin-us", "5"), "--part, --bin-us: has no meaning"),
    ],
)
def test_an_option_without_effect_is_refused(
    invoke, files: Path, options: tuple[str, ...], says: str
) -> None:
    result = invoke("simulate", files / "net.nchain", "--input", files / "x.npy", *options)
    assert result.exit_code == 3
    assert result.stderr.startswith(f"error: {says}")


def recordings(folder: Path) -> Path:
    """Two N-MNIST recordings with a list: events at 500, 1500 and 9500 us."""

    def record(x: int, y: int, p: int, t: int) -> bytes:
        return bytes([x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255])

    for number in (1, 2):
        events = [record(number, 3, 1, t) for t in (500, 1500, 9500)]
        (folder / f"{number}.bs2").write_bytes(b"".join(events))
    (folder / "test2.txt").write_text("#sample\tclass\n1\t0\n2\t1\n")
    return folder


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    """A network that takes recordings, (2, 34, 34) -> 2 classes."""
    from neurochain.artifact import Artifact, save_artifact
    from neurochain.graph import LIF, Edge, Flatten, Graph, Input, Linear, Output, Reset
    from neurochain.lowering import lower_reported

    one, zero = np.ones(2), np.zeros(2)
    size = 2 * 34 * 34
    graph = Graph(
        nodes={
            "input": Input(shape=(2, 34, 34)),
            "flatten": Flatten(),
            "fc": Linear(weight=np.ones((2, size), dtype=np.float32)),
            "lif": LIF(
                tau=4 * one, r=4 * one, v_leak=zero, v_threshold=one, v_reset=zero, reset=Reset()
            ),
            "output": Output(shape=(2,)),
        },
        edges=(
            Edge("input", "flatten"),
            Edge("flatten", "fc"),
            Edge("fc", "lif"),
            Edge("lif", "output"),
        ),
        dt_s=1.0,
    )
    save_artifact(
        Artifact(network=lower_reported(graph).network, graph=graph), tmp_path / "c.nchain"
    )
    return tmp_path / "c.nchain"


def test_recordings_with_an_encoding_from_the_command_line(
    invoke, camera: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    args = ("evaluate", camera, "--input", recordings(folder), "--decode", "count", "--json")
    run = data(invoke(*args, "--bin-us", 1000, "--steps", 4))
    assert (run["meta"]["samples"], run["meta"]["timesteps"]) == (2, 4)
    assert run["layers"][0]["events_in"] == 4  # the third event of each lies after the last step
    longer = data(invoke(*args, "--bin-us", 1000, "--steps", 10))
    assert longer["layers"][0]["events_in"] == 6
    for options, says in (
        ((), "need an encoding"),
        (("--bin-us", 1000), "--steps N"),
        (("--bin-us", 1000, "--steps", 4, "--seed", 1), "is not random"),
        (("--bin-us", 1000, "--steps", 4, "--time-axis", "0"), "has no meaning for recordings"),
    ):
        refused = invoke(*args, *options)
        assert refused.exit_code == 3
        assert says in refused.stderr


def test_a_number_of_steps_beyond_any_array_is_usage(invoke, files: Path) -> None:
    steps = ("--steps", str(10**20))
    result = invoke("simulate", files / "net.nir", "--input", files / "x.npy", *steps)
    assert result.exit_code == 2
    assert "--steps" in result.stderr
