"""`export --measure`: what the program that an export is for makes of it stands in the manifest.

Lava is installed with the tests, ONNX Runtime where its extra is; the others are judges.
"""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from lava_networks import exact_float

from neurochain.exporters.consumer import Consumer, Trace
from neurochain.exporters.job import Exporter, Job
from neurochain.exporters.manifest import Fidelity, NodeNote
from neurochain.exporters.measure import measure
from neurochain.exporters.registry import BUILT_IN, find_exporter
from neurochain.exporters.run import export
from neurochain.exporters.scripts import dense_traces, run_script
from neurochain.models.zoo import find_model
from neurochain.pipeline import load
from neurochain.simulators.lava.compat import missing
from neurochain.simulators.reference import run_reference

needs_lava = pytest.mark.skipif(bool(missing()), reason="; ".join(map(str, missing())))
SAID = ("consumer", "versions", "input", "samples", "steps")


@pytest.fixture(scope="module")
def job():
    """A shipped model, nothing given: what a user has who writes `neurochain export`."""
    path = find_model("mnist-mlp").checkpoint.with_suffix(".nchain")
    return Job(network=load(path).network, name="mnist-mlp")


def _stored(folder):
    return json.loads((folder / "manifest.json").read_text())


@needs_lava
def test_lava(job, tmp_path):
    """Two samples, every spike; the numbers are those of the network. Nothing else is left."""
    manifest = export(job, "lava", tmp_path / "out", measured=True)
    stored = _stored(tmp_path / "out")
    measured = stored["measured"]
    assert stored["not_measured"] == ""
    assert [measured[k] for k in SAID] == [
        "Lava", {"lava-nc": "0.10.0"}, "random events (rate 0.2, seeds from 0)", 2, 20,
    ]  # fmt: skip
    assert measured["spikes_compared"] == 2 * 20 * (256 + 10)
    assert measured["spikes_that_differ"] == 0
    assert 0 < measured["greatest_state_difference"] < 1e-4  # float64 there
    rows = {row.name: row for row in manifest.divergence}
    assert rows["lif1"].spikes_here == rows["lif1"].spikes_there > 1000
    with np.load(tmp_path / "out" / "input.npz") as held:  # the first of the two
        first = run_reference(job.network, {"input": held["input"][None]}).emissions
    assert 0 < np.count_nonzero(first["lif1"]) < rows["lif1"].spikes_here
    files = {p.name for p in (tmp_path / "out").iterdir()}
    assert files == {*stored["files"], "manifest.json"}


@needs_lava
def test_what_was_changed_is_measured(tmp_path):
    """Weights of the other sign: the spikes that differ are those that Lava has then."""
    network, inputs = exact_float(1)
    job = Job(network=network, name="net", inputs=inputs)
    manifest = export(job, "lava", tmp_path / "out", measured=True)
    assert (manifest.measured.input, manifest.measured.samples) == ("given", 1)
    assert sum(row.differing for row in manifest.divergence) == 0
    with np.load(tmp_path / "out" / "weights.npz") as held:
        changed = {k: -v if v.dtype.kind == "f" else v for k, v in held.items()}
    np.savez(tmp_path / "out" / "weights.npz", **changed)
    found = measure(job, find_exporter("lava").consumer, tmp_path / "out")
    assert sum(row.differing for row in found.divergence) > 0
    row = next(row for row in found.divergence if row.differing)
    assert 0 <= row.first_step < found.measured.steps


def test_onnx(job, tmp_path):
    """Spikes and every state after every step, in ONNX Runtime; sums in an order of its own."""
    pytest.importorskip("onnx", reason="onnx is not installed (extra onnx)")
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    for name in ("one", "two"):
        export(job, "onnx", tmp_path / name, measured=True)
    one, two = (_stored(tmp_path / name) for name in ("one", "two"))
    assert one == two
    assert one["measured"]["versions"] == {"onnxruntime": onnxruntime.__version__}
    assert one["measured"]["spikes_that_differ"] == 0
    assert 0 <= one["measured"]["greatest_state_difference"] < 1e-4
    assert "lif1" in {row["name"] for row in one["measured"]["populations"]}


def test_who_is_not_installed_is_named(job, tmp_path, monkeypatch):
    """No program: the bound stays alone, and the manifest says what to install."""
    for variable, form in (("PYNN_PYTHON", "pynn"), ("BRIAN2_PYTHON", "brian2")):
        monkeypatch.setenv(variable, str(tmp_path / "no-such-python"))
        manifest = export(job, form, tmp_path / form, measured=True)
        stored = _stored(tmp_path / form)
        assert stored["measured"] is None
        assert "is not installed: pip install" in stored["not_measured"]
        assert f"${variable}" in stored["not_measured"]
        assert manifest.divergence is None
    without = export(job, "pynn", tmp_path / "off")
    assert "--measure" in without.unmeasured


def test_the_command_prints_it(invoke_cli, tmp_path, monkeypatch):
    monkeypatch.setenv("PYNN_PYTHON", str(tmp_path / "no-such-python"))
    arguments = ("export", "mnist-mlp", "--to", "pynn", "--force", "-o", tmp_path / "out")
    done = invoke_cli(*arguments)
    assert done.exit_code == 0, done.output
    assert "not measured: PyNN on NEST is not installed: pip install" in done.output
    done = invoke_cli(*arguments, "--no-measure")
    assert "not measured: not asked for" in done.output


@needs_lava
def test_the_command_measures_on_what_is_given(invoke_cli, tmp_path):
    lava = ("export", "mnist-mlp", "--to", "lava", "--input", "demo", "--limit", "1")
    done = invoke_cli(*lava, "-o", tmp_path / "lava")
    assert "measured, here against Lava (lava-nc 0.10.0), 1 x 20 steps of the given" in done.output
    assert "0 of 5120 differ" in done.output


def test_formats_that_foreign_programs_run_have_one():
    """C projects and graphs are exact, and have tests of their own; all others are measured."""
    without = {name for name in BUILT_IN if find_exporter(name).consumer is None}
    assert without == {"c", "loihi-graph"}


# --- a consumer that is none of ours --------------------------------------------------------------


def _exporter(run, **changes):
    given = {"name": "Other", "distributions": ("numpy",), "install": "-", "run": run, **changes}

    def check(job):
        names = [*job.network.nodes, *job.network.projections]
        return [NodeNote(name=n.name, kind="any", fidelity=Fidelity.EXACT) for n in names]

    def write(job, folder):
        (folder / "run.py").write_text("")
        return []

    return Exporter(summary="", check=check, write=write, consumer=Consumer(**given))


def _same(folder, python, network, inputs, seconds):
    """The network itself, sample by sample."""
    for k in range(len(inputs["input"])):
        made = run_reference(network, {"input": inputs["input"][k : k + 1]})
        yield Trace(spikes=dict(made.emissions))


def test_spikes_that_differ_are_counted_and_said(job, tmp_path):
    """One spike too many in the second sample, of a network that is rated exact."""

    def run(*given):
        for k, trace in enumerate(_same(*given)):
            trace.spikes["lif2"][0, 7, 3] ^= k
            yield trace

    manifest = export(job, "x", tmp_path / "out", exporter=_exporter(run), measured=True)
    rows = {row.name: row for row in manifest.divergence}
    assert (rows["lif1"].differing, rows["lif2"].differing) == (0, 1)
    assert (rows["lif2"].first_step, rows["lif2"].compared) == (7, 2 * 20 * 10)
    assert abs(rows["lif2"].spikes_here - rows["lif2"].spikes_there) == 1
    assert "rated exact, and 1 spikes differ" in manifest.findings[-1].what
    assert manifest.findings[-1].severity == "warning"


def test_states_are_measured_where_they_are_shown(job, tmp_path):
    """The greatest difference of all steps; masked values are not shown; nan is no number."""
    wrong = {}

    def run(*given):
        network, inputs = given[2:4]
        final = run_reference(network, {k: x[:1] for k, x in inputs.items()}).final_state
        (name,) = final["lif2"]
        end = np.broadcast_to(final["lif2"][name][:, None], (1, 20, 10)).copy()
        end[0, 19, 4] += wrong["by"]
        shown = np.ones(end.shape, dtype=bool)
        shown[0, 19] = False
        states = {"lif2": {name: np.ma.masked_array(end, shown), "other": end}}
        yield replace(next(_same(*given)), states=states)

    for by, want in ((0.25, 0.25), (0.0, 0.0), (np.nan, np.finfo(np.float64).max)):
        wrong["by"] = by
        folder = tmp_path / str(by)
        export(job, "x", folder, exporter=_exporter(run), measured=True)
        got = _stored(folder)["measured"]["greatest_state_difference"]
        assert got == pytest.approx(want, abs=1e-6)


def test_a_consumer_that_fails_spoils_nothing(job, tmp_path):
    """The export is written, and says what happened; also after the first sample."""

    def fails(*given):
        raise KeyError("inside")

    def second_fails(*given):
        yield next(_same(*given))
        raise KeyError("inside")

    export(job, "x", tmp_path / "one", exporter=_exporter(fails), measured=True)
    assert "did not run it: KeyError: 'inside'" in _stored(tmp_path / "one")["not_measured"]
    manifest = export(job, "x", tmp_path / "two", exporter=_exporter(second_fails), measured=True)
    assert manifest.measured.samples == 1
    assert "on 1 sample only: KeyError" in manifest.findings[-1].what
    assert manifest.findings[-1].severity == "warning"


def test_one_that_hangs_is_ended_in_time(job, tmp_path):
    (tmp_path / "run.py").write_text("import time; time.sleep(60)")
    consumer = _exporter(dense_traces).consumer
    begin = time.monotonic()
    found = measure(job, consumer, tmp_path, seconds=0.5)
    assert time.monotonic() - begin < 20
    assert found.measured is None
    assert "did not end within" in found.why


def test_the_folder_has_no_name_while_it_is_measured(job, tmp_path):
    """A process that is killed in the meantime leaves no half-written export."""
    seen = []

    def run(folder, *given):
        seen.append((folder / "run.py").is_file() and not (tmp_path / "out").exists())
        run_script(folder, sys.executable, [], 60, tmp_path)
        yield from _same(folder, *given)

    manifest = export(job, "x", tmp_path / "out", exporter=_exporter(run), measured=True)
    assert seen == [True]
    assert manifest.measured is not None, manifest.unmeasured


AS_IN_A_TERMINAL = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from neurochain.cli import main
main()
"""
"""Under nohup or in the background the tests would hand down signals that are ignored."""


@needs_lava
@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_export_that_is_told_to_end_tidies_up(how, tmp_path):
    command = [sys.executable, "-c", AS_IN_A_TERMINAL, "export"]
    command += ["mnist-mlp", "--to", "lava", "-o", str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        end = time.monotonic() + 30
        while not any(tmp_path.iterdir()) and time.monotonic() < end:
            time.sleep(0.01)
        process.send_signal(signal.Signals[how])
        said = process.communicate(timeout=30)[1]
    assert (process.returncode, said.strip()) == (130, b"interrupted")
    assert not list(tmp_path.iterdir())


# --- all the programs -----------------------------------------------------------------------------

EVERY = {
    "onnx": (None, 1e-4),
    "brian2": (None, 0.0),
    "pynn": (None, 1e-4),
    "lava": (None, 1e-4),
    "netx": ("loihi2-netx", None),
    "sana-fe": ("loihi1", 0.0),
}
"""Format -> (chip, what its states are within; None where it shows none)."""


@pytest.mark.judge
@pytest.mark.parametrize("form", EVERY)
def test_every_program_measures(form, tmp_path, invoke_cli, record_property):
    """Fails, not skips, where one is missing: the command, without a word more."""
    target, bound = EVERY[form]
    chip = ("--target", target) if target else ()
    done = invoke_cli("export", "mnist-mlp", *chip, "--to", form, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    stored = _stored(tmp_path / "out")
    assert stored["not_measured"] == ""
    measured = stored["measured"]
    assert measured["spikes_that_differ"] == 0
    assert measured["spikes_compared"] == measured["samples"] * 20 * (256 + 10)
    assert measured["populations"][0]["spikes_here"] > 500
    state = measured["greatest_state_difference"]
    if bound is None:
        assert state is None
    else:
        assert state <= bound
    within = "not shown" if state is None else f"within {state:.3g}"
    said = (
        f"mnist-mlp to {form}, as the manifest has it: {measured['spikes_that_differ']} of "
        f"{measured['spikes_compared']:,} spikes differ, states {within}"
    )
    record_property("judged", said)
