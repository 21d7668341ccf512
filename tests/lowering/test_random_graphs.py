"""Random graphs with sums, delays and loops give what their equations give."""

import re

import numpy as np
import pytest
from graph_cases import DT, KIND, TIMING, Case, fc, inputs_of, li, lif
from plain_graph import PlainRun

from neurochain.errors import Finding, UnsupportedError
from neurochain.graph import Delay, Edge, Graph, Input, Node, Output, Scale, as_f64
from neurochain.lowering import lower_reported
from neurochain.simulators import has_kernel, run
from neurochain.simulators.types import Record

BLOCKS, PER_BLOCK = 10, 20
N = 3


def random_graph(seed: int) -> Graph:
    """Up to 8 nodes of 3 elements; edges mostly forward, some back; every node is on a path."""
    rng = np.random.default_rng([23, seed])
    nodes: dict[str, Node] = {"in": Input(shape=(N,))}
    for k in range(int(rng.integers(2, 8))):
        makers = [
            lambda: lif(list(KIND)[int(rng.integers(2))], TIMING.SAME_STEP),
            lambda: lif(KIND.SUBTRACT, TIMING.NEXT_STEP),
            li,
            lambda k=k: fc(N, N, seed * 20 + k, bias=bool(rng.random() < 0.5)),
            lambda: Scale(scale=as_f64(rng.integers(-2, 3, N) / 2)),
            lambda: Delay(delay=as_f64(int(rng.integers(1, 3)) * DT)),
        ]
        nodes[f"n{k}"] = makers[int(rng.choice(len(makers), p=[0.3, 0.1, 0.1, 0.25, 0.15, 0.1]))]()
    names = list(nodes)
    edges: dict[tuple[str, str], int | None] = {}
    for at, name in enumerate(names[1:], start=1):
        edges[names[int(rng.integers(max(at - 2, 0), at))], name] = _delay(rng)
        if rng.random() < 0.4:
            edges[names[int(rng.integers(at))], name] = _delay(rng)
        if rng.random() < 0.3:  # back, or onto itself
            edges[names[int(rng.integers(at, len(names)))], name] = _delay(rng)
    read = {source for source, _ in edges}
    for name in names:
        if name not in read or name == names[-1]:
            nodes[f"out of {name}"] = Output(shape=(N,))
            edges[name, f"out of {name}"] = _delay(rng)
    return Graph(
        nodes=nodes,
        edges=tuple(Edge(a, b, delay) for (a, b), delay in edges.items()),
        dt_s=DT,
        recurrent_bias_at_0=bool(rng.random() < 0.5),
    )


def _delay(rng: np.random.Generator) -> int | None:
    return int(rng.integers(0, 3)) if rng.random() < 0.2 else None


def closing_edges(findings: tuple[Finding, ...]) -> set[tuple[str, str]]:
    """What lowering says it cut: by the map's name, or by both ends."""
    found = set()
    for finding in findings:
        cut = re.search(r"what (\S+) emits reaches (\S+) one step later", finding.what)
        if cut:
            source = cut[1] if "->" in finding.where else finding.where
            found.add((source, cut[2]))
    return found


@pytest.mark.parametrize("block", range(BLOCKS))
def test_random_graphs(block: int) -> None:
    compared = 0
    for seed in range(block * PER_BLOCK, (block + 1) * PER_BLOCK):
        graph = random_graph(seed)
        try:
            lowered = lower_reported(graph)
        except UnsupportedError:  # a cycle without a neuron, or a bias behind a relay
            continue
        compared += 1
        network, case = lowered.network, Case(graph, closing_edges(lowered.findings))
        steps = inputs_of(case, steps=5, seed=seed)
        plain = PlainRun(graph, steps, case.closing)
        record = Record(emissions=tuple(node.name for node in network.nodes))
        x = {name: values[None] for name, values in steps.items()}
        for engine in ("reference", "event") if has_kernel() else ("reference",):
            result = run(network, x, engine=engine, record=record)
            read = {o.name: o.node for o in network.outputs}
            for name in graph.nodes:
                node = read.get(name, name)
                if node in result.emissions and name != "in":
                    found = result.emissions[node][0].astype(float)
                    assert np.array_equal(found, np.stack(plain.values[name])), (seed, engine, name)
    assert compared > PER_BLOCK / 4
