"""Small networks in Loihi's integers, drawn at random or made by hand."""

import numpy as np

from neurochain.network import Network, OutputPort, Population, Projection, Source
from neurochain.operators import Conv, Csr, Dense, Diagonal, Identity, Route
from neurochain.programs import loihi_lif_program

PARAMS = {"du": 4095, "dv": 128, "vth": 100, "bias": 0}


def neurons(name, shape, **params):
    values = {key: np.asarray(v, dtype=np.int32) for key, v in {**PARAMS, **params}.items()}
    return Population(name=name, shape=shape, program=loihi_lif_program(), params=values)


def chain(shapes, operators, *, more=(), params=None):
    """input -> n0 -> n1 ...; `more` are further projections (source, target, operator, delay)."""
    populations = tuple(
        neurons(f"n{k}", shape, **((params or {}).get(k, {}))) for k, shape in enumerate(shapes[1:])
    )
    names = ["in", *(p.name for p in populations)]
    projections = [
        Projection(name=f"p{k}", source=names[k], target=names[k + 1], operator=op, delay=1)
        for k, op in enumerate(operators)
    ]
    projections += [
        Projection(name=f"m{k}", source=s, target=t, operator=op, delay=delay)
        for k, (s, t, op, delay) in enumerate(more)
    ]
    return Network(
        sources=(Source(name="in", shape=shapes[0]),),
        populations=populations,
        projections=tuple(projections),
        outputs=(OutputPort(name="out", node=names[-1]),),
        dt_s=1e-3,
        arithmetic="loihi",
    )


def dense(n_in, n_out, weights=None):
    if weights is None:
        weights = np.full((n_out, n_in), 3)
    shape = (n_in,) if isinstance(n_in, int) else n_in
    return Dense(in_shape=shape, out_shape=(n_out,), weights=np.asarray(weights, dtype=np.int16))


def drawn(seed):
    """Layers of all kinds, with skips, recurrence, delays and profiles a neuron."""
    rng = np.random.default_rng([71, seed])
    shape = (2, 9, 8)
    shapes, operators, more, params = [shape], [], [], {}
    for k in range(int(rng.integers(2, 5))):
        n = int(np.prod(shape))
        kind = rng.choice(["dense", "csr", "conv", "diagonal", "route", "identity"])
        if kind == "conv" and len(shape) == 3 and min(shape[1:]) >= 3:
            stride = int(rng.integers(1, 3))
            c = int(rng.integers(2, 6))
            out = (c, *((side + 2 - 3) // stride + 1 for side in shape[1:]))
            operator = Conv(
                in_shape=shape, out_shape=out, weights=_weights(rng, (c, shape[0], 3, 3)),
                stride=(stride, stride), padding=(1, 1), dilation=(1, 1),
            )  # fmt: skip
        elif kind == "diagonal":
            operator = Diagonal(in_shape=shape, out_shape=shape, weights=_weights(rng, (n,)))
        elif kind == "identity":
            operator = Identity(in_shape=shape, out_shape=shape)
        elif kind == "route":
            out = (int(rng.integers(20, 120)),)
            index = rng.integers(-1, n, out[0])
            operator = Route(in_shape=shape, out_shape=out, index=index)
        else:
            out = (int(rng.integers(10, 150)),)
            weights = _weights(rng, (out[0], n), 0.3 if kind == "dense" else 0.9)
            operator = Dense(in_shape=shape, out_shape=out, weights=weights)
            if kind == "csr":
                operator = Csr.from_dense(weights, shape, out)
        shape = operator.out_shape
        n = int(np.prod(shape))
        if rng.random() < 0.5:
            rec = Csr.from_dense(_weights(rng, (n, n), 0.95), shape, shape)
            more.append((f"n{k}", f"n{k}", rec, int(rng.integers(1, 5))))
        if rng.random() < 0.4:
            params[k] = {"dv": rng.integers(0, 40, n), "vth": int(rng.integers(1, 9))}
        shapes.append(shape)
        operators.append(operator)
    return chain(shapes, operators, more=more, params=params)


def _weights(rng, shape, zero=0.3):
    values = 2 * rng.integers(-60, 90, shape)
    return np.where(rng.random(shape) < zero, 0, values).astype(np.int16)
