"""How a layer that is cleared at its first step is written for a neuron that cannot be cleared.

A layer of a pipelined network starts at its own step (`loihi.lif_reset`): before that, neurons with
a bias already move. No input has reached them by then, so what their membranes hold is known, and a
current of the opposite sign in the step of the start clears them: v is 0 where LIFReset's is.
"""

from __future__ import annotations

from math import prod

import numpy as np

from neurochain.network import I64, Network, Population
from neurochain.simulators.reference import run_reference
from neurochain.simulators.types import Record

__all__ = ["clearing_step", "start_currents"]


def clearing_step(population: Population) -> int:
    """The step, from 0, before which a neuron is cleared; 0: never, or from rest."""
    offset = population.params.get("offset")
    return 0 if offset is None else int(offset) - 1


def start_currents(network: Network) -> dict[str, I64]:
    """Population -> (n,) what to add in its clearing step, in units of 2^-6; where not all 0."""
    cleared = [p for p in network.populations if clearing_step(p) > 0]
    if not cleared:
        return {}
    steps = max(clearing_step(p) for p in cleared)
    silent = {s.name: np.zeros((1, steps, prod(s.shape)), np.float32) for s in network.sources}
    result = run_reference(
        network,
        silent,
        record=Record(emissions=(), membranes=tuple(p.name for p in cleared)),
        batch=1,
        steps=steps,
    )
    found = {}
    for p in cleared:
        current = -_kept(p, result.membranes[p.name][0, clearing_step(p) - 1])
        if current.any():
            found[p.name] = current
    return found


def _kept(population: Population, membrane: np.ndarray[tuple[int], np.dtype[np.int32]]) -> I64:
    """What is left of a membrane in the next step: rounded toward zero, as the neuron does."""
    keep = 4096 - np.broadcast_to(population.params["dv"], membrane.shape).astype(np.int64)
    product = membrane.astype(np.int64) * keep
    return np.asarray(np.sign(product) * (np.abs(product) >> 12), dtype=np.int64)
