"""Damage one thing in a packed network or a run: the kernel names it, and never crashes."""

from contextlib import contextmanager
from inspect import isfunction

import numpy as np
import pytest
from border_cases import case
from hypothesis import given, settings
from hypothesis import strategies as st

from neurochain.errors import InputError, InternalError
from neurochain.simulators.event import border
from neurochain.simulators.event.frames import Frames

BIG = 2**62


def null(c):
    return c.ffi.NULL


def off_by_one_byte(c, pointer):
    """The same pointer, not aligned."""
    address = int(c.ffi.cast("uintptr_t", pointer)) + 1
    return c.ffi.cast(c.ffi.typeof(pointer), address)


@contextmanager
def damaged(c, target, key, value):
    """One field or element set to a value (or to what a function of the old one gives)."""
    named = isinstance(key, str)
    old = getattr(target, key) if named else target[key]
    fresh = value(old) if isfunction(value) else value  # cdata looks callable too
    if named:
        setattr(target, key, fresh)
    else:
        target[key] = fresh
    try:
        yield
    finally:
        if named:
            setattr(target, key, old)
        else:
            target[key] = old


@pytest.fixture(scope="module")
def teams():
    return case(batch=3, threads=2)


@pytest.fixture(scope="module")
def workers():
    return case(batch=1, threads=2)


def misaligned(c):
    return lambda old: off_by_one_byte(c, old)


def more(old):
    return old + 1


def less(old):
    return old - 1


# Each: status, part, field that are named; what is damaged; the new value.
NETWORK = {
    "no populations": ("NULL", "network", "population", lambda c: (c.net, "population", null(c))),
    "no projections": ("NULL", "network", "projection", lambda c: (c.net, "projection", null(c))),
    "populations misaligned": (
        "MISALIGNED",
        "network",
        "population",
        lambda c: (c.net, "population", misaligned(c)),
    ),
    "too many nodes": (
        "OVERFLOW",
        "network",
        "n_populations",
        lambda c: (c.net, "n_populations", 2**32 - 1),
    ),
    "fewer projections": (
        "BAD_INDEX",
        "population",
        "first",
        lambda c: (c.net, "n_projections", less),
    ),
    "a source of no size": ("BAD_SIZE", "network", "source_n", lambda c: (c.net.source_n, 0, 0)),
    "a source of another size": (
        "BAD_SIZE",
        "projection",
        "n_in",
        lambda c: (c.net.source_n, 0, 71),
    ),
    "no units": ("NULL", "network", "unit", lambda c: (c.net, "unit", null(c))),
    "no loops": ("NULL", "network", "loops", lambda c: (c.net, "loops", null(c))),
    "units from 1": ("BAD_UNITS", "network", "unit", lambda c: (c.net.unit, 0, 1)),
    "an empty unit": ("BAD_UNITS", "unit", "unit", lambda c: (c.net.unit, 1, 0)),
    "a unit of two without a loop": ("BAD_UNITS", "unit", "loops", lambda c: (c.net.unit, 1, 2)),
    "fewer units": ("BAD_UNITS", "unit", "member", lambda c: (c.net, "n_units", less)),
    "a member twice": ("BAD_UNITS", "unit", "member", lambda c: (c.net.member, 1, 0)),
    "a member that is none": ("BAD_UNITS", "unit", "member", lambda c: (c.net.member, 2, 99)),
    "a loop taken for none": ("BAD_ORDER", "projection", "source", lambda c: (c.net.loops, 3, 0)),
    "a source of a later unit": (
        "BAD_ORDER",
        "projection",
        "source",
        lambda c: (c.edge("one"), "source", 2 + 7),
    ),
    "no loop within a step": (
        "BAD_ORDER",
        "projection",
        "source",
        lambda c: (c.edge("rec"), "delay", 0),
    ),
    "no neurons": ("BAD_SIZE", "population", "n", lambda c: (c.pop("csr"), "n", 0)),
    "too many neurons": ("BAD_SIZE", "population", "n", lambda c: (c.pop("csr"), "n", 2**32)),
    "another number of neurons": (
        "BAD_SIZE",
        "projection",
        "n_out",
        lambda c: (c.pop("conv"), "n", less),
    ),
    "more ports than registers": (
        "BAD_SIZE",
        "population",
        "n_ports",
        lambda c: (c.pop("csr"), "n_ports", 10**6),
    ),
    "no first projections": (
        "NULL",
        "population",
        "first",
        lambda c: (c.pop("int"), "first", null(c)),
    ),
    "projections left out": (
        "NOT_ASCENDING",
        "population",
        "first",
        lambda c: (c.pop("int").first, 0, more),
    ),
    "projections that are none": (
        "BAD_INDEX",
        "population",
        "first",
        lambda c: (c.pop("relay").first, 1, 99),
    ),
    "no port register": ("BAD_INDEX", "population", "port", lambda c: (c.pop("csr").port, 0, 99)),
    "a port in the block": (
        "BAD_PROGRAM",
        "population",
        "step",
        lambda c: (c.pop("csr").step, 0, 0),
    ),
    "a step of two": (
        "BAD_PROGRAM",
        "population",
        "step",
        lambda c: (c.pop("csr").step, c.pop("csr").n_registers - 1, 2),
    ),
    "a state register that is none": (
        "BAD_INDEX",
        "population",
        "program.state",
        lambda c: (c.pop("csr").program.state, 0, 99),
    ),
    "two states in one": (
        "BAD_PROGRAM",
        "population",
        "program.state",
        lambda c: (c.pop("csr").program.state, 0, c.pop("csr").program.state[1]),
    ),
    "a new state in an old one": (
        "BAD_PROGRAM",
        "population",
        "program.next",
        lambda c: (c.pop("csr").program.next, 0, c.pop("csr").program.state[1]),
    ),
    "no body": (
        "NULL",
        "population",
        "program.body",
        lambda c: (c.pop("csr").program, "body", null(c)),
    ),
    "an operation that is none": (
        "BAD_KIND",
        "population",
        "program.body.op",
        lambda c: (c.pop("csr").program.body[1], "op", 17),
    ),
    "a negative operation": (
        "BAD_KIND",
        "population",
        "program.body.op",
        lambda c: (c.pop("csr").program.body[1], "op", -1),
    ),
    "a result that is none": (
        "BAD_INDEX",
        "population",
        "program.body",
        lambda c: (c.pop("csr").program.body[0], "out", 99),
    ),
    "an argument that is none": (
        "BAD_INDEX",
        "population",
        "program.body",
        lambda c: (c.pop("csr").program.body[0], "a", 99),
    ),
    "a result in a port": (
        "BAD_PROGRAM",
        "population",
        "program.body.out",
        lambda c: (c.pop("csr").program.body[0], "out", 0),
    ),
    "a result written twice": (
        "BAD_PROGRAM",
        "population",
        "program.body.out",
        lambda c: (c.pop("csr").program.body[1], "out", c.pop("csr").program.body[0].out),
    ),
    "a result that is its argument": (
        "BAD_PROGRAM",
        "population",
        "program.body.out",
        lambda c: (c.pop("csr").program.body[0], "a", c.pop("csr").program.body[0].out),
    ),
    "no emitted register": (
        "BAD_INDEX",
        "population",
        "program.emit",
        lambda c: (c.pop("csr").program, "emit", 99),
    ),
    "no membrane register": (
        "BAD_INDEX",
        "population",
        "program.membrane",
        lambda c: (c.pop("csr").program, "membrane", 99),
    ),
    "no winner's register": (
        "BAD_INDEX",
        "population",
        "program.winner",
        lambda c: (c.pop("csr").program, "winner", 99),
    ),
    "any values taken for spikes": (
        "BAD_FLAG",
        "population",
        "binary",
        lambda c: (c.pop("relay"), "binary", 1),
    ),
    "a hot form that is none": (
        "BAD_KIND",
        "population",
        "hot.form",
        lambda c: (c.pop("dense").hot, "form", 6),
    ),
    "a hot form without its state": (
        "BAD_FLAG",
        "population",
        "is_hot",
        lambda c: (c.pop("dense").hot, "form", lambda old: old | 8),
    ),
    "a hot form without its leak": (
        "NULL",
        "population",
        "hot.leak",
        lambda c: (c.pop("dense").hot, "form", lambda old: old | 16),
    ),
    "no decay": ("NULL", "population", "hot.beta", lambda c: (c.pop("dense").hot, "beta", null(c))),
    "a threshold misaligned": (
        "MISALIGNED",
        "population",
        "hot.theta",
        lambda c: (c.pop("int").hot, "theta", misaligned(c)),
    ),
    "no decay of the current": (
        "NULL",
        "population",
        "hot.alpha",
        lambda c: (c.pop("int").hot, "alpha", null(c)),
    ),
    "still beyond all": (
        "BAD_SIZE",
        "population",
        "hot.still_beta",
        lambda c: (c.pop("int").hot.still_beta, 3, 0x800001),
    ),
    "windows split": ("BAD_FLAG", "population", "split", lambda c: (c.pop("conv"), "split", 1)),
    "windows fused": ("BAD_FLAG", "population", "fused", lambda c: (c.pop("conv"), "fused", 1)),
    "competing hot neurons": (
        "BAD_FLAG",
        "population",
        "is_hot",
        lambda c: (c.pop("dense").program, "competes", 1),
    ),
    "a source that is none": (
        "BAD_INDEX",
        "projection",
        "source",
        lambda c: (c.edge("csr"), "source", 99),
    ),
    "a source of another size still": (
        "BAD_SIZE",
        "projection",
        "n_in",
        lambda c: (c.edge("csr"), "source", 0),
    ),
    "another number of sources": (
        "BAD_SIZE",
        "projection",
        "n_in",
        lambda c: (c.edge("rec"), "n_in", more),
    ),
    "another number of targets": (
        "BAD_SIZE",
        "projection",
        "n_out",
        lambda c: (c.edge("rec"), "n_out", more),
    ),
    "an operator that is none": (
        "BAD_KIND",
        "projection",
        "kind",
        lambda c: (c.edge("max"), "kind", 8),
    ),
    "an operator taken for another": (
        "BAD_SIZE",
        "projection",
        "csr_blocks",
        lambda c: (c.edge("dense"), "kind", c.lib.NC_CSR),
    ),
    "a weight type that is none": (
        "BAD_KIND",
        "projection",
        "weight_type",
        lambda c: (c.edge("dense"), "weight_type", 3),
    ),
    "float sums taken for whole ones": (
        "BAD_FLAG",
        "projection",
        "exact",
        lambda c: (c.edge("dense"), "exact", 1),
    ),
    "a limit that is no number": (
        "BAD_SIZE",
        "projection",
        "limit_f32",
        lambda c: (c.edge("dense"), "limit_f32", float("nan")),
    ),
    "a limit beyond 31 bits": (
        "BAD_SIZE",
        "projection",
        "limit_i32",
        lambda c: (c.edge("dense"), "limit_i32", 2.0**31),
    ),
    "a limit beyond 63 bits": (
        "BAD_SIZE",
        "projection",
        "limit_i64",
        lambda c: (c.edge("dense"), "limit_i64", 2.0**63),
    ),
    "dense weights of another type": (
        "BAD_KIND",
        "projection",
        "dense.type",
        lambda c: (c.edge("dense").dense, "type", c.lib.NC_I8),
    ),
    "dense rows": (
        "BAD_SIZE",
        "projection",
        "dense.n_in",
        lambda c: (c.edge("dense").dense, "n_in", less),
    ),
    "dense columns": (
        "BAD_SIZE",
        "projection",
        "dense.n_out",
        lambda c: (c.edge("dense").dense, "n_out", more),
    ),
    "dense blocks": (
        "BAD_SIZE",
        "projection",
        "dense.blocks",
        lambda c: (c.edge("dense").dense, "blocks", more),
    ),
    "no dense weights": (
        "NULL",
        "projection",
        "dense.weights",
        lambda c: (c.edge("dense").dense, "weights", null(c)),
    ),
    "dense weights misaligned": (
        "MISALIGNED",
        "projection",
        "dense.weights",
        lambda c: (c.edge("dense").dense, "weights", misaligned(c)),
    ),
    "a mask misaligned": (
        "MISALIGNED",
        "projection",
        "dense.mask",
        lambda c: (c.edge("dense").dense, "mask", misaligned(c)),
    ),
    "sparse blocks": (
        "BAD_SIZE",
        "projection",
        "csr_blocks",
        lambda c: (c.edge("csr"), "csr_blocks", 2),
    ),
    "rows misaligned": (
        "MISALIGNED",
        "projection",
        "rows",
        lambda c: (c.edge("csr"), "rows", misaligned(c)),
    ),
    "rows from 1": ("NOT_ASCENDING", "projection", "rows", lambda c: (c.edge("csr").rows, 0, 1)),
    "rows that fall": ("NOT_ASCENDING", "projection", "rows", lambda c: (c.edge("csr").rows, 9, 0)),
    "a row beyond the end": (
        "BAD_INDEX",
        "projection",
        "rows",
        lambda c: (c.edge("csr").rows, 9, 10**9),
    ),
    "rows that stop early": (
        "BAD_SIZE",
        "projection",
        "stored",
        lambda c: (c.edge("csr").rows, 130, less),
    ),
    "more stored": ("BAD_SIZE", "projection", "stored", lambda c: (c.edge("csr"), "stored", more)),
    "stored beyond all memory": (
        "OVERFLOW",
        "projection",
        "local",
        lambda c: (c.edge("csr"), "stored", BIG),
    ),
    "no sparse weights": (
        "NULL",
        "projection",
        "weights",
        lambda c: (c.edge("csr"), "weights", null(c)),
    ),
    "a target beyond the block": (
        "BAD_INDEX",
        "projection",
        "local",
        lambda c: (c.edge("csr").local, c.edge("csr").rows[1] - 1, 90),
    ),
    "targets of a row that fall": (
        "NOT_ASCENDING",
        "projection",
        "local",
        lambda c: (c.edge("csr").local, 0, 89),
    ),
    "too wide a shift": ("BAD_SIZE", "projection", "shift", lambda c: (c.edge("csr"), "shift", 31)),
    "a diagonal of another length": (
        "BAD_SIZE",
        "projection",
        "stored",
        lambda c: (c.edge("one"), "stored", 89),
    ),
    "no routes": ("NULL", "projection", "indptr", lambda c: (c.edge("route"), "indptr", null(c))),
    "routes that fall": (
        "NOT_ASCENDING",
        "projection",
        "indptr",
        lambda c: (c.edge("route").indptr, 5, -1),
    ),
    "more routes": (
        "BAD_SIZE",
        "projection",
        "indptr",
        lambda c: (c.edge("route"), "stored", more),
    ),
    "a route beyond": (
        "BAD_INDEX",
        "projection",
        "targets",
        lambda c: (c.edge("route").targets, 0, 40),
    ),
    "a route before": (
        "BAD_INDEX",
        "projection",
        "targets",
        lambda c: (c.edge("route").targets, 0, -1),
    ),
    "no window": ("NULL", "projection", "window", lambda c: (c.edge("conv"), "window", null(c))),
    "input channels": (
        "BAD_SIZE",
        "projection",
        "window.c_in",
        lambda c: (c.edge("conv").window, "c_in", more),
    ),
    "channels that overflow": (
        "BAD_SIZE",
        "projection",
        "window.c_out",
        lambda c: (c.edge("conv").window, "c_out", 2**31),
    ),
    "window rows from 1": (
        "NOT_ASCENDING",
        "projection",
        "window.row_start",
        lambda c: (c.edge("conv").window.row_start, 0, 1),
    ),
    "window rows beyond the end": (
        "BAD_SIZE",
        "projection",
        "window.row_start",
        lambda c: (c.edge("conv").window.row_start, 6, more),
    ),
    "window columns": (
        "BAD_SIZE",
        "projection",
        "window.col_start",
        lambda c: (c.edge("pool").window, "col_entries", less),
    ),
    "a row tap beyond": (
        "BAD_WINDOW",
        "projection",
        "window.row_tap",
        lambda c: (c.edge("conv").window.row_tap, 2, 3),
    ),
    "a column tap beyond": (
        "BAD_WINDOW",
        "projection",
        "window.col_tap",
        lambda c: (c.edge("max").window.col_tap, 2, 3),
    ),
    "an output row beyond": (
        "BAD_WINDOW",
        "projection",
        "window.row_out",
        lambda c: (c.edge("pool").window.row_out, 2, 6),
    ),
    "an output column beyond": (
        "BAD_WINDOW",
        "projection",
        "window.col_out",
        lambda c: (c.edge("conv").window.col_out, 2, 6),
    ),
    "output columns that fall": (
        "NOT_ASCENDING",
        "projection",
        "window.col_out",
        lambda c: (c.edge("conv").window.col_out, 0, 5),
    ),
    "a place that is another": (
        "BAD_WINDOW",
        "projection",
        "window.place",
        lambda c: (c.edge("conv").window.place[7], "x", more),
    ),
    "groups": (
        "BAD_WINDOW",
        "projection",
        "window.groups",
        lambda c: (c.edge("conv").window, "groups", 3),
    ),
    "no groups": (
        "BAD_WINDOW",
        "projection",
        "window.groups",
        lambda c: (c.edge("conv").window, "groups", 0),
    ),
    "a narrow row": (
        "BAD_WINDOW",
        "projection",
        "window.out_stride",
        lambda c: (c.edge("conv").window, "out_stride", 0),
    ),
    "a row that is not whole fours": (
        "BAD_WINDOW",
        "projection",
        "window.out_stride",
        lambda c: (c.edge("conv").window, "out_stride", 6),
    ),
    "a larger kernel": (
        "BAD_SIZE",
        "projection",
        "stored",
        lambda c: (c.edge("conv").window, "kh", more),
    ),
    "a larger pool": (
        "BAD_SIZE",
        "projection",
        "stored",
        lambda c: (c.edge("max").window, "kw", 10**6),
    ),
    "columns taken to be a run": (
        "BAD_FLAG",
        "projection",
        "window.runs",
        lambda c: (c.edge("conv").window.col_tap, 0, lambda old: (old + 2) % 3),
    ),
    "a negative fan-out": (
        "COUNTERS",
        "projection",
        "fan",
        lambda c: (c.edge("int").fan[0], "each", -1),
    ),
    "a fan-out near 2^63": (
        "COUNTERS",
        "projection",
        "fan",
        lambda c: (c.edge("int").fan[2], "each", BIG),
    ),
    "fan-outs that add up to 2^63": (
        "COUNTERS",
        "projection",
        "fan",
        lambda c: (c.edge("csr").fan[0].fan, 3, 2**63 - 1),
    ),
    "a bias without flags": (
        "NULL",
        "projection",
        "bias_nonzero",
        lambda c: (c.edge("int"), "bias_nonzero", null(c)),
    ),
}

RUN = {
    "no chunk": ("BAD_RUN", "run", "chunk", lambda c: (c.run, "chunk", 0)),
    "no teams": ("BAD_RUN", "run", "teams", lambda c: (c.run, "teams", 0)),
    "too many teams": ("BAD_RUN", "run", "teams", lambda c: (c.run, "teams", 257)),
    "no workers": ("BAD_RUN", "run", "workers", lambda c: (c.run, "workers", 0)),
    "workers that overflow": ("BAD_RUN", "run", "workers", lambda c: (c.run, "workers", 2**31)),
    "a version that is none": ("BAD_RUN", "run", "version", lambda c: (c.run, "version", 99)),
    "negative frames": ("BAD_RUN", "run", "frames_done", lambda c: (c.run, "frames_done", -1)),
    "a batch beyond all memory": ("OVERFLOW", "run", "batch", lambda c: (c.run, "batch", BIG)),
    "too many steps": ("OVERFLOW", "run", "steps", lambda c: (c.run, "steps", 2**33)),
    "no team": ("NULL", "run", "team", lambda c: (c.run, "team", null(c))),
    "no results": ("NULL", "run", "population", lambda c: (c.run, "population", null(c))),
    "no counts": ("NULL", "run", "projection", lambda c: (c.run, "projection", null(c))),
    "a longer chunk": ("BAD_SIZE", "team", "chunk", lambda c: (c.run, "chunk", more)),
    "more workers": ("BAD_SIZE", "team", "workers", lambda c: (c.run, "workers", more)),
    "a sample left out": (
        "BAD_SHARE",
        "team",
        "first_sample",
        lambda c: (c.run.team[1], "first_sample", more),
    ),
    "samples run twice": (
        "BAD_SHARE",
        "team",
        "first_sample",
        lambda c: (c.run.team[0], "end_sample", more),
    ),
    "a share that ends early": (
        "BAD_SHARE",
        "team",
        "end_sample",
        lambda c: (c.run.team[1], "end_sample", less),
    ),
    "a sample beyond the share": (
        "BAD_SHARE",
        "team",
        "at_sample",
        lambda c: (c.run.team[0], "at_sample", 9),
    ),
    "a step beyond the last": (
        "BAD_SHARE",
        "team",
        "at_step",
        lambda c: (c.run.team[0], "at_step", 8),
    ),
    "a team that failed": ("NOT_FRESH", "team", "status", lambda c: (c.run.team[1], "status", 1)),
    "another batch": ("BAD_SHARE", "team", "end_sample", lambda c: (c.run, "batch", more)),
    "another number of steps": (
        "BAD_SIZE",
        "events of node",
        "frames",
        lambda c: (c.run, "steps", more),
    ),
    "no nodes": ("NULL", "team", "node", lambda c: (c.run.team[1], "node", null(c))),
    "a node of another size": ("BAD_SIZE", "node", "n", lambda c: (c.node("s"), "n", less)),
    "a population of another size": (
        "BAD_SIZE",
        "node",
        "n",
        lambda c: (c.node("p.csr", 1), "n", more),
    ),
    "a delay not kept": ("BAD_DELAY", "node", "depth", lambda c: (c.node("p.csr"), "depth", 2)),
    "a delay beyond what is kept": (
        "BAD_DELAY",
        "node",
        "depth",
        lambda c: (c.edge("route"), "delay", 9),
    ),
    "no starts": ("NULL", "events of node", "start", lambda c: (c.node("g").fed, "start", null(c))),
    "starts from 1": (
        "NOT_ASCENDING",
        "events of node",
        "start",
        lambda c: (c.node("s").fed.start, 0, 1),
    ),
    "starts that fall": (
        "NOT_ASCENDING",
        "events of node",
        "start",
        lambda c: (c.node("s").fed.start, 3, 0),
    ),
    "starts beyond the end": (
        "BAD_SIZE",
        "events of node",
        "events",
        lambda c: (c.node("s").fed.start, 24, more),
    ),
    "fewer events": (
        "BAD_SIZE",
        "events of node",
        "events",
        lambda c: (c.node("s").fed, "events", less),
    ),
    "no indices": ("NULL", "events of node", "idx", lambda c: (c.node("s").fed, "idx", null(c))),
    "indices misaligned": (
        "MISALIGNED",
        "events of node",
        "idx",
        lambda c: (c.node("s").fed, "idx", misaligned(c)),
    ),
    "an event beyond the source": (
        "BAD_INDEX",
        "events of node",
        "idx",
        lambda c: (c.node("s").fed.idx, c.node("s").fed.start[1] - 1, 72),
    ),
    "events that fall": (
        "NOT_ASCENDING",
        "events of node",
        "idx",
        lambda c: (c.node("s").fed.idx, 0, 71),
    ),
    "values without an array": (
        "NULL",
        "events of node",
        "dense",
        lambda c: (c.node("g").fed, "dense", null(c)),
    ),
    "an array without values": (
        "NULL",
        "events of node",
        "val",
        lambda c: (c.node("g").fed, "val", null(c)),
    ),
    "a population without lists": (
        "NULL",
        "node",
        "segment",
        lambda c: (c.node("p.csr"), "segment", null(c)),
    ),
    "a source with lists": (
        "BAD_FLAG",
        "node",
        "segment",
        lambda c: (c.node("s"), "segment", c.node("p.csr").segment),
    ),
    "no list": (
        "NULL",
        "node",
        "segment.idx",
        lambda c: (c.node("p.csr").segment[0], "idx", null(c)),
    ),
    "no list of values": (
        "NULL",
        "node",
        "segment.val",
        lambda c: (c.node("p.relay").segment[0], "val", null(c)),
    ),
    "values of spikes": (
        "BAD_FLAG",
        "node",
        "segment.val",
        lambda c: (c.node("p.csr").segment[0], "val", c.run.team[0].part),
    ),
    "starts misaligned": (
        "MISALIGNED",
        "node",
        "segment.start",
        lambda c: (c.node("p.csr").segment[0], "start", misaligned(c)),
    ),
    "no array of values": (
        "NULL",
        "node",
        "dense",
        lambda c: (c.node("p.relay"), "dense", null(c)),
    ),
    "no buffer": ("NULL", "population", "buffer", lambda c: (c.scratch("csr").buffer, 0, null(c))),
    "no flags": ("NULL", "population", "touched", lambda c: (c.scratch("csr"), "touched", null(c))),
    "bits misaligned": (
        "MISALIGNED",
        "population",
        "bits",
        lambda c: (c.scratch("int"), "bits", misaligned(c)),
    ),
    "no tally": ("NULL", "population", "tally", lambda c: (c.scratch("int"), "tally", null(c))),
    "no registers": ("NULL", "population", "base", lambda c: (c.scratch("csr"), "base", null(c))),
    "a register without memory": (
        "NULL",
        "population",
        "base",
        lambda c: (c.scratch("csr").base, c.pop("csr").program.body[0].out, null(c)),
    ),
    "a port that is not its buffer": (
        "BAD_INDEX",
        "population",
        "base",
        lambda c: (c.scratch("csr").base, c.pop("csr").port[0], more),
    ),
    "fewer sums": ("BAD_SIZE", "projection", "sums", lambda c: (c.conv_scratch(), "sums", less)),
    "no sums": ("NULL", "projection", "acc", lambda c: (c.conv_scratch(), "acc", null(c))),
    "sums misaligned": (
        "MISALIGNED",
        "projection",
        "acc",
        lambda c: (c.conv_scratch(), "acc", misaligned(c)),
    ),
    "dirty columns": (
        "NOT_FRESH",
        "projection",
        "dirty",
        lambda c: (c.conv_scratch().dirty, 1, 99),
    ),
    "no part": ("NULL", "team", "part", lambda c: (c.run.team[0], "part", null(c))),
    "exact sums misaligned": (
        "MISALIGNED",
        "team",
        "exact",
        lambda c: (c.run.team[0], "exact", misaligned(c)),
    ),
    "workers who have arrived": (
        "NOT_FRESH",
        "team",
        "arrived",
        lambda c: (c.run.team[0], "arrived", 1),
    ),
    "no state": ("NULL", "population", "state", lambda c: (c.out("csr").state, 0, null(c))),
    "a membrane misaligned": (
        "MISALIGNED",
        "population",
        "membrane",
        lambda c: (c.out("dense"), "membrane", misaligned(c)),
    ),
    "a membrane that is no state": (
        "BAD_INDEX",
        "population",
        "membrane_state",
        lambda c: (c.out("dense"), "membrane_state", 1),
    ),
    "no population counts": (
        "NULL",
        "population",
        "counts",
        lambda c: (c.out("csr"), "counts", null(c)),
    ),
    "no projection counts": (
        "NULL",
        "projection",
        "counts",
        lambda c: (c.edge_out("csr"), "counts", null(c)),
    ),
    "fan-outs that pass 2^63 in the whole run": (
        "COUNTERS",
        "projection",
        "fan",
        lambda c: (c.edge("int").fan[1], "each", 2**62 // 30),
    ),
}

ALIASES = {
    "two states": ("population", "state", lambda c: (c.out("csr").state, 0, c.out("csr").state[1])),
    "states of two populations": (
        "population",
        "state",
        lambda c: (c.out("one").state, 0, c.out("same").state[0]),
    ),
    "counts in the middle of others": (
        "projection",
        "counts",
        lambda c: (c.edge_out("csr"), "counts", c.edge_out("rec").counts + 3),
    ),
    "buffers of two teams": (
        "population",
        "buffer",
        lambda c: (c.scratch("one").buffer, 0, c.scratch("one", 1).buffer[0]),
    ),
    "sums of two teams": (
        "team",
        "exact",
        lambda c: (c.run.team[0], "exact", c.run.team[1].exact),
    ),
    "a result in a state": (
        "population",
        None,
        lambda c: (c.scratch("csr").base, c.pop("csr").program.body[1].out, c.out("csr").state[0]),
    ),
    "spikes in the input": (
        None,
        None,
        lambda c: (c.out("dense"), "spikes", c.ffi.cast("uint8_t *", c.node("s").fed.idx)),
    ),
    "a membrane in the weights": (
        None,
        None,
        lambda c: (
            c.out("dense"),
            "membrane",
            c.ffi.cast("float *", c.edge("dense").dense.weights) + 5,
        ),
    ),
    "lists in other lists": (
        "node",
        "segment.idx",
        lambda c: (
            c.node("p.csr").segment[0],
            "idx",
            c.node("p.dense").segment[0].idx + 1,
        ),
    ),
}


def _found(c, status, part, field, place):
    """The damage gives this status at this place; without it all is well again."""
    target, key, value = place(c)
    with damaged(c, target, key, value):
        got = c.check()
    assert got == (getattr(c.lib, f"NC_{status}"), part or got[1], field or got[2])
    assert c.check() == (c.lib.NC_OK, None, None)


@pytest.mark.parametrize("name", NETWORK)
def test_a_damaged_network(name, teams):
    _found(teams, *NETWORK[name])


@pytest.mark.parametrize("name", RUN)
def test_a_damaged_run(name, teams):
    _found(teams, *RUN[name])


def test_more_groups_than_there_are_sums_for(teams):
    """The network by itself would stand."""
    window = teams.edge("conv").window
    with damaged(teams, window, "runs", 0), damaged(teams, window, "groups", 2):
        assert teams.lib.nc_check_network(teams.packed.struct, teams.ffi.NULL) == teams.lib.NC_OK
        assert teams.check() == (teams.lib.NC_BAD_SIZE, "projection", "sums")


@pytest.mark.parametrize("name", ALIASES)
def test_memory_used_twice(name, teams):
    _found(teams, "OVERLAP", *ALIASES[name])


@pytest.mark.parametrize(
    "value", [-1, 10**9, lambda old: old + 1, lambda old: old - 1], ids="0 far more less".split()
)
def test_where_a_workers_targets_begin(value, workers):
    cut, rows = workers.edge_out("csr").cut, workers.edge("csr").rows
    source = next(i for i in range(130) if rows[i] < cut[i] < rows[i + 1])
    _found(workers, "BAD_INDEX", "projection", "cut", lambda c: (cut, source, value))


def test_workers_without_cuts(workers):
    place = workers.edge_out("csr"), "cut", null(workers)
    _found(workers, "NULL", "projection", "cut", lambda c: place)


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("teams", 0, "BAD_RUN"),
        ("teams", 2**31, "BAD_RUN"),
        ("workers", 0, "BAD_RUN"),
        ("workers", 2**31, "BAD_RUN"),
        ("chunk", 0, "BAD_RUN"),
        ("version", 3, "BAD_RUN"),
        ("batch", 1, "BAD_SHARE"),
        ("team", 0, "NULL"),
    ],
)
def test_every_call_looks_at_the_scalars(key, value, status, teams):
    value = null(teams) if key == "team" else value
    with damaged(teams, teams.run, key, value):
        assert teams.advance() == getattr(teams.lib, f"NC_{status}")


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
    texts = [ffi.string(lib.nc_status_text(k)).decode() for k in range(lib.NC_COUNTERS + 1)]
    assert len(set(texts)) == lib.NC_COUNTERS + 1
    unknown = ffi.string(lib.nc_status_text(lib.NC_COUNTERS + 1)).decode()
    assert "does not know" in unknown and unknown not in texts


# --- as errors ------------------------------------------------------------------------------------


def _error(c):
    names = c.packed.names
    with pytest.raises((InputError, InternalError)) as caught:
        border.check_network(c.packed.memory, c.packed.struct, names)
        border.check_run(c.packed.memory, c.packed.struct, c.prepared.struct, names)
    return caught.value


@pytest.mark.parametrize(
    ("place", "kind", "said"),
    [
        (NETWORK["dense blocks"][3], InternalError, ["projection dense", "dense.blocks", "report"]),
        (NETWORK["a negative fan-out"][3], InputError, ["projection int", "fan", "fewer steps"]),
        (NETWORK["no decay"][3], InternalError, ["population p.dense", "hot.beta", "NULL"]),
        (RUN["events that fall"][3], InputError, ["events of node s", "idx", "pack_inputs"]),
        (RUN["a delay not kept"][3], InternalError, ["node p.csr", "depth", "reference"]),
        (ALIASES["two states"][2], InternalError, ["population p.csr", "state", "used twice"]),
    ],
)
def test_errors_say_what_where_and_what_to_do(place, kind, said, teams):
    with damaged(teams, *place(teams)):
        error = _error(teams)
    assert type(error) is kind
    for word in said:
        assert word in str(error)


def test_a_call_that_fails_is_an_error(teams):
    with damaged(teams, teams.run, "version", 3), pytest.raises(InternalError, match="version"):
        teams.prepared.advance()


def test_events_made_by_hand_are_looked_at():
    from border_cases import NETWORK as network

    from neurochain.simulators.event import PackedInputs, pack, prepare

    good = Frames.of(np.ones((1, 2, 30), dtype=np.float32))
    arrays = {"s": np.zeros((1, 2, 72), np.float32), "g": np.ones((1, 2, 30), np.float32)}
    bad = Frames(start=good.start, idx=good.idx[::-1].copy(), val=None, dense=None)
    frames = {"s": Frames.of(arrays["s"]), "g": bad}
    inputs = PackedInputs(batch=1, steps=2, arrays=arrays, frames=frames)
    with pytest.raises(InputError, match=r"events of node g, idx.*ascend.*pack_inputs"):
        prepare(pack(network), inputs)


# --- anything, anywhere ---------------------------------------------------------------------------

# These alone say how much memory a pointer leads to, or what lies there: more of them cannot be seen.
SAYS_LENGTH = {
    *("n_sources", "n_populations", "n_units", "n_ports", "n_registers", "n_instructions"),
    *("n_states", "n_projections", "per_neuron", "weight_type"),
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
        return name, (target, name, off_by_one_byte(c, old) if shift else c.ffi.NULL)
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
