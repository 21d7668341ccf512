"""The input that goes out with a network, so that others can run it at once."""

from __future__ import annotations

from math import prod

import numpy as np

from neurochain.errors import Finding, Severity
from neurochain.exporters.job import Job
from neurochain.network import F32

__all__ = ["DRAWN", "RECORDED_STEPS", "drawn_note", "recorded_inputs"]

RECORDED_STEPS = 20
"""Steps of input that is drawn where none is given."""
RATE = 0.2
DRAWN = f"random events (rate {RATE})"
"""The input that is drawn, in words."""


def recorded_inputs(job: Job) -> dict[str, F32]:
    """The first sample of the job's input, or random events by its seed: source -> (1, step, n)."""
    sources = job.network.sources
    if job.inputs is not None:
        return {s.name: np.ascontiguousarray(job.inputs[s.name][:1]) for s in sources}
    rng = np.random.default_rng(job.seed)
    return {
        s.name: (rng.random((1, RECORDED_STEPS, prod(s.shape))) < RATE).astype(np.float32)
        for s in sources
    }


def drawn_note(job: Job) -> list[Finding]:
    """Says that the input is drawn, where it is."""
    if job.inputs is not None:
        return []
    what = f"the recorded input is {DRAWN[:-1]}, seed {job.seed})."
    fix = "Give --input to record your own."
    return [Finding(what=what, fix=fix, severity=Severity.INFO)]
