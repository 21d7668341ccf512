"""States that do not start at 0, in both engines, in one run and in chunks."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from engine_cases import (
    DTYPES,
    PROGRAMS,
    differences,
    everything,
    flat,
    identity,
    inputs_for,
    one_projection,
    random_network,
    run_both,
    state_for,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from neurochain.errors import InputError
from neurochain.network import Network, Population, PortKind, Projection, Source
from neurochain.operators import Identity
from neurochain.program import Instruction, Op, Program
from neurochain.simulators import Record, event
from neurochain.simulators.event import run_event
from neurochain.simulators.reference import run_reference
from neurochain.simulators.types import rest_state

F = np.float32
ENGINES = {"reference": run_reference, "event": run_event}
SEEDS = st.integers(0, 2**32 - 1)


def started(rng, network):
    """The network with a random start of its states: shared, one a neuron, or 0 for some."""
    populations = []
    for population in network.populations:
        initial = {}
        for name in population.program.states:
            kind = rng.integers(3)
            if kind:
                shape = population.n if kind == 1 else ()
                initial[name] = np.asarray(rng.normal(0, 0.7, shape), dtype=F)
        populations.append(replace(population, initial=initial))
    return replace(network, populations=tuple(populations))


def starts_of(network, batch):
    """The start of every state as a run would be told it."""
    return {
        p.name: {
            name: np.broadcast_to(np.asarray(value).reshape(1, -1), (batch, p.n))
            for name, value in p.initial.items()
        }
        for p in network.populations
        if p.initial
    }


def unstarted(network):
    """The network whose states start at 0."""
    return replace(network, populations=tuple(replace(p, initial={}) for p in network.populations))


@pytest.mark.parametrize("dtype", DTYPES)
@given(seed=SEEDS)
@settings(max_examples=15)
def test_both_engines_start_there(dtype, seed):
    rng = np.random.default_rng(seed)
    network = started(rng, random_network(rng, dtype))
    inputs = inputs_for(rng, network)
    reference, by_event = run_both(network, inputs)
    assert differences(reference, by_event) == []
    told = run_both(unstarted(network), inputs, starts_of(network, 3))
    assert differences(reference, told[0]) == []
    assert differences(by_event, told[1]) == []


@pytest.mark.parametrize("engine", ENGINES)
@given(seed=SEEDS)
@settings(max_examples=10)
def test_chunks_are_one_run(engine, seed):
    """A later chunk goes on where the one before ended: it does not start again."""
    rng = np.random.default_rng(seed)
    network = started(rng, random_network(rng, DTYPES[seed % 3]))
    inputs, record = inputs_for(rng, network, steps=9), everything(network)
    whole = flat(ENGINES[engine](network, inputs, record=record))
    cuts = sorted({0, 9, *rng.integers(1, 9, rng.integers(1, 9)).tolist()})
    parts, state = [], None
    for first, end in pairwise(cuts):
        frames = {name: x[:, first:end] for name, x in inputs.items()}
        result = ENGINES[engine](network, frames, initial_state=state, record=record)
        state = result.final_state
        parts.append(flat(result))
    for key, value in whole.items():
        made = [part[key] for part in parts]
        joined = made[-1] if key[0] == "final" else np.concatenate(made, axis=1)
        assert joined.tobytes() == value.tobytes(), key


@pytest.mark.parametrize("dtype", DTYPES)
@given(seed=SEEDS)
@settings(max_examples=10)
def test_chunks_of_either_engine_fit_together(dtype, seed):
    """What one engine ends with is where the other goes on."""
    rng = np.random.default_rng(seed)
    network = started(rng, random_network(rng, dtype))
    inputs, record = inputs_for(rng, network, steps=6), everything(network)
    whole = flat(run_reference(network, inputs, record=record))
    for first, second in (ENGINES.values(), reversed(ENGINES.values())):
        head = first(network, {k: v[:, :2] for k, v in inputs.items()}, record=record)
        tail = second(
            network,
            {k: v[:, 2:] for k, v in inputs.items()},
            initial_state=head.final_state,
            record=record,
        )
        ends = {k: v for k, v in flat(tail).items() if k[0] == "final"}
        assert all(v.tobytes() == whole[k].tobytes() for k, v in ends.items())
        for name, values in tail.emissions.items():
            assert values.tobytes() == whole["emission", name][:, 2:].tobytes()


@pytest.mark.parametrize("engine", ENGINES)
@given(seed=SEEDS)
@settings(max_examples=10)
def test_what_a_run_is_told_comes_before_the_start(engine, seed):
    """States that it is not told keep their start."""
    rng = np.random.default_rng(seed)
    network = started(rng, random_network(rng, "float32"))
    inputs, record = inputs_for(rng, network), everything(network)
    told = state_for(rng, network)
    some = {name: entries for k, (name, entries) in enumerate(told.items()) if k % 2}
    full = {**rest_state(network, 3), **some}
    a = ENGINES[engine](network, inputs, initial_state=some, record=record)
    b = ENGINES[engine](unstarted(network), inputs, initial_state=full, record=record)
    assert differences(a, b) == []


HALVED = Program(
    name="halved",
    ports=("x",),
    states=("v", "w"),
    params=(),
    constants=(("half", 0.5),),
    body=(
        Instruction(Op.MUL, "a", ("v", "half")),
        Instruction(Op.ADD, "v_next", ("a", "x")),
        Instruction(Op.SUB, "y", ("v", "w")),
    ),
    next_state=(("v", "v_next"), ("w", "v")),
    emit="y",
    emits=PortKind.ANALOG,
    membrane="v_next",
)
"""v halves and takes x; w is v of the step before; emits v - w as the step found them."""


def halved(**initial):
    """in (3,) -> v, w -> late, which reads what was emitted two steps ago."""
    relay = PROGRAMS[f"relay.{PortKind.ANALOG.value}"]
    same = Identity(in_shape=(3,), out_shape=(3,))
    return Network(
        sources=(Source(name="in", shape=(3,), emits=PortKind.ANALOG),),
        populations=(
            Population(name="p", shape=(3,), program=HALVED, emits=PortKind.ANALOG,
                       initial={k: np.asarray(v, dtype=F) for k, v in initial.items()}),
            Population(name="late", shape=(3,), program=relay, emits=PortKind.ANALOG),
        ),
        projections=(
            Projection(name="e", source="in", target="p", operator=same),
            Projection(name="d", source="p", target="late", operator=same, delay=2),
        ),
        outputs=(),
        dt_s=1e-3,
    )  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_by_the_equations(engine):
    network = halved(v=[8, -4, 0], w=0.5)
    x = np.zeros((2, 4, 3), F)
    x[1, 0] = 1  # the second sample is fed once
    result = ENGINES[engine](network, {"in": x}, record=everything(network))
    assert result.membranes["p"][0].tolist() == [
        [4, -2, 0], [2, -1, 0], [1, -0.5, 0], [0.5, -0.25, 0],
    ]  # fmt: skip
    assert result.membranes["p"][1].tolist() == [
        [5, -1, 1], [2.5, -0.5, 0.5], [1.25, -0.25, 0.25], [0.625, -0.125, 0.125],
    ]  # fmt: skip
    emitted = result.emissions["p"][0]
    assert emitted.tolist() == [[7.5, -4.5, -0.5], [-4, 2, 0], [-2, 1, 0], [-1, 0.5, 0]]
    # before step 0 nothing was emitted, whatever the states start with
    assert result.emissions["late"][0].tolist() == [[0, 0, 0], [0, 0, 0], *emitted[:2].tolist()]
    assert result.final_state["p"]["w"].tolist() == [[1, -0.5, 0], [1.25, -0.25, 0.25]]


@pytest.mark.parametrize("engine", ENGINES)
def test_starts_keep_their_bits(engine):
    """Zeros with a sign and numbers below the normal ones are where counting begins."""
    start = np.array([-0.0, 1e-40, 0.1], F)
    network = halved(v=start)
    result = ENGINES[engine](network, {"in": np.zeros((1, 1, 3), F)}, record=everything(network))
    assert result.final_state["p"]["w"].tobytes() == start.tobytes()
    by_bits = halved(v=[-0.0, 0, 0], w=[-0.0, 0, 0])
    counts = ENGINES[engine](by_bits, {"in": np.zeros((1, 1, 3), F)}).counts.populations["p"]
    again = ENGINES[engine](halved(), {"in": np.zeros((1, 1, 3), F)}).counts.populations["p"]
    # v: -0 / 2 + 0 is +0, a change of bits; from rest nothing changes
    assert (counts[0, 0, -1], again[0, 0, -1]) == (1, 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_runs_leave_the_start_as_it_was(engine):
    network = halved(v=[1, 2, 3], w=[0, 1, 0])
    x = np.ones((2, 5, 3), F)
    first = ENGINES[engine](network, {"in": x}, record=everything(network))
    assert {k: v.tolist() for k, v in network.populations[0].initial.items()} == {
        "v": [1, 2, 3],
        "w": [0, 1, 0],
    }
    assert differences(first, ENGINES[engine](network, {"in": x}, record=everything(network))) == []


def test_a_packed_network_starts_anew_in_every_run():
    network = halved(v=[1, 2, 3])
    packed = event.pack(network)
    prepared = event.pack_inputs(network, {"in": np.ones((2, 5, 3), F)})
    first = event.run_packed(packed, prepared)
    assert first.final_state["p"]["v"].any()
    assert differences(first, event.run_packed(packed, prepared)) == []
    plain = run_reference(network, {"in": np.ones((2, 5, 3), F)}, record=Record())
    assert differences(first, plain) == []


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("value", [2.0, 0.5, -1.0])
def test_what_spiking_neurons_emitted_is_0_or_1(engine, value) -> None:
    rng = np.random.default_rng(8)
    network = one_projection(rng, identity, "float32", PortKind.EVENT, (3,))
    back = replace(network.projections[0], name="back", source="p", delay=2)
    network = replace(network, projections=(*network.projections, back))
    x = {"s": np.zeros((1, 4, 3), F)}
    history = np.zeros((1, 2, 3), F)
    history[0, 1, 2] = 1
    ENGINES[engine](network, x, initial_state={"p": {"history": history}})
    history[0, 0, 1] = value
    with pytest.raises(InputError, match="values that are no spikes"):
        ENGINES[engine](network, x, initial_state={"p": {"history": history}})


@pytest.mark.parametrize("value", [[[10**400] * 3], [[1j] * 3], [["1"] * 3], [[1], [2, 3]], None])
def test_states_that_are_no_numbers(value) -> None:
    rng = np.random.default_rng(8)
    network = one_projection(rng, identity, "float32", PortKind.EVENT, (3,))
    x = {"s": np.zeros((1, 2, 3), F)}
    (name,) = network.populations[0].program.states
    with pytest.raises(InputError, match="is no array of numbers"):
        run_event(network, x, initial_state={"p": {name: value}})
