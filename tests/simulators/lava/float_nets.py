"""Random float networks whose sums and products are exact in float32 and in float64.

Weights are multiples of 1/4, decays 1/2 or 1: over the dozen steps of a run nothing is rounded, so
Lava's float64 and our float32 have to agree in every bit.
"""

import numpy as np

from neurochain.graph import Reset, ResetKind, ResetTiming
from neurochain.network import Network, OutputPort, Population, Projection, Source
from neurochain.operators import Conv, Csr, Dense, Diagonal, Identity
from neurochain.programs import cuba_lif_program, lif_program

STEPS = 12


def quarters(rng, shape):
    return (rng.integers(-8, 9, shape) / 4).astype(np.float32)


def population(rng, name, shape, *, current=False, recurrent=False):
    timing = ResetTiming(rng.choice(["same_step", "next_step"]))
    leak = bool(rng.random() < 0.3)
    make = cuba_lif_program if current else lif_program
    program = make(Reset(kind=ResetKind.ZERO, timing=timing), recurrent=recurrent, leak=leak)
    n = int(np.prod(shape))
    params = {
        "alpha": np.float32(0.5),
        "beta": np.float32(rng.choice([0.5, 1.0])),
        "theta": np.float32(rng.choice([0.5, 1.0, 1.5])),
        "leak": (rng.integers(-1, 2, n) / 4).astype(np.float32),
    }
    params = {k: np.asarray(params[k]) for k in program.params}
    initial = {"v": np.full(n, 0.25, np.float32)} if rng.random() < 0.3 else {}
    return Population(name=name, shape=shape, program=program, params=params, initial=initial)


def operator(rng, source, target):
    n_in, n_out = int(np.prod(source)), int(np.prod(target))
    if n_in == n_out and rng.random() < 0.3:
        return Diagonal(in_shape=source, out_shape=target, weights=quarters(rng, n_in))
    if n_in == n_out and source == target and rng.random() < 0.5:
        return Identity(in_shape=source, out_shape=target)
    weights = quarters(rng, (n_out, n_in))
    if rng.random() < 0.4:
        weights[rng.random(weights.shape) < 0.7] = 0
        return Csr.from_dense(weights, source, target)
    return Dense(in_shape=source, out_shape=target, weights=weights)


def network(rng):
    """A convolution or not, then layers with biases, skips, and loops that have delays."""
    shape = (2, 5, 4) if rng.random() < 0.5 else (7,)
    source = Source(name="in", shape=shape)
    populations, projections, nodes = [], [], [("in", shape)]

    def project(name, start, end, port="x", delay=0, op=None):
        op = op or operator(rng, start[1], end[1])
        bias = None
        plain = "alpha" not in next(p for p in populations if p.name == end[0]).params
        if plain and rng.random() < 0.4:
            bias = (rng.integers(-1, 2, op.n_out) / 4).astype(np.float32)
        projections.append(
            Projection(
                name=name,
                source=start[0],
                target=end[0],
                operator=op,
                port=port,
                delay=delay,
                bias=bias,
            )
        )

    if len(shape) == 3:
        out = (3, 4, 4)
        conv = Conv(
            in_shape=shape,
            out_shape=out,
            weights=quarters(rng, (3, 2, 4, 3)),
            stride=(1, 1),
            padding=(1, 1),
            dilation=(1, 1),
        )
        populations.append(population(rng, "conv", out))
        project("c", nodes[-1], ("conv", out), op=conv)
        nodes.append(("conv", out))
    for k in range(int(rng.integers(1, 4))):
        size, recurrent = (int(rng.integers(2, 9)),), bool(rng.random() < 0.4)
        name, current = f"l{k}", bool(rng.random() < 0.4)
        populations.append(population(rng, name, size, current=current, recurrent=recurrent))
        project(f"f{k}", nodes[-1], (name, size), delay=int(rng.choice([0, 0, 0, 1, 2])))
        if len(nodes) > 2:  # a skip
            project(f"s{k}", nodes[int(rng.integers(len(nodes) - 1))], (name, size))
        if recurrent:
            project(f"r{k}", (name, size), (name, size), "rec", int(rng.integers(1, 4)))
        nodes.append((name, size))
    return Network(
        sources=(source,),
        populations=tuple(populations),
        projections=tuple(projections),
        outputs=(OutputPort(name="out", node=nodes[-1][0]),),
        dt_s=1e-3,
    )
