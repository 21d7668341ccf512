"""How much the written graph differs when others run it: both are run on the user's input."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.errors import UnsupportedError
from neurochain.exporters.counted import add_spikes, uncounted
from neurochain.exporters.job import Job
from neurochain.exporters.manifest import Divergence
from neurochain.exporters.nir.reader import HABITS, Reader, Schedule
from neurochain.exporters.nir.schedule import as_scheduled
from neurochain.exporters.recorded import recorded_inputs
from neurochain.frontends.nir.reader import Plain
from neurochain.graph import IF, LIF, CubaLIF, Edge, Graph, Node, Threshold
from neurochain.network import Network, PortKind
from neurochain.session import prepare_inputs, simulate
from neurochain.simulators import Record, run

__all__ = ["as_read", "measure"]


def as_read(plain: Plain, graph: Graph, reader: Reader) -> Graph:
    """What `reader` takes the file for: its nodes and edges alone, without our metadata.

    Resets to v_reset in the same step, the reader's comparison, its order of execution; dt as given
    to it. Errors: UnsupportedError where it cannot run it.
    """
    habits = HABITS.get(reader)
    nodes: dict[str, Node] = {name: plain.nodes[name] for name in graph.nodes}
    if habits is not None:
        nodes = {
            name: replace(node, compare=habits.compare)
            if isinstance(node, IF | LIF | CubaLIF | Threshold)
            else node
            for name, node in nodes.items()
        }
    read = Graph(
        nodes=nodes,
        edges=tuple(Edge(e.source, e.target) for e in graph.edges),
        dt_s=graph.dt_s,
    )
    found = as_scheduled(read, habits.schedule if habits else Schedule.RULE)
    if isinstance(found, str):
        raise UnsupportedError(f"{reader.value}: {found}.")
    return found


def drawn_batch(network: Network) -> dict[str, NDArray[Any]]:
    """Random events for a network for which no input is given, as `measure` takes them."""
    drawn = recorded_inputs(Job(network=network, name=""))
    shapes = {source.name: source.shape for source in network.sources}
    return {name: x.reshape(*x.shape[:2], *shapes[name]) for name, x in drawn.items()}


def measure(
    ours: Network, theirs: Network, batches: Iterable[Any]
) -> tuple[tuple[Divergence, ...], int, int]:
    """(Where their spikes differ, population by population; samples; most steps) of both networks.

    Spikes are compared on the time axis of the input, also where a network runs pipelined.

    batches: inputs as `neurochain.simulate` takes them, (sample, step, *shape) each.
    Errors: InputError for input that does not fit.
    """
    names = [p.name for p in ours.populations if p.emits is PortKind.EVENT]
    names = [name for name in names if name in {p.name for p in theirs.populations}]
    found = [uncounted(name) for name in names]
    samples = steps = 0
    for batch in batches:
        first, second = (_spikes(network, batch, names) for network in (ours, theirs))
        found = [add_spikes(d, first[d.name], second[d.name]) for d in found]
        size = next((values.shape for values in first.values()), (0, 0))
        samples, steps = samples + size[0], max(steps, size[1])
    return tuple(found), samples, steps


def _spikes(network: Network, batch: Any, names: list[str]) -> dict[str, NDArray[np.bool_]]:
    """(sample, step, neuron) of every population."""
    if network.latency:
        spikes = simulate(network, batch, record=tuple(names)).spikes
        return {n: np.asarray(spikes[n]).reshape(*spikes[n].shape[:2], -1) != 0 for n in names}
    inputs = prepare_inputs(network, batch)
    result = run(network, inputs, record=Record(emissions=tuple(names)))
    return {name: result.emissions[name] != 0 for name in names}
