"""What training reports: progress while it runs, figures when it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["CrossValidation", "Evaluation", "Progress", "ProgressCallback", "TrainResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One report: `done` of `total` batches of `epoch` (from 0) of `epochs`.

    run   what is being trained, e.g. "mnist-mlp seed 0" or "nmnist-conv fold 2"
    loss  mean training loss of the epoch so far; NaN while evaluating
    """

    run: str
    phase: Literal["train", "evaluate"]
    epoch: int
    epochs: int
    done: int
    total: int
    loss: float


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Decisions of a live module on labelled samples.

    confusion  rows: true class, columns: decided class
    rates      spikes per neuron and step of each neuron layer, by qualified name
    """

    correct: int
    total: int
    confusion: tuple[tuple[int, ...], ...]
    rates: dict[str, float]

    @property
    def accuracy(self) -> float:
        """Share of correct decisions."""
        return self.correct / self.total


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """A finished run.

    weights  file with the state dict (torch.save, readable with weights_only=True)
    losses   mean training loss per epoch
    seconds  time spent in all its processes, from the first batch to the last evaluation
    operations  counts of training by category (accounting.meter), where they were metered
    tuning   of a fine-tuning: target, weight bits, digest of the weights it started from
    resumed  epoch at which this call took up an earlier run; None where it started afresh
    """

    recipe: str
    seed: int
    epochs: int
    weights: Path
    evaluation: Evaluation
    losses: tuple[float, ...]
    seconds: float
    md5: dict[str, str]
    versions: dict[str, str]
    resumed: int | None = None
    fold: int | None = None
    operations: dict[str, int] | None = None
    tuning: dict[str, Any] | None = None

    @property
    def accuracy(self) -> float:
        """Share of correct decisions on the test part (or the held-out fold)."""
        return self.evaluation.accuracy

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; the weights by file name."""
        values = asdict(self) | {"weights": self.weights.name, "accuracy": self.accuracy}
        del values["resumed"]
        for name in ("operations", "tuning"):
            if values[name] is None:
                del values[name]
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossValidation:
    """Held-out results of all folds; every sample of both parts is tested exactly once."""

    recipe: str
    seed: int
    folds: tuple[TrainResult, ...]

    @property
    def accuracy(self) -> float:
        """Correct decisions over all folds / all samples."""
        totals = [f.evaluation for f in self.folds]
        return sum(e.correct for e in totals) / sum(e.total for e in totals)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "recipe": self.recipe,
            "seed": self.seed,
            "accuracy": self.accuracy,
            "folds": [f.to_dict() for f in self.folds],
        }
