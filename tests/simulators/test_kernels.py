"""The C loops one by one: every version of the fast ones against the naive ones and NumPy."""

import itertools

import numpy as np
import pytest
from kernel_calls import (
    FFI,
    LIB,
    MEMORY,
    VERSIONS,
    events,
    odd_values,
    pack_dense,
    pointer,
    spans,
    wide,
)

from neurochain.operators import Window
from neurochain.simulators.event.windows import axis_table, pack_window

NAIVE = {
    ("float32", "float32"): "nc_dense_f32",
    ("int8", "int32"): "nc_dense_i8_i32",
    ("int16", "int32"): "nc_dense_i16_i32",
    ("int8", "int64"): "nc_dense_i8_i64",
    ("int16", "int64"): "nc_dense_i16_i64",
    ("int8", "float32"): "nc_dense_i8_f32",
    ("int16", "float32"): "nc_dense_i16_f32",
}


def _weights(rng, dtype, shape, zeros=0.2):
    if dtype == "float32":
        weights = rng.normal(0, 1, shape).astype(np.float32)
    else:
        limits = np.iinfo(dtype)
        weights = rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
    weights[rng.random(shape) < zeros] = 0
    return weights


def _row_by_row(weights, idx, val, accumulator):
    acc = np.zeros(weights.shape[1], dtype=accumulator)
    for k, i in enumerate(idx):
        row = weights[i].astype(accumulator)
        acc += row if val is None else row * np.asarray(val[k]).astype(accumulator)
    return acc


# --- dense ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("valued", [False, True])
@pytest.mark.parametrize("n_out", [1, 32, 63, 64, 65, 128, 200])
@pytest.mark.parametrize(("dtype", "accumulator"), NAIVE)
def test_naive_dense_rows_equal_numpy(dtype, accumulator, n_out, valued):
    rng = np.random.default_rng(n_out)
    weights = _weights(rng, dtype, (40, n_out))
    d = pack_dense(weights)
    for count in (0, 1, 9, 40):
        idx = events(rng, 40, count)
        val = rng.integers(-4, 5, count).astype(np.float32) if valued else None
        if valued and accumulator == "float32":
            val += np.float32(0.3)
        acc = np.zeros(d[0].blocks * 64, dtype=accumulator)
        span = spans([(idx, val)])
        getattr(LIB, NAIVE[dtype, accumulator])(d, span, pointer(acc))
        wanted = _row_by_row(weights, idx, val, np.dtype(accumulator))
        assert acc[:n_out].tobytes() == wanted.tobytes()
        assert not acc[n_out:].any()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("n_out", [1, 64, 200])
@pytest.mark.parametrize("dtype", ["float32", "int8", "int16"])
def test_dense_sums_equal_the_naive_loops(dtype, n_out, version):
    """Also where narrow partial sums have to be emptied: after 255 and after 32,767 events."""
    n_in = 70_000 if dtype == "int16" and n_out == 1 else 700
    rng, scale = np.random.default_rng(n_out), np.float32(0.37)
    weights = _weights(rng, dtype, (n_in, n_out), zeros=0.0)
    limits = {"float32": 1, "int8": 127, "int16": 32767}[dtype]
    weights[: n_in // 2] = limits  # all of one sign: the largest partial sums
    d = pack_dense(weights, scale if dtype != "float32" else 1.0)
    accumulator = "float32" if dtype == "float32" else "int64"
    for parts in ([n_in], [0, 300, 1], [3, 0], [n_in // 2, 5]):
        lists = [(events(rng, n_in, min(count, n_in)), None) for count in parts]
        lists[0] = (np.arange(parts[0], dtype=np.uint32), None)
        span = spans(lists)
        acc = np.zeros(d[0].blocks * 64, dtype=accumulator)
        for k in range(len(parts)):
            getattr(LIB, NAIVE[dtype, accumulator])(d, span + k, pointer(acc))
        out = np.full(d[0].blocks * 64, np.nan, dtype=np.float32)
        wide(version).dense_sum(d, span, len(parts), 0, d[0].blocks, pointer(out))
        wanted = acc if dtype == "float32" else acc.astype(np.float32) * scale
        assert out.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_range_of_blocks_is_all_that_is_written(version):
    rng = np.random.default_rng(1)
    d = pack_dense(_weights(rng, "int8", (30, 256)), 0.5)
    span = spans([(events(rng, 30, 12), None)])
    whole, part = np.zeros(256, dtype=np.float32), np.full(256, 7, dtype=np.float32)
    wide(version).dense_sum(d, span, 1, 0, 4, pointer(whole))
    wide(version).dense_sum(d, span, 1, 1, 3, pointer(part))
    assert part[64:192].tobytes() == whole[64:192].tobytes()
    assert (part[:64] == 7).all()
    assert (part[192:] == 7).all()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "int8", "int16"])
def test_which_columns_are_reached(dtype, masked):
    rng = np.random.default_rng(2)
    weights = _weights(rng, dtype, (25, 100), zeros=0.9)
    d = pack_dense(weights, masked=masked)
    idx = events(rng, 25, 6)
    span = spans([(idx[:2], None), (idx[2:], None)])
    bits = np.array([LIB.nc_dense_reached(d, b, span, 2) for b in range(2)], dtype=np.uint64)
    flags = np.unpackbits(bits.view(np.uint8), bitorder="little")
    assert flags[:100].tolist() == (weights[idx] != 0).any(axis=0).astype(int).tolist()
    assert not flags[100:].any()
    one = np.array([LIB.nc_dense_nonzero(d, b, 4) for b in range(2)], dtype=np.uint64)
    flags = np.unpackbits(one.view(np.uint8), bitorder="little")
    assert flags[:100].tolist() == (weights[4] != 0).astype(int).tolist()


def _reached_frames(loops, d, first, end, span, stride, *, counting=False):
    """(returned, hit[frame, block], counts[frame]) of 3 frames with 2 spans each."""
    hit = np.full((3, stride), 2**64 - 1, dtype=np.uint64)
    counts = np.full((3, 2), 5, dtype=np.uint32)
    to = pointer(counts) if counting else FFI.NULL
    said = loops.reached_frames(d, first, end, span, 2, 3, pointer(hit), stride, to)
    assert (counts[:, 1] == 5).all()
    return said, hit, counts[:, 0] - 5


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("n", [230, 1024, 1300, 2 * 1024 + 1])
@pytest.mark.parametrize("counting", [False, True])
def test_which_columns_are_reached_in_many_frames(version, counting, n):
    rng, loops = np.random.default_rng(4), wide(version)
    weights, blocks = _weights(rng, "int8", (25, n), zeros=0.8), -(-n // 64)
    idx = [events(rng, 25, k) for k in (3, 1, 25, 20, 0, 0)]
    span, d = spans([(i, None) for i in idx]), pack_dense(weights)
    for first, end in ((0, blocks), (1, blocks - 1), (blocks - 1, blocks), (2, 3)):
        where = (first, end, span, blocks + 1)
        said, hit, counts = _reached_frames(loops, d, *where, counting=counting)
        assert said == (LIB.NC_REACHED_COUNTED if counting else LIB.NC_REACHED_BITS)
        untouched = [b for b in range(blocks + 1) if not first <= b < end]
        assert (hit[:, untouched] == 2**64 - 1).all()
        for t in range(3):
            reached = (weights[[*idx[2 * t], *idx[2 * t + 1]]] != 0).any(axis=0)
            bits = np.unpackbits(hit[t].view(np.uint8), bitorder="little")
            assert (bits[64 * first : min(64 * end, n)] == reached[64 * first : 64 * end]).all()
            assert counts[t] == (reached[64 * first : 64 * end].sum() if counting else 0)
    unmasked, full = pack_dense(weights, masked=False), pack_dense(np.ones((25, n), np.int8))
    for other, first, end in ((unmasked, 0, blocks), (full, 0, blocks), (d, 2, 2)):
        where = (first, end, span, blocks)
        said, hit, counts = _reached_frames(loops, other, *where, counting=counting)
        assert said == 0
        assert (hit == 2**64 - 1).all()
        assert (counts == 0).all()


@pytest.mark.parametrize("masked", [False, True])
def test_where_no_weight_is_zero_the_first_event_reaches_all(masked):
    d = pack_dense(np.ones((25, 100), dtype=np.float32), masked=masked)
    some, none = spans([([], None), ([3, 7], None)]), spans([([], None), ([], None)])
    ours = (1 << 36) - 1  # of the second block
    assert LIB.nc_dense_reached(d, 0, some, 2) == 2**64 - 1
    assert LIB.nc_dense_reached(d, 1, some, 2) & ours == ours
    assert [LIB.nc_dense_reached(d, b, none, 2) for b in range(2)] == [0, 0]


# --- sparse rows ----------------------------------------------------------------------------------


def _csr(rng, dtype, n_in, n_out):
    weights = _weights(rng, dtype, (n_in, n_out), zeros=0.6)
    source, target = np.nonzero(weights)
    starts = np.zeros(n_in + 1, dtype=np.int64)
    np.cumsum(np.bincount(source, minlength=n_in), out=starts[1:])
    m = MEMORY.structs("nc_csr", 1)
    m[0].begin = MEMORY.view("int64_t", starts)
    m[0].end = m[0].begin + 1
    m[0].targets = MEMORY.view("uint16_t", target.astype(np.uint16))
    m[0].weights = MEMORY.view("void", weights[source, target])
    return m, weights


@pytest.mark.parametrize("valued", [False, True])
@pytest.mark.parametrize(("dtype", "accumulator"), NAIVE)
def test_sparse_rows_equal_numpy(dtype, accumulator, valued):
    rng = np.random.default_rng(4)
    m, weights = _csr(rng, dtype, 50, 90)
    idx = events(rng, 50, 33)
    val = rng.integers(-3, 4, 33).astype(np.float32) if valued else None
    span = spans([(idx, val)])
    acc, touched = np.zeros(90, dtype=accumulator), np.zeros(90, dtype=np.uint8)
    added = getattr(LIB, NAIVE[dtype, accumulator].replace("dense", "csr"))(m, span, pointer(acc))
    assert added == (weights[idx] != 0).sum()
    assert (acc == _row_by_row(weights, idx, val, np.dtype(accumulator))).all()
    kind = {"float32": LIB.NC_F32, "int8": LIB.NC_I8, "int16": LIB.NC_I16}[dtype]
    LIB.nc_csr_touch(m, kind, span, pointer(touched))
    assert touched.tolist() == (weights[idx] != 0).any(axis=0).astype(int).tolist()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_packed_sums_equal_plain_ones_and_count(dtype, version):
    rng, scale = np.random.default_rng(5), np.float32(0.013)
    m, weights = _csr(rng, dtype, 50, 91)
    shift = int(np.abs(weights.astype(np.int64)).sum(axis=0).max()).bit_length() + 1
    code = "i8" if dtype == "int8" else "i16"
    for count in (0, 1, 3, 50):
        idx = events(rng, 50, count)
        span = spans([(idx, None)])
        plain, packed = np.zeros(91, dtype=np.int32), np.zeros(91, dtype=np.int32)
        added = getattr(LIB, f"nc_csr_{code}_i32")(m, span, pointer(plain))
        again = getattr(LIB, f"nc_csr_{code}_packed")(m, span, 1 << shift, pointer(packed))
        hits = (weights[idx] != 0).sum(axis=0)
        assert added == again == hits.sum()
        assert (packed - (hits << shift)).tolist() == plain.tolist()
        assert ((packed != 0) == (hits != 0)).all()
        out = np.zeros(91, dtype=np.float32)
        wide(version).scale_packed(91, scale, shift, pointer(packed), pointer(out))
        wanted = np.where(hits == 0, np.float32(-0.0), plain.astype(np.float32) * scale)
        assert out.tobytes() == wanted.astype(np.float32).tobytes()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("shift", [1, 9, 26, 30])
@pytest.mark.parametrize("scale", [0.013, -3.7, 2e-30, 3e-38, 1e-44])
def test_packed_sums_become_inputs(version, shift, scale):
    """Rounded once, also where the scale or the input is below the normal numbers."""
    rng, n, scale = np.random.default_rng(shift), 205, np.float32(scale)
    half = 1 << (shift - 1)
    sums = rng.integers(-half, half, n)
    arrived = rng.integers(0, 1 << (31 - shift), n) * (rng.random(n) < 0.7)
    sums[arrived == 0] = 0
    sums[:2], arrived[:2] = (-half, half - 1), (1, 0)
    packed = ((arrived << shift) + sums).astype(np.int32)
    bias = rng.normal(0, 1, n).astype(np.float32)
    job = FFI.new("nc_sums *")
    job.packed, job.scale, job.shift = FFI.cast("int32_t *", pointer(packed)), scale, shift
    inputs = sums.astype(np.float32) * scale + np.float32(0)
    for job.bias, wanted in ((FFI.NULL, inputs), (pointer(bias), inputs + bias)):
        out = np.full(n, 7, dtype=np.float32)
        count = wide(version).sums_in(job, 64, n, pointer(out))
        assert out[64:].tobytes() == wanted[64:].tobytes()
        assert (out[:64] == 7).all()
        assert count == np.count_nonzero(packed[64:])


# --- convolution ----------------------------------------------------------------------------------

GEOMETRIES = {  # c_in, c_out, groups, h, w, kernel, stride, padding, dilation
    "padded": (2, 5, 1, 6, 7, (3, 3), (1, 1), (1, 1), (1, 1)),
    "strided": (3, 8, 1, 7, 6, (3, 2), (2, 3), (1, 0), (1, 1)),
    "dilated": (1, 4, 1, 8, 8, (2, 3), (1, 1), (0, 0), (2, 2)),
    "grouped": (4, 12, 2, 5, 5, (3, 3), (1, 1), (1, 1), (1, 1)),
    "depthwise": (6, 6, 6, 4, 4, (3, 3), (1, 1), (1, 1), (1, 1)),
    "wide": (2, 37, 1, 4, 9, (1, 5), (1, 1), (0, 2), (1, 1)),
}


def _window(geometry):
    c_in, c_out, groups, h, w, kernel, stride, padding, dilation = geometry
    out = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip((h, w), kernel, stride, padding, dilation, strict=True)
    )
    window = Window(
        size=(h, w), kernel=kernel, stride=stride, padding=padding, dilation=dilation, out=out
    )
    row = -(-(c_out // groups) // 4) * 4
    return pack_window(MEMORY, window, (c_in, c_out), groups, row, from_the_right=True)


def _conv_weights(rng, g):
    """In rows of g.out_stride; zeros, and what pads a row, are -0."""
    weights = rng.normal(0, 1, (g.c_in, g.kh, g.kw, g.out_stride)).astype(np.float32)
    weights[rng.random(weights.shape) < 0.3] = -0.0
    weights[..., g.c_out // g.groups :] = -0.0
    return weights


def _empty(g, dtype=np.float32):
    acc = np.full((g.oh, g.ow, g.groups, g.out_stride), -0.0 if dtype == np.float32 else 0, dtype)
    dirty = np.zeros((g.oh, 2), dtype=np.uint32)
    dirty[:, 0] = g.ow
    return acc, dirty


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("valued", [False, True])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_convolutions_equal_the_naive_loop(geometry, valued, version):
    rng = np.random.default_rng(6)
    window = _window(GEOMETRIES[geometry])
    g = window[0]
    weights, n = _conv_weights(rng, g), g.c_in * g.h * g.w
    fast, dirty = _empty(g)
    for count in (0, 1, 5, n):
        idx = events(rng, n, count)
        val = rng.normal(0, 2, count).astype(np.float32) if valued else None
        span = spans([(idx, val)])
        slow, slow_dirty = _empty(g)
        LIB.nc_conv_naive_f32(window, pointer(weights), span, pointer(slow), pointer(slow_dirty))
        given = pointer(weights), span
        wide(version).conv_sum(window, *given, 0, g.oh, pointer(fast), pointer(dirty))
        assert fast.tobytes() == slow.tobytes()
        assert dirty.tolist() == slow_dirty.tolist()
        out = np.full((g.c_out, g.oh, g.ow), np.nan, dtype=np.float32)
        wide(version).conv_flush(window, 0.7, pointer(fast), pointer(dirty), pointer(out))
        sums = slow[..., : g.c_out // g.groups].transpose(2, 3, 0, 1).reshape(out.shape)
        assert out.tobytes() == (sums * np.float32(0.7)).tobytes()
        assert all(
            a.tobytes() == b.tobytes() for a, b in zip((fast, dirty), _empty(g), strict=True)
        )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("valued", [False, True])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_output_rows_are_summed_apart(geometry, valued, version):
    """Some rows change nothing in the others; all of them together are the whole."""
    rng = np.random.default_rng(16)
    window = _window(GEOMETRIES[geometry])
    g = window[0]
    weights, n = _conv_weights(rng, g), g.c_in * g.h * g.w
    count = max(1, n // 3)
    span = spans([(events(rng, n, count), rng.normal(0, 2, count) if valued else None)])
    whole, dirty = _empty(g)
    given = pointer(weights), span
    wide(version).conv_sum(window, *given, 0, g.oh, pointer(whole), pointer(dirty))
    for cuts in ((0, g.oh), (0, 1, g.oh), (0, g.oh // 2, g.oh), tuple(range(g.oh + 1))):
        for marked in (False, True):
            parts, part_dirty = _empty(g)
            to = pointer(part_dirty) if marked else FFI.NULL
            for first, end in itertools.pairwise(cuts):
                before = parts.copy()
                wide(version).conv_sum(window, *given, first, end, pointer(parts), to)
                assert parts[:first].tobytes() == before[:first].tobytes()
                assert parts[end:].tobytes() == before[end:].tobytes()
            assert parts.tobytes() == whole.tobytes()
            assert not marked or part_dirty.tolist() == dirty.tolist()


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_integer_convolutions_equal_the_naive_loop_on_small_numbers(geometry, bits):
    rng, dtype = np.random.default_rng(7), np.dtype(f"int{bits}")
    window = _window(GEOMETRIES[geometry])
    g = window[0]
    weights, n = _conv_weights(rng, g), g.c_in * g.h * g.w
    weights = np.where(weights == 0, np.float32(-0.0), np.rint(weights * 50)).astype(np.float32)
    span = spans([(events(rng, n, n // 2), rng.integers(1, 9, n // 2))])
    slow, slow_dirty = _empty(g)
    LIB.nc_conv_naive_f32(window, pointer(weights), span, pointer(slow), pointer(slow_dirty))
    acc, dirty = _empty(g, dtype)
    getattr(LIB, f"nc_conv_i{bits}")(window, pointer(weights), span, pointer(acc), pointer(dirty))
    assert (acc == slow).all()
    out = np.full((g.c_out, g.oh, g.ow), np.nan, dtype=np.float32)
    flush = getattr(LIB, f"nc_conv_flush_i{bits}")
    flush(window, 0.5, pointer(acc), pointer(dirty), pointer(out))
    sums = slow[..., : g.c_out // g.groups].transpose(2, 3, 0, 1).reshape(out.shape)
    assert (out == sums * np.float32(0.5)).all()
    assert not acc.any()
    assert dirty.tolist() == _empty(g)[1].tolist()


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


# --- whole vectors --------------------------------------------------------------------------------

SIZES = (0, 1, 3, 7, 8, 9, 16, 17, 64, 65, 200)


@pytest.mark.parametrize("n", [*SIZES, 70_001])
@pytest.mark.parametrize("rate", [0.0, 0.1, 1.0])
def test_events_of_bytes_and_their_number(n, rate):
    fired = (np.random.default_rng(n).random(n) < rate).astype(np.uint8)
    idx = np.zeros(n + 1, dtype=np.uint32)
    count = LIB.nc_events_of_u8(n, pointer(fired), pointer(idx))
    assert idx[:count].tolist() == np.flatnonzero(fired).tolist()
    assert LIB.nc_count_u8(n, pointer(fired)) == fired.sum()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("rate", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("first", [0, 3])
@pytest.mark.parametrize("words", [0, 1, 5])
def test_events_and_bytes_of_bits(words, first, rate, version):
    flags = (np.random.default_rng(words).random(words * 64) < rate).astype(np.uint8)
    bits = np.packbits(flags, bitorder="little").view(np.uint64)
    idx = np.zeros(words * 64 + LIB.NC_SLACK, dtype=np.uint32)
    bytes_ = np.full(words * 64, 9, dtype=np.uint8)
    count = wide(version).events_of_bits(words, first, pointer(bits), pointer(idx))
    assert idx[:count].tolist() == (np.flatnonzero(flags) + 64 * first).tolist()
    n = max(words * 64 - 7, 0)
    LIB.nc_bytes_of_bits(n, pointer(bits), pointer(bytes_))
    assert bytes_[:n].tolist() == flags[:n].tolist()
    assert (bytes_[n:] == 9).all()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("n", SIZES)
def test_events_of_floats(n, version):
    """-0 is no event; subnormals, infinities and NaN are."""
    values = odd_values(np.random.default_rng(n), n)
    room = n + LIB.NC_SLACK
    idx, val = np.zeros(room, dtype=np.uint32), np.zeros(room, dtype=np.float32)
    loops = wide(version)
    count = loops.events_of_f32(n, pointer(values), pointer(idx), pointer(val))
    assert idx[:count].tolist() == np.flatnonzero(values).tolist()
    assert val[:count].tobytes() == values[values != 0].tobytes()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("flagged", [False, True])
@pytest.mark.parametrize("n", SIZES)
def test_marks_become_zeros(n, flagged, version):
    values = odd_values(np.random.default_rng(n), n)
    there = values.view(np.uint32) != 0x80000000
    touched = np.zeros(n, dtype=np.uint8)
    touched[::5] = 1
    out = values.copy()
    count = wide(version).unmark(n, pointer(out), pointer(touched) if flagged else FFI.NULL)
    assert count == there.sum()
    assert out.tobytes() == np.where(there, values, np.float32(0)).astype(np.float32).tobytes()
    wanted = there.astype(np.uint8)
    wanted[::5] = 1
    assert not flagged or touched.tolist() == wanted.tolist()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2.5, -2.5])
def test_limits_hold_for_every_value(value):
    values = pointer(np.array([0, 2, value], dtype=np.float32))
    assert LIB.nc_within_f32(2, values, 2.0) == 1
    assert LIB.nc_within_f32(3, values, 2.0) == 0
    assert LIB.nc_at_least_f32(3, values, 0.0) == (value == 2.5)
