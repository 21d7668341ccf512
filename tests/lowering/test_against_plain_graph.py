"""A lowered network gives what its graph's equations give, on every node and step, every engine."""

import numpy as np
import pytest
from graph_cases import CASES, Case, inputs_of
from plain_graph import PlainRun

from neurochain.graph import Output
from neurochain.lowering import lower
from neurochain.network import Network
from neurochain.simulators import has_kernel, run
from neurochain.simulators.types import Record


@pytest.mark.parametrize("engine", ["reference", "event"])
@pytest.mark.parametrize("word", CASES)
def test_every_construct(word: str, engine: str) -> None:
    if engine == "event" and not has_kernel():
        pytest.skip("the event engine was not built")
    case = CASES[word]
    network = lower(case.graph)
    for kind in ("spikes", "currents"):
        compare(case, network, kind, engine)


def compare(case: Case, network: Network, kind: str, engine: str) -> None:
    samples = [inputs_of(case, kind=kind, seed=seed) for seed in range(2)]
    stacked = {name: np.stack([s[name] for s in samples]) for name in samples[0]}
    membranes = tuple(p.name for p in network.populations if p.program.membrane)
    record = Record(emissions=tuple(n.name for n in network.nodes), membranes=membranes)
    result = run(network, stacked, engine=engine, record=record)
    read = {o.name: o for o in network.outputs}
    for sample in range(len(samples)):
        plain = PlainRun(case.graph, shaped_inputs(case, kind=kind, seed=sample), case.closing)
        for name, node in case.graph.nodes.items():
            if isinstance(node, Output):
                output = read[name]
                found = result.membranes if output.signal == "membrane" else result.emissions
                source = next(e.source for e in case.graph.edges if e.target == name)
                wanted = (
                    plain.membranes[source] if node.signal == "membrane" else plain.values[name]
                )
                equal(found[output.node][sample], wanted, name)
            elif name in result.emissions and name not in case.graph.inputs:
                equal(result.emissions[name][sample], plain.values[name], name)
        for name in membranes:
            equal(result.membranes[name][sample], plain.membranes[name], f"membrane of {name}")


def equal(found: np.ndarray, wanted: list[np.ndarray], name: str) -> None:
    flat = np.stack([np.ravel(w) for w in wanted])
    assert np.array_equal(found.astype(float), flat), name


def shaped_inputs(case: Case, **options: object) -> dict[str, np.ndarray]:
    return {
        name: x.reshape(-1, *case.graph.nodes[name].shape)  # type: ignore[attr-defined]
        for name, x in inputs_of(case, **options).items()  # type: ignore[arg-type]
    }


def test_the_plain_simulation_exercises_spikes_and_silence() -> None:
    quiet = []
    for word, case in CASES.items():
        plain = PlainRun(case.graph, shaped_inputs(case, steps=12, kind="currents"), case.closing)
        for name in plain.neurons:
            values = np.stack(plain.values[name])
            if (values == values.flat[0]).all():
                quiet.append((word, name))
    assert quiet == []
