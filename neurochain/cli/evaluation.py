"""Decisions of a run against its labels."""

from __future__ import annotations

import numpy as np

from neurochain.cli.run import Done
from neurochain.errors import InternalError
from neurochain.network import I64
from neurochain.reporting import Evaluation, spread

__all__ = ["evaluation_of"]


def evaluation_of(done: Done) -> Evaluation:
    """Accuracy and spread of a run that has labels and decisions."""
    decided, truth = done.outcome.decided, done.data.labels
    if done.decoding is None or decided is None or truth is None:
        raise InternalError("an evaluation without labels or decisions.")
    return Evaluation(
        decoding=done.decoding.kind,
        samples=len(truth),
        correct=int((decided == truth).sum()),
        accuracy=float((decided == truth).mean()),
        confusion=_confusion(truth, decided, done.decoding.classes),
        synops_per_sample=spread(done.outcome.synops),
        spikes_per_sample=spread(done.outcome.spikes_out),
    )


def _confusion(truth: I64, decided: I64, classes: int) -> list[list[int]]:
    table = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(table, (truth, decided), 1)
    return [[int(n) for n in line] for line in table]
