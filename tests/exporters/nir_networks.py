"""Random networks that NIR holds. Weights and decays are dyadic: every order of a sum is exact."""

import numpy as np
from interop_nets import Nets

from neurochain.graph import AvgPool, Compare, Delay, Flatten, Input, Output, SumPool, as_f64


def random_graph(rng, seed):
    """One to four layers, dense or convolutional in front, with shortcuts and ways back."""
    nets = Nets(dt=1e-4, seed=seed)
    drawn = _Drawn(nets, rng)
    if rng.random() < 0.4:
        drawn.images() if rng.random() < 0.6 else drawn.series()
    else:
        drawn.shape = (int(rng.integers(4, 17)),)
        drawn.nodes["input"] = Input(shape=drawn.shape)
        drawn.last = "input"
        drawn.layer()
    for _ in range(int(rng.integers(0, 4))):
        drawn.layer()
    drawn.nodes["output"] = Output(shape=drawn.shape)
    drawn.pairs.append((drawn.last, "output"))
    return nets.graph(drawn.nodes, *(drawn.pairs[k] for k in rng.permutation(len(drawn.pairs))))


class _Drawn:
    """A network under way."""

    def __init__(self, nets, rng):
        self.nets, self.rng = nets, rng
        self.nodes, self.pairs = {}, []
        self.last, self.shape = "", ()
        self.neurons = []

    def add(self, name, node):
        self.nodes[name] = node
        self.pairs.append((self.last, name))
        self.last = name

    def neuron(self):
        """LIF, CubaLIF or IF, its gain, threshold and comparison."""
        nets, rng = self.nets, self.rng
        beta, theta = rng.choice([0.5, 0.75, 0.875, 0.9375]), rng.choice([0.5, 0.75, 1.0, 1.25])
        kind = rng.choice(["lif", "lif", "cuba", "if"])
        if kind == "lif":
            compare = Compare.GREATER_EQUAL if rng.random() < 0.2 else Compare.GREATER
            r = rng.choice([None, None, 1.0, 3.0])
            return nets.lif(beta, theta=theta, r=r, compare=compare)
        if kind == "cuba":
            return nets.cuba(rng.choice([0.5, 0.75]), beta, theta=theta)
        return nets.integrator(theta=theta, gain=rng.choice([0.5, 1.0]))

    def spiking(self):
        name = f"n{len(self.neurons)}"
        self.add(name, self.neuron())
        self.neurons.append((name, self.shape))

    def layer(self):
        """Dense, perhaps with a way back to itself, a shortcut or a delay."""
        nets, rng, k = self.nets, self.rng, len(self.neurons)
        n_in, n = int(np.prod(self.shape)), int(rng.integers(3, 13))
        scale = 1.5 / np.sqrt(n_in)
        before, self.shape = (self.last, self.shape), (n,)
        make = nets.affine if rng.random() < 0.5 else nets.linear
        self.add(f"fc{k}", make(n, n_in, scale))
        self.spiking()
        if rng.random() < 0.25:
            self.nodes[f"back{k}"] = nets.linear(n, n, 0.3)
            self.pairs += [(f"n{k}", f"back{k}"), (f"back{k}", f"n{k}")]
        elif rng.random() < 0.2 and before in self.neurons:
            self.nodes[f"also{k}"] = nets.linear(n, n_in, 0.4)
            self.pairs += [(before[0], f"also{k}"), (f"also{k}", f"n{k}")]
        if rng.random() < 0.05:
            self.add(f"late{k}", Delay(delay=as_f64(2 * nets.dt)))

    def images(self):
        """A convolution with or without a pool, flattened."""
        nets, rng = self.nets, self.rng
        channels, out = (int(c) for c in rng.integers(1, 4, 2))
        self.nodes["input"], self.last = Input(shape=(channels, 8, 8)), "input"
        self.add("conv", nets.conv(out, channels, 3, 3))
        self.shape = (out, 6, 6)
        self.spiking()
        if rng.random() < 0.6:
            pool = AvgPool if rng.random() < 0.5 else SumPool
            self.add("pool", pool(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0)))
            self.shape = (out, 3, 3)
        self.add("flat", Flatten())
        self.shape = (int(np.prod(self.shape)),)
        self.layer()

    def series(self):
        """A convolution along one axis, its neurons last."""
        nets, rng = self.nets, self.rng
        channels, out = (int(c) for c in rng.integers(1, 4, 2))
        self.nodes["input"], self.last = Input(shape=(channels, 12)), "input"
        self.add("conv", nets.conv(out, channels, 3))
        self.shape = (out, 10)
        self.spiking()
        self.add("flat", Flatten())
        self.shape = (out * 10,)
        self.layer()
