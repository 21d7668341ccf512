"""The calls behind `neurochain train`. Importing this module does not import torch."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from neurochain.errors import InputError
from neurochain.learning.data import TrainingData, load_data
from neurochain.learning.recipes import Recipe
from neurochain.learning.recipes import recipe as find_recipe
from neurochain.learning.results import CrossValidation, ProgressCallback, TrainResult
from neurochain.learning.tuning import Tuning, tuned

if TYPE_CHECKING:
    from neurochain.learning.training import Job

__all__ = ["cross_validate", "stratified_folds", "train"]

PathLike = str | os.PathLike[str]


def train(
    recipe: Recipe | str,
    data_path: PathLike,
    out_dir: PathLike,
    seed: int,
    *,
    resume: bool = True,
    progress: ProgressCallback | None = None,
    epochs: int | None = None,
    check_md5: bool = True,
    threads: int = 1,
    meter: bool = False,
    tuning: Tuning | None = None,
) -> TrainResult:
    """Train on the training part, measure once on the test part, write weights and figures.

    recipe     a recipe or its name
    data_path  folder or zip file with the data set
    out_dir    gets NAME-seedN.checkpoint.pt (each epoch), .weights.pt and .json
    seed       fixes initial weights, order, augmentation and training spikes; the test part is
               encoded with the recipe's own stored seed
    resume     take up an interrupted run found in out_dir: the final weights are the same bits
    epochs     another number than the recipe's, for trials; the rate schedule is fitted to it
    check_md5  refuse other data than the recipe names
    meter      count the operations of training (docs/energy.md); changes no bit of the weights
    tuning     fine-tune in a target's integers (`tuned(recipe)`): from `tuning.start`, or from the
               weights of this run in out_dir, trained first where they are not there; `epochs` is
               then the number of fine-tuning epochs
    threads    torch threads; with another number than 1 the last bits may differ

    Errors: InputError for bad data, an unknown name, or a checkpoint of another run.
    """
    chosen, count = _resolve(recipe, seed, epochs if tuning is None else None)
    from neurochain.learning.training import Job

    train_data = load_data(chosen, data_path, "train", check_md5=check_md5)
    test_data = load_data(chosen, data_path, "test", check_md5=check_md5)
    job = Job(
        recipe=chosen,
        seed=seed,
        epochs=count,
        train_data=train_data,
        test_data=test_data,
        train=np.arange(len(train_data.labels)),
        test=np.arange(len(test_data.labels)),
        out=Path(out_dir),
        meter=meter,
    )
    return _run(job, tuning, epochs, resume=resume, progress=progress, threads=threads)


def cross_validate(
    recipe: Recipe | str,
    data_path: PathLike,
    out_dir: PathLike,
    seed: int = 0,
    *,
    folds: int = 5,
    resume: bool = True,
    progress: ProgressCallback | None = None,
    epochs: int | None = None,
    check_md5: bool = True,
    threads: int = 1,
    meter: bool = False,
    tuning: Tuning | None = None,
) -> CrossValidation:
    """Train `folds` networks, each measured on the fold it has not seen; both parts pooled.

    The folds keep the classes balanced and depend on `seed` alone. Arguments as for `train`.
    """
    chosen, count = _resolve(recipe, seed, epochs if tuning is None else None)
    if tuning is not None and tuning.start is not None:
        raise InputError(
            "cross-validation: every fold fine-tunes its own weights, which have not seen what it "
            "is measured on. Leave the weights to start from out (--from)."
        )
    from neurochain.learning.pooled import pool
    from neurochain.learning.training import Job

    parts: list[TrainingData] = [
        load_data(chosen, data_path, "train", check_md5=check_md5),
        load_data(chosen, data_path, "test", check_md5=check_md5),
    ]
    data = pool(parts)
    results: list[TrainResult] = []
    for fold, held_out in enumerate(stratified_folds(data.labels, folds, seed)):
        job = Job(
            recipe=chosen,
            seed=seed,
            epochs=count,
            train_data=data,
            test_data=data,
            train=np.setdiff1d(np.arange(len(data.labels)), held_out),
            test=held_out,
            out=Path(out_dir),
            fold=fold,
            meter=meter,
        )
        more = {"resume": resume, "progress": progress, "threads": threads}
        results.append(_run(job, tuning, epochs, **more))
    return CrossValidation(recipe=chosen.name, seed=seed, folds=tuple(results))


def _run(job: Job, tuning: Tuning | None, epochs: int | None, **more: Any) -> TrainResult:
    """The run; for a fine-tuning the float run before it, where its weights are not there."""
    from neurochain.learning.training import run_job

    if tuning is None:
        return run_job(job, **more)
    if tuning.start is None:
        weights = job.out / f"{job.stem}.weights.pt"
        if not weights.is_file():
            weights = run_job(job, **more).weights
        tuning = replace(tuning, start=weights)
    recipe = tuned(job.recipe)
    count = recipe.epochs if epochs is None else epochs
    if count < 1:
        raise InputError(f"fine-tuning: epochs={count}; at least 1 is needed.")
    return run_job(replace(job, recipe=recipe, epochs=count, tuning=tuning), **more)


def stratified_folds(
    labels: npt.NDArray[np.int64], folds: int, seed: int
) -> list[npt.NDArray[np.int64]]:
    """Sorted sample numbers of each fold: every class dealt out in turn, in shuffled order.

    Errors: InputError for fewer than 2 folds or more folds than samples.
    """
    if not 2 <= folds <= len(labels):
        raise InputError(f"cross-validation: {folds} folds of {len(labels)} samples; 2 or more.")
    rng = np.random.Generator(np.random.PCG64(seed))
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    return [np.sort(by_class[k::folds]).astype(np.int64) for k in range(folds)]


def _resolve(recipe: Recipe | str, seed: int, epochs: int | None) -> tuple[Recipe, int]:
    chosen = find_recipe(recipe) if isinstance(recipe, str) else recipe
    count = chosen.epochs if epochs is None else epochs
    if count < 1 or seed < 0:
        raise InputError(f"training: epochs={count}, seed={seed}; at least 1 and 0 are needed.")
    if missing := [name for name in ("torch", "snntorch") if find_spec(name) is None]:
        raise InputError(
            f"training: {' and '.join(missing)} not installed. Run: pip install 'neurochain[torch]'"
        )
    return chosen, count
