"""Pipelined timing: the same spikes a known number of steps later, or refused by name."""

import sys
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurochain.artifact import load_artifact
from neurochain.errors import InputError, UnsupportedError
from neurochain.inputs import EventFrames
from neurochain.lowering import lateness, moves_alone, retime
from neurochain.network import Network, OutputPort, Population, PortKind, Projection, Source
from neurochain.operators import Identity
from neurochain.programs import relay_program
from neurochain.session import simulate

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "accounting"))
from random_networks import random_case

ZOO = Path(__file__).resolve().parents[2] / "models" / "zoo"


def relays(edges, populations=4, sources=1):
    """One element a node; edges (from, to, delay), nodes numbered, sources first."""
    names = [f"n{k}" for k in range(sources + populations)]
    program = relay_program(PortKind.ANALOG)
    return Network(
        sources=tuple(Source(name=n, shape=(1,)) for n in names[:sources]),
        populations=tuple(
            Population(name=n, shape=(1,), program=program, emits=PortKind.ANALOG)
            for n in names[sources:]
        ),
        projections=tuple(
            Projection(
                name=f"e{k}",
                source=names[a],
                target=names[b],
                operator=Identity(in_shape=(1,), out_shape=(1,)),
                delay=d,
            )
            for k, (a, b, d) in enumerate(edges)
        ),
        outputs=(OutputPort(name="out", node=names[-1]),),
        dt_s=1e-3,
    )


@st.composite
def graphs(draw):
    """Edges between five nodes, of which node 0 is the input; backward ones have a delay."""
    edges = []
    for _ in range(draw(st.integers(1, 9))):
        a, b = draw(st.integers(0, 4)), draw(st.integers(1, 4))
        edges.append((a, b, draw(st.integers(0 if a < b else 1, 4))))
    return edges


def least(edges, most_delay, bound=60):
    """The smallest solution by trying nothing clever: raise what must be raised, one by one."""
    r = [0] * 5
    for _ in range(2000):
        wrong = [(a, b, d) for a, b, d in edges if d + r[b] - r[a] < 1]
        long = [(a, b, d) for a, b, d in edges if most_delay and d + r[b] - r[a] > most_delay]
        if not wrong and not long:
            return r
        node = wrong[0][1] if wrong else long[0][0]
        r[node] += 1
        if node == 0 or r[node] > bound:
            return None
    return None


@given(graphs(), st.sampled_from([None, 1, 2, 5]))
def test_the_smallest_latency_or_none(edges, most_delay):
    expected = least(edges, most_delay)
    network = relays(edges)
    if expected is None:
        with pytest.raises(UnsupportedError):
            lateness(network, most_delay=most_delay)
        return
    late = lateness(network, most_delay=most_delay)
    assert [late[f"n{k}"] for k in range(5)] == expected
    for p in retime(network, most_delay=most_delay, cleared=True).projections:
        assert 1 <= p.delay <= (most_delay or p.delay)


def test_a_cycle_with_too_little_delay_is_named():
    with pytest.raises(UnsupportedError, match=r"n2 -> n3 -> n2.*2 projections with 1 steps"):
        lateness(relays([(0, 1, 0), (1, 2, 0), (2, 3, 0), (3, 2, 1), (3, 4, 0)]))


def test_a_delay_beyond_the_limit_names_both_paths():
    edges = [(0, 1, 0), (1, 2, 0), (2, 3, 0), (3, 4, 0), (0, 4, 0)]
    assert lateness(relays(edges), most_delay=4)["n4"] == 4
    with pytest.raises(UnsupportedError, match=r"e4.*more than 3 steps"):
        lateness(relays(edges), most_delay=3)


def test_slack_becomes_delay_and_an_earlier_node_may_wait():
    """Node 2 is not on the longest path; where delay lines are short, it runs later instead."""
    edges = [(0, 1, 0), (1, 3, 0), (3, 4, 0), (0, 2, 1), (2, 4, 0)]
    assert lateness(relays(edges), most_delay=None)["n2"] == 0
    limited = lateness(relays(edges), most_delay=2)
    assert (limited["n2"], limited["n4"]) == (1, 3)


SEEDS = range(4_000, 4_250)


def compare(network, inputs, engine):
    """Spikes, membranes and counts of both timings; the retimed network."""
    piped = retime(network)
    membranes = tuple(p.name for p in network.populations if p.program.membrane)
    a = simulate(network, inputs, record="all", membranes=membranes, engine=engine)
    b = simulate(piped, inputs, record="all", membranes=membranes, engine=engine)
    for name, spikes in a.spikes.items():
        steps, start = spikes.shape[1], piped.node(name).start
        assert np.array_equal(spikes, b.spikes[name]), name
        raw = b.raw_spikes[name]
        assert raw.shape[1] == steps + piped.latency
        assert not raw[:, :start].any()
        assert np.array_equal(raw[:, start : start + steps], spikes)
    for name, values in a.membranes.items():
        assert np.array_equal(values, b.membranes[name]), name
    assert a.activity.to_dict() == b.activity.to_dict()
    return piped


@pytest.mark.parametrize("engine", ["event", "reference"])
def test_random_networks_spike_the_same(engine):
    """Biases, loops, skips, delays, every operator; what cannot be retimed is refused."""
    same, refused, late_bias, loops = 0, 0, 0, 0
    findings = []
    for seed in SEEDS if engine == "event" else SEEDS[::5]:
        case = random_case(seed)
        try:
            shapes = {source.name: source.shape for source in case.network.sources}
            inputs = {k: v.reshape(*v.shape[:2], *shapes[k]) for k, v in case.inputs.items()}
            piped = compare(case.network, inputs, engine)
        except UnsupportedError as error:
            findings += error.findings
            refused += 1
            continue
        same += 1
        late_bias += any(p.bias is not None for p in piped.projections)
        loops += any(p.source == p.target for p in piped.projections)
    assert same > refused
    assert all(f.where and f.fix for f in findings)
    assert min(late_bias, loops) >= same // 10


@pytest.mark.parametrize("name", sorted(f.parent.name for f in ZOO.glob("*/model.nchain")))
def test_zoo_models_spike_the_same(name):
    network = load_artifact(ZOO / name / "model.nchain").network
    sample = np.load(ZOO / name / "sample.npz")
    spikes = next(sample[k] for k in sample.files if sample[k].ndim > 2)[:4]
    piped = compare(network, {network.sources[0].name: spikes}, "event")
    assert piped.latency == len(network.populations)


def test_biases_that_do_not_wait_would_change_spikes():
    """The start steps are needed: without them the same network spikes otherwise."""
    network = load_artifact(ZOO / "mnist-mlp" / "model.nchain").network
    x = np.load(ZOO / "mnist-mlp" / "sample.npz")
    spikes = next(x[k] for k in x.files if x[k].ndim > 2)
    good = retime(network)
    bad = replace(good, projections=tuple(replace(p, bias_from_step=0) for p in good.projections))
    a, b = (simulate(n, spikes, record="all").spikes["lif2"] for n in (good, bad))
    assert not np.array_equal(a, b)


def test_what_moves_without_input_is_refused_unless_cleared():
    case = next(
        c
        for c in map(random_case, range(4_000, 4_400))
        if any(moves_alone(p) and lateness(c.network)[p.name] for p in c.network.populations)
    )
    with pytest.raises(UnsupportedError, match="without input"):
        retime(case.network)
    assert retime(case.network, cleared=True).latency > 0


def test_event_lists_and_static_input_are_lengthened_too():
    network = retime(load_artifact(ZOO / "mnist-mlp" / "model.nchain").network)
    rng = np.random.default_rng(5)
    x = (rng.random((3, 6, 784)) < 0.1).astype(np.float32)
    start = np.concatenate([[0], np.cumsum(x.reshape(18, -1).sum(axis=1))]).astype(np.int64)
    events = EventFrames(
        samples=3,
        steps=6,
        n=784,
        start=start,
        index=np.nonzero(x.reshape(18, -1))[1].astype(np.uint32),
    )
    a, b = simulate(network, x), simulate(network, events)
    assert a.spikes["lif1"].any()
    for name in a.spikes:
        assert np.array_equal(a.spikes[name], b.spikes[name])
    c = simulate(network, x[:, 0], steps=6)
    assert c.spikes["lif2"].shape == (3, 6, 10)


def test_no_run_goes_on_from_a_pipelined_one():
    network = retime(load_artifact(ZOO / "mnist-mlp" / "model.nchain").network)
    x = np.zeros((1, 4, prod(network.sources[0].shape)))
    run = simulate(network, x)
    with pytest.raises(InputError, match="2 steps after its input"):
        simulate(network, x, initial_state=run.final_state)
