"""Training: it learns, it is the same for a seed, and being killed changes nothing."""

import dataclasses
import json
import math
import os
import pickle
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from neurochain.errors import InputError
from neurochain.learning import cross_validate, train

pytestmark = pytest.mark.torch


def run(recipe, data, out, **options):
    return train(recipe, data, out, options.pop("seed", 0), check_md5=False, **options)


def weights(result):
    return torch.load(result.weights, weights_only=True)


def same(a, b):
    return all(torch.equal(a[k], b[k]) for k in a) and a.keys() == b.keys()


def test_it_learns_and_reports(tiny, bars, tmp_path):
    reports = []
    result = run(tiny, bars, tmp_path / "out", epochs=8, progress=reports.append)
    assert result.accuracy > 0.9
    assert result.losses[-1] < 0.5 * result.losses[0]
    assert result.evaluation.total == 30
    assert np.trace(result.evaluation.confusion) == result.evaluation.correct
    assert set(result.evaluation.rates) == {"lif1", "lif2"}
    train_reports = [r for r in reports if r.phase == "train"]
    assert len(train_reports) == 8 * 6
    assert (train_reports[-1].epoch, train_reports[-1].done) == (7, 6)
    assert math.isclose(train_reports[-1].loss, result.losses[-1])
    stored = json.loads((tmp_path / "out" / "bars-seed0.json").read_text())
    assert stored["accuracy"] == result.accuracy
    assert stored["evaluation"]["correct"] == result.evaluation.correct


def test_a_seed_fixes_every_bit_and_leaves_torch_alone(tiny, bars, tmp_path):
    torch.manual_seed(123)
    before = torch.get_rng_state()
    first = run(tiny, bars, tmp_path / "a", epochs=2)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(456)
    second = run(tiny, bars, tmp_path / "b", epochs=2)
    other = run(tiny, bars, tmp_path / "c", epochs=2, seed=1)
    assert same(weights(first), weights(second))
    assert first.losses == second.losses
    assert not same(weights(first), weights(other))


class _Killed(Exception):  # noqa: N818 - stands for a signal
    pass


@pytest.mark.parametrize("at", [(1, 0), (1, 3), (2, 5)])
def test_an_interrupted_run_goes_on_to_the_same_bits(tiny, bars, tmp_path, at):
    whole = run(tiny, bars, tmp_path / "whole")

    def stop(report):
        if (report.epoch, report.done) == (at[0], at[1] + 1):
            raise _Killed

    with pytest.raises(_Killed):
        run(tiny, bars, tmp_path / "parts", progress=stop)
    resumed = run(tiny, bars, tmp_path / "parts")
    assert resumed.resumed == at[0]
    assert same(weights(whole), weights(resumed))
    assert resumed.losses == whole.losses
    assert resumed.evaluation == whole.evaluation


CHILD = """
import os, pathlib, pickle, signal, sys
from neurochain.learning import train

recipe, data, out, moment = pickle.load(open(sys.argv[1], "rb"))

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def progress(report):
    if moment == "batch" and (report.epoch, report.done) == (2, 4):
        die()

if moment == "write":
    whole = pathlib.Path.replace
    calls = []

    def replace(self, target):
        calls.append(target)
        return die() if len(calls) == 3 else whole(self, target)

    pathlib.Path.replace = replace
train(recipe, data, out, 0, check_md5=False, progress=progress)
"""


@pytest.mark.parametrize("moment", ["batch", "write"])
def test_a_killed_process_is_taken_up_to_the_same_bits(tiny, bars, tmp_path, model_folder, moment):
    """SIGKILL in the middle of the third epoch, or between writing and renaming its checkpoint."""
    out = tmp_path / "out"
    (tmp_path / "job").write_bytes(pickle.dumps((tiny, bars, out, moment)))
    command = [sys.executable, "-c", CHILD, str(tmp_path / "job")]
    child = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(model_folder)})
    assert child.returncode == -signal.SIGKILL
    checkpoint = out / "bars-seed0.checkpoint.pt"
    assert torch.load(checkpoint, weights_only=True)["epoch"] == 2
    assert not (out / "bars-seed0.weights.pt").exists()
    resumed = run(tiny, bars, out)
    assert resumed.resumed == 2
    assert same(weights(resumed), weights(run(tiny, bars, tmp_path / "whole")))
    names = {".checkpoint.pt", ".weights.pt", ".json"}
    assert {f.name for f in out.iterdir()} == {f"bars-seed0{n}" for n in names}  # no rest of a file


def test_a_finished_run_is_only_measured_again(tiny, bars, tmp_path):
    first = run(tiny, bars, tmp_path / "out", epochs=1)
    again = run(tiny, bars, tmp_path / "out", epochs=1)
    assert again.resumed == 1
    assert same(weights(first), weights(again))
    afresh = run(tiny, bars, tmp_path / "out", epochs=1, resume=False)
    assert afresh.resumed is None
    assert same(weights(first), weights(afresh))


def test_a_checkpoint_of_another_run_is_refused(tiny, bars, tmp_path):
    run(tiny, bars, tmp_path, epochs=1)
    with pytest.raises(InputError, match="other epochs"):
        run(tiny, bars, tmp_path, epochs=2)
    changed = dataclasses.replace(tiny, learning_rate=1e-3)
    with pytest.raises(InputError, match="other recipe"):
        run(changed, bars, tmp_path, epochs=1)


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:200], lambda b: b"\x80\x02." * 9])
def test_a_damaged_checkpoint_is_named(tiny, bars, tmp_path, damage):
    run(tiny, bars, tmp_path, epochs=1)
    path = tmp_path / "bars-seed0.checkpoint.pt"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"checkpoint\.pt: (cannot be read|not a checkpoint)"):
        run(tiny, bars, tmp_path, epochs=1)


def test_losses(tiny, bars, tmp_path):
    squared = dataclasses.replace(tiny, loss="count_mse")
    assert run(squared, bars, tmp_path, epochs=8).accuracy > 0.9


def test_wrong_arguments(tiny, bars, tmp_path):
    with pytest.raises(InputError, match="known are mnist-mlp"):
        train("mnist-mpl", bars, tmp_path, 0)
    with pytest.raises(InputError, match="epochs=0"):
        run(tiny, bars, tmp_path, epochs=0)
    with pytest.raises(InputError, match="MD5"):
        train(tiny, bars, tmp_path, 0)
    wrong = dataclasses.replace(tiny, factory="tests_tiny_model:not_sequential")
    with pytest.raises(InputError, match=r"needs nn\.Sequential"):
        run(wrong, bars, tmp_path, epochs=1)


def test_cross_validation_tests_every_sample_once(tiny, bars, tmp_path):
    found = cross_validate(tiny, bars, tmp_path, folds=3, epochs=2, check_md5=False)
    assert [f.fold for f in found.folds] == [0, 1, 2]
    assert [f.evaluation.total for f in found.folds] == [40, 40, 40]
    correct = sum(f.evaluation.correct for f in found.folds)
    assert found.accuracy == correct / 120
    assert found.accuracy > 0.6
    again = cross_validate(tiny, bars, tmp_path, folds=3, epochs=2, check_md5=False)
    assert [f.resumed for f in again.folds] == [2, 2, 2]
    assert again.accuracy == found.accuracy
