"""Which neurons a chip updates in a step: those that receive something or hold something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.network import B8, Network, Population, Projection
from neurochain.operators import Csr

__all__ = ["Updates", "updates_of"]

_BYTES = 2**26
"""Of one array of marks that operators are asked about at once."""


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


def updates_of(
    network: Network,
    population: Population,
    emissions: Mapping[str, NDArray[Any]],
    membranes: Mapping[str, NDArray[Any]],
    shape: tuple[int, int],
) -> Updates:
    """The neurons of a population that are updated in each step."""
    samples, steps = shape
    touched = np.zeros((samples, steps, population.n), dtype=np.bool_)
    for p in network.incoming(population.name):
        _touch(touched, p, emissions[p.source])
    if "bias" in population.params:
        touched |= np.broadcast_to(population.params["bias"], (population.n,)) != 0
    program = population.program
    values = membranes.get(population.name)
    # the register that is recorded must be what the next step starts from
    if values is None or program.membrane not in [register for _, register in program.next_state]:
        return Updates(touched, np.ones_like(touched), held=not program.states)
    updated = touched.copy()
    updated[:, 1:] |= values.reshape(samples, steps, -1)[:, :-1] != 0
    return Updates(touched, updated, held=True)


def _touch(touched: B8, projection: Projection, emitted: NDArray[Any]) -> None:
    """Mark what the events of a source reach, `delay` steps after they were sent."""
    operator, delay = projection.operator, projection.delay
    steps = touched.shape[1]
    for sample in range(touched.shape[0]):
        sent = emitted[sample].reshape(steps, operator.n_in)[: max(0, steps - delay)] != 0
        chunk = max(1, _BYTES // max(operator.n_in, operator.n_out))
        for begin in range(0, len(sent), chunk):
            active = sent[begin : begin + chunk]
            into = touched[sample, delay + begin : delay + begin + len(active)]
            if isinstance(operator, Csr):
                _touch_sparse(into, operator, active)
            else:
                into |= operator.touch(active)


def _touch_sparse(into: B8, operator: Csr, active: B8) -> None:
    """Event by event: a row of targets each."""
    for step in np.flatnonzero(active.any(axis=1)):
        for i in np.flatnonzero(active[step]):
            row = slice(operator.indptr[i], operator.indptr[i + 1])
            into[step, operator.targets[row][operator.weights[row] != 0]] = True
