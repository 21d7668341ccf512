"""Random networks of Xylo's neuron, as plain arrays, and the same as a Network."""

from dataclasses import dataclass

import numpy as np

from neurochain.network import Network, OutputPort, Population, PortKind, Projection, Source
from neurochain.operators import Csr, Dense
from neurochain.programs import xylo_lif_program

STEPS = 40


@dataclass(frozen=True)
class Spec:
    """shifts: of input, recurrent and output weights; (pre, post) weights; events (step, n_in)."""

    w_in: np.ndarray
    w_rec: np.ndarray
    w_out: np.ndarray
    shifts: np.ndarray
    hidden: np.ndarray  # (4, n) dash_syn, dash_mem, vth, bias
    out: np.ndarray
    events: np.ndarray


def draw(seed):
    """One network in eight has weights, thresholds and biases at their limits."""
    rng = np.random.default_rng([20261126, seed])
    n_in, n, n_out = (int(rng.integers(1, most + 1)) for most in (16, 40, 8))
    wild = seed % 8 == 7

    def weights(rows, columns, kept):
        full = rng.integers(-128, 128, (rows, columns))
        if not wild:
            full //= int(rng.integers(2, 9))
        return np.where(rng.random((rows, columns)) < kept, full, 0).astype(np.int16)

    def neurons(count):
        vth = rng.integers(1, 32768 if wild else 1500, count)
        bias = rng.integers(-3000, 3000, count) if wild else rng.integers(-8, 12, count)
        bias *= rng.random() < 0.5
        dashes = [rng.integers(0, 16 if wild else 6, count) for _ in range(2)]
        return np.array([*dashes, vth, bias], dtype=np.int32)

    events = rng.poisson(rng.choice([0.1, 0.6, 3.0]), (STEPS, n_in)).clip(0, 15)
    return Spec(
        w_in=weights(n_in, n, 0.7),
        w_rec=weights(n, n, 0.2),
        w_out=weights(n, n_out, 0.6),
        shifts=rng.integers(0, 3, 3),
        hidden=neurons(n),
        out=neurons(n_out),
        events=events.astype(np.uint8),
    )


def population(name, params, spikes):
    """params (4, n)."""
    names = ("dash_syn", "dash_mem", "vth", "bias")
    return Population(
        name=name,
        shape=params.shape[1:],
        program=xylo_lif_program(spikes),
        params=dict(zip(names, params.astype(np.int32), strict=True)),
        emits=PortKind.GRADED if spikes > 1 else PortKind.EVENT,
    )


def network_of(spec):
    """Inputs act in their step, hidden spikes in the next."""

    def projection(name, source, target, weights, shift, delay):
        make = Dense if weights.mean() > 0.5 else None
        shape_in, shape_out = weights.shape[:1], weights.shape[1:]
        matrix = np.ascontiguousarray(weights.T)
        operator = (
            Csr.from_dense(matrix, shape_in, shape_out)
            if make is None
            else Dense(in_shape=shape_in, out_shape=shape_out, weights=matrix)
        )
        return Projection(
            name=name,
            source=source,
            target=target,
            operator=operator,
            delay=delay,
            weight_exp=int(shift),
        )

    n_in = spec.w_in.shape[0]
    return Network(
        sources=(Source(name="in", shape=(n_in,), emits=PortKind.GRADED),),
        populations=(population("hid", spec.hidden, 31), population("out", spec.out, 1)),
        projections=(
            projection("w_in", "in", "hid", spec.w_in, spec.shifts[0], 0),
            projection("w_rec", "hid", "hid", spec.w_rec, spec.shifts[1], 1),
            projection("w_out", "hid", "out", spec.w_out, spec.shifts[2], 1),
        ),
        outputs=(OutputPort(name="out", node="out"),),
        dt_s=1e-2,
        arithmetic="xylo",
    )
