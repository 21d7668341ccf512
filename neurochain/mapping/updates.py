"""Which neurons a chip updates in a step: those that receive something or hold something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.network import B8, Operator, Population
from neurochain.operators import Csr, Dense

__all__ = ["Touch", "Updates", "touch", "touch_of", "updates_of"]

Touch = Callable[[B8], B8]
"""(frame, n_in) of what is sent -> (frame, n_out) of what it reaches."""

_DENSE = 2**24
"""Entries of a sparse matrix up to which its marks are found by a dense one."""
_ENTRIES = 2**18
"""Targets that are marked at once, which fit a processor's cache."""
_BYTES = 2**26
"""Of one array of marks that an operator is asked about at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Updates:
    """Marks, (sample, step, n).

    touched  received an event through a nonzero weight, or has a bias
    updated  also those whose membrane was not 0 before the step
    held     whether the membrane was known; if not, all neurons are marked as updated
    """

    touched: B8
    updated: B8
    held: bool


def touch_of(operator: Operator) -> Touch:
    """What the events of a frame reach through nonzero weights."""
    if not isinstance(operator, Csr):
        return operator.touch
    if operator.n_in * operator.n_out <= _DENSE:  # BLAS is faster than any list of targets
        matrix = np.zeros((operator.n_out, operator.n_in), dtype=np.int8)
        source = np.repeat(np.arange(operator.n_in), np.diff(operator.indptr))
        matrix[operator.targets, source] = operator.weights != 0
        return Dense(in_shape=operator.in_shape, out_shape=operator.out_shape, weights=matrix).touch
    live = operator.weights != 0
    begin = np.concatenate([[0], np.cumsum(live)])[operator.indptr]
    targets, n_out = operator.targets[live].astype(np.int64), operator.n_out

    def sparse(active: B8) -> B8:
        """Event by event, all rows of targets at once."""
        reached = np.zeros((len(active), n_out), dtype=np.bool_)
        frame, source = np.nonzero(active)
        counts = np.diff(begin)[source]
        ends, done, flat = np.cumsum(counts), 0, reached.reshape(-1)
        while done < len(source):
            limit = (ends[done - 1] if done else 0) + _ENTRIES
            part = slice(done, max(done + 1, int(np.searchsorted(ends, limit, side="right"))))
            n = counts[part]
            entry = np.repeat(begin[source[part]] - (np.cumsum(n) - n), n) + np.arange(n.sum())
            flat[np.repeat(frame[part] * n_out, n) + targets[entry]] = True
            done = part.stop
        return reached

    return sparse


def touch(touched: B8, reach: Touch, emitted: NDArray[Any], delay: int) -> None:
    """Mark what the events of a source reach, `delay` steps after they were sent.

    touched (sample, step, n_out), emitted (sample, step, n_in)
    """
    samples, steps, n_out = touched.shape
    kept = steps - delay
    if kept <= 0:
        return
    sent = emitted.reshape(samples, steps, -1)[:, :kept] != 0
    chunk = max(1, _BYTES // (kept * max(sent.shape[2], n_out)))
    for begin in range(0, samples, chunk):
        part = sent[begin : begin + chunk]
        found = reach(part.reshape(-1, part.shape[2]))
        touched[begin : begin + chunk, delay:] |= found.reshape(len(part), kept, n_out)


def updates_of(population: Population, touched: B8, membranes: NDArray[Any] | None) -> Updates:
    """The neurons of a population that are updated in each step.

    touched    (sample, step, n) of what received an event; biases are added here
    membranes  (sample, step, n), None where they are not known
    """
    if "bias" in population.params:
        touched |= np.broadcast_to(population.params["bias"], (population.n,)) != 0
    program = population.program
    # the register that is recorded must be what the next step starts from
    next_state = [register for _, register in program.next_state]
    if membranes is None or program.membrane not in next_state:
        return Updates(touched, np.ones_like(touched), held=not program.states)
    updated = touched.copy()
    updated[:, 1:] |= membranes.reshape(touched.shape)[:, :-1] != 0
    return Updates(touched, updated, held=True)
