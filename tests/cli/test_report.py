"""neurochain report: forms, prices, comparison, several runs, limits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from neurochain.artifact import load_artifact, save_artifact


def ok(result: Result) -> str:
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout


def words(text: str) -> str:
    """Without line breaks, wherever the terminal put them."""
    return " ".join(text.split())


@pytest.fixture(scope="module")
def run(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """run.json of an evaluation of the small network."""
    from click.testing import CliRunner

    from neurochain.cli import cli

    arguments = [
        "evaluate", str(files / "net.nchain"), "--input", str(files / "x.npy"),
        "--labels", str(files / "y.npy"), "--json",
    ]  # fmt: skip
    file = tmp_path_factory.mktemp("run") / "run.json"
    file.write_text(ok(CliRunner().invoke(cli, arguments)))
    return file


def test_the_json_holds_energy_and_definitions(run: Path) -> None:
    data = json.loads(run.read_text())
    assert data["schema_version"] == 2
    found = {(e["counting"], e["model"], e["profile_id"]) for e in data["energy"]}
    assert found == {
        (counting, model, profile)
        for counting in ("model", "deployed")
        for model, profile in (
            ("arithmetic", "horowitz45-fp32"),
            ("memory-aware", "horowitz45-fp32"),
            ("chip-profile", "loihi1-davies2018"),
        )
    }
    assert [t["profile_id"] for t in data["twins"]] == ["horowitz45-fp32", "horowitz45-int8"]
    assert data["neurobench"]["Dense"] == 6 * (12 + 6)
    assert data["definitions"][0]["tool"] == "neurochain"
    assert [p["population"] for p in data["traces"]["populations"]] == ["lif1", "lif2"]


def test_traces_can_be_left_out(invoke, files: Path) -> None:
    args = ("simulate", files / "net.nchain", "--input", files / "x.npy", "--json", "--no-traces")
    assert json.loads(ok(invoke(*args)))["traces"] is None


def test_integer_weights_are_priced_as_integers(invoke, files: Path, tmp_path: Path) -> None:
    args = ("simulate", files / "net.nir", "--input", files / "x.npy", "--weights", "int8")
    data = json.loads(ok(invoke(*args, "--json")))
    used = {e["profile_id"] for e in data["energy"] if e["counting"] == "deployed"}
    assert used == {"horowitz45-int8", "loihi1-davies2018"}
    as_trained = {e["profile_id"] for e in data["energy"] if e["counting"] == "model"}
    assert as_trained == {"horowitz45-fp32", "loihi1-davies2018"}


def test_prices(invoke, run: Path) -> None:
    args = ("report", run, "--prices", "loihi1-sanafe2025", "--prices", "lemaire2022")
    text = words(ok(invoke(*args)))
    assert "chip-profile (loihi1-sanafe2025, 14 nm, voltage not stated)" in text
    assert "lemaire (lemaire2022" in text
    assert "horowitz45-fp32, 45 nm" not in text
    data = json.loads(ok(invoke("report", run, "--prices", "horowitz45-fp16", "--json")))
    assert {e["profile_id"] for e in data["energy"]} == {"horowitz45-fp16"}


def test_prices_of_ones_own(invoke, run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'schema = "neurochain.prices"\nschema_version = 1\nid = "mine"\ntitle = "mine"\n'
        'tier = "chip"\nnode_nm = 22\nvoltage_v = 0.8\n[[source]]\nid = "ME"\ntext = "me"\n'
        '[[price]]\nquantity = "synaptic_event"\nenergy_pj = 2.0\nbound = "nominal"\n'
        'source = ["ME"]\n'
    )
    data = json.loads(ok(invoke("report", run, "--prices", tmp_path / "mine.toml", "--json")))
    synops = sum(x["synops_effective_ac"] + x["synops_effective_mac"] for x in data["layers"])
    (found,) = [e for e in data["energy"] if e["counting"] == "model"]
    assert found["total"]["nominal_j"] == pytest.approx(synops * 2e-12)


def test_loihi_2_is_refused(invoke, run: Path) -> None:
    result = invoke("report", run, "--prices", "loihi2")
    assert result.exit_code == 4
    assert "no energy per operation of Loihi 2 has been published" in result.stderr


def test_step_time_adds_static_power(invoke, run: Path) -> None:
    args = ("report", run, "--prices", "loihi1-davies2018", "--step-time", "1e-5", "--json")
    data = json.loads(ok(invoke(*args)))
    (static,) = [t for t in data["energy"][0]["terms"] if t["name"] == "static"]
    assert static["nominal_j"] == pytest.approx(0.104 * 1e-5 * 5 * 6)
    assert invoke("report", run, "--step-time", "1e-5").exit_code == 2


def test_definitions(invoke, run: Path) -> None:
    text = words(ok(invoke("report", run, "--definitions")))
    for name in ("NeuroBench 2.3.0", "sinabs, SpikingJelly", "torchinfo", "fvcore", "syops style"):
        assert name in text
    assert "ConnectionSparsity" in text
    assert "| torchinfo |" in ok(invoke("report", run, "--definitions", "--markdown"))
    assert "torchinfo" not in ok(invoke("report", run))


def test_the_twin_is_always_there(invoke, run: Path) -> None:
    text = words(ok(invoke("report", run)))
    assert "ANN twin (horowitz45-fp32" in text
    assert "break-even" in text
    assert "caveat:" in text


def test_latex(invoke, run: Path) -> None:
    text = ok(invoke("report", run, "--latex"))
    assert text.startswith(r"\begin{table}")
    assert "doi = {10.1109/ISSCC.2014.6757323}" in text


def test_html_to_a_file(invoke, run: Path, tmp_path: Path) -> None:
    assert ok(invoke("report", run, "--html", tmp_path / "out.html")) == ""
    page = (tmp_path / "out.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert ok(invoke("report", run, "--html")) == page
    ok(invoke("report", run, "--html", "-o", tmp_path / "same.html"))
    assert (tmp_path / "same.html").read_text() == page


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--csv", "--markdown"), "exclude each other"),
        (("--html", "a.html", "-o", "b.html"), "two files"),
        (("--csv", "--html"), "exclude each other"),
        (("--labels", "y.npy"), "belongs to --input"),
        (("--compare", "{run}", "--latex"), "--compare has no --latex"),
        (("{run}", "--compare", "{run}"), "one run beside"),
        (("{run}", "--latex"), "no --latex"),
        (("--step-time", "0"), "x>0"),
    ],
)
def test_usage(invoke, run: Path, args: tuple[str, ...], says: str) -> None:
    result = invoke("report", run, *(a.format(run=run) for a in args))
    assert result.exit_code == 2
    assert says in result.stderr


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ("synops>1e6", 0),
        ("synops>1", 1),
        (" synops >= 0 ", 1),
        ("accuracy<0.9", 1),
        ("accuracy<0", 0),
        ("energy_j>1", 0),
        ("energy_j.arithmetic.horowitz45-fp32>0", 1),
        ("size_bytes==92", 1),
        ("size_bytes!=92", 0),
    ],
)
def test_fail_on(run: Path, limit: str, code: int) -> None:
    assert _code(run, limit) == code


def _code(run: Path, limit: str) -> int:
    """The exit code of the command as a process has it."""
    import subprocess
    import sys

    program = "import sys; from neurochain.cli import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", program, "report", str(run), "--fail-on", limit],
        capture_output=True, text=True,
    )  # fmt: skip
    assert "total" in done.stdout  # the report is printed all the same
    assert ("failed on" in done.stderr) == (done.returncode == 1), done.stderr
    return done.returncode


@pytest.mark.parametrize("limit", ["synops", "synops>", "synops>many", "synops~5", ">5", "a>nan"])
def test_what_is_no_limit(invoke, run: Path, limit: str) -> None:
    result = invoke("report", run, "--fail-on", limit)
    assert result.exit_code == 3
    assert "is no limit" in result.stderr


def test_an_unknown_figure_lists_the_known(invoke, run: Path) -> None:
    result = invoke("report", run, "--fail-on", "joules>5")
    assert result.exit_code == 3
    assert "synops_ac" in result.stderr


def test_compare(invoke, files: Path, run: Path, tmp_path: Path) -> None:
    args = ("simulate", files / "net.nir", "--input", files / "x.npy", "--weights", "int8")
    new = tmp_path / "new.json"
    new.write_text(ok(invoke(*args, "--json")))
    text = words(ok(invoke("report", new, "--compare", run, "--counting", "deployed")))
    assert "weights: float32 before, int8 after" in text
    data = json.loads(ok(invoke("report", new, "--compare", run, "--json")))
    assert data["schema"] == "neurochain.comparison"
    size = data["figures"]["size_bytes"]
    assert (size["old"], size["new"]) == (92, 38)  # 18 weights of a byte, 5 biases of float32
    assert size["ratio"] == pytest.approx(38 / 92)
    assert data["figures"]["accuracy"]["new"] is None
    assert set(data["layers"]) == {"fc1", "fc2"}
    assert "| size_bytes |" in ok(invoke("report", new, "--compare", run, "--markdown"))
    page = ok(invoke("report", new, "--compare", run, "--html"))
    assert "Before and after" in page


def test_several_artefacts(invoke, files: Path, run: Path, tmp_path: Path) -> None:
    artifact = load_artifact(files / "net.nchain")
    save_artifact(artifact, tmp_path / "copy.nchain")
    args = (files / "net.nchain", tmp_path / "copy.nchain", "--input", files / "x.npy")
    text = ok(invoke("report", *args, "--labels", files / "y.npy"))
    assert text.splitlines()[0].split()[:3] == ["run", "weights", "accuracy"]
    assert text.count("copy.nchain") == 1
    data = json.loads(ok(invoke("report", *args, "--labels", files / "y.npy", "--json")))
    assert data["schema"] == "neurochain.runs"
    first, second = data["runs"]
    assert first["accuracy"] == second["accuracy"] is not None
    assert first["best"] is second["best"] is True
    assert ok(invoke("report", *args, "--csv")).count("\n") == 3
    assert "| run |" in ok(invoke("report", *args, "--markdown"))
    assert 'data-chart="energy_j"' in ok(invoke("report", *args, "--html"))
    assert json.loads(ok(invoke("report", run, run, "--json")))["runs"][0]["accuracy"] is not None


def test_pareto_drops_what_is_beaten() -> None:
    from neurochain.reporting.pareto import AXES, _beats

    def run_with(accuracy: float, rest: float) -> dict[str, float]:
        return {"accuracy": accuracy} | dict.fromkeys(AXES[1:], rest)

    cheap, good, worse = run_with(0.8, 1.0), run_with(0.9, 2.0), run_with(0.8, 2.0)
    assert _beats(cheap, worse, AXES)
    assert _beats(good, worse, AXES)
    assert not _beats(cheap, good, AXES)
    assert not _beats(good, cheap, AXES)
    assert not _beats(good, good, AXES)


def test_energies_of_different_models_are_no_axis(invoke, run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(ok(invoke("report", run, "--prices", "horowitz45-fp16", "--json")))
    text = words(ok(invoke("report", run, other)))
    assert "energies are of different models" in text
    data = json.loads(ok(invoke("report", run, other, "--json")))
    assert [r["best"] for r in data["runs"]] == [True, True]
    assert 'data-chart="energy_j"' not in ok(invoke("report", run, other, "--html"))


def test_technologies_are_not_compared(invoke, run: Path) -> None:
    assert "no comparison of chips" in words(ok(invoke("report", run)))
    one = words(ok(invoke("report", run, "--prices", "horowitz45-fp32")))
    assert "no comparison of chips" not in one


def test_spikes_are_recorded_chunk_by_chunk(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run in chunks that carry the state on is the whole run."""
    from neurochain.reporting import traces

    artifact = load_artifact(files / "net.nchain")
    x = np.load(files / "x.npy")[:1]
    whole = traces.record_traces(artifact, x)
    monkeypatch.setattr(traces, "CHUNK_BYTES", 1)
    assert traces.record_traces(artifact, x) == whole
