"""Damage one thing in a packed network or a run: the kernel names it, and never crashes."""

from contextlib import contextmanager
from functools import partial
from inspect import isfunction

import numpy as np
import pytest
from border_cases import MIXED, Case, case, less, misaligned, more, null
from border_damages import ALIASES, NETWORK, RUN
from hypothesis import given, settings
from hypothesis import strategies as st
from pooled_networks import pooled_network

from neurochain.errors import InputError, InternalError
from neurochain.simulators import Record
from neurochain.simulators.event import PackedInputs, border, pack, pack_inputs, prepare
from neurochain.simulators.event.frames import Frames


@contextmanager
def damaged(c, path, value):
    """One field or element set to a value (see border_damages.py)."""
    path = path(c) if isfunction(path) else path
    target, key = c.place(path)
    named, old = isinstance(key, str), c.at(path)
    if isinstance(value, str):
        words, _, further = value.removeprefix("=").partition(" + ")
        fresh = c.at(words) + int(further) if further else c.at(words)
    else:
        fresh = value(c, old) if isfunction(value) else value  # cdata looks callable too
    put = partial(setattr, target) if named else target.__setitem__
    put(key, fresh)
    try:
        yield
    finally:
        put(key, old)


@pytest.fixture(scope="module")
def teams():
    return case(batch=3, threads=2)


@pytest.fixture(scope="module")
def workers():
    return case(batch=1, threads=2)


def _names(damages):
    return {name: said for name, *said in damages}


DAMAGES = _names((*NETWORK, *RUN))


def _found(c, said, path, value):
    """The damage gives this status at this place; without it all is well again."""
    status, part, field = (
        said.split()[0],
        said.split(maxsplit=1)[1].rsplit(maxsplit=1)[0],
        said.split()[-1],
    )
    with damaged(c, path, value):
        got = c.check()
    assert got[0] == getattr(c.lib, f"NC_{status}"), got
    assert part in ("?", got[1])
    assert field in ("?", got[2])
    assert c.check() == (c.lib.NC_OK, None, None)


@pytest.mark.parametrize("name", DAMAGES)
def test_one_damage(name, teams):
    _found(teams, *DAMAGES[name])


def test_more_groups_than_there_are_sums_for(teams):
    """The network by itself would stand."""
    with (
        damaged(teams, "edge conv window runs", 0),
        damaged(teams, "edge conv window groups", 2),
        damaged(teams, "pop conv turned", 0),
    ):
        assert teams.lib.nc_check_network(teams.packed.struct, teams.ffi.NULL) == teams.lib.NC_OK
        assert teams.check() == (teams.lib.NC_BAD_SIZE, "projection", "sums")


@pytest.mark.parametrize(
    ("name", "said", "path", "value"), ALIASES, ids=[row[0] for row in ALIASES]
)
def test_memory_used_twice(name, said, path, value, teams):
    _found(teams, said, path, value)


def test_a_membrane_where_a_pools_windows_are():
    network = pooled_network(np.random.default_rng(1), "means")
    inputs = pack_inputs(network, {"in": np.ones((1, 4, 144), dtype=np.float32)})
    prepared = prepare(pack(network), inputs, record=Record(membranes=("a",)))
    c = Case(prepared.packed, prepared)
    path = "run population 0 membrane"
    _found(c, "OVERLAP ? ?", path, lambda c, _: c.ffi.cast("float *", c.edge("p").window.only))


def test_bits_where_a_list_may_be_written_beyond_its_end(teams):
    def place(c, _):
        node = c.node("p.csr")
        beyond = (node.depth + c.run.chunk) * node.n + 2
        return c.ffi.cast("uint64_t *", node.segment[0].idx + beyond // 2 * 2)

    _found(teams, "OVERLAP ? ?", "scratch one bits", place)


@pytest.mark.parametrize("value", [-1, 10**9, more, less], ids=["before", "far", "more", "less"])
def test_where_a_workers_targets_begin(value, workers):
    cut, rows = workers.edge_out("csr").cut, workers.edge("csr").rows
    source = next(i for i in range(130) if rows[i] < cut[i] < rows[i + 1])
    _found(workers, "BAD_INDEX projection cut", f"edge_out csr cut {source}", value)


def test_workers_without_cuts(workers):
    _found(workers, "NULL projection cut", "edge_out csr cut", null)


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("teams", 0, "BAD_RUN"),
        ("teams", 2**31, "BAD_RUN"),
        ("workers", 0, "BAD_RUN"),
        ("workers", 2**31, "BAD_RUN"),
        ("workers", 2, "BAD_RUN"),  # not those that the scratch is for
        ("chunk", 0, "BAD_RUN"),
        ("chunk", 4, "BAD_RUN"),
        ("version", 3, "BAD_RUN"),
        ("frames_done", 2**63 - 1, "BAD_RUN"),
        ("batch", 1, "BAD_SHARE"),
        ("team", 0, "NULL"),
    ],
)
def test_every_call_looks_at_the_scalars(key, value, status, teams):
    with damaged(teams, f"run {key}", null if key == "team" else value):
        assert teams.advance() == getattr(teams.lib, f"NC_{status}")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("run next_sample", 4),
        ("run team 0 at_step", 1),
        ("run team 1 at_step", 8),
        ("run team 1 batch", 2),
    ],
)
def test_every_call_looks_at_the_shares(path, value, teams):
    with damaged(teams, path, value):
        assert teams.advance() == teams.lib.NC_BAD_SHARE


def test_two_teams_at_one_sample(teams):
    with (
        damaged(teams, "run next_sample", 1),
        damaged(teams, "run team 0 at_step", 2),
        damaged(teams, "run team 1 at_step", 2),
    ):
        assert teams.check() == (teams.lib.NC_BAD_SHARE, "team", "at_sample")
        assert teams.advance() == teams.lib.NC_BAD_SHARE
        with damaged(teams, "run team 1 at_step", 0):
            assert teams.check() == (teams.lib.NC_OK, None, None)


def test_a_call_without_network_run_or_time(teams):
    lib, ffi = teams.lib, teams.ffi
    assert lib.nc_advance(ffi.NULL, teams.prepared.struct, 1.0) == lib.NC_NULL
    assert lib.nc_advance(teams.packed.struct, ffi.NULL, 1.0) == lib.NC_NULL
    for seconds in (float("nan"), -1.0):
        assert teams.advance(seconds) == lib.NC_BAD_RUN
    assert lib.nc_check_network(ffi.NULL, ffi.NULL) == lib.NC_NULL
    assert lib.nc_check_run(teams.packed.struct, ffi.NULL, ffi.NULL) == lib.NC_NULL
    assert case().advance(0.0) == lib.NC_OK


def test_every_status_has_a_text_of_its_own(teams):
    lib, ffi = teams.lib, teams.ffi
    texts = [ffi.string(lib.nc_status_text(k)).decode() for k in range(lib.NC_PAYLOAD + 1)]
    assert len(set(texts)) == lib.NC_PAYLOAD + 1
    unknown = ffi.string(lib.nc_status_text(lib.NC_PAYLOAD + 1)).decode()
    assert "does not know" in unknown
    assert unknown not in texts


# --- as errors ------------------------------------------------------------------------------------


def _checks(c):
    border.check_network(c.packed.memory, c.packed.struct, c.packed.names)
    border.check_run(c.packed.memory, c.packed.struct, c.prepared.struct, c.packed.names)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("dense blocks", InternalError, ["projection dense", "dense.blocks", "report"]),
        ("a negative fan-out", InputError, ["projection int", "fan", "fewer steps"]),
        ("no decay", InternalError, ["population p.dense", "hot.beta", "NULL"]),
        ("events that fall", InputError, ["events of node s", "idx", "pack_inputs"]),
        ("a delay not kept", InternalError, ["node p.csr", "depth", "reference"]),
        ("two states", InternalError, ["population p.csr", "state", "used twice"]),
    ],
)
def test_errors_say_what_where_and_what_to_do(name, kind, words, teams):
    _, path, value = {**DAMAGES, **_names(ALIASES)}[name]
    with damaged(teams, path, value), pytest.raises((InputError, InternalError)) as caught:
        _checks(teams)
    assert type(caught.value) is kind
    for word in words:
        assert word in str(caught.value)


def test_a_call_that_fails_is_an_error(teams):
    with damaged(teams, "run version", 3), pytest.raises(InternalError, match="version"):
        teams.prepared.advance()


def test_events_made_by_hand_are_looked_at():
    good = Frames.of(np.ones((1, 2, 30), dtype=np.float32))
    arrays = {"s": np.zeros((1, 2, 72), np.float32), "g": np.ones((1, 2, 30), np.float32)}
    bad = Frames(start=good.start, idx=good.idx[::-1].copy(), val=None, dense=None)
    frames = {"s": Frames.of(arrays["s"]), "g": bad}
    inputs = PackedInputs(batch=1, steps=2, frames=frames)
    with pytest.raises(InputError, match=r"events of node g, idx.*ascend.*pack_inputs"):
        prepare(pack(MIXED), inputs)


# --- anything, anywhere ---------------------------------------------------------------------------

# These alone say how much memory a pointer leads to, or what lies there: more cannot be seen.
SAYS_LENGTH = {
    *("n_sources", "n_populations", "n_units", "n_ports", "n_registers", "n_instructions"),
    *("n_states", "n_projections", "per_neuron", "weight_type", "width"),
}


def _structures(c):
    """Every structure of the network and the run, with a name."""
    run, net, packed = c.run, c.net, c.packed
    found = [("net", net), ("run", run)]
    for name, kinds in (("projection", packed.edges), ("population", packed.populations)):
        for k in range(len(packed.names[name])):
            found.append((name, kinds[k]))
    for name in packed.names["population"]:
        p = c.pop(name.removeprefix("p."))
        found += [("program", p.program), ("hot", p.hot), ("out", c.out(name.removeprefix("p.")))]
        found += [("body", p.program.body[k]) for k in range(p.program.n_instructions)]
    for name in packed.names["projection"]:
        edge = c.edge(name)
        found += [("dense", edge.dense), ("edge out", c.edge_out(name))]
        found += [("fan", edge.fan[k]) for k in range(3)]
        if edge.window != c.ffi.NULL:
            found.append(("window", edge.window[0]))
    for team in range(run.teams):
        found.append(("team", run.team[team]))
        for name in packed.names["node"]:
            node = c.node(name, team)
            found += [("node", node), ("past", node.past), ("fed", node.fed)]
            if node.segment != c.ffi.NULL:
                found += [("segment", node.segment[w]) for w in range(run.workers)]
        found += [
            ("scratch", c.scratch(n.removeprefix("p."), team)) for n in packed.names["population"]
        ]
        found.append(("conv scratch", c.conv_scratch(team)))
    return found


def _tables(c):
    """Index tables and their lengths."""
    g, csr, route, fed = c.edge("conv").window, c.edge("csr"), c.edge("route"), c.node("s").fed
    units = c.net.n_units
    tables = [(c.net.unit, units + 1), (c.net.member, units), (c.net.loops, units)]
    tables += [(csr.rows, csr.n_in + 1), (csr.local, csr.stored)]
    tables += [(route.indptr, route.n_in + 1), (route.targets, route.stored)]
    tables += [(g.row_start, g.h + 1), (g.row_tap, g.row_entries), (g.row_out, g.row_entries)]
    tables += [(g.col_start, g.w + 1), (g.col_tap, g.col_entries), (g.col_out, g.col_entries)]
    tables += [(fed.start, fed.frames + 1), (fed.idx, fed.events)]
    p = c.pop("csr")
    tables += [(p.first, p.n_ports + 1), (p.port, p.n_ports)]
    tables += [(p.program.state, p.program.n_states), (p.program.next, p.program.n_states)]
    return [(table, n) for table, n in tables if n]


def _range_of(ctype, c):
    bits = 8 * c.ffi.sizeof(ctype)
    signed = int(c.ffi.cast(ctype, -1)) < 0
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)


def _new_value(draw, c, ctype, old):
    """Of an integer: near the old one, near a limit, or any."""
    low, high = _range_of(ctype, c)
    near = st.integers(max(low, old - 3), min(high, old + 3))
    return draw(near | st.sampled_from([low, high, min(high, 2**31)]) | st.integers(low, high))


def _flip_field(draw, c):
    _, target = draw(st.sampled_from(_structures(c)))
    fields = {
        name: field.type
        for name, field in c.ffi.typeof(target).fields
        if field.type.kind in ("primitive", "pointer", "enum")
    }
    name = draw(st.sampled_from(sorted(fields)))
    ctype, old = fields[name], getattr(target, name)
    if ctype.kind == "enum":
        return f"{ctype.cname}.{name}", (target, name, draw(st.integers(0, 30)))
    if ctype.kind == "pointer":
        wide = ctype.item.kind != "void" and c.ffi.alignof(ctype.item) > 1
        shift = wide and old != c.ffi.NULL and draw(st.booleans())
        return name, (target, name, misaligned(c, old) if shift else c.ffi.NULL)
    if ctype.cname in ("float", "double"):
        return name, (target, name, draw(st.floats(width=32)))
    value = _new_value(draw, c, ctype, old)
    if name in SAYS_LENGTH:
        value = draw(st.integers(0, old))
    return name, (target, name, value)


def _flip_element(draw, c):
    table, n = draw(st.sampled_from(_tables(c)))
    at = draw(st.integers(0, n - 1))
    return "element", (table, at, _new_value(draw, c, c.ffi.typeof(table).item, table[at]))


@pytest.mark.parametrize("batch", [3, 1], ids=["teams", "workers"])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_damage_is_refused_or_does_no_harm(batch, data):
    """What the checks let pass runs to its end: under the sanitizers, without one wrong access."""
    c = case(batch=batch)
    flip = data.draw(st.sampled_from([_flip_field, _flip_element]))
    name, (target, key, value) = flip(data.draw, c)
    data.draw(st.just(name))
    if isinstance(key, str):
        setattr(target, key, value)
    else:
        target[key] = value
    status, part, _ = c.check()
    if status != c.lib.NC_OK:
        assert part is not None
        return
    assert c.advance() in (c.lib.NC_OK, c.lib.NC_TOO_LARGE, c.lib.NC_BAD_RUN)
