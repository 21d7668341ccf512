"""Neurons that compete: who wins is settled by the bounds, or named as open."""

from types import SimpleNamespace

import numpy as np
import pytest

from neurochain.graph import Reset, ResetKind
from neurochain.network import (
    Instruction,
    Network,
    Op,
    OutputPort,
    Population,
    PortKind,
    Program,
    Projection,
    Source,
)
from neurochain.operators import Dense
from neurochain.programs import inhibited, lif_program
from neurochain.verification.enclosure import Enclosure, emission
from neurochain.verification.forced import Forced
from neurochain.verification.free import free_run
from neurochain.verification.judge import Verdict, judge_population

F = np.float32
LARGEST = Program(
    name="largest",
    ports=("x",),
    states=(),
    params=(),
    constants=(),
    body=(Instruction(Op.COPY, "y", ("x",)),),
    next_state=(),
    emit="y",
    emits=PortKind.ANALOG,
    winner="x",
)


def _emitted(value, error):
    registers = {"x": Enclosure(np.array([value]), np.array([error]))}
    found = emission(LARGEST, {**registers, "y": registers["x"]}, (1, len(value)))
    return found.value[0].tolist(), found.error[0].tolist()


def test_by_hand():
    """One winner; two that may win; equal to the bit; one that is out of reach."""
    assert _emitted([1.0, 3.0, 2.0], [0.1, 0.5, 0.25]) == ([0, 3, 0], [0, 0.5, 0])
    assert _emitted([1.0, 3.0, 2.5], [0.1, 0.5, 0.25]) == ([0, 3, 2.5], [0, 3, 2.5])
    assert _emitted([2.0, 3.0, 3.0], [0.0, 0.0, 0.0]) == ([0, 3, 0], [0, 0, 0])
    assert _emitted([3.0, 3.0, 3.0], [0.0, 0.25, 0.0]) == ([3, 3, 3], [3, 3, 3])
    assert _emitted([9.0, 3.0], [0.0, np.inf]) == ([9, 3], [9, np.inf])


def test_every_outcome_lies_inside():
    rng = np.random.default_rng(0)
    value = np.round(rng.normal(0, 1, (3000, 6)), 1)
    error = rng.choice([0, 0, 0.05, 0.3], (3000, 6))
    known = Enclosure(value, error)
    found = emission(LARGEST, {"x": known, "y": known}, value.shape)
    sure = (found.error == 0).all(axis=1)
    assert 0.05 < sure.mean() < 0.95
    for _ in range(20):
        x = value + error * rng.uniform(-1, 1, value.shape)
        wanted = np.where(np.arange(6) == x.argmax(axis=1)[:, None], x, 0.0)
        assert (np.abs(wanted - found.value) <= found.error + 1e-15).all()


def _network():
    """Neurons 0 and 1 get the same sum in opposite orders, neuron 2 half of it, 3 nothing."""
    weights = np.random.default_rng(0).uniform(0.05, 0.4, 16).astype(F)
    weights = np.stack([weights, weights[::-1], weights / 2, weights * 0])
    program = inhibited(lif_program(Reset(kind=ResetKind.NONE)))
    return Network(
        sources=(Source(name="in", shape=(16,)),),
        populations=(
            Population(
                name="cell",
                shape=(4,),
                program=program,
                params={"beta": np.asarray(0.5, F), "theta": np.asarray(1.0, F)},
            ),
        ),
        projections=(
            Projection(
                name="w",
                source="in",
                target="cell",
                operator=Dense(
                    in_shape=(16,), out_shape=(4,), weights=np.ascontiguousarray(weights)
                ),
            ),
        ),
        outputs=(OutputPort(name="out", node="cell"),),
        dt_s=1e-3,
    )


@pytest.fixture(name="case")
def _case():
    network, x = _network(), np.ones((5, 16), F)
    x[3] = 0
    population = network.node("cell")
    states = {"v": np.zeros((5, 4), F)}
    forced = Forced(network, {"in": x, "cell": np.zeros((5, 4), F)}, {"cell": states})
    registers = forced.run(population, 0, 5)
    sums = registers[population.program.next_state[0][1]]
    assert 0 < abs(float(sums[0, 0] - sums[0, 1])) < 1e-5
    spikes = np.zeros((5, 4), F)
    spikes[[0, 1, 2, 4], int(np.argmax(sums[0]))] = 1
    return forced, population, spikes, sums


def _judged(case, spikes):
    forced, population, _, sums = case
    verdict = Verdict()
    record = SimpleNamespace(spikes=spikes, after={"mem": sums})
    judge_population(verdict, 0, forced, population, record)
    return verdict


def test_the_winner_is_found(case):
    verdict = _judged(case, case[2])
    assert (verdict.mismatches, verdict.ties) == (0, [])


def test_an_open_competition_is_a_tie(case):
    other = case[2].copy()
    other[1, :2] = other[1, 1::-1]
    verdict = _judged(case, other)
    assert verdict.mismatches == 0
    assert [(t.step, t.neuron) for t in verdict.ties] == [(1, 0), (1, 1)]


@pytest.mark.parametrize(("neuron", "step"), [(2, 1), (3, 3), (0, 3)])
def test_a_neuron_that_cannot_win_is_a_mismatch(case, neuron, step):
    wrong = case[2].copy()
    wrong[step] = 0
    wrong[step, neuron] = 1
    verdict = _judged(case, wrong)
    assert verdict.mismatches >= 1
    assert verdict.divergences[0].step == step


def test_free_running(case):
    forced = case[0]
    x = forced.emitted["in"]
    v, after = np.zeros(4, F), []
    for row in x:
        v = F(0.5) * v + np.array([row @ w for w in _network().projections[0].operator.weights], F)
        after.append(v)
    winners = np.zeros((5, 4), F)
    for t, row in enumerate(after):
        winners[t, np.argmax(row)] = row.max() > 1
    for neuron, ties in ((int(1 - np.argmax(winners[0])), 2), (2, 0)):
        other = winners.copy()
        other[0] = 0
        other[0, neuron] = 1
        record = SimpleNamespace(spikes=other, after={"mem": np.stack(after)})
        verdict = Verdict()
        found = free_run(
            verdict,
            0,
            forced,
            SimpleNamespace(populations={"cell": record}, steps=len(x)),
            {"in": x},
            "event",
        )
        assert found.equal_steps == 0
        assert len(verdict.ties) == ties or verdict.mismatches
        assert (verdict.mismatches > 0) == (ties == 0)
