"""Hot neurons: every form, in every version of the loops, against the interpreter, bit for bit."""

import numpy as np
import pytest
from engine_cases import (
    PROGRAMS,
    dense,
    differences,
    everything,
    inputs_for,
    one_projection,
    state_for,
)
from kernel_calls import (
    FFI,
    LIB,
    MEMORY,
    ODD,
    VERSIONS,
    events,
    odd_values,
    pack_dense,
    pointer,
    spans,
    wide,
)

from neurochain.network import Population, PortKind
from neurochain.simulators.event import programs, run_event
from neurochain.simulators.event.programs import pack_program

N, PADDED, STEPS = 150, 192, 12
NAMES = sorted(p.name for p in programs.hot_forms())
DECAYS = np.array([0, 1, 0.5, 0.75, 0.999, 1 - 2**-24, 0.9, 0.3, 2**-126, 1e-40], dtype=np.float32)


def _population(rng, program, per_neuron):
    """Decays from DECAYS, thresholds and leaks from small and ordinary numbers."""
    shape = (N,) if per_neuron else ()
    params = {}
    for name in program.params:
        choices = DECAYS
        if name == "theta":
            choices = np.array([1, 0.4, 1e-40, 0, 1e-30], dtype=np.float32)
        if name == "leak":
            choices = np.array([0, -0.0, 0.1, -0.2, 1e-41], dtype=np.float32)
        params[name] = np.asarray(rng.choice(choices, shape), dtype=np.float32)
    return Population(name="p", shape=(N,), program=program, params=params, emits=program.emits)


def _packed(population):
    """(nc_population, its registers)."""
    into = MEMORY.structs("nc_population", 1)
    into[0].n = population.n
    return into[0], pack_program(MEMORY, into[0], population)


def _bases(registers, x, states):
    """Register pointers for the interpreter."""
    program = registers.program
    bases = dict(registers.fixed)
    bases |= {name: MEMORY.zeros("float", LIB.NC_BLOCK) for name in registers.temporaries}
    bases |= {program.ports[0]: pointer(x)}
    bases |= {name: pointer(states[name]) for name in program.states}
    return FFI.new("float *[]", [bases[name] for name in registers.number])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("per_neuron", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_every_form_equals_the_interpreter(name, per_neuron, version):
    """States and inputs are subnormal, zero of either sign, infinite and NaN as well."""
    rng = np.random.default_rng(NAMES.index(name))
    for _ in range(4):
        population, registers = _packed(_population(rng, PROGRAMS[name], per_neuron))
        assert population.is_hot
        slow = {s: odd_values(rng, N) for s in PROGRAMS[name].states}
        fast = {s: value.copy() for s, value in slow.items()}
        bits, fired = np.zeros(PADDED // 64, dtype=np.uint64), np.zeros(N, dtype=np.uint8)
        x = np.zeros(PADDED, dtype=np.float32)
        bases = _bases(registers, x, slow)
        for step in range(STEPS):
            x[:N] = odd_values(rng, N) if step % 3 != 2 else 0
            current = pointer(fast["i"]) if "i" in fast else FFI.NULL
            hot = FFI.addressof(population, "hot")
            changed = wide(version).hot_step(
                hot, 0, N, pointer(x), pointer(fast["v"]), current, pointer(bits)
            )
            wanted = LIB.nc_program_step(
                FFI.addressof(population, "program"),
                bases,
                population.step,
                N,
                FFI.NULL,
                pointer(fired),
                FFI.NULL,
            )
            assert all(fast[s].tobytes() == slow[s].tobytes() for s in fast)
            got = np.unpackbits(bits.view(np.uint8), bitorder="little")
            assert got[:N].tolist() == fired.tolist()
            assert not got[N:].any()
            assert changed == wanted


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", NAMES)
def test_subnormal_membranes_decay_as_the_interpreter_has_it(name, version):
    """From all small magnitudes, without input, to where nothing moves any more."""
    rng = np.random.default_rng(3)
    population, registers = _packed(_population(rng, PROGRAMS[name], per_neuron=True))
    magnitudes = rng.integers(0, 0x0E000000, N).astype(np.uint32)
    magnitudes[::3] = rng.integers(0, 40, len(magnitudes[::3]))
    signs = rng.integers(0, 2, N).astype(np.uint32) << np.uint32(31)
    slow = {s: (magnitudes | signs).view(np.float32).copy() for s in PROGRAMS[name].states}
    fast = {s: value.copy() for s, value in slow.items()}
    x, bits = np.zeros(PADDED, dtype=np.float32), np.zeros(PADDED // 64, dtype=np.uint64)
    bases, moved = _bases(registers, x, slow), 0
    for _ in range(60):
        current = pointer(fast["i"]) if "i" in fast else FFI.NULL
        hot, program = FFI.addressof(population, "hot"), FFI.addressof(population, "program")
        changed = wide(version).hot_step(
            hot, 0, N, pointer(x), pointer(fast["v"]), current, pointer(bits)
        )
        wanted = LIB.nc_program_step(
            program, bases, population.step, N, FFI.NULL, FFI.NULL, FFI.NULL
        )
        assert all(fast[s].tobytes() == slow[s].tobytes() for s in fast)
        assert changed == wanted
        moved += changed
    assert moved > N


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("dtype", ["float32", "int8", "int16"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("ahead", "biased"), [(False, True), (True, True), (True, False)])
def test_many_frames_at_once_equal_step_by_step(name, dtype, version, ahead, biased):
    """dense_run against dense_sum and hot_step; frames without events, a bias that comes late."""
    rng, loops = np.random.default_rng(8), wide(version)
    program, n_in, frames, late = PROGRAMS[name], 60, 14, 5
    weights = rng.normal(0, 0.3, (n_in, N)).astype(np.float32)
    if dtype != "float32":
        weights = rng.integers(-90, 91, (n_in, N)).astype(dtype)
    d = pack_dense(weights, 1.0 if dtype == "float32" else 0.01)
    parts = [(events(rng, n_in, int(k)), None) for k in rng.integers(0, 20, frames)]
    parts[2:4], parts[8:12] = [([], None)] * 2, [([], None)] * 4
    span = spans(parts)
    bias = np.zeros(PADDED, dtype=np.float32)
    if biased:
        bias[:N] = rng.normal(0, 0.2, N) * (rng.random(N) < 0.5)
    population, _ = _packed(_population(rng, program, per_neuron=bool(len(name) % 2)))
    once = {s: rng.normal(0, 0.3, N).astype(np.float32) for s in program.states}
    each = {s: value.copy() for s, value in once.items()}
    always = np.packbits(bias != 0, bitorder="little").view(np.uint64)
    fired, counts = np.zeros((frames, 3), np.uint64), np.zeros((frames, 2), np.uint32)
    run = FFI.new("nc_dense_run *")
    run.dense, run.hot = d, FFI.addressof(population, "hot")
    run.n, run.first, run.end, run.frames, run.spans = N, 0, 3, frames, 1
    until = np.zeros(1, dtype=np.uint64)
    run.eventful, run.until = frames, FFI.cast("size_t *", pointer(until))
    run.span, run.bias_from = span, late
    if biased:
        run.bias, run.always_biased = pointer(bias), pointer(always)
    run.v, run.fired, run.stride, run.counts = (
        pointer(once["v"]),
        pointer(fired),
        3,
        pointer(counts),
    )
    if "i" in once:
        run.i = pointer(once["i"])
    if ahead:
        d[0].full = 0  # or there would be nothing to look up
        to = FFI.NULL if biased else run.counts
        run.reached = loops.reached_frames(d, 0, 3, span, 1, frames, pointer(fired), 3, to)
        assert run.reached == (LIB.NC_REACHED_BITS if biased else LIB.NC_REACHED_COUNTED)
    loops.dense_run(run)
    for t in range(frames):
        x, bits = np.zeros(PADDED, dtype=np.float32), np.zeros(3, dtype=np.uint64)
        loops.dense_sum(d, span + t, 1, 0, 3, pointer(x))
        if t >= late:
            x += bias
        current = pointer(each["i"]) if "i" in each else FFI.NULL
        changed = loops.hot_step(
            run.hot, 0, N, pointer(x), pointer(each["v"]), current, pointer(bits)
        )
        assert fired[t].tolist() == bits.tolist()
        reached = (weights[np.asarray(parts[t][0], dtype=int)] != 0).any(axis=0)
        if t >= late:
            reached |= bias[:N] != 0
        assert counts[t].tolist() == [reached.sum(), changed]
    assert all(once[s].tobytes() == each[s].tobytes() for s in once)


# --- forms ----------------------------------------------------------------------------------------


def test_hot_forms_are_programs_that_exist():
    flags = set()
    for program, form in programs.hot_forms().items():
        assert PROGRAMS[program.name] == program
        assert ("NC_HOT_CURRENT" in form) == ("alpha" in program.params)
        assert ("NC_HOT_LEAK" in form) == ("leak" in program.params)
        flags.add(sum(getattr(LIB, flag) for flag in form))
    assert len(flags) == len(programs.hot_forms())


@pytest.mark.parametrize("per_neuron", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_runs_with_hot_forms_equal_runs_without(name, per_neuron, monkeypatch):
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


# --- where nothing moves --------------------------------------------------------------------------


def _still(decay, most):
    """The largest m <= most with decay times k 2^-149 = k 2^-149 for all k <= m, by trying."""
    values = np.arange(most + 1, dtype=np.uint32).view(np.float32)
    moves = np.float32(decay) * values != values
    return int(np.argmax(moves)) - 1 if moves.any() else most


def test_still_is_what_trying_all_gives():
    rng = np.random.default_rng(9)
    decays = np.concatenate(
        [
            rng.uniform(0, 1, 300),
            1 - 2.0 ** rng.uniform(-17, -1, 300),
            1 - 2.0 ** -np.arange(1, 18),  # ties: half a unit exactly
            [0.5, np.nextafter(np.float32(0.5), 1), 0, 1e-40, 0.75],
        ]
    ).astype(np.float32)
    for decay in decays:
        assert LIB.nc_still(decay) == _still(decay, 1 << 17), decay


@pytest.mark.parametrize("decay", [1.0, 1 - 2**-24, 1 - 2**-23, 1 - 2**-22, 1 - 3 * 2**-24])
def test_still_of_decays_near_one(decay):
    assert LIB.nc_still(decay) == _still(decay, 1 << 23)


@pytest.mark.parametrize("decay", [-0.5, -1.0, np.nan, -np.inf, np.inf, 1.5, -0.0])
def test_still_promises_nothing_elsewhere(decay):
    assert LIB.nc_still(decay) == 0


def test_odd_values_are_odd():
    assert (np.abs(ODD[ODD != 0]) < 2**-126).sum() >= 4
    assert np.isnan(ODD).any()
    assert np.isinf(ODD).sum() == 2
