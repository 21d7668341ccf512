"""Bad input, one table: kind of file x damage -> exit code and first line.

Never a traceback, nothing on stdout, no file written, no temporary file left.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest

Make = Callable[[Path, Path], None]  # (file to write, folder of good files)


def empty(file: Path, good: Path) -> None:
    file.write_bytes(b"")


def text(file: Path, good: Path) -> None:
    file.write_text("this is neither a model nor an array\n" * 40)


def truncated(name: str) -> Make:
    def make(file: Path, good: Path) -> None:
        data = (good / name).read_bytes()
        file.write_bytes(data[: len(data) * 2 // 3])

    return make


def copied(name: str) -> Make:
    """A good file of another kind."""
    return lambda file, good: file.write_bytes((good / name).read_bytes()) and None


def nothing(file: Path, good: Path) -> None:
    """The file does not exist."""


# --- .nchain ------------------------------------------------------------------------------------


def flipped_bit(file: Path, good: Path) -> None:
    data = bytearray((good / "net.nchain").read_bytes())
    data[-3] ^= 1
    file.write_bytes(bytes(data))


def nchain_nan(file: Path, good: Path) -> None:
    from neurochain.artifact import load_artifact, to_bytes

    artifact = load_artifact(good / "net.nchain")
    weights = artifact.network.projections[0].operator.weight
    assert weights is not None
    patched = np.array(weights)
    patched[0, 0] = np.nan
    data = to_bytes(artifact)
    # the digest is made again, so that only the value itself is wrong
    from neurochain.artifact.codec import tensor_digest

    old, new = tensor_digest(np.ascontiguousarray(weights)), tensor_digest(patched)
    data = data.replace(old.encode(), new.encode())
    file.write_bytes(data.replace(np.ascontiguousarray(weights).tobytes(), patched.tobytes()))


def nchain_version(file: Path, good: Path) -> None:
    data = (good / "net.nchain").read_bytes()
    old = rb"\"schema_version\":1"
    assert old in data
    file.write_bytes(data.replace(old, rb"\"schema_version\":9"))


# --- .nir ---------------------------------------------------------------------------------------


def nir_graph(
    *, tau: float = 4e-3, outputs: int = 2, weight: float = 1.0, delay: float | None = None
) -> nir.NIRGraph:
    matrix = np.full((2, 4), weight, dtype=np.float32)
    one = np.ones(2)
    nodes = {
        "input": nir.Input(input_type={"input": np.array([4])}),
        "fc": nir.Affine(weight=matrix, bias=np.zeros(2, dtype=np.float32)),
        "lif": nir.LIF(
            tau=np.full(outputs, tau),
            r=np.ones(outputs),
            v_leak=np.zeros(outputs),
            v_threshold=np.ones(outputs),
        ),
        "output": nir.Output(output_type={"output": np.array([outputs])}),
    }
    edges = [("input", "fc"), ("fc", "lif"), ("lif", "output")]
    if delay is not None:
        nodes["delay"] = nir.Delay(delay=delay * one)
        edges = [("input", "fc"), ("fc", "delay"), ("delay", "lif"), ("lif", "output")]
    return nir.NIRGraph(nodes=nodes, edges=edges, type_check=False)


def nir_file(**faults: float) -> Make:
    def make(file: Path, good: Path) -> None:
        nir.write(file, nir_graph(**faults))  # type: ignore[arg-type]

    return make


def nir_unknown_node(file: Path, good: Path) -> None:
    nir.write(file, nir_graph())
    with h5py.File(file, "r+") as stream:
        del stream["node/nodes/lif/type"]
        stream["node/nodes/lif/type"] = "Resonator"


def nir_stacked_weights(file: Path, good: Path) -> None:
    nir.write(file, nir_graph())
    with h5py.File(file, "r+") as stream:
        del stream["node/nodes/fc/weight"]
        stream["node/nodes/fc/weight"] = np.ones((3, 2, 4), dtype=np.float32)


# --- .npy ---------------------------------------------------------------------------------------


def npy(array: np.ndarray, **options: bool) -> Make:
    def make(file: Path, good: Path) -> None:
        stream = io.BytesIO()
        np.save(stream, array, **options)  # type: ignore[arg-type]
        file.write_bytes(stream.getvalue())

    return make


OBJECTS = np.array([{"a": 1}, None], dtype=object)
NAN = np.full((2, 6, 4), np.nan, dtype=np.float32)

COMPILE = ("compile", "{bad}", "-o", "{out}/net.nchain")
COMPILE_DT = (*COMPILE, "--dt", "1e-3")
SIMULATE = ("simulate", "{good}/net.nchain", "--input", "{bad}", "--save-spikes", "{out}/s.npz")
EVALUATE = ("evaluate", "{good}/net.nchain", "--input", "{good}/x.npy", "--labels", "{bad}")
REPORT = ("report", "{bad}", "--html", "-o", "{out}/r.html")

TABLE = [
    # kind, damage, how it is made, command, exit code, what the first line must hold
    (".nchain", "missing", nothing, COMPILE, 3, "cannot be read"),
    (".nchain", "empty", empty, COMPILE, 3, "is no neurochain artefact, or is damaged"),
    (".nchain", "truncated", truncated("net.nchain"), COMPILE, 3, "or is damaged"),
    (".nchain", "text", text, COMPILE, 3, "is no neurochain artefact"),
    (".nchain", "array", copied("x.npy"), COMPILE, 3, "is no neurochain artefact"),
    (".nchain", "flipped bit", flipped_bit, COMPILE, 3, "does not match its SHA-256"),
    (".nchain", "NaN weights", nchain_nan, COMPILE, 3, ""),
    (".nchain", "version", nchain_version, COMPILE, 3, ""),
    (".nir", "missing", nothing, COMPILE_DT, 3, "no such file"),
    (".nir", "empty", empty, COMPILE_DT, 3, "bad.nir"),
    (".nir", "truncated", truncated("net.nir"), COMPILE_DT, 3, "bad.nir"),
    (".nir", "text", text, COMPILE_DT, 3, "bad.nir"),
    (".nir", "NaN weights", nir_file(weight=float("nan")), COMPILE_DT, 3, "fc"),
    (".nir", "tau 0", nir_file(tau=0.0), COMPILE_DT, 3, "tau"),
    (".nir", "tau negative", nir_file(tau=-1e-3), COMPILE_DT, 3, "tau"),
    (".nir", "negative delay", nir_file(delay=-1e-3), COMPILE_DT, 3, "delay"),
    (".nir", "shape mismatch", nir_file(outputs=3), COMPILE_DT, 3, ""),
    (".nir", "no dt", nir_file(), COMPILE, 3, "dt"),
    (".nir", "dt negative", nir_file(), (*COMPILE, "--dt", "-1"), 3, "dt"),
    (".nir", "dt NaN", nir_file(), (*COMPILE, "--dt", "nan"), 3, "dt"),
    (".nir", "unknown node", nir_unknown_node, COMPILE_DT, 4, "Resonator"),
    (".nir", "stacked weights", nir_stacked_weights, COMPILE_DT, 4, "fc (Affine): weight"),
    (".npy", "missing", nothing, SIMULATE, 3, "cannot be read"),
    (".npy", "empty", empty, SIMULATE, 3, "the file is empty"),
    (".npy", "truncated", truncated("x.npy"), SIMULATE, 3, "truncated or damaged"),
    (".npy", "text", text, SIMULATE, 3, "not a readable .npy file"),
    (".npy", "objects", npy(OBJECTS, allow_pickle=True), SIMULATE, 3, "pickled objects are never"),
    (".npy", "strings", npy(np.array(["a", "b"])), SIMULATE, 3, "wanted are numbers"),
    (".npy", "NaN", npy(NAN), SIMULATE, 3, "holds nan at"),
    (".npy", "shape", npy(np.zeros((2, 6, 5))), SIMULATE, 3, "shape (2, 6, 5)"),
    (".npy", "no samples", npy(np.zeros((0, 6, 4))), SIMULATE, 3, "holds no data"),
    (".npy", "labels shape", npy(np.zeros((5, 2), np.int64)), EVALUATE, 3, "labels have shape"),
    (".npy", "labels number", npy(np.zeros(3, np.int64)), EVALUATE, 3, "3 labels for 5 samples"),
    (".npy", "labels range", npy(np.full(5, 7)), EVALUATE, 3, "has a label 7"),
    (".npz", "empty", empty, SIMULATE, 3, "not a readable .npz file"),
    (".npz", "array", copied("x.npy"), SIMULATE, 3, "not a readable .npz file"),
    (".bin", "recordings without encoding", text, SIMULATE, 3, "need an encoding"),
    (".json", "missing", nothing, REPORT, 3, "cannot be read"),
    (".json", "empty", empty, REPORT, 3, "is no report of a run"),
    (".json", "text", text, REPORT, 3, "is no report of a run"),
    (".onnx", "unknown kind", text, COMPILE, 3, "unknown kind of file"),
]


def run_case(
    invoke, kind: str, make: Make, command: tuple[str, ...], good: Path, tmp_path: Path
) -> tuple[int, list[str]]:
    """Exit code and stderr; checks that nothing is written and no traceback shown."""
    bad, out = tmp_path / f"bad{kind}", tmp_path / "out"
    out.mkdir()
    make(bad, good)
    before = sorted(p.name for p in tmp_path.rglob("*"))
    result = invoke(*(part.format(bad=bad, good=good, out=out) for part in command))
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.stdout == ""
    assert sorted(p.name for p in tmp_path.rglob("*")) == before
    return result.exit_code, result.stderr.splitlines()


@pytest.mark.parametrize(
    ("kind", "make", "command", "code", "says"),
    [(kind, make, command, code, says) for kind, _, make, command, code, says in TABLE],
    ids=[f"{kind} {damage}" for kind, damage, *_ in TABLE],
)
def test_bad_input(
    invoke, files: Path, tmp_path: Path, kind: str, make: Make, command: tuple[str, ...],
    code: int, says: str,
) -> None:  # fmt: skip
    got, lines = run_case(invoke, kind, make, command, files, tmp_path)
    assert got == code, lines
    first = next(line for line in lines if not line.startswith(("input:", "warning:")))
    assert first.startswith("error: ")
    assert says in first


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("simulate", "no-such-model", "--input", "demo"), 3, "'no-such-model' is not shipped"),
        (("models", "show", "../etc"), 3, "is not shipped"),
        (("simulate", "{good}/net.nchain", "--input", "demo"), 3, "has no demo input"),
        (("evaluate", "{good}/net.nchain", "--input", "{good}/x.npy"), 3, "holds no labels"),
        (("compile", "{good}/net.nir", "-o", "{out}/no/net.nchain"), 3, "cannot be written"),
        (("export", "{good}/net.nir", "-o", "{out}/no/net.nir"), 3, "cannot be written"),
        (("compile", "{good}/net.nchain", "--dt", "1"), 3, "cannot change a compiled artefact"),
        (("compile", "{good}/net.nir", "--sample", "{good}/none.npy"), 3, "cannot be read"),
        (("report", "{good}/net.nir"), 2, "no counts until it has run"),
        (("verify", "{good}/net.nchain", "--input", "{good}/x.npy"), 3, "holds its module"),
        (("train", "no-such-recipe", "--data", ".", "--out", "{out}"), 3, "is not known"),
    ],
)
def test_bad_arguments(
    invoke, files: Path, tmp_path: Path, args: tuple[str, ...], code: int, says: str
) -> None:
    result = invoke(*(a.format(good=files, out=tmp_path) for a in args))
    lines = result.stderr.splitlines()
    assert result.exit_code == code, lines
    assert says in next(line for line in lines if not line.startswith(("input:", "warning:")))
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_report_of_a_newer_version(invoke, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps({"schema": "neurochain.run", "schema_version": 99, "new": 1}))
    result = invoke("report", file)
    assert result.exit_code == 3
    assert "has schema version 99" in result.stderr


def test_report_names_the_wrong_field(invoke, files: Path, tmp_path: Path) -> None:
    run = invoke("simulate", files / "net.nchain", "--input", files / "x.npy", "--json").stdout
    data = json.loads(run)
    data["layers"][0]["events_in"] = 1.5
    (tmp_path / "run.json").write_text(json.dumps(data))
    result = invoke("report", tmp_path / "run.json")
    assert result.exit_code == 3
    assert "$.layers[0].events_in" in result.stderr


def test_all_findings_are_listed(invoke, tmp_path: Path) -> None:
    nir.write(tmp_path / "two.nir", nir_graph(tau=-1.0, weight=float("nan")))
    result = invoke("compile", tmp_path / "two.nir", "--dt", "1e-3")
    assert result.exit_code == 3
    assert len([line for line in result.stderr.splitlines() if line.startswith("error: ")]) >= 2


# --- the same, as a user meets it: processes -----------------------------------------------------


def process(*args: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from neurochain.cli import main; main()", *map(str, args)]
    return subprocess.run(command, text=True, capture_output=True, **options)  # type: ignore[call-overload]


def test_process_with_bad_input(files: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.nchain").write_bytes(b"")
    done = process("compile", tmp_path / "bad.nchain")
    assert done.returncode == 3
    assert done.stderr.startswith("error: ")
    assert done.stdout == ""


def test_process_without_torch(files: Path) -> None:
    code = (
        "import sys, contextlib\n"
        "from neurochain.cli import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "print(sorted({'torch', 'snntorch', 'scipy'} & set(sys.modules)), file=sys.stderr)"
    )
    for source in ("net.nchain", "net.nir"):
        command = [sys.executable, "-c", code, "simulate", str(files / source)]
        done = subprocess.run(
            [*command, "--input", str(files / "x.npy")], text=True, capture_output=True
        )
        assert "total" in done.stdout
        assert done.stderr.splitlines()[-1] == "[]"


def test_process_whose_reader_goes_away(files: Path) -> None:
    command = [sys.executable, "-c", "from neurochain.cli import main; main()", "simulate"]
    command += [str(files / "net.nchain"), "--input", str(files / "x.npy"), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.wait() == 141
        assert b"Traceback" not in running.stderr.read()


def test_process_that_is_interrupted(files: Path) -> None:
    code = (
        "import os, signal, neurochain.cli.run as run\n"
        "from neurochain.cli import main\n"
        "run.run_all = lambda *a, **k: os.kill(os.getpid(), signal.SIGINT)\n"
        "main()"
    )
    command = [sys.executable, "-c", code, "simulate", str(files / "net.nchain")]
    done = subprocess.run(
        [*command, "--input", str(files / "x.npy")], text=True, capture_output=True
    )
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == "interrupted"
    assert "Traceback" not in done.stderr
