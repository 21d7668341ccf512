"""Random float networks that Loihi can hold: all neurons and maps that a target calls exact."""

from math import prod

import numpy as np

from neurochain.graph import Compare, Reset, ResetKind, ResetTiming
from neurochain.network import Network, OutputPort, Population, PortKind, Projection, Source
from neurochain.operators import Conv, Csr, Dense, Diagonal, Identity, MaxPool, Pool, Route
from neurochain.programs import cuba_lif_program, li_program, lif_program, relay_program

TIMINGS = (
    ResetTiming.SAME_STEP,
    ResetTiming.NEXT_STEP,
    ResetTiming.SAME_STEP_ONCE,
    ResetTiming.SAME_STEP_ONCE_DISCARD,
)


class Maker:
    """Grows a network; weights are multiples of 1/8, decays those of 1/4 where `decays`."""

    def __init__(self, seed, *, decays=True, currents=True, equal=True):
        self.rng = np.random.default_rng([23, seed])
        self.decays, self.currents, self.equal = decays, currents, equal
        shape = self.pick([(6,), (2, 6, 6), (1, 9)])
        self.sources = [Source(name="in", shape=shape)]
        self.populations, self.projections = [], []
        self.last = "in"
        self.shapes, self.fires = {"in": shape}, {"in": True}

    def pick(self, items):
        return items[int(self.rng.integers(len(items)))]

    def chance(self, share):
        return bool(self.rng.random() < share)

    def eighths(self, shape, zero=0.2):
        values = self.rng.integers(-12, 16, shape) / 8
        return np.where(self.rng.random(shape) < zero, 0, values).astype(np.float32)

    def param(self, values, shape):
        many = shape if self.chance(0.3) else ()
        return np.asarray(self.rng.choice(values, many), dtype=np.float32)

    def map(self, shape):
        kinds = ["dense", "dense", "csr", "diagonal", "route", "identity"]
        if len(shape) == 3 and min(shape[1:]) > 1:
            kinds += ["conv", "conv", "pool", "pool", "max", "max"]
        kind = self.pick(kinds)
        n = prod(shape)
        if kind in ("dense", "csr"):
            out = (int(self.rng.integers(3, 8)),)
            weights = self.eighths((prod(out), n), 0.7 if kind == "csr" else 0.2)
            if kind == "csr":
                return Csr.from_dense(weights, shape, out)
            return Dense(in_shape=shape, out_shape=out, weights=weights)
        if kind == "diagonal":
            return Diagonal(in_shape=shape, out_shape=shape, weights=self.eighths((n,)))
        if kind == "identity":
            return Identity(in_shape=shape, out_shape=shape)
        if kind == "route":
            out = (int(self.rng.integers(4, 9)),)
            index = self.rng.integers(-1, n, prod(out))
            return Route(in_shape=shape, out_shape=out, index=index)
        if kind == "conv":
            c_out, k, s = 3, 3, self.pick([1, 2])
            side = (shape[1] + 2 - k) // s + 1
            return Conv(
                in_shape=shape,
                out_shape=(c_out, side, side),
                weights=self.eighths((c_out, shape[0], k, k)),
                stride=(s, s),
                padding=(1, 1),
                dilation=(1, 1),
            )
        side = (shape[1] - 2) // 2 + 1
        out = (shape[0], side, side)
        window = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0)}
        if kind == "max":
            return MaxPool(in_shape=shape, out_shape=out, **window, dilation=(1, 1))
        return Pool(in_shape=shape, out_shape=out, **window, average=self.chance(0.7))

    def project(self, source, target, operator, *, delay=0, bias=None):
        self.projections.append(
            Projection(
                name=f"p{len(self.projections)}",
                source=source,
                target=target,
                operator=operator,
                delay=delay,
                bias=bias,
            )
        )

    def layer(self):
        """A map and neurons; now and then a relay between two maps."""
        operator = self.map(self.shapes[self.last])
        while isinstance(operator, MaxPool) and not self.fires[self.last]:
            operator = self.map(self.shapes[self.last])
        name = f"n{len(self.populations)}"
        shape = operator.out_shape
        relay = self.chance(0.35) and len(self.populations) < 4
        weighted = operator.weight is not None
        bias = self.eighths((prod(shape),), 0.5) / 4 if weighted and self.chance(0.6) else None
        if relay:
            kind = PortKind.ANALOG if bias is not None else operator.port_kind(self.kind())
            self.populations.append(
                Population(name=name, shape=shape, program=relay_program(kind), emits=kind)
            )
        else:
            bias = self.neurons(name, shape, bias)
        self.project(self.last, name, operator, bias=bias, delay=int(self.chance(0.2)))
        self.last = name
        self.shapes[name], self.fires[name] = shape, not relay
        if not relay and self.chance(0.3):
            weights = self.eighths((prod(shape), prod(shape)), 0.4) / 2
            rec = Dense(in_shape=shape, out_shape=shape, weights=weights.astype(np.float32))
            self.project(name, name, rec, delay=int(self.rng.integers(1, 4)))

    def kind(self):
        node = [*self.sources, *self.populations]
        return next(n.emits for n in node if n.name == self.last)

    def neurons(self, name, shape, bias):
        """Adds neurons; returns the bias that may stand in front of them."""
        compare = self.pick(list(Compare)) if self.equal else Compare.GREATER
        reset = Reset(kind=ResetKind.ZERO, timing=self.pick(TIMINGS))
        current = self.currents and self.chance(0.25)
        leak, gain = self.chance(0.2), self.chance(0.2)
        make = cuba_lif_program if current else lif_program
        program = make(reset, compare=compare, leak=leak, gain=gain)
        decay = [0.25, 0.5, 0.75, 1.0] if self.decays else [1.0]
        n = prod(shape)
        params = {
            "beta": np.asarray(self.pick(decay), np.float32),
            "theta": self.param([0.5, 1.0, 2.0], (n,)),
            "alpha": np.asarray(self.pick([0.25, 0.5]), np.float32),
            "gain": np.asarray(self.pick([0.5, 2.0]), np.float32),
            "leak": self.eighths((n,), 0.5) / 4,
        }
        params = {k: np.asarray(params[k], np.float32) for k in program.params}
        self.populations.append(Population(name=name, shape=shape, program=program, params=params))
        return None if current else bias

    def network(self, readout=False):
        while len(self.populations) < 5 and (len(self.populations) < 2 or self.chance(0.6)):
            self.layer()
        while not self.fires[self.last]:
            self.layer()
        outputs = [OutputPort(name="out", node=self.last)]
        if readout:
            shape = self.shapes[self.last]
            operator = Dense(in_shape=shape, out_shape=(3,), weights=self.eighths((3, prod(shape))))
            program = li_program()
            self.populations.append(
                Population(
                    name="li",
                    shape=(3,),
                    program=program,
                    params={"beta": np.asarray(0.75, np.float32)},
                    emits=program.emits,
                )
            )
            self.project(self.last, "li", operator)
            outputs.append(OutputPort(name="membrane", node="li", signal="membrane"))
        return Network(
            sources=tuple(self.sources),
            populations=tuple(self.populations),
            projections=tuple(self.projections),
            outputs=tuple(outputs),
            dt_s=1e-3,
        )


def chip_network(seed, *, readout=False, **options):
    """A network and an input (sample, step, *shape) of zeros and ones."""
    maker = Maker(seed, **options)
    network = maker.network(readout)
    shape = network.sources[0].shape
    x = (maker.rng.random((2, 12, *shape)) < 0.35).astype(np.float32)
    return network, x
