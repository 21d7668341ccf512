"""simulate --save-spikes: memory that does not grow with the recording, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurochain.artifact import Artifact, save_artifact
from neurochain.graph import Reset
from neurochain.network import Network, OutputPort, Population, Projection, Source
from neurochain.operators import Dense
from neurochain.programs import lif_program
from neurochain.session import simulate
from neurochain.simulators import has_kernel

NEURONS, STEPS = 2000, 50
NAMES = ("a/b", "100 %", "c.membrane")


def wide_network() -> Network:
    """Three populations, of names that file systems dislike; the first one is large."""
    rng = np.random.default_rng(0)
    lif = lif_program(Reset())
    params = {"beta": np.float32(0.5), "theta": np.float32(1)}
    sizes = (4, NEURONS, 3, 2)
    return Network(
        sources=(Source(name="in", shape=(4,)),),
        populations=tuple(
            Population(name=name, shape=(n,), program=lif, params=params)
            for name, n in zip(NAMES, sizes[1:], strict=True)
        ),
        projections=tuple(
            Projection(
                name=f"to {target}", source=source, target=target,
                operator=Dense(
                    in_shape=(before,), out_shape=(after,),
                    weights=rng.normal(0, 1, (after, before)).astype(np.float32),
                ),
            )
            for source, target, before, after in zip(
                ("in", *NAMES), NAMES, sizes, sizes[1:], strict=False
            )
        ),
        outputs=(OutputPort(name="o", node="c.membrane"),), dt_s=1e-3,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("wide")
    save_artifact(Artifact(network=wide_network()), made / "net.nchain")
    rng = np.random.default_rng(1)
    np.save(made / "x.npy", (rng.random((1500, STEPS, 4)) < 0.2).astype(np.uint8))
    np.save(made / "few.npy", np.load(made / "x.npy")[:7])
    return made


def test_what_is_saved_is_what_the_api_records(invoke, folder: Path, monkeypatch) -> None:
    monkeypatch.setattr("neurochain.cli.data.BATCH_BYTES", 1)  # sample by sample
    out = folder / "few.npz"
    args = ("simulate", folder / "net.nchain", "--input", folder / "few.npy", "--save-spikes", out)
    result = invoke(*args)
    assert result.exit_code == 0, result.output
    wanted = simulate(wide_network(), np.load(folder / "few.npy"), record="all").spikes
    with np.load(out) as saved:
        assert set(saved) == set(wanted) == set(NAMES)
        for name, spikes in wanted.items():
            assert spikes.any()
            assert np.array_equal(saved[name], spikes)
    assert not list(folder.glob(".*"))


def test_spikes_of_a_name_that_a_membrane_would_have(invoke, tmp_path: Path) -> None:
    """And of one longer than file systems take."""
    network = wide_network()
    names = {"100 %": "c", "a/b": "x" * 300}
    populations = tuple(replace(p, name=names.get(p.name, p.name)) for p in network.populations)
    projections = tuple(
        replace(p, source=names.get(p.source, p.source), target=names.get(p.target, p.target))
        for p in network.projections
    )
    network = replace(
        network, populations=populations, projections=projections,
        outputs=(OutputPort(name="o", node="c", signal="membrane"),),
    )  # fmt: skip
    decoding = {"kind": "membrane_max", "classes": 3, "output": "c"}
    save_artifact(Artifact(network=network, decoding=decoding), tmp_path / "net.nchain")
    x = (np.random.default_rng(3).random((3, STEPS, 4)) < 0.3).astype(np.uint8)
    np.save(tmp_path / "x.npy", x)
    args = ("simulate", tmp_path / "net.nchain", "--input", tmp_path / "x.npy", "--save-spikes")
    result = invoke(*args, tmp_path / "s.npz")
    assert result.exit_code == 0, result.output
    wanted = simulate(network, x, record="all").spikes
    with np.load(tmp_path / "s.npz") as saved:
        assert set(saved) == set(wanted) == {"c", "c.membrane", "x" * 300}
        for name, spikes in wanted.items():
            assert saved[name].dtype == np.uint8
            assert np.array_equal(saved[name], spikes)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_nothing_is_left_where_it_is_ended(number: str, folder: Path, tmp_path: Path) -> None:
    start = "from neurochain.cli import main; main()"
    command = [sys.executable, "-c", start, "simulate", folder / "net.nchain"]
    command += ["--input", folder / "x.npy", "--save-spikes", tmp_path / "s.npz"]
    if signal.getsignal(getattr(signal, number)) is signal.SIG_IGN:
        # as under nohup: what is ignored stays ignored
        command[2] = f"import signal; signal.signal(signal.{number}, signal.SIG_DFL); {start}"
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    for _ in range(2000):
        if list(tmp_path.iterdir()):
            break
        time.sleep(0.01)
    assert list(tmp_path.iterdir()), "it has not begun to record"
    process.send_signal(getattr(signal, number))
    assert process.wait(30) != 0
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_where_it_fails(invoke, folder: Path, tmp_path: Path, monkeypatch) -> None:
    args = ("simulate", folder / "net.nchain", "--input", folder / "few.npy", "--save-spikes")
    missing = invoke(*args, tmp_path / "none" / "s.npz")
    assert missing.exit_code != 0
    assert "Choose a folder that exists" in missing.output

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("neurochain.cli.spikes.write_npz", interrupted)
    assert invoke(*args, tmp_path / "s.npz").exit_code != 0
    assert not list(tmp_path.iterdir())


LIMITED = """
import resource, sys
from pathlib import Path
from click.testing import CliRunner
import neurochain.cli.data
from neurochain.cli.app import cli
neurochain.cli.data.BATCH_BYTES = 8 << 20
folder = Path(sys.argv[1])
def simulate(data, out):
    args = ["simulate", str(folder / "net.nchain"), "--input", str(folder / data)]
    return CliRunner().invoke(cli, [*args, "--save-spikes", str(folder / out)])
assert simulate("few.npy", "first.npz").exit_code == 0  # everything is loaded
status = Path("/proc/self/status").read_text().splitlines()
used = next(int(line.split()[1]) for line in status if line.startswith("VmData")) << 10
resource.setrlimit(resource.RLIMIT_DATA, (used + (64 << 20),) * 2)
done = simulate("x.npy", "many.npz")
assert done.exit_code == 0, (done.output, done.exception)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not has_kernel(), reason="limits memory as Linux does"
)
def test_a_recording_larger_than_the_memory_it_may_take(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, folder], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(folder / "many.npz") as saved:
        assert saved["a/b"].shape == (1500, STEPS, NEURONS)  # 150 MB
