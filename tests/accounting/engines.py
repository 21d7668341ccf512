"""The engines at hand, called the same way."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

from neurochain.network import Network
from neurochain.simulators.reference import run_reference
from neurochain.simulators.types import EngineResult, Record

Engine = Callable[..., EngineResult]


@cache
def engines() -> dict[str, Engine]:
    """`reference`, and `event` where its kernel was built."""
    found: dict[str, Engine] = {"reference": run_reference}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from neurochain.simulators.event import run_event
    except ImportError:
        return found
    return found | {"event": run_event}


def everything(network: Network) -> Record:
    """Record what every source and population emits."""
    return Record(emissions=tuple(node.name for node in network.nodes))


def states_after_each_step(
    engine: Engine, network: Network, inputs: dict[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    """Population -> its states before step 0 and after each, from runs of growing length."""
    steps = next(iter(inputs.values())).shape[1]
    states: dict[str, list[dict[str, Any]]] = {p.name: [] for p in network.populations}
    for length in range(1, steps + 1):
        head = {name: x[:, :length] for name, x in inputs.items()}
        final = engine(network, head).final_state
        for population in network.populations:
            entries = {s: final[population.name][s] for s in population.program.states}
            if length == 1:
                rest = {name: value * 0 for name, value in entries.items()}
                states[population.name].append({k: abs(v) for k, v in rest.items()})
            states[population.name].append(entries)
    return states
