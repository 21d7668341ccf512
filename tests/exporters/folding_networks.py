"""Networks with relays between their neurons, of numbers for which no float32 sum rounds."""

from dataclasses import replace

import numpy as np

from neurochain.graph import Reset, ResetKind
from neurochain.network import Network, OutputPort, Population, PortKind, Projection, Source
from neurochain.operators import Conv, Dense, Diagonal, Identity, Pool
from neurochain.programs import Features, membrane_program, relay_program

LIF = membrane_program(Features(reset=Reset(kind=ResetKind.ZERO)))


def neurons(name, shape):
    half = np.asarray(0.5, np.float32)
    return Population(
        name=name, shape=shape, program=LIF, params={"beta": half, "theta": half}, emits=LIF.emits
    )


def relay(name, shape):
    program = relay_program(PortKind.ANALOG)
    return Population(name=name, shape=shape, program=program, emits=PortKind.ANALOG)


def to(name, source, target, operator, **more):
    return Projection(name=name, source=source, target=target, operator=operator, **more)


def drawn(rng, size):
    """Multiples of 1/16."""
    return (np.round(rng.normal(0.1, 0.4, size) * 16) / 16).astype(np.float32)


def pool_of(shape, kernel=(2, 2), stride=(2, 2), average=True):
    out = tuple((n - k) // s + 1 for n, k, s in zip(shape[1:], kernel, stride, strict=True))
    return Pool(in_shape=shape, out_shape=(shape[0], *out), kernel=kernel, stride=stride,
                padding=(0, 0), average=average)  # fmt: skip


def network_of(populations, projections, **changes):
    given = {
        "sources": (Source(name="in", shape=(2, 6, 6)),),
        "outputs": (OutputPort(name="out", node=populations[-1].name),),
        "dt_s": 1e-3,
    }
    return Network(populations=tuple(populations), projections=tuple(projections),
                   **(given | changes))  # fmt: skip


def rich(seed):
    """Pool, convolution, sum of two, a map in two parts; biases and delays everywhere."""
    rng = np.random.default_rng([71, seed])

    def delay():
        return int(rng.choice([0, 0, 1, 3]))

    conv = Conv(in_shape=(2, 3, 3), out_shape=(3, 2, 2), weights=drawn(rng, (3, 2, 2, 2)),
                stride=(1, 1), padding=(0, 0), dilation=(1, 1))  # fmt: skip
    skip = Dense(in_shape=(2, 6, 6), out_shape=(3, 2, 2), weights=drawn(rng, (12, 72)) / 4)
    diagonal = Diagonal(in_shape=(3, 2, 2), out_shape=(3, 2, 2), weights=drawn(rng, 12) + 1)
    low = Dense(in_shape=(3, 2, 2), out_shape=(4,), weights=drawn(rng, (4, 12)))
    high = Dense(in_shape=(4,), out_shape=(9,), weights=drawn(rng, (9, 4)))
    loop = Dense(in_shape=(9,), out_shape=(4,), weights=drawn(rng, (4, 9)))
    back = Identity(in_shape=(3, 2, 2), out_shape=(3, 2, 2))
    populations = [
        relay("pooled", (2, 3, 3)), relay("sum", (3, 2, 2)), neurons("a", (3, 2, 2)),
        relay("low", (4,)), neurons("b", (9,)),
    ]  # fmt: skip
    projections = [
        to("pool", "in", "pooled", pool_of((2, 6, 6)), delay=delay()),
        to("conv", "pooled", "sum", conv, bias=drawn(rng, 12), delay=delay()),
        to("skip", "in", "sum", skip, bias=drawn(rng, 12), bias_from_step=2),
        to("mix", "sum", "a", diagonal, bias=drawn(rng, 12), delay=delay(), bias_from_step=1),
        to("back", "a", "a", back, delay=2),
        to("down", "a", "low", low, delay=delay(), bias=drawn(rng, 4)),
        to("loop", "b", "low", loop, delay=1),
        to("up", "low", "b", high, delay=delay()),
    ]
    network = network_of(populations, projections)
    x = (rng.random((2, 12, 2, 6, 6)) < 0.3).astype(np.float32)
    return network, {"in": x}


def for_lava(seed):
    """The same without loops, late biases, and delays of what moves by its bias."""
    network, inputs = rich(seed)
    projections = tuple(
        replace(p, bias_from_step=0, delay=p.delay if p.name == "pool" else 0)
        for p in network.projections
        if p.name not in ("back", "loop")
    )
    return replace(network, projections=projections), inputs
