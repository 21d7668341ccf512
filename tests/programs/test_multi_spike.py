"""Neurons that fire several times a step, against their equations in scalar float32."""

import numpy as np
import pytest

from neurochain.network import PortKind
from neurochain.programs import evaluate, rockpool_program, sinabs_program

F = np.float32
ALPHA, BETA, THETA, BIAS = F(0.9), F(0.6), F(0.7), F(0.01)
PARAMS = {"alpha": ALPHA, "beta": BETA, "theta": THETA, "bias": BIAS, "v_min": -THETA}


def run(program, streams):
    """Emissions and membranes, one neuron."""
    state = {name: np.zeros(1, F) for name in program.states}
    for values in zip(*streams, strict=True):
        ports = {p: np.full(1, x, F) for p, x in zip(program.ports, values, strict=True)}
        given = {name: np.asarray(PARAMS[name], F) for name in program.params}
        registers = evaluate(program, {**given, **state, **ports})
        state = {s: np.asarray(registers[r], F) for s, r in program.next_state}
        yield registers[program.emit].item(), state["v"].item()


def fire(v):
    return F(np.floor(F(v / THETA))) if v >= THETA else F(0)


@pytest.mark.parametrize("leak", [True, False])
@pytest.mark.parametrize("clamp", [True, False])
def test_sinabs(leak, clamp):
    x = np.random.default_rng(0).normal(0.4, 1.5, 200).astype(F)
    v, most, held = F(0), 0, 0
    for value, (z, membrane) in zip(
        x, run(sinabs_program(leak=leak, clamp=clamp), [x]), strict=True
    ):
        v = F((F(ALPHA * v) if leak else v) + value)
        wanted = fire(v)
        v = F(v - F(wanted * THETA))
        if clamp:
            held += v < -THETA
            v = F(max(F(v + THETA), F(0)) - THETA)
        assert (z, membrane) == (wanted, v)
        assert not np.signbit(z)
        most = max(most, z)
    assert most > 2
    assert not clamp or held > 5


@pytest.mark.parametrize("current", [True, False])
@pytest.mark.parametrize("recurrent", [True, False])
def test_rockpool(current, recurrent):
    rng = np.random.default_rng(1)
    streams = [rng.normal(0.5, 1.0, 200).astype(F) for _ in range(1 + recurrent)]
    program = rockpool_program(current=current, recurrent=recurrent)
    v, i, most = F(0), F(0), 0
    for values, (z, membrane) in zip(
        zip(*streams, strict=True), run(program, streams), strict=True
    ):
        total = F(i + values[0]) if current else values[0]
        if recurrent:
            total = F(total + values[1])
        if current:
            total = i = F(total * BETA)
        v = F(F(F(v * ALPHA) + total) + BIAS)
        wanted = fire(v)
        v = F(v - F(wanted * THETA))
        assert (z, membrane) == (wanted, v)
        most = max(most, z)
    assert most > 1


def test_rockpool_fires_65536_times_at_most():
    x = np.array([1e6], F)
    ((z, _),) = run(rockpool_program(current=False, recurrent=False), [x])
    assert z == 2**16


def test_equality_fires_and_whole_numbers_travel():
    program = sinabs_program(leak=False, clamp=False)
    assert [z for z, _ in run(program, [np.array([THETA, 0, -THETA, THETA], F)])] == [1, 0, 0, 0]
    assert program.emits is PortKind.GRADED
    assert program.threshold is not None
