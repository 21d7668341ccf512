"""Neurons that compete: the first of the largest keeps its emission, and no state notices."""

from dataclasses import replace

import numpy as np
import pytest
from engine_cases import differences, run_both
from map_programs import map_program

from neurochain.errors import InternalError
from neurochain.graph import Reset, ResetKind, ResetTiming
from neurochain.network import Network, Op, Population, PortKind, Projection, Source
from neurochain.operators import Identity
from neurochain.programs import cuba_lif_program, inhibited, li_program, lif_program
from neurochain.simulators.event.kernel import Memory

F = np.float32
RESETS = {
    "subtract": Reset(kind=ResetKind.SUBTRACT, timing=ResetTiming.NEXT_STEP),
    "zero": Reset(kind=ResetKind.ZERO, timing=ResetTiming.NEXT_STEP),
    "none": Reset(kind=ResetKind.NONE),
}
PASS = replace(map_program("largest", (Op.COPY, "y", "x")), name="largest", winner="x")


def network_of(program, n, params, shape=None):
    """in -> one to one -> the program."""
    return Network(
        sources=(Source(name="s", shape=(n,), emits=PortKind.ANALOG),),
        populations=(
            Population(
                name="p",
                shape=shape or (n,),
                program=program,
                params={k: np.asarray(v, F) for k, v in params.items()},
                emits=program.emits,
            ),
        ),
        projections=(
            Projection(
                name="e",
                source="s",
                target="p",
                operator=Identity(in_shape=(n,), out_shape=shape or (n,)),
            ),
        ),
        outputs=(),
        dt_s=1e-3,
    )


def _results(network, x):
    reference, event = run_both(network, {"s": x})
    assert differences(reference, event) == []
    return event


@pytest.mark.parametrize("n", [1, 2, 127, 128, 129, 300])
def test_the_largest_wins_in_every_block(n):
    rng = np.random.default_rng(n)
    x = rng.normal(0, 1, (4, 9, n)).astype(F)
    x[1] = np.rint(x[1])  # many equals
    x[2] = -np.abs(x[2])
    x[3] = 0
    emitted = _results(network_of(PASS, n, {}), x).emissions["p"]
    wanted = np.zeros_like(x)
    for place in np.ndindex(x.shape[:2]):
        winner = min(range(n), key=lambda j: (-x[place][j], j))
        wanted[place][winner] = x[place][winner]
    assert np.array_equal(emitted, wanted)


@pytest.mark.parametrize("name", RESETS)
def test_states_are_those_of_the_neuron_alone(name):
    rng = np.random.default_rng(2)
    x = rng.normal(0.3, 0.6, (3, 25, 140)).astype(F)
    program = lif_program(RESETS[name])
    params = {"beta": 0.9, "theta": rng.uniform(0.5, 1, 140)}
    alone = _results(network_of(program, 140, params), x)
    competing = _results(network_of(inhibited(program), 140, params), x)
    assert competing.membranes["p"].tobytes() == alone.membranes["p"].tobytes()
    assert competing.final_state["p"]["v"].tobytes() == alone.final_state["p"]["v"].tobytes()
    spikes, all_spikes = competing.emissions["p"], alone.emissions["p"]
    assert spikes.dtype == np.uint8
    shift = alone.membranes["p"] - params["theta"].astype(F)
    winners = np.argmax(shift, axis=2)
    chosen = np.arange(140) == winners[..., None]
    assert np.array_equal(spikes, all_spikes * chosen)
    assert all_spikes.sum(axis=2).max() > 1
    assert spikes.sum() > 0
    counts = competing.counts.populations["p"]
    assert np.array_equal(counts[..., 0], spikes.sum(axis=2))
    assert np.array_equal(counts[..., 1:], alone.counts.populations["p"][..., 1:])


def test_what_the_winner_emits_reaches_the_next_layer():
    n = 6
    network = network_of(inhibited(lif_program(RESETS["none"])), n, {"beta": 0, "theta": 0.5})
    follower = replace(
        network.populations[0],
        name="q",
        program=li_program(),
        params={"beta": np.asarray(1, F)},
        emits=PortKind.ANALOG,
    )
    edges = [
        replace(network.projections[0], name=f"late {d}", source="p", target="q", delay=d)
        for d in (0, 2)
    ]
    network = replace(
        network,
        populations=(*network.populations, follower),
        projections=(*network.projections, *edges),
    )
    x = np.random.default_rng(0).uniform(0, 1, (2, 8, n)).astype(F)
    result = _results(network, x)
    spikes = result.emissions["p"].astype(F)
    late = np.concatenate([np.zeros((2, 2, n), F), spikes[:, :-2]], axis=1)
    assert np.array_equal(result.membranes["q"], np.cumsum(spikes + late, axis=1))
    assert result.counts.projections["late 0"][..., 0].max() == 1


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:Inhibition is an unstable feature:UserWarning")
@pytest.mark.parametrize("per_neuron", [False, True])
@pytest.mark.parametrize("mechanism", RESETS)
def test_as_snntorch_computes_it(mechanism, per_neuron):
    torch = pytest.importorskip("torch")
    snntorch = pytest.importorskip("snntorch")
    rng = np.random.default_rng(5)
    n, batch, steps = 150, 3, 40
    # multiples of 1/8 and a decay of 1/2: some neurons are equal to the bit
    x = (rng.integers(-2, 9, (batch, steps, n)) / 8).astype(F)
    x[2] *= F(0.37)
    theta = rng.integers(4, 9, n).astype(F) / 4 if per_neuron else np.asarray(1.0, F)
    leaky = snntorch.Leaky(
        beta=0.5, threshold=torch.from_numpy(theta), inhibition=True, reset_mechanism=mechanism
    )
    memory, spikes, membranes = leaky.init_leaky(), [], []
    with torch.no_grad():
        for t in range(steps):
            spike, memory = leaky(torch.from_numpy(x[:, t]), memory)
            spikes.append(spike.numpy())
            membranes.append(memory.numpy())
    program = inhibited(lif_program(RESETS[mechanism]))
    result = _results(network_of(program, n, {"beta": 0.5, "theta": theta}), x)
    wanted = np.stack(spikes, axis=1)
    assert np.array_equal(result.emissions["p"], wanted)
    assert np.array_equal(result.membranes["p"], np.stack(membranes, axis=1))
    assert 0 < wanted.sum() <= batch * steps
    assert wanted.sum(axis=2).max() == 1
    shift = result.membranes["p"] - theta
    assert (np.sum(shift == shift.max(axis=2, keepdims=True), axis=2) > 1).any()


@pytest.mark.parametrize("values", [[1, np.nan, 5], [np.nan, 7], [2, 2], [-0.0, 0.0], [0.0, -0.0]])
def test_the_first_of_the_largest_is_numpys_and_torchs(values):
    memory = Memory()
    array = np.array(values, F)
    found = memory.lib.nc_first_largest_f32(array.size, memory.view("float", array))
    assert found == np.argmax(array)


def test_neurons_that_compete_stand_in_one_row():
    program = inhibited(lif_program(RESETS["zero"]))
    with pytest.raises(InternalError, match=r"p: has shape \(2, 3\); neurons that compete"):
        network_of(program, 6, {"beta": 0.5, "theta": 1}, shape=(2, 3))


def test_names_and_misuse():
    program = cuba_lif_program(RESETS["subtract"])
    assert inhibited(program).name == "cuba_lif.subtract.next_step.inhibition"
    assert inhibited(program).emit == program.emit
    for wrong in (li_program(), inhibited(program)):
        with pytest.raises(InternalError, match="no threshold, or a winner"):
            inhibited(wrong)
    for timing in (ResetTiming.SAME_STEP, ResetTiming.SAME_STEP_ONCE):
        with pytest.raises(InternalError, match="follows the spike"):
            inhibited(lif_program(Reset(kind=ResetKind.SUBTRACT, timing=timing)))
    with pytest.raises(InternalError, match="unknown registers"):
        replace(program, winner="nowhere")
