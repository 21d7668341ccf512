"""One training run, from data to weights and a measured figure; resumable at every epoch."""

from __future__ import annotations

import importlib
import json
import logging
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import snntorch
import torch
from torch import nn

from neurochain.accounting.meter import OpMeter
from neurochain.errors import InputError
from neurochain.files import atomic_write_bytes
from neurochain.learning.bptt import (
    count_loss,
    evaluate_module,
    forget,
    learning_rate_at,
    run_in_time,
)
from neurochain.learning.checkpoint import (
    Checkpoint,
    load_checkpoint,
    load_state_dict,
    save_checkpoint,
    save_tensors,
)
from neurochain.learning.data import TrainingData
from neurochain.learning.metering import TrainingMeter
from neurochain.learning.recipes import Recipe
from neurochain.learning.results import Evaluation, Progress, ProgressCallback, TrainResult
from neurochain.learning.tuning import Tuning

if TYPE_CHECKING:
    from neurochain.learning.qat import Prepared

__all__ = ["Job", "build", "evaluate_on", "run_job"]

_LOG = logging.getLogger(__name__)
_EVALUATION_BATCH = 100

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """One run: `train` samples of `train_data`, measured on `test` samples of `test_data`."""

    recipe: Recipe
    seed: int
    epochs: int
    train_data: TrainingData
    test_data: TrainingData
    train: Indices
    test: Indices
    out: Path
    fold: int | None = None
    meter: bool = False
    tuning: Tuning | None = None

    @property
    def label(self) -> str:
        """Name of the run for progress and messages."""
        tail = f"seed {self.seed}" if self.fold is None else f"fold {self.fold}"
        name = self.recipe.name + ("" if self.tuning is None else self.tuning.suffix)
        return f"{name} {tail}"

    @property
    def stem(self) -> str:
        """Start of the file names in `out`."""
        tail = "" if self.fold is None else f"-fold{self.fold}"
        tuning = "" if self.tuning is None else self.tuning.suffix
        return f"{self.recipe.name}-seed{self.seed}{tail}{tuning}"

    @property
    def md5(self) -> dict[str, str]:
        """Digests of the data."""
        return self.train_data.md5 | self.test_data.md5

    def key(self) -> dict[str, Any]:
        """What makes two runs the same run, as plain data."""
        return {
            "recipe": json.loads(json.dumps(self.recipe.to_dict())),
            "seed": self.seed,
            "epochs": self.epochs,
            "fold": self.fold,
            "samples": [len(self.train), len(self.test)],
            "md5": self.md5,
            **({} if self.tuning is None else {"tuning": self.tuning.key()}),
        }


def build(recipe: Recipe, seed: int) -> nn.Sequential:
    """The untrained network, its weights drawn from `seed`; torch's own generator is untouched.

    Errors: InputError where the factory does not return an nn.Sequential.
    """
    module, _, function = recipe.factory.partition(":")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = getattr(importlib.import_module(module), function)()
    if not isinstance(net, nn.Sequential):
        raise InputError(f"{recipe.factory}: returns {type(net).__name__}; needs nn.Sequential.")
    return net


def run_job(
    job: Job, *, resume: bool = True, progress: ProgressCallback | None = None, threads: int = 1
) -> TrainResult:
    """Train, evaluate, write weights and result; take up an earlier run where there is one.

    With one thread the weights are the same bits on the same machine, however often the run was
    interrupted. A fine-tuning starts from its own weights, is measured in the target's integers and
    leaves a plain module's state dict. Files in `job.out`: STEM.checkpoint.pt, STEM.weights.pt,
    STEM.json.
    """
    job.out.mkdir(parents=True, exist_ok=True)
    path = job.out / f"{job.stem}.checkpoint.pt"
    start = load_checkpoint(path, job.key()) if resume else None
    with _threads(threads), torch.random.fork_rng(devices=[]):
        net = build(job.recipe, job.seed)
        prepared = _prepared(job, net)
        optimiser = torch.optim.AdamW(
            net.parameters(), lr=job.recipe.learning_rate, weight_decay=job.recipe.weight_decay
        )
        state = _restore(start, net, optimiser, job)
        losses, seconds = list(state.losses), state.seconds
        meter = _meter(job, net, state)
        for epoch in range(state.epoch, job.epochs):
            began = time.monotonic()
            losses.append(_epoch(job, net, optimiser, epoch, progress, meter))
            seconds += time.monotonic() - began
            _LOG.info("%s: epoch %d, loss %.4f", job.label, epoch, losses[-1])
            save_checkpoint(path, _snapshot(job, net, optimiser, epoch + 1, losses, seconds, meter))
        if meter is not None:
            meter.close()
        began = time.monotonic()
        evaluation = evaluate_on(net, job.recipe, job.test_data, job.test, job.label, progress)
        seconds += time.monotonic() - began
    if prepared is not None:
        prepared.finish()
    weights = job.out / f"{job.stem}.weights.pt"
    save_tensors(weights, net.state_dict())
    result = TrainResult(
        recipe=job.recipe.name,
        seed=job.seed,
        epochs=job.epochs,
        weights=weights,
        evaluation=evaluation,
        losses=tuple(losses),
        seconds=seconds,
        md5=job.md5,
        versions=_versions(),
        resumed=start.epoch if start else None,
        fold=job.fold,
        operations=None if meter is None else meter.total.to_dict(),
        tuning=None if job.tuning is None else job.tuning.key(),
    )
    text = json.dumps(result.to_dict(), indent=1) + "\n"
    atomic_write_bytes(job.out / f"{job.stem}.json", text.encode())
    return result


def _prepared(job: Job, net: nn.Sequential) -> Prepared | None:
    """For a fine-tuning: the network with its trained weights, put into the target's integers."""
    if job.tuning is None or job.tuning.start is None:
        return None
    from neurochain.learning.qat import prepare

    state = load_state_dict(job.tuning.start)
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(
            f"{job.tuning.start}: is no state dict of {job.recipe.name} ({error})."
        ) from error
    sample = torch.zeros(1, *job.recipe.encoding.shape)
    how = job.tuning
    made = prepare(net, sample, target=how.target, weight_bits=how.weight_bits)
    forget(net)
    return made


def evaluate_on(
    net: nn.Module,
    recipe: Recipe,
    data: TrainingData,
    samples: Indices,
    label: str = "",
    progress: ProgressCallback | None = None,
) -> Evaluation:
    """Accuracy of a live module on samples of a data set, encoded as the recipe stores it."""

    def batches() -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[np.int64]]]:
        parts = _split(samples, _EVALUATION_BATCH)
        for k, part in enumerate(parts):
            yield data.clean(part), data.labels[part]
            if progress is not None:
                progress(
                    Progress(
                        run=label or recipe.name,
                        phase="evaluate",
                        epoch=0,
                        epochs=1,
                        done=k + 1,
                        total=len(parts),
                        loss=float("nan"),
                    )
                )

    return evaluate_module(net, recipe.decoding, batches())


def _epoch(
    job: Job,
    net: nn.Sequential,
    optimiser: torch.optim.Optimizer,
    epoch: int,
    progress: ProgressCallback | None,
    meter: TrainingMeter | None = None,
) -> float:
    """One pass over the training samples; the mean loss."""
    recipe = job.recipe
    order = np.random.Generator(np.random.PCG64([job.seed, epoch])).permutation(job.train)
    batches = _split(order, recipe.batch)
    total = 0.0
    net.train()
    for k, part in enumerate(batches):
        values = job.train_data.augmented(part, job.seed, epoch)
        x = torch.from_numpy(np.ascontiguousarray(values.swapaxes(0, 1))).float()
        labels = torch.from_numpy(job.train_data.labels[part])
        step = epoch * len(batches) + k
        rate = learning_rate_at(recipe, step, job.epochs * len(batches))
        for group in optimiser.param_groups:
            group["lr"] = rate
        with nullcontext() if meter is None else meter.forward():
            loss = count_loss(run_in_time(net, x), labels, recipe)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if meter is not None:
            meter.end_step(net.parameters())
        total += loss.item()
        if progress is not None:
            progress(
                Progress(
                    run=job.label,
                    phase="train",
                    epoch=epoch,
                    epochs=job.epochs,
                    done=k + 1,
                    total=len(batches),
                    loss=total / (k + 1),
                )
            )
    return total / len(batches)


def _snapshot(
    job: Job,
    net: nn.Sequential,
    optimiser: torch.optim.Optimizer,
    epoch: int,
    losses: list[float],
    seconds: float,
    meter: TrainingMeter | None = None,
) -> Checkpoint:
    return Checkpoint(
        key=job.key(),
        epoch=epoch,
        model=net.state_dict(),
        optimiser=optimiser.state_dict(),
        rng=torch.get_rng_state(),
        losses=losses,
        seconds=seconds,
        operations=None if meter is None else meter.total.to_dict(),
    )


def _meter(job: Job, net: nn.Module, state: Checkpoint) -> TrainingMeter | None:
    """A meter that goes on where the checkpoint's stopped. Errors: InputError without counts."""
    if not job.meter:
        return None
    if state.epoch and state.operations is None:
        raise InputError(
            f"{job.label}: its first {state.epoch} epochs were not metered. Start anew "
            "(--restart), or go on without --meter."
        )
    return TrainingMeter(net, OpMeter.from_dict(state.operations or {}))


def _restore(
    start: Checkpoint | None, net: nn.Sequential, optimiser: torch.optim.Optimizer, job: Job
) -> Checkpoint:
    """Load the checkpoint into net, optimiser and torch's generator; or seed a fresh run."""
    if start is None:
        torch.manual_seed(job.seed)
        return _snapshot(job, net, optimiser, 0, [], 0.0)
    net.load_state_dict(start.model)
    optimiser.load_state_dict(start.optimiser)
    torch.set_rng_state(start.rng)
    return start


def _split(samples: Indices, size: int) -> list[Indices]:
    """Consecutive pieces of at most `size`."""
    return [samples[k : k + size] for k in range(0, len(samples), size)]


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "snntorch": str(snntorch.__version__),
    }
