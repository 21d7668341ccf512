"""The C loops one by one: the fast against the naive, hot programs against the interpreter."""

import numpy as np
import pytest
from engine_cases import PROGRAMS, dense, inputs_for, one_projection, state_for

from neurochain.network import PortKind
from neurochain.simulators.event import programs
from neurochain.simulators.event.kernel import Memory
from neurochain.simulators.event.windows import axis_table

CODES = {"float32": "f32", "int8": "i8_i32", "int16": "i16_i32"}
ACCUMULATORS = {"float32": ("float", np.float32), "int8": ("int32_t", np.int32)}
ACCUMULATORS["int16"] = ACCUMULATORS["int8"]
C_TYPES = {"float32": "float", "int8": "int8_t", "int16": "int16_t"}


def _dense(function, dtype, weights, idx, val):
    memory = Memory()
    ctype, accumulator = ACCUMULATORS[dtype]
    acc = np.zeros(weights.shape[1], dtype=accumulator)
    getattr(memory.lib, function)(
        memory.view(C_TYPES[dtype], weights),
        weights.shape[1],
        memory.view("uint32_t", idx),
        memory.ffi.NULL if val is None else memory.view("float", val),
        idx.size,
        memory.writable(ctype, acc),
    )
    return acc


def _row_by_row(weights, idx, val, accumulator):
    acc = np.zeros(weights.shape[1], dtype=accumulator)
    for k, i in enumerate(idx):
        row = weights[i].astype(accumulator)
        acc += row if val is None else row * accumulator(val[k])
    return acc


@pytest.mark.parametrize("valued", [False, True])
@pytest.mark.parametrize("stride", [16, 32, 48, 64, 80, 112, 128, 272])
@pytest.mark.parametrize("dtype", CODES)
def test_blocked_rows_equal_naive_rows_and_numpy(dtype, stride, valued):
    rng = np.random.default_rng(stride)
    if dtype == "float32":
        weights = rng.normal(0, 1, (40, stride)).astype(np.float32)
    else:
        weights = rng.integers(-127, 128, (40, stride)).astype(dtype)
    for count in (0, 1, 9, 40):
        idx = np.sort(rng.permutation(40)[:count]).astype(np.uint32)
        val = rng.integers(-4, 5, count).astype(np.float32) + np.float32(0.3) if valued else None
        if val is not None and dtype != "float32":
            val = np.trunc(val)
        wanted = _row_by_row(weights, idx, val, ACCUMULATORS[dtype][1])
        names = [f"nc_dense_{CODES[dtype]}"]
        names += ["nc_dense_naive_f32"] if dtype == "float32" else []
        for name in names:
            assert _dense(name, dtype, weights, idx, val).tobytes() == wanted.tobytes(), name


def test_hot_forms_are_programs_that_exist():
    for program, form in programs.hot_forms().items():
        assert PROGRAMS[program.name] == program
        assert set(form.params) == set(program.params)


@pytest.mark.parametrize("per_neuron", [False, True])
@pytest.mark.parametrize("name", sorted(p.name for p in programs.hot_forms()))
def test_hot_forms_equal_the_interpreter(name, per_neuron, monkeypatch):
    from engine_cases import differences, everything

    from neurochain.simulators.event import run_event

    rng = np.random.default_rng(len(name))
    network = one_projection(
        rng, dense, "float32", PortKind.ANALOG, (20,), PROGRAMS[name], per_neuron=per_neuron
    )
    inputs, state = inputs_for(rng, network, steps=40), state_for(rng, network)
    record = everything(network)
    hot = run_event(network, inputs, initial_state=state, record=record)
    assert hot.counts.populations["p"][..., 0].sum() > 0
    monkeypatch.setattr(programs, "hot_forms", dict)
    slow = run_event(network, inputs, initial_state=state, record=record)
    assert differences(hot, slow) == []


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 64, 70_001])
@pytest.mark.parametrize("rate", [0.0, 0.1, 1.0])
def test_event_lists_and_counts(n, rate):
    memory = Memory()
    fired = (np.random.default_rng(n).random(n) < rate).astype(np.uint8)
    dense_values = fired * np.float32(-2.5)
    idx, val = np.zeros(n + 1, dtype=np.uint32), np.zeros(n + 1, dtype=np.float32)
    flags, where = memory.view("uint8_t", fired), np.flatnonzero(fired)
    count = memory.lib.nc_events_of_u8(n, flags, memory.writable("uint32_t", idx))
    assert idx[:count].tolist() == where.tolist()
    assert memory.lib.nc_count_u8(n, flags) == where.size
    count = memory.lib.nc_events_of_f32(
        n,
        memory.view("float", dense_values),
        memory.writable("uint32_t", idx),
        memory.writable("float", val),
    )
    assert idx[:count].tolist() == where.tolist()
    assert (val[:count] == -2.5).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2.5, -2.5])
def test_limits_hold_for_every_value(value):
    memory = Memory()
    values = memory.view("float", np.array([0, 2, value], dtype=np.float32))
    assert memory.lib.nc_within_f32(2, values, 2.0) == 1
    assert memory.lib.nc_within_f32(3, values, 2.0) == 0


@pytest.mark.parametrize("geometry", [(7, 3, 2, 1, 1), (9, 3, 1, 0, 2), (5, 2, 3, 1, 1)])
def test_axis_tables_list_every_tap_once(geometry):
    size, kernel, stride, padding, dilation = geometry
    out = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    start, taps, outputs = axis_table(*geometry, out)
    listed = {(y, taps[k], outputs[k]) for y in range(size) for k in range(start[y], start[y + 1])}
    wanted = {
        (o * stride - padding + k * dilation, k, o) for o in range(out) for k in range(kernel)
    }
    assert listed == {entry for entry in wanted if 0 <= entry[0] < size}
