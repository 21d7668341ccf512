"""Long runs on the command line: Ctrl-C, a progress bar on a terminal, threads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from neurochain.artifact import Artifact, save_artifact
from neurochain.graph import Reset
from neurochain.network import Network, OutputPort, Population, Projection, Source
from neurochain.operators import Dense
from neurochain.programs import lif_program
from neurochain.simulators import has_kernel

F = np.float32
needs_kernel = pytest.mark.skipif(not has_kernel(), reason="the C kernel is not built")
posix = pytest.mark.skipif(os.name != "posix", reason="needs signals and terminals of POSIX")


def files(folder: Path, n: int, steps: int, samples: int = 1) -> list[str]:
    """Command line of a network that is driven by its leak: source and input."""
    rng = np.random.default_rng(2)
    program = lif_program(Reset(), leak=True, recurrent=True)
    params = {"beta": F(0.5), "theta": F(1), "leak": F(0.75)}
    ring = Dense(in_shape=(n,), out_shape=(n,), weights=rng.normal(size=(n, n)).astype(F) / n)
    into = Dense(in_shape=(4,), out_shape=(n,), weights=rng.normal(size=(n, 4)).astype(F))
    network = Network(
        sources=(Source(name="in", shape=(4,)),),
        populations=(Population(name="p", shape=(n,), program=program, params=params),),
        projections=(Projection(name="in-p", source="in", target="p", operator=into),
                     Projection(name="p-p", source="p", target="p", operator=ring, port="rec",
                                delay=1)),
        outputs=(OutputPort(name="o", node="p"),), dt_s=1e-3,
    )  # fmt: skip
    save_artifact(Artifact(network=network), folder / "net.nchain")
    np.save(folder / "x.npy", (rng.random((samples, steps, 4)) < 0.2).astype(F))
    return ["simulate", str(folder / "net.nchain"), "--input", str(folder / "x.npy"), "--json"]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from neurochain.cli.app import main; main()", *arguments]


@needs_kernel
@posix
def test_ctrl_c_is_one_line_and_exit_code_130(tmp_path: Path) -> None:
    child = subprocess.Popen(command(*files(tmp_path, 2500, 20_000)), text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    assert child.stderr is not None
    said = iter(child.stderr.readline, "")
    assert any(line.startswith("input:") for line in said)  # it has read its input
    time.sleep(0.5)  # and is inside the kernel
    child.send_signal(signal.SIGINT)
    sent = time.monotonic()
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out, err.split()) == (130, "", ["interrupted"])
    assert time.monotonic() - sent < 3


@posix
def test_a_terminal_gets_a_bar(tmp_path: Path) -> None:
    """stderr is a terminal: the bar is drawn and taken away again; stdout holds the result."""
    import pty

    ours, theirs = pty.openpty()
    arguments = command(*files(tmp_path, 50, 30, samples=4))
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=theirs, env=environment)
    os.close(theirs)
    out, _ = child.communicate(timeout=60)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert child.returncode == 0
    assert json.loads(out)["meta"]["samples"] == 4
    assert "100%" in shown


@needs_kernel
def test_threads_change_no_byte(tmp_path: Path) -> None:
    arguments = command(*files(tmp_path, 200, 40, samples=3))
    results = [
        subprocess.run([*arguments, *more], check=True, capture_output=True).stdout
        for more in ([], ["--threads", "2"], ["--threads", "5"])
    ]
    assert len(set(results)) == 1
    refused = subprocess.run([*arguments, "--threads", "2", "--engine", "reference"],
                             check=False, capture_output=True, text=True)  # fmt: skip
    assert refused.returncode == 3
    assert "--threads: engine 'reference' has one thread" in refused.stderr
