"""Random integer networks that reach every loop of the engine, and runs that have to agree."""

from itertools import pairwise

import numpy as np

from neurochain.network import Network, OutputPort, Population, PortKind, Projection, Source
from neurochain.operators import Conv, Csr, Dense, Diagonal, Identity, Route, output_size
from neurochain.programs import (
    loihi_delta_program,
    loihi_graded_program,
    loihi_lif_program,
    loihi_lif_reset_program,
    loihi_product_program,
    loihi_refractory_program,
    loihi_relay_program,
    loihi_rf_iz_program,
    loihi_rf_program,
    loihi_sigma_delta_program,
    loihi_ternary_program,
)
from neurochain.simulators import Record
from neurochain.simulators.event import pack, pack_inputs, run_packed
from neurochain.simulators.reference import run_reference
from neurochain.simulators.types import HISTORY, rest_state

PROGRAMS = [
    loihi_lif_program(),
    loihi_lif_reset_program(),
    loihi_refractory_program(),
    loihi_ternary_program(),
    loihi_sigma_delta_program(),
    loihi_sigma_delta_program(relu=False),
    loihi_delta_program(),
    loihi_rf_program(),
    loihi_rf_iz_program(),
    loihi_graded_program(),
    loihi_graded_program(relu=True),
    loihi_product_program(),
    loihi_relay_program(),
]
SMALL = {"state_exp": 7, "scale_exp": 4, "exp": 12, "bits": 12}
"""Shifts that keep what is emitted small; all other parameters may be anything."""


def _param(rng, program, name, n, *, extreme):
    size = () if rng.integers(2) else (n,)
    if name in SMALL:
        value = np.full(size, SMALL[name])
    elif name in ("interval", "offset"):
        value = rng.integers(1, 9, size)
    elif name in ("du", "dv"):
        low, high = (-3, 4099) if extreme else (0, 4096)
        value = rng.choice([low, high, 0, 4095, *rng.integers(0, 4096, 3)], size)
    elif name == "silent":
        value = rng.integers(0, 4, size)
    elif extreme and program.emits is PortKind.EVENT:
        value = rng.integers(-(2**31), 2**31, size)
    else:
        value = rng.integers(-300, 300, size) * (rng.random(size) < 0.7)
    return np.asarray(value, dtype=np.int32)


def population(rng, name, program, shape, *, extreme=False):
    n = int(np.prod(shape))
    params = {p: _param(rng, program, p, n, extreme=extreme) for p in program.params}
    return Population(name=name, shape=shape, program=program, params=params, emits=program.emits)


def integers(rng, shape):
    """Weights that fill int8, need int16, or are even (stored as halves); some of them 0."""
    kind = rng.integers(4)
    low, high, step = [(-127, 128, 1), (-256, 256, 1), (-127, 128, 2), (-3000, 3000, 1)][kind]
    weights = rng.integers(low, high, shape) * step
    weights *= rng.random(shape) < rng.choice([1.0, 0.6, 0.1])
    return weights.astype(np.int8 if kind == 0 else np.int16)


def dense(rng, in_shape, out_shape):
    size = (int(np.prod(out_shape)), int(np.prod(in_shape)))
    return Dense(in_shape=in_shape, out_shape=out_shape, weights=integers(rng, size))


def csr(rng, in_shape, out_shape):
    size = (int(np.prod(out_shape)), int(np.prod(in_shape)))
    return Csr.from_dense(integers(rng, size), in_shape, out_shape)


def one_to_one(rng, in_shape, out_shape):
    n = int(np.prod(in_shape))
    kind = rng.integers(3)
    if kind == 0:
        return Identity(in_shape=in_shape, out_shape=out_shape)
    if kind == 1:
        return Diagonal(in_shape=in_shape, out_shape=out_shape, weights=integers(rng, (n,)))
    index = np.where(rng.random(n) < 0.8, rng.integers(0, n, n), -1)
    return Route(in_shape=in_shape, out_shape=out_shape, index=index.astype(np.int64))


def _conv(rng, in_shape):
    groups = int(rng.choice([g for g in (1, 2) if in_shape[0] % g == 0]))
    kernel = tuple(int(k) for k in rng.integers(1, 4, 2))
    stride, padding = (tuple(int(s) for s in rng.integers(lo, lo + 2, 2)) for lo in (1, 0))
    c_out = groups * int(rng.integers(1, 4))
    out = tuple(
        output_size(size, taps, step, pad, 1)
        for size, taps, step, pad in zip(in_shape[1:], kernel, stride, padding, strict=True)
    )
    return Conv(
        in_shape=in_shape,
        out_shape=(c_out, *out),
        weights=integers(rng, (c_out, in_shape[0] // groups, *kernel)),
        stride=stride,
        padding=padding,
        dilation=(1, 1),
        groups=groups,
    )


def random_network(rng):
    """Up to four populations: every program, operator, delay, exponent; loops; values or spikes."""
    spatial = rng.random() < 0.3
    shape = (2, 5, 6) if spatial else (int(rng.choice([1, 3, 40, 130])),)
    graded = bool(rng.integers(2))
    extreme = bool(rng.random() < 0.3)
    populations, projections = [], []
    shapes = [shape]
    for k in range(int(rng.integers(1, 5))):
        program = PROGRAMS[int(rng.choice([0, 0, 1, *range(len(PROGRAMS))]))]
        source = "in" if k == 0 else f"p{k - 1}"
        operator = _operator(rng, shapes[-1])
        populations.append(population(rng, f"p{k}", program, operator.out_shape, extreme=extreme))
        shapes.append(operator.out_shape)
        for port in program.ports:
            projections.append(_projection(rng, f"f{k}{port}", source, f"p{k}", port, operator))
    for k, other in enumerate(populations):
        if rng.random() < 0.4:  # to itself, or back from a later one
            late = int(rng.integers(k, len(populations)))
            operator = dense(rng, populations[late].shape, other.shape)
            port = other.program.ports[0]
            made = _projection(rng, f"b{k}", f"p{late}", other.name, port, operator, least=1)
            projections.append(made)
    return Network(
        sources=(
            Source(name="in", shape=shape, emits=PortKind.GRADED if graded else PortKind.EVENT),
        ),
        populations=tuple(populations),
        projections=tuple(projections),
        outputs=(OutputPort(name="out", node=populations[-1].name),),
        dt_s=1e-3,
        arithmetic="loihi",
    )


def _operator(rng, shape):
    if len(shape) == 3 and rng.random() < 0.6 and min(shape[1:]) >= 3:
        return _conv(rng, shape)
    if rng.random() < 0.2:
        return one_to_one(rng, shape, shape)
    out = (int(rng.choice([1, 10, 64, 65, 150])),)
    return (dense if rng.random() < 0.6 else csr)(rng, shape, out)


def _projection(rng, name, source, target, port, operator, least=0):
    return Projection(
        name=name,
        source=source,
        target=target,
        port=port,
        operator=operator,
        delay=int(rng.choice([least, 1, 1, 3])),
        weight_exp=int(rng.choice([0, 0, 1, 3, -1, -6])),
    )


def inputs_for(rng, network, batch=2, steps=24):
    source = network.sources[0]
    n = int(np.prod(source.shape))
    x = (rng.random((batch, steps, n)) < rng.choice([0.02, 0.3])).astype(np.float32)
    x[:, steps // 3 : steps // 2] = 0
    if source.emits is PortKind.GRADED:
        x *= rng.integers(-40, 41, x.shape)
    return {source.name: x}


def state_for(rng, network, batch=2):
    """States of any size, histories of events of the right kind."""
    state = rest_state(network, batch)
    emits = {node.name: node.emits for node in network.nodes}
    for node, entries in state.items():
        for name, value in entries.items():
            if name == HISTORY:
                whole = rng.integers(-9, 10, value.shape) * (rng.random(value.shape) < 0.2)
                event = emits[node] is PortKind.EVENT
                entries[name] = (whole != 0 if event else whole).astype(np.float32)
            elif name == "clock":
                entries[name] = rng.integers(0, 50, value.shape).astype(np.int32)
            elif name == "wait":
                entries[name] = rng.integers(0, 3, value.shape).astype(np.int32)
            elif name in ("u", "v"):
                size = int(rng.choice([50_000, 2**23, 2**31]))
                entries[name] = rng.integers(-size, size, value.shape).astype(np.int32)
    return state


def record_all(network):
    return Record(
        emissions=tuple(node.name for node in network.nodes),
        membranes=tuple(p.name for p in network.populations if p.program.membrane),
        inputs=tuple((p.name, port) for p in network.populations for port in p.program.ports),
    )


def run_event(network, inputs, state=None, record=None, **options):
    packed = pack(network)
    return run_packed(
        packed, pack_inputs(network, inputs), initial_state=state, record=record, **options
    )


def reference(network, inputs, state=None):
    return run_reference(network, inputs, initial_state=state, record=record_all(network))


def differences(a, b):
    """Names of what differs between two results, looking at what both recorded."""
    found = []
    for kind in ("emissions", "membranes", "currents", "overflow"):
        left, right = getattr(a, kind), getattr(b, kind)
        found += [f"{kind} {k}" for k in left.keys() & right.keys() if not same(left[k], right[k])]
    for node, entries in a.final_state.items():
        other = b.final_state[node]
        found += [f"state {node}.{k}" for k in entries if not same(entries[k], other[k])]
    for kind in ("projections", "populations"):
        left, right = getattr(a.counts, kind), getattr(b.counts, kind)
        found += [f"counts {k}" for k in left if not same(left[k], right[k])]
    return found


def same(a, b):
    return a.dtype == b.dtype and np.array_equal(a, b)


def chained(network, inputs, cuts, **options):
    """The same input in pieces, the state handed on; emissions and counts put together."""
    steps = next(iter(inputs.values())).shape[1]
    state, parts = None, []
    for first, end in pairwise([0, *cuts, steps]):
        piece = {name: x[:, first:end] for name, x in inputs.items()}
        parts.append(run_event(network, piece, state, record_all(network), **options))
        state = parts[-1].final_state
    return parts
