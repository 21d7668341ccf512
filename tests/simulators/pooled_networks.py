"""Networks in which pools of spikes pass their sums on to what comes behind them."""

import numpy as np
from engine_cases import weights_for

from neurochain.graph import Reset, ResetKind, ResetTiming
from neurochain.network import Network, Population, PortKind, Projection, Source
from neurochain.operators import Conv, Dense, MaxPool, Pool, pool_divisors
from neurochain.programs import lif_program, relay_program

RESET = Reset(kind=ResetKind.ZERO, timing=ResetTiming.SAME_STEP)
SHAPE = (3, 9, 8)  # (channel, row, column): 2 x 2 windows leave a row, 3 x 3 a column
POOLS = {
    "sums": ((2, 2), (2, 2), (0, 0), False, None),
    "means": ((2, 2), (2, 2), (0, 0), True, None),
    "borders": ((3, 3), (3, 3), (1, 1), True, False),
    "gaps": ((2, 2), (3, 3), (0, 0), True, None),
    "overlap": ((3, 2), (2, 1), (1, 0), True, None),  # goes the long way, beside the others
}


def _pool(name):
    kernel, stride, padding, average, counted = POOLS[name]
    out = tuple(
        (n + 2 * p - k) // s + 1
        for n, k, s, p in zip(SHAPE[1:], kernel, stride, padding, strict=True)
    )
    divisors = None
    if counted is not None:
        divisors = pool_divisors(SHAPE[1:], kernel, stride, padding, out, include_padding=counted)
    return Pool(
        in_shape=SHAPE, out_shape=(SHAPE[0], *out), kernel=kernel, stride=stride, padding=padding,
        average=average, divisors=divisors,
    )  # fmt: skip


def _population(name, shape, program, **params):
    params = {key: np.asarray(value, dtype=np.float32) for key, value in params.items()}
    return Population(name=name, shape=shape, program=program, params=params, emits=program.emits)


def pooled_network(rng, name, *, delay=0, maxima=False):
    """in -> LIF -> pool -> [pool of maxima ->] LIF; the pools are relays."""
    weights = weights_for(rng, "float32", (3, 2, 3, 3), zeros=0.1)
    first = Conv(
        in_shape=(2, 9, 8), out_shape=SHAPE, weights=weights,
        stride=(1, 1), padding=(1, 1), dilation=(1, 1), groups=1,
    )  # fmt: skip
    pool = _pool(name)
    shape = pool.out_shape
    lif = lif_program(RESET)
    relay = relay_program(PortKind.ANALOG)
    populations = [
        _population("a", SHAPE, lif, beta=0.5, theta=0.3),
        _population("pool", shape, relay),
    ]
    projections = [
        Projection(name="a", source="in", target="a", operator=first, port="x"),
        Projection(name="p", source="a", target="pool", operator=pool, port="x", delay=delay),
    ]
    source = "pool"
    if maxima:
        wide = MaxPool(
            in_shape=shape, out_shape=(shape[0], shape[1], 1), kernel=(1, shape[2]),
            stride=(1, 1), padding=(0, 0), dilation=(1, 1),
        )  # fmt: skip
        populations.append(_population("max", wide.out_shape, relay))
        projections.append(
            Projection(name="m", source="pool", target="max", operator=wide, port="x")
        )
        source, shape = "max", wide.out_shape
    weights = rng.normal(0.1, 0.5, (20, int(np.prod(shape)))).astype(np.float32)
    last = Dense(in_shape=shape, out_shape=(20,), weights=weights)
    populations.append(_population("b", (20,), lif, beta=0.75, theta=0.6))
    projections.append(
        Projection(name="b", source=source, target="b", operator=last, port="x", delay=delay)
    )
    return Network(
        sources=(Source(name="in", shape=(2, 9, 8)),), populations=tuple(populations),
        projections=tuple(projections), outputs=(), dt_s=1e-3, arithmetic="float32",
    )  # fmt: skip
