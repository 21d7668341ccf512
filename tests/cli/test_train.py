"""neurochain train: what it passes on and prints; the training itself is tested in learning."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from neurochain.cli.training_progress import training_progress
from neurochain.learning.results import CrossValidation, Evaluation, Progress, TrainResult

CALLS: list[dict[str, Any]] = []


def result(seed: int, correct: int, fold: int | None = None) -> TrainResult:
    return TrainResult(
        recipe="mnist-mlp",
        seed=seed,
        epochs=1,
        weights=Path(f"mnist-mlp-seed{seed}.weights.pt"),
        evaluation=Evaluation(correct=correct, total=100, confusion=((correct,),), rates={}),
        losses=(1.0,),
        seconds=1.0,
        md5={},
        versions={},
        fold=fold,
    )


@pytest.fixture(autouse=True)
def _no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def train(recipe: Any, data: Path, out: Path, seed: int, **more: Any) -> TrainResult:
        CALLS.append({"recipe": recipe.name, "seed": seed, **more})
        for done in (1, 2):
            more["progress"](state(done))
        return result(seed, 90 + seed)

    def cross_validate(
        recipe: Any, data: Path, out: Path, seed: int, **more: Any
    ) -> CrossValidation:
        return CrossValidation(
            recipe=recipe.name, seed=seed, folds=(result(seed, 90, 0), result(seed, 94, 1))
        )

    CALLS.clear()
    monkeypatch.setattr("neurochain.learning.train", train)
    monkeypatch.setattr("neurochain.learning.cross_validate", cross_validate)


def state(done: int) -> Progress:
    return Progress(
        run="mnist-mlp seed 0", phase="train", epoch=0, epochs=3, done=done, total=2, loss=0.25
    )


def test_every_seed_is_printed(invoke) -> None:
    done = invoke("train", "mnist-mlp", "--data", "d", "--out", "o", "--seeds", "0,1,2")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == (
        "mnist-mlp seed 0: 90.00 % (90 of 100), mnist-mlp-seed0.weights.pt"
    )
    assert done.stdout.splitlines()[-1] == "mean 91.00 %, 90.00 to 92.00 %"
    assert done.stderr.splitlines() == ["mnist-mlp seed 0: epoch 1/3, loss 0.2500"] * 3
    assert [call["seed"] for call in CALLS] == [0, 1, 2]
    assert all(call["resume"] and call["check_md5"] for call in CALLS)


def test_options_reach_the_training(invoke) -> None:
    args = ("--epochs", 2, "--restart", "--any-data", "--threads", 2, "--json")
    done = invoke("train", "mnist-mlp", "--data", "d", "--out", "o", *args)
    report = json.loads(done.stdout)
    assert (report["schema"], report["runs"][0]["accuracy"]) == ("neurochain.train", 0.9)
    call = CALLS[0]
    assert (call["epochs"], call["resume"], call["check_md5"], call["threads"]) == (2, 0, 0, 2)


def test_cross_validation(invoke) -> None:
    done = invoke("train", "mnist-mlp", "--data", "d", "--out", "o", "--cv")
    assert done.stdout == "mnist-mlp seed 0: cross-validated 92.00 % (folds 90.00, 94.00)\n"


def test_seeds_are_numbers(invoke) -> None:
    done = invoke("train", "mnist-mlp", "--data", "d", "--out", "o", "--seeds", "0,x")
    assert done.exit_code == 2


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with training_progress() as report:
        report(state(1))
        report(state(2))
    assert "mnist-mlp seed 0: epoch 1/3, loss 0.2500" in terminal.getvalue()


def test_qat_says_what_it_trains_for(invoke) -> None:
    args = ("train", "mnist-mlp", "--data", "d", "--out", "o")
    done = invoke(*args, "--qat", "--target", "loihi1", "--weight-bits", 4, "--from", "w.pt")
    assert done.exit_code == 0, done.output
    tuning = CALLS[0]["tuning"]
    assert (tuning.target, tuning.weight_bits, tuning.start) == ("loihi1", 4, Path("w.pt"))
    assert tuning.suffix == "-loihi1-4bit"
    plain = invoke(*args)
    assert plain.exit_code == 0
    assert "tuning" not in CALLS[1]


def test_qat_without_a_target_and_a_target_without_qat_are_refused(invoke) -> None:
    args = ("train", "mnist-mlp", "--data", "d", "--out", "o")
    without = invoke(*args, "--qat")
    assert without.exit_code == 3
    assert "Give --target" in without.stderr
    alone = invoke(*args, "--target", "loihi2", "--weight-bits", 4)
    assert alone.exit_code == 3
    assert "--target, --weight-bits: only with --qat" in alone.stderr
    assert CALLS == []
