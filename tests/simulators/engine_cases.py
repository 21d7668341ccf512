"""Random networks that reach every loop of an engine, and what "the same result" means."""

from itertools import product

import numpy as np
from map_programs import MAPS

from neurochain.graph import Compare, Reset, ResetKind, ResetTiming
from neurochain.network import Network, Population, PortKind, Projection, Source
from neurochain.operators import (
    Conv,
    Csr,
    Dense,
    Diagonal,
    Identity,
    MaxPool,
    Pool,
    Route,
    output_size,
    pool_divisors,
)
from neurochain.programs import (
    cuba_li_program,
    cuba_lif_program,
    inhibited,
    li_program,
    lif_program,
    relay_program,
    threshold_program,
)
from neurochain.simulators import Record
from neurochain.simulators.event import run_event
from neurochain.simulators.reference import run_reference
from neurochain.simulators.types import AGE, HISTORY, rest_state

DTYPES = ("float32", "int8", "int16")
KINDS = tuple(PortKind)
_SCALE = {"float32": None, "int8": np.float32(0.013), "int16": np.float32(3.1e-5)}

RESETS = (
    Reset(kind=ResetKind.NONE),
    Reset(kind=ResetKind.VALUE),
    *(Reset(kind=ResetKind.ZERO, timing=t) for t in ResetTiming),
    Reset(kind=ResetKind.SUBTRACT),
    Reset(kind=ResetKind.SUBTRACT, timing=ResetTiming.NEXT_STEP),
    Reset(kind=ResetKind.SUBTRACT, timing=ResetTiming.SAME_STEP_ONCE),
)


def all_programs():
    """Every program: neuron kinds x resets x comparisons x features."""
    flags = [
        dict(zip(("recurrent", "gain", "leak"), f, strict=True)) for f in product((0, 1), repeat=3)
    ]
    programs = []
    for reset, compare, options in product(RESETS, Compare, flags):
        programs.append(lif_program(reset, compare=compare, **options))
        programs.append(cuba_lif_program(reset, compare=compare, **options))
        programs.append(cuba_lif_program(reset, compare=compare, drive=True, **options))
    programs += [li_program(**options) for options in flags]
    programs += [
        cuba_li_program(drive=drive, old_current=old, **options)
        for drive, old, options in product((0, 1), (0, 1), flags)
    ]
    programs += [
        cuba_lif_program(reset, drive=drive, old_current=True, **options)
        for reset, drive, options in product(RESETS, (0, 1), flags)
    ]
    programs += [relay_program(kind) for kind in PortKind]
    programs += [threshold_program(compare) for compare in Compare]
    programs += MAPS.values()
    late = (
        Reset(kind=k, timing=ResetTiming.NEXT_STEP) for k in (ResetKind.ZERO, ResetKind.SUBTRACT)
    )
    programs += [
        inhibited(build(reset)) for reset in late for build in (lif_program, cuba_lif_program)
    ]
    return programs


PROGRAMS = {p.name: p for p in all_programs()}


# --- parameters, weights, inputs ------------------------------------------------------------------

_RANGES = {
    "alpha": (0.3, 0.95),
    "beta": (0.5, 1.0),
    "gain": (0.2, 1.5),
    "drive": (0.2, 1.5),
    "leak": (-0.1, 0.2),
    "theta": (0.2, 1.2),
    "v_reset": (-0.5, 0.3),
}


def params_for(rng, program, n, per_neuron=None):
    """Random parameters; leaks have zeros in between."""
    params = {}
    for name in program.params:
        spread = bool(rng.integers(2)) if per_neuron is None else per_neuron
        value = rng.uniform(*_RANGES[name], size=n if spread else ())
        if name == "leak":
            value = np.where(rng.random(value.shape) < 0.3, 0.0, value)
        params[name] = np.asarray(value, dtype=np.float32)
    return params


def weights_for(rng, dtype, shape, zeros):
    """Random weights with the given share of zeros."""
    if dtype == "float32":
        values = rng.normal(0, 0.4, shape).astype(np.float32)
    else:
        limits = np.iinfo(dtype)
        values = rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
    values[rng.random(shape) < zeros] = 0
    return np.ascontiguousarray(values)


def input_for(rng, kind, shape):
    """Random values of a kind; some frames are silent, some full."""
    rate = rng.choice([0.0, 0.05, 0.3, 1.0], size=(*shape[:2], 1), p=[0.15, 0.35, 0.35, 0.15])
    on = rng.random(shape) < rate
    if kind is PortKind.EVENT:
        return on.astype(np.float32)
    if kind is PortKind.GRADED:
        return np.where(on, rng.integers(-3, 6, shape), 0).astype(np.float32)
    values = np.where(on, rng.normal(0, 1, shape), 0).astype(np.float32)
    odd = rng.random(shape)
    values[odd < 0.02] = -0.0
    values[(odd > 0.02) & (odd < 0.04)] = -1.0
    values[(odd > 0.04) & (odd < 0.05)] = np.float32(1e-40)
    return values


# --- operators ------------------------------------------------------------------------------------


def _geometry(rng, space, dilated):
    """(kernel, stride, padding, dilation, positions) of a window that sees the input everywhere."""
    while True:
        axes = len(space)
        kernel = tuple(int(rng.integers(1, 4)) for _ in range(axes))
        stride = tuple(int(rng.integers(1, 4)) for _ in range(axes))
        dilation = tuple(int(rng.integers(1, 3)) if dilated else 1 for _ in range(axes))
        padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
        out = tuple(
            output_size(*v) for v in zip(space, kernel, stride, padding, dilation, strict=True)
        )
        if rng.integers(2):  # the far border is not the near one
            out = tuple(
                int(rng.integers(least, most, endpoint=True))
                for least, most in (
                    (max(1, (n + p - d * (k - 1) - 1) // s + 1), (n + p - 1) // s + 1)
                    for n, k, s, p, d in zip(space, kernel, stride, padding, dilation, strict=True)
                )
            )
        fits = all(d == 1 or p == 0 for d, p in zip(dilation, padding, strict=True)) or not dilated
        if min(out) > 0 and fits:
            return kernel, stride, padding, dilation, out


def dense(rng, dtype, in_shape, out_shape=None):
    out_shape = out_shape or (int(rng.choice([1, 5, 16, 37, 70])),)
    shape = (int(np.prod(out_shape)), int(np.prod(in_shape)))
    weights = weights_for(rng, dtype, shape, rng.choice([0, 0, 0.3, 0.95]))
    return Dense(in_shape=in_shape, out_shape=out_shape, weights=weights)


def csr(rng, dtype, in_shape, out_shape=None):
    out_shape = out_shape or (int(rng.choice([3, 20, 70])),)
    shape = (int(np.prod(out_shape)), int(np.prod(in_shape)))
    operator = Csr.from_dense(weights_for(rng, dtype, shape, 0.7), in_shape, out_shape)
    if rng.integers(2):
        operator.weights[rng.random(operator.weights.shape) < 0.2] = 0  # stored zeros
    return operator


def diagonal(rng, dtype, in_shape, out_shape=None):
    weights = weights_for(rng, dtype, (int(np.prod(in_shape)),), rng.choice([0, 0.3]))
    return Diagonal(in_shape=in_shape, out_shape=out_shape or in_shape, weights=weights)


def identity(rng, dtype, in_shape, out_shape=None):
    return Identity(in_shape=in_shape, out_shape=out_shape or in_shape)


def route(rng, dtype, in_shape, out_shape=None):
    out_shape = out_shape or random_shape(rng)
    index = rng.integers(-1, np.prod(in_shape), np.prod(out_shape))
    return Route(in_shape=in_shape, out_shape=out_shape, index=index)


def conv(rng, dtype, in_shape):
    c_in = in_shape[0]
    groups = int(rng.choice([g for g in range(1, c_in + 1) if c_in % g == 0]))
    c_out = groups * int(rng.integers(1, 6))
    kernel, stride, padding, dilation, out = _geometry(rng, in_shape[1:], rng.integers(2))
    zeros = rng.choice([0, 0.4])
    return Conv(
        in_shape=in_shape,
        out_shape=(c_out, *out),
        weights=weights_for(rng, dtype, (c_out, c_in // groups, *kernel), zeros),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )


def pool(rng, dtype, in_shape):
    kernel, stride, padding, _, out = _geometry(rng, in_shape[1:], False)
    average = bool(rng.integers(2))
    divisors = None
    if average and rng.integers(2):
        divisors = pool_divisors(
            in_shape[1:], kernel, stride, padding, out, include_padding=bool(rng.integers(2))
        )
    return Pool(
        in_shape=in_shape,
        out_shape=(in_shape[0], *out),
        kernel=kernel,
        stride=stride,
        padding=padding,
        average=average,
        divisors=divisors,
    )


def max_pool(rng, dtype, in_shape):
    kernel, stride, padding, dilation, out = _geometry(rng, in_shape[1:], rng.integers(2))
    return MaxPool(
        in_shape=in_shape,
        out_shape=(in_shape[0], *out),
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
    )


FLAT = {"dense": dense, "csr": csr, "diagonal": diagonal, "identity": identity, "route": route}
WINDOWED = {"conv": conv, "pool": pool, "max_pool": max_pool}
BUILDERS = {**FLAT, **WINDOWED}


# --- networks -------------------------------------------------------------------------------------


def random_shape(rng):
    """A flat, one-axis or two-axes shape."""
    c, h, w = (int(n) for n in rng.integers(1, [5, 8, 8], endpoint=True))
    return [(c * h * w,), (c, w + 2), (c, h + 2, w + 2)][rng.integers(3)]


def projection(rng, name, source, target, operator, dtype, port="x", delay=0, bias=None):
    """A projection with a random bias (sparse, full or late) unless told."""
    has_bias = rng.random() < 0.5 if bias is None else bias
    values = rng.normal(0, 0.2, operator.n_out).astype(np.float32)
    if rng.integers(2):
        values[rng.random(operator.n_out) < 0.5] = 0
    fanout = None
    if rng.random() < 0.3:
        times = (1, 40, 9000)[operator.n_in % 3]  # tables of 1, 2 and 4 bytes
        fanout = rng.integers(0, 9, operator.n_in).astype(np.int64) * times
    return Projection(
        name=name,
        source=source,
        target=target,
        operator=operator,
        port=port,
        delay=delay,
        bias=values if has_bias else None,
        bias_from_step=int(rng.integers(0, 3)) if has_bias else 0,
        scale=_SCALE[dtype] if operator.weight is not None else None,
        model_fanout=fanout,
    )


def one_projection(rng, builder, dtype, kind, shape=None, program=None, delay=0, per_neuron=None):
    """source -> operator -> population."""
    shape = shape or random_shape(rng)
    while builder in WINDOWED.values() and len(shape) == 1:
        shape = random_shape(rng)
    operator = builder(rng, dtype, shape)
    program = program or lif_program(RESETS[1])
    population = Population(
        name="p",
        shape=operator.out_shape,
        program=program,
        params=params_for(rng, program, operator.n_out, per_neuron),
        emits=program.emits,
    )
    first, *others = program.ports
    edges = [projection(rng, "e", "s", "p", operator, dtype, first, delay)]
    for port in others:
        again = dense(rng, dtype, operator.out_shape, operator.out_shape)
        edges.append(projection(rng, f"r.{port}", "p", "p", again, dtype, port=port, delay=1))
    return Network(
        sources=(Source(name="s", shape=shape, emits=kind),),
        populations=(population,),
        projections=tuple(edges),
        outputs=(),
        dt_s=1e-3,
        arithmetic=dtype,
    )


def random_network(rng, dtype):
    """Two sources and up to five populations, with skips, recurrence and delays 0 to 3."""
    sources = [
        Source(name=f"s{k}", shape=random_shape(rng), emits=KINDS[rng.integers(3)])
        for k in range(rng.integers(1, 3))
    ]
    nodes = list(sources)
    edges = []
    for k in range(rng.integers(1, 6)):
        source = nodes[rng.integers(len(nodes))]
        names = list(FLAT if len(source.shape) == 1 else BUILDERS)
        name = names[rng.integers(len(names))]
        operator = BUILDERS[name](rng, dtype, source.shape)
        program = _fitting_program(rng, operator.port_kind(source.emits), operator.out_shape)
        population = Population(
            name=f"p{k}",
            shape=operator.out_shape,
            program=program,
            params=params_for(rng, program, operator.n_out),
            emits=program.emits,
        )
        delay = int(rng.integers(0, 4)) if rng.integers(2) else 0
        port = program.ports[rng.integers(len(program.ports))]
        name = f"e{k}"
        edges.append(projection(rng, name, source.name, f"p{k}", operator, dtype, port, delay))
        if program.emits is PortKind.EVENT or program in MAPS.values():
            edges += _more_edges(rng, nodes, population, dtype, k)
        nodes.append(population)
    return Network(
        sources=tuple(sources),
        populations=tuple(nodes[len(sources) :]),
        projections=tuple(edges),
        outputs=(),
        dt_s=1e-3,
        arithmetic=dtype,
    )


def _fitting_program(rng, kind, shape):
    """Mostly neurons; sometimes a relay, so that graded and analog values travel."""
    if rng.random() < 0.3:
        return relay_program(
            kind if kind is not PortKind.EVENT or rng.integers(2) else PortKind.GRADED
        )
    if rng.random() < 0.3:
        return list(MAPS.values())[rng.integers(len(MAPS))]
    names = list(PROGRAMS)
    while True:
        program = PROGRAMS[names[rng.integers(len(names))]]
        if not program.name.startswith("relay") and (not program.winner or len(shape) == 1):
            return program


def _more_edges(rng, nodes, population, dtype, k):
    """Skips from earlier nodes, and recurrence."""
    edges = []
    for m in range(rng.integers(0, 3)):
        source = nodes[rng.integers(len(nodes))]
        build = (dense, csr)[rng.integers(2)]
        port = population.program.ports[rng.integers(len(population.program.ports))]
        operator = build(rng, dtype, source.shape, population.shape)
        delay = int(rng.integers(0, 4))
        name = f"e{k}.{m}"
        edges.append(
            projection(rng, name, source.name, population.name, operator, dtype, port, delay)
        )
    if rng.integers(2) or "rec" in population.program.ports:
        build = list(FLAT.values())[rng.integers(len(FLAT))]
        operator = build(rng, dtype, population.shape, population.shape)
        port = population.program.ports[-1]
        name, delay = population.name, int(rng.integers(1, 4))
        edges.append(projection(rng, f"r{k}", name, name, operator, dtype, port, delay))
    return edges


def inputs_for(rng, network, batch=3, steps=7):
    """Random inputs for every source."""
    return {
        s.name: input_for(rng, s.emits, (batch, steps, int(np.prod(s.shape))))
        for s in network.sources
    }


def state_for(rng, network, batch=3):
    """A random initial state of every variable and history."""
    kinds = {node.name: node.emits for node in network.nodes}
    state = rest_state(network, batch)
    for name, entries in state.items():
        for key, value in entries.items():
            if key == HISTORY:
                entries[key] = input_for(rng, kinds[name], value.shape)
            elif key == AGE:
                entries[key] = rng.integers(0, 3, value.shape).astype(np.float32)
            else:
                entries[key] = rng.normal(0, 0.7, value.shape).astype(np.float32)
    return state


def everything(network):
    """Record all that can be recorded."""
    return Record(
        emissions=tuple(node.name for node in network.nodes),
        membranes=tuple(p.name for p in network.populations if p.program.membrane),
        inputs=tuple((p.name, port) for p in network.populations for port in p.program.ports),
    )


def run_both(network, inputs, state=None):
    """Both engines' results."""
    record = everything(network)
    return tuple(
        engine(network, inputs, initial_state=state, record=record)
        for engine in (run_reference, run_event)
    )


def flat(result):
    """name -> array, for everything in an EngineResult."""
    arrays = {("emission", k): v for k, v in result.emissions.items()}
    arrays.update({("membrane", k): v for k, v in result.membranes.items()})
    arrays.update({("current", *k): v for k, v in result.currents.items()})
    arrays.update({("projection", k): v for k, v in result.counts.projections.items()})
    arrays.update({("population", k): v for k, v in result.counts.populations.items()})
    for node, entries in result.final_state.items():
        arrays.update({("final", node, k): v for k, v in entries.items()})
    return arrays


def differences(a, b):
    """What differs in dtype, shape or any bit."""
    left, right = flat(a), flat(b)
    if set(left) != set(right):
        return sorted(map(str, set(left) ^ set(right)))
    return [
        str(k)
        for k in left
        if left[k].dtype != right[k].dtype
        or left[k].shape != right[k].shape
        or left[k].tobytes() != right[k].tobytes()
    ]
