"""What other tests do not reach in the kernel; `make coverage` counts the branches that are left.

Runs that record membranes or currents go step by step. Those that record spikes alone take the fast
ways: a dense layer with its neurons, sparse rows with theirs or of many steps, a convolution in its
own order.
"""

import engine_cases as cases
import numpy as np
import pytest
from matrix_oracle import dense_oracle

from neurochain.errors import InternalError
from neurochain.network import Network, Population, PortKind, Projection, Source
from neurochain.operators import Conv, Csr, Dense
from neurochain.programs import lif_program
from neurochain.simulators import Record
from neurochain.simulators.event import matrices, pack, pack_inputs, run_packed
from neurochain.simulators.event import operators as packing
from neurochain.simulators.event.engine import prepare
from neurochain.simulators.event.kernel import Memory, kernel
from neurochain.simulators.event.programs import hot_forms
from neurochain.simulators.reference import run_reference

STEPS = 24
VERSIONS = range(kernel()[1].nc_best_version() + 1)
FORMS = {program.name: program for program in hot_forms()}


def _conv(rng, dtype, in_shape, c_out=8):
    return Conv(
        in_shape=in_shape,
        out_shape=(c_out, 6, 5),
        weights=cases.weights_for(rng, dtype, (c_out, in_shape[0], 3, 3), 0.2),
        stride=(1, 1),
        padding=(1, 1),
        dilation=(1, 1),
    )


def _csr(rng, dtype, in_shape, out_shape=None):
    return Csr.from_dense(cases.weights_for(rng, dtype, (70, int(np.prod(in_shape))), 0.6),
                          in_shape, (70,))  # fmt: skip


def _dense(rng, dtype, in_shape, out_shape=None):
    weights = cases.weights_for(rng, dtype, (70, int(np.prod(in_shape))), 0.3)
    return Dense(in_shape=in_shape, out_shape=(70,), weights=weights)


WAYS = {
    "dense float32": (_dense, "float32", (24,)),
    "dense int8": (_dense, "int8", (24,)),
    "dense int16": (_dense, "int16", (24,)),
    "sparse float32": (_csr, "float32", (24,)),
    "sparse int8": (_csr, "int8", (24,)),
    "sparse int16": (_csr, "int16", (24,)),
    "conv float32": (_conv, "float32", (2, 6, 5)),
    "conv int8": (_conv, "int8", (2, 6, 5)),
}


def _agree(network, inputs, state=None, record=None, **ways):
    """The kernel gives the reference's bits, in every version and with these ways to run it."""
    record = record or Record()
    wanted = run_reference(network, inputs, initial_state=state, record=record)
    packed, frames = pack(network), pack_inputs(network, inputs)
    for version in VERSIONS:
        got = run_packed(
            packed, frames, initial_state=state, record=record, version=version, **ways
        )
        assert not cases.differences(wanted, got), (version, cases.differences(wanted, got)[:5])


def _spikes(rng, network, batch=2, steps=STEPS):
    """Events; the second sample begins in silence, and has a silent stretch."""
    n = int(np.prod(network.sources[0].shape))
    x = (rng.random((batch, steps, n)) < 0.3).astype(np.float32)
    x[-1, :3] = 0
    x[-1, steps // 2 : steps // 2 + 5] = 0
    return {"s": x}


def _quiet_and_subnormal(rng, network):
    """The first sample starts with tiny membranes, also subnormal ones; the second at rest."""
    state = cases.rest_state(network, 2)
    for entries in state.values():
        for name, value in entries.items():
            if name not in (cases.HISTORY, cases.AGE):
                some = rng.random(value[0].shape) < 0.7
                value[0] = np.where(some, rng.normal(0, 1, some.shape), 0)
                value[0] *= np.float32(10.0) ** rng.choice([-44, -40, -38, -35, 0], some.shape)
    return state


@pytest.mark.parametrize("per_neuron", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_fast_ways_of_every_hot_form(way, per_neuron):
    builder, dtype, shape = WAYS[way]
    for k, program in enumerate(FORMS.values()):
        rng = np.random.default_rng([3, k, int(per_neuron)])
        network = cases.one_projection(
            rng, builder, dtype, PortKind.EVENT, shape, program, k % 3, per_neuron
        )
        state = _quiet_and_subnormal(rng, network) if k % 2 else None
        inputs = _spikes(rng, network)
        _agree(network, inputs, state, chunk=(7, 24, 1)[k % 3], threads=1 + k % 4)
        if way == "dense float32":
            _agree(network, inputs, state, record=cases.everything(network))


@pytest.mark.parametrize("bias", [None, 0, 0.25])
@pytest.mark.parametrize("reset", [0, 5])
@pytest.mark.parametrize("theta", [-1, 1])
@pytest.mark.parametrize("way", WAYS)
def test_nothing_changes_any_more(way, theta, reset, bias):
    """v = v / 2 + 1/4 ends at 1/2; a threshold below all that fires for ever, state or no state."""
    builder, dtype, shape = WAYS[way]
    rng = np.random.default_rng(13)
    network = _one(builder(rng, dtype, shape), dtype, reset=reset, theta=theta, bias=bias)
    x = np.zeros((2, 70, int(np.prod(shape))), dtype=np.float32)
    x[0, 40, ::3] = 1
    _agree(network, {"s": x}, chunk=50)
    _agree(network, {"s": x}, threads=3)
    _agree(network, {"s": x}, record=Record(emissions=()))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", PortKind)
def test_fast_ways_step_aside_for_values(way, kind):
    builder, dtype, shape = WAYS[way]
    for k in range(6):
        rng = np.random.default_rng([4, k])
        network = cases.one_projection(
            rng, builder, dtype, kind, shape, lif_program(cases.RESETS[2]), k % 3
        )
        inputs = cases.inputs_for(rng, network)
        _agree(network, inputs, cases.state_for(rng, network), chunk=4, threads=1 + k % 2)


ZERO, ZERO_LATER = 2, 5  # of cases.RESETS: both have loops of their own


@pytest.mark.parametrize("reset", [ZERO, ZERO_LATER])
@pytest.mark.parametrize("steps", [1, 63, 64, 65, 130])
@pytest.mark.parametrize("rate", [0.0, 0.004, 0.5])
def test_sparse_rows_of_many_steps(steps, rate, reset):
    rng = np.random.default_rng(steps)
    network = cases.one_projection(
        rng, _csr, "int8", PortKind.EVENT, (24,), lif_program(cases.RESETS[reset]), 1, False
    )
    assert pack(network).populations[0].many_steps
    x = (rng.random((2, steps, 24)) < rate).astype(np.float32)
    _agree(network, {"s": x}, chunk=100, threads=3)


@pytest.mark.parametrize("busy", ["middle", "edge", "all", "none"])
def test_many_sources_are_looked_at_in_the_middle_first(busy):
    """Whether 64 steps are taken together is decided there; it changes no result."""
    rng = np.random.default_rng(21)
    n_in, steps = 16_384 + 70, 70
    weights = np.zeros((70, n_in), np.int8)
    some = rng.integers(0, n_in, (70, 90))
    some[:, :30] = n_in // 2 + rng.integers(0, 1024, (70, 30))
    np.put_along_axis(weights, some, rng.integers(1, 9, some.shape).astype(np.int8), axis=1)
    network = _one(Csr.from_dense(weights, (n_in,), (70,)), "int8", theta=0.2)
    x = (rng.random((1, steps, n_in)) < 0.001).astype(np.float32)
    part = {"middle": slice(n_in // 2, n_in // 2 + 1024), "edge": slice(0, 1024)}
    if busy != "none":
        rows = x[:, :, part.get(busy, slice(None))]
        rows[:] = rng.random(rows.shape) < 0.06
    _agree(network, {"s": x}, threads=2)


@pytest.mark.parametrize("weight", [-128, 127, -32_768, 32_767])
@pytest.mark.parametrize("sources", [1, 31, 32, 33])
def test_the_largest_sums_beside_their_number(weight, sources):
    """A sum and the number of its events share a word: here the sum is the largest there is."""
    dtype = "int8" if abs(weight) <= 128 else "int16"
    weights = np.full((3, sources), weight, dtype)
    network = _one(Csr.from_dense(weights, (sources,), (3,)), dtype, theta=1)
    _agree(network, {"s": np.tril(np.ones((sources + 1, sources), np.float32))[None]})


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("seed", range(12))
def test_random_networks_of_which_only_spikes_are_kept(dtype, seed):
    rng = np.random.default_rng([5, seed])
    network = cases.random_network(rng, dtype)
    inputs, state = cases.inputs_for(rng, network), cases.state_for(rng, network)
    _agree(network, inputs, state if seed % 2 else None, threads=1 + seed % 4, chunk=1 + seed % 5)


@pytest.mark.parametrize("dtype", cases.DTYPES)
def test_more_events_than_a_narrow_sum_holds(dtype):
    """Sums in 8 + 8 and 16 + 16 bits are emptied after 255 and after 32,767 rows."""
    rng = np.random.default_rng(6)
    n_in = 33_000
    weights = cases.weights_for(rng, dtype, (3, n_in), 0.1)
    if dtype == "int16":
        weights[0], weights[1] = 32767, -32768  # what 31 bits just hold
    operator = Dense(in_shape=(n_in,), out_shape=(3,), weights=weights)
    network = _one(operator, dtype)
    _agree(network, {"s": np.ones((1, 2, n_in), dtype=np.float32)})


def _one(operator, dtype, kind=PortKind.EVENT, *, reset=2, theta=0.5, bias=None):
    program = lif_program(cases.RESETS[reset])
    params = {"beta": np.float32(0.5), "theta": np.float32(theta)}
    return Network(
        sources=(Source(name="s", shape=operator.in_shape, emits=kind),),
        populations=(
            Population(
                name="p",
                shape=operator.out_shape,
                program=program,
                params={k: np.asarray(v) for k, v in params.items()},
            ),
        ),
        projections=(
            Projection(
                name="e",
                source="s",
                target="p",
                operator=operator,
                scale=None if dtype == "float32" else np.float32(0.013),
                bias=None if bias is None else np.full(operator.n_out, bias, dtype=np.float32),
            ),
        ),
        outputs=(),
        dt_s=1e-3,
        arithmetic=dtype,
    )


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("kind", PortKind)
def test_weights_too_large_for_a_table_of_which_are_zero(dtype, kind, monkeypatch):
    monkeypatch.setattr(matrices, "MASKED_BYTES", 0)
    for k in range(4):
        rng = np.random.default_rng([7, k])
        network = cases.one_projection(rng, _dense, dtype, kind, (24,))
        inputs = cases.inputs_for(rng, network)
        _agree(network, inputs, record=cases.everything(network))
        _agree(network, inputs)


@pytest.mark.parametrize("channels", [1, 8, 640, 6400])
def test_convolutions_of_any_width(channels):
    """Rows of sums that fill a band many times, once, and not at all."""
    rng = np.random.default_rng(channels)
    network = _one(_conv(rng, "float32", (2, 6, 5), channels), "float32")
    x = (rng.random((1, 4, 60)) < 0.2).astype(np.float32)
    x[0, 2] = 0
    _agree(network, {"s": x})
    _agree(network, {"s": x * np.float32(0.5)})


def test_vectors_longer_than_a_counter():
    """Flags are counted 32,768 at a time."""
    rng = np.random.default_rng(8)
    n = 70_000
    operator = Csr(
        in_shape=(2,),
        out_shape=(n,),
        indptr=np.array([0, n, n], dtype=np.int64),
        targets=np.arange(n, dtype=np.int32),
        weights=rng.normal(0, 1, n).astype(np.float32),
    )
    x = np.array([[[1, 0], [0, 1], [-2, 0.5]]], dtype=np.float32)
    for kind in (PortKind.GRADED, PortKind.ANALOG):
        _agree(_one(operator, "float32", kind), {"s": x})
        _agree(_one(operator, "float32", kind), {"s": x}, threads=3)


# --- the plain loops, called by themselves --------------------------------------------------------

_ACCUMULATORS = {"f32": np.float32, "i32": np.int32, "i64": np.int64}
_CTYPES = {"f32": "float", "i32": "int32_t", "i64": "int64_t"}
_SUMS = [("float32", "f32"), *((d, a) for d in ("int8", "int16") for a in _ACCUMULATORS)]


def _span(memory, idx, val):
    span = memory.structs("nc_span", 1)
    span[0].idx, span[0].count = memory.view("uint32_t", idx), idx.size
    if val is not None:
        span[0].val = memory.view("float", val)
    return span


def _name(kind, dtype, accumulator):
    short = {"float32": "f32", "int8": "i8", "int16": "i16"}[dtype]
    return f"nc_{kind}_{short}" + ("" if dtype == "float32" else f"_{accumulator}")


def _wanted(weights, idx, val, dtype):
    """weights (n_in, n_out) added row by row in the accumulator's type."""
    acc = np.zeros(weights.shape[1], dtype=dtype)
    for k, i in enumerate(idx):
        x = np.float32(1) if val is None else val[k]
        acc += weights[i].astype(dtype) * dtype(x)
    return acc


@pytest.mark.parametrize(("dtype", "accumulator"), _SUMS)
@pytest.mark.parametrize("valued", [False, True])
def test_plain_sparse_rows(dtype, accumulator, valued):
    rng = np.random.default_rng(9)
    memory = Memory()
    weights = cases.weights_for(rng, dtype, (60, 200), 0.0)
    weights[rng.random(weights.shape) > np.linspace(0, 1, 60)[:, None]] = 0  # rows of any length
    operator = Csr.from_dense(weights.T.copy(), (60,), (200,))
    m = memory.structs("nc_csr", 1)
    rows = memory.view("int64_t", operator.indptr.astype(np.int64))
    m[0].begin, m[0].end = rows, rows + 1
    m[0].targets = memory.view("uint16_t", operator.targets.astype(np.uint16))
    m[0].weights = memory.view("void", operator.weights)
    for count in (0, 1, 3, 60):
        idx = np.sort(rng.permutation(60)[:count]).astype(np.uint32)
        val = rng.integers(-4, 5, count).astype(np.float32) if valued else None
        acc = np.zeros(200, dtype=_ACCUMULATORS[accumulator])
        function = getattr(memory.lib, _name("csr", dtype, accumulator))
        into = memory.ffi.from_buffer(f"{_CTYPES[accumulator]}[]", acc, require_writable=True)
        function(m, _span(memory, idx, val), into)
        assert acc.tobytes() == _wanted(weights, idx, val, acc.dtype.type).tobytes()


@pytest.mark.parametrize(("dtype", "accumulator"), _SUMS)
@pytest.mark.parametrize("valued", [False, True])
def test_plain_dense_rows(dtype, accumulator, valued):
    rng = np.random.default_rng(10)
    memory = Memory()
    weights = cases.weights_for(rng, dtype, (40, 100), 0.2)
    packed, _, _ = dense_oracle(np.ascontiguousarray(weights.T))
    d = memory.structs("nc_dense", 1)
    d[0].type = getattr(memory.lib, packing._WEIGHT_TYPES[dtype])
    d[0].n_in, d[0].n_out, d[0].blocks, d[0].scale = 40, 100, 2, 1
    d[0].weights = memory.view("void", packed)
    for count in (0, 1, 40):
        idx = np.sort(rng.permutation(40)[:count]).astype(np.uint32)
        val = rng.integers(-4, 5, count).astype(np.float32) if valued else None
        acc = np.zeros(128, dtype=_ACCUMULATORS[accumulator])
        function = getattr(memory.lib, _name("dense", dtype, accumulator))
        into = memory.ffi.from_buffer(f"{_CTYPES[accumulator]}[]", acc, require_writable=True)
        function(d, _span(memory, idx, val), into)
        assert acc[:100].tobytes() == _wanted(weights, idx, val, acc.dtype.type).tobytes()
        assert not acc[100:].any()


# --- limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decay", "still"),
    [(1.0, 0x800000), (0.5, 0), (0.25, 0), (2.0, 0), (np.nan, 0), (0.75, 2), (0.875, 4),
     (0.9, None), (1 - 2.0**-24, 0x800000), (1 - 2.0**-20, None), (1 - 1 / 6, None)],
)  # fmt: skip
def test_up_to_where_a_decay_changes_nothing(decay, still):
    """By definition, in exact arithmetic: k times decay rounds to k, ties to even."""
    lib = kernel()[1]
    most = lib.nc_still(np.float32(decay))
    assert still is None or most == still
    if 0 < most < 2**20:
        k = np.arange(1, most + 3)
        kept = np.rint(k * np.float64(np.float32(decay))) == k  # k < 2^20: exact in double
        assert kept[:most].all()
        assert not kept[most] or not kept[: most + 1].all() or most % 2 == 0
    else:
        assert most in (0, 0x800000) or most >= 2**18


def test_threads_and_versions_that_there_are_not():
    rng = np.random.default_rng(11)
    network = cases.one_projection(rng, _dense, "float32", PortKind.EVENT, (24,))
    frames = pack_inputs(network, _spikes(rng, network))
    lib = kernel()[1]
    assert lib.nc_wide_version(3) == kernel()[0].NULL
    for field, value in (("version", 3), ("teams", 0), ("teams", 257)):
        run = prepare(pack(network), frames)
        setattr(run.struct[0], field, value)
        with pytest.raises(InternalError, match="status 16"):
            run.advance()


def test_no_step_is_no_work():
    rng = np.random.default_rng(12)
    network = cases.one_projection(rng, _dense, "float32", PortKind.EVENT, (24,))
    _agree(network, {"s": np.zeros((2, 0, 24), dtype=np.float32)})
