"""Each neuron program against its equations, written out for one neuron in scalar float32."""

from itertools import product

import numpy as np
import pytest

from neurochain.errors import InternalError
from neurochain.graph import Compare, Reset, ResetKind, ResetTiming
from neurochain.network import Instruction, Op, PortKind, Program
from neurochain.programs import (
    cuba_li_program,
    cuba_lif_program,
    evaluate,
    li_program,
    lif_program,
    relay_program,
    threshold_program,
)

F = np.float32
VALUES = {"alpha": 0.7, "beta": 0.9, "gain": 0.8, "drive": 1.2, "leak": 0.05, "theta": 0.6}
VALUES["v_reset"] = -0.2

LATE = {
    ResetTiming.NEXT_STEP,
    ResetTiming.NEXT_STEP_DISCARD,
    ResetTiming.SAME_STEP_ONCE,
    ResetTiming.SAME_STEP_ONCE_DISCARD,
}
ONCE = {ResetTiming.SAME_STEP_ONCE, ResetTiming.SAME_STEP_ONCE_DISCARD}
DISCARD = {ResetTiming.NEXT_STEP_DISCARD, ResetTiming.SAME_STEP_ONCE_DISCARD}


def _fires(v, compare):
    theta = F(VALUES["theta"])
    return bool(v > theta) if compare is Compare.GREATER else bool(v >= theta)


def _input(p, inflow, options):
    """beta v, then each input, left to right."""
    for x in inflow:
        p = F(p + (F(F(VALUES["gain"]) * x) if options.get("gain") else x))
    return p


def neuron(reset, compare, options, state, inflow):
    """One step of one neuron as the documentation of the reset rules says it: (v, i, z)."""
    v, i = state
    late = reset is not None and reset.timing in LATE and reset.kind is not ResetKind.NONE
    before = late and _fires(v, compare)
    discard = late and reset.timing in DISCARD
    if late and reset.kind is ResetKind.ZERO and not discard and before:
        v = F(F(0) * v)
    if options.get("current"):
        old, i = i, _input(F(F(VALUES["alpha"]) * i), inflow, options)
        seen = old if options.get("old_current") else i
        driven = F(F(VALUES["drive"]) * seen) if options.get("drive") else seen
        v = F(F(F(VALUES["beta"]) * v) + driven)
    else:
        v = _input(F(F(VALUES["beta"]) * v), inflow, options)
    if options.get("leak"):
        v = F(v + F(VALUES["leak"]))
    if reset is None:
        return v, i, v
    theta = F(VALUES["theta"])
    if before and reset.kind is ResetKind.SUBTRACT:
        v = F(v - theta)
    if before and discard:
        v = F(v - v)
    z = _fires(v, compare)
    if reset.kind is ResetKind.NONE or (late and reset.timing not in ONCE):
        return v, i, F(z)
    if late:  # once: (z - R) times theta or v is taken off
        factor = F(F(z) - F(before))
        v = F(v - F(factor * (theta if reset.kind is ResetKind.SUBTRACT else v)))
    elif z and reset.kind is ResetKind.SUBTRACT:
        v = F(v - theta)
    elif z:
        v = F(VALUES["v_reset"]) if reset.kind is ResetKind.VALUE else F(0)
    return v, i, F(z)


RESETS = [
    Reset(kind=ResetKind.NONE),
    Reset(kind=ResetKind.VALUE),
    *(Reset(kind=ResetKind.ZERO, timing=t) for t in ResetTiming),
    *(
        Reset(kind=ResetKind.SUBTRACT, timing=t)
        for t in (ResetTiming.SAME_STEP, ResetTiming.NEXT_STEP, ResetTiming.SAME_STEP_ONCE)
    ),
]
CUBA_OPTIONS = [{"drive": True}, {"old_current": True}, {"old_current": True, "drive": True}]
OPTIONS = [
    {},
    {"recurrent": True},
    {"gain": True, "leak": True},
    {"recurrent": True, "gain": True, "leak": True},
]


def _run(program, streams):
    """The program over time, one neuron: lists of emissions and states."""
    params = {name: np.asarray(VALUES[name], dtype=F) for name in program.params}
    state = {name: np.zeros((1, 1), dtype=F) for name in program.states}
    for values in zip(*streams, strict=True):
        ports = {p: np.full((1, 1), x, dtype=F) for p, x in zip(program.ports, values, strict=True)}
        registers = evaluate(program, {**params, **state, **ports})
        state = {s: np.asarray(registers[r], dtype=F) for s, r in program.next_state}
        yield registers[program.emit].item(), {k: v.item() for k, v in state.items()}


def _streams(count, seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(0.25, 0.5, 60).astype(F) for _ in range(count)]


def _check(program, reset, compare, options, seed=0):
    streams = _streams(len(program.ports), seed)
    state, fired = (F(0), F(0)), 0
    inflow = zip(*streams, strict=True)
    for (emitted, found), values in zip(_run(program, streams), inflow, strict=True):
        v, i, z = neuron(reset, compare, options, state, values)
        assert emitted == z
        assert found["v"] == v
        assert found.get("i", i) == i
        state, fired = (v, i), fired + (z == 1)
    return fired


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("compare", Compare)
@pytest.mark.parametrize("reset", RESETS, ids=lambda r: f"{r.kind}-{r.timing}")
def test_leaky_integrate_and_fire(reset, compare, options):
    assert _check(lif_program(reset, compare=compare, **options), reset, compare, options) > 0


@pytest.mark.parametrize("options", [*OPTIONS, *CUBA_OPTIONS], ids=str)
@pytest.mark.parametrize("reset", RESETS, ids=lambda r: f"{r.kind}-{r.timing}")
def test_current_based_leaky_integrate_and_fire(reset, options):
    program = cuba_lif_program(reset, **options)
    assert _check(program, reset, Compare.GREATER, {**options, "current": True}) > 0


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_integrators(options):
    _check(li_program(**options), None, Compare.GREATER, options)
    _check(cuba_li_program(**options), None, Compare.GREATER, {**options, "current": True})
    old = {**options, "old_current": True}
    _check(cuba_li_program(**old), None, Compare.GREATER, {**old, "current": True})


def test_by_hand_delayed_and_immediate_subtraction():
    """beta 1, theta 1, input 0.75 a step: v = .75, 1.5 (spike), then 1.25 (spike), then 1."""
    for timing, wanted in (
        (ResetTiming.NEXT_STEP, [0.75, 1.5, 1.25, 1.0, 1.75]),
        (ResetTiming.SAME_STEP, [0.75, 0.5, 0.25, 1.0, 0.75]),
    ):
        program = lif_program(Reset(kind=ResetKind.SUBTRACT, timing=timing))
        registers = {"beta": F(1), "theta": F(1), "v": np.zeros(1, F), "x": np.full(1, 0.75, F)}
        found, spikes = [], []
        for _ in range(5):
            values = evaluate(program, registers)
            registers["v"] = values[dict(program.next_state)["v"]]
            found.append(registers["v"].item())
            spikes.append(int(values[program.emit].item()))
        assert found == wanted
        assert spikes == [0, 1, 1, 0, 1]


@pytest.mark.parametrize(("compare", "wanted"), [(">", [0, 0, 1]), (">=", [0, 1, 1])])
def test_equality_at_the_threshold(compare, wanted):
    x = np.array([0.25, 0.5, 0.75], dtype=F)
    theta = np.asarray(0.5, dtype=F)
    program = threshold_program(Compare(compare))
    assert evaluate(program, {"x": x, "theta": theta})[program.emit].tolist() == wanted
    lif = lif_program(Reset(), compare=Compare(compare))
    values = evaluate(lif, {"x": x, "v": x * 0, "beta": F(1), "theta": theta})
    assert values[lif.emit].tolist() == wanted


@pytest.mark.parametrize("kind", PortKind)
def test_a_relay_passes_on(kind):
    program = relay_program(kind)
    x = np.array([1.5, -0.0, 3.0], dtype=F)
    assert evaluate(program, {"x": x})[program.emit].tobytes() == x.tobytes()
    assert program.emits is kind


def test_names_tell_every_form_apart():
    options = [
        dict(zip(("recurrent", "gain", "leak"), f, strict=True)) for f in product((0, 1), repeat=3)
    ]
    programs = [
        build(reset, compare=compare, **given)
        for build, reset, compare, given in product(
            (lif_program, cuba_lif_program), RESETS, Compare, options
        )
    ]
    names = {(p.name, p.body, p.constants) for p in programs}
    assert len({p.name for p in programs}) == len(names)


def test_a_reset_to_a_value_cannot_be_late():
    with pytest.raises(InternalError, match="same step"):
        lif_program(Reset(kind=ResetKind.VALUE, timing=ResetTiming.NEXT_STEP))


@pytest.mark.parametrize(
    "body",
    [
        (Instruction(Op.ADD, "y", ("x",)),),
        (Instruction(Op.COPY, "y", ("nowhere",)),),
        (Instruction(Op.COPY, "x", ("x",)),),
        (),
    ],
)
def test_malformed_programs_are_refused(body):
    with pytest.raises(InternalError, match="program odd"):
        Program(
            name="odd",
            ports=("x",),
            states=(),
            params=(),
            constants=(),
            body=body,
            next_state=(),
            emit="y",
            emits=PortKind.ANALOG,
        )
