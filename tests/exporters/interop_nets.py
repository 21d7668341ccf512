"""Networks exported for other programs: name -> graph, for a time step and a kind of weights."""

from itertools import pairwise

import numpy as np

from neurochain.graph import (
    IF,
    LI,
    LIF,
    Affine,
    AvgPool,
    Compare,
    Conv,
    CubaLI,
    CubaLIF,
    Delay,
    Edge,
    Flatten,
    Graph,
    I,
    Input,
    Linear,
    Output,
    Reset,
    ResetKind,
    Scale,
    SumPool,
    Threshold,
    as_f64,
)


class Nets:
    """Builds networks of one time step and one kind of weights ("dyadic" or "float")."""

    def __init__(self, dt=1e-3, weights="dyadic", seed=0):
        self.dt, self.kind = dt, weights
        self.rng = np.random.default_rng(seed)

    def weight(self, *shape, scale=1.0):
        values = self.rng.normal(scale=scale, size=shape)
        if self.kind == "dyadic":
            values = np.round(values * 32) / 32
        return values.astype(np.float32)

    def affine(self, n_out, n_in, scale=0.6):
        weight = self.weight(n_out, n_in, scale=scale)
        return Affine(weight=weight, bias=self.weight(n_out, scale=0.1))

    def linear(self, n_out, n_in, scale=0.6):
        return Linear(weight=self.weight(n_out, n_in, scale=scale))

    def lif(self, beta=0.875, theta=1.0, r=None, compare=Compare.GREATER, **more):
        """Unit input gain unless r is given. A beta of 1 is carried by tau = 2^60 dt."""
        decay = np.asarray(beta, np.float32).astype(np.float64)
        steps = 1.0 / np.maximum(1.0 - decay, 2.0**-60)
        return LIF(
            tau=as_f64(steps * self.dt),
            r=as_f64(steps if r is None else r),
            v_leak=as_f64(more.get("v_leak", 0.0)),
            v_threshold=as_f64(theta),
            v_reset=as_f64(more.get("v_reset", 0.0)),
            reset=more.get("reset", Reset()),
            compare=compare,
        )

    def integrator(self, theta=1.0, gain=1.0):
        return IF(
            r=as_f64(gain / self.dt),
            v_threshold=as_f64(theta),
            v_reset=as_f64(0.0),
            reset=Reset(),
        )

    def cuba(self, alpha=0.5, beta=0.875, theta=1.0, w_in=None):
        syn, mem = (1.0 / (1.0 - np.float64(np.float32(x))) for x in (alpha, beta))
        return CubaLIF(
            tau_syn=as_f64(syn * self.dt),
            tau_mem=as_f64(mem * self.dt),
            r=as_f64(mem),
            v_leak=as_f64(0.0),
            w_in=as_f64(syn if w_in is None else w_in),
            v_threshold=as_f64(theta),
            v_reset=as_f64(0.0),
            reset=Reset(),
        )

    def chain(self, shape_in, shape_out, **middle):
        path = ["input", *middle, "output"]
        nodes = {"input": Input(shape=shape_in), **middle, "output": Output(shape=shape_out)}
        return Graph(nodes=nodes, edges=tuple(Edge(*p) for p in pairwise(path)), dt_s=self.dt)

    def two(self, first, second):
        """Two dense layers with these neurons."""
        return self.chain(
            (12,), (5,), fc1=self.affine(9, 12), n1=first, fc2=self.affine(5, 9), n2=second
        )

    def dense(self, **behind):
        """A dense layer, and what comes behind it, 9 wide."""
        return self.chain((12,), (9,), fc1=self.affine(9, 12), **behind)

    def conv(self, c_out, c_in, *kernel, groups=1):
        ones = (1,) * len(kernel)
        return Conv(
            weight=self.weight(c_out, c_in // groups, *kernel, scale=0.5),
            bias=self.weight(c_out, scale=0.1),
            stride=ones,
            padding=(0,) * len(kernel),
            dilation=ones,
            groups=groups,
        )

    def graph(self, nodes, *pairs):
        return Graph(nodes=nodes, edges=tuple(Edge(*p) for p in pairs), dt_s=self.dt)

    def two_ends(self, *, inputs=1, outputs=1):
        nodes = {"fc": self.linear(9, 12), "n1": self.lif()}
        pairs = [("fc", "n1")]
        for k in range(inputs):
            nodes[f"in{k}"] = Input(shape=(12,))
            pairs.append((f"in{k}", "fc"))
        for k in range(outputs):
            nodes[f"out{k}"] = Output(shape=(9,))
            pairs.append(("n1", f"out{k}"))
        return self.graph(nodes, *pairs)

    def loop_of_two(self):
        """Two neurons on one cycle, each fed from outside: which edge closes it is a choice."""
        nodes = {
            "input": Input(shape=(12,)),
            "fc1": self.linear(9, 12),
            "z": self.lif(),
            "ab": self.linear(9, 9, 0.4),
            "fc2": self.linear(9, 12),
            "a": self.lif(0.75),
            "ba": self.linear(9, 9, 0.4),
            "output": Output(shape=(9,)),
        }
        return self.graph(
            nodes,
            ("input", "fc1"),
            ("input", "fc2"),
            ("fc1", "z"),
            ("z", "ab"),
            ("ab", "a"),
            ("fc2", "a"),
            ("a", "ba"),
            ("ba", "z"),
            ("a", "output"),
        )

    def two_branches(self):
        """Two recurrent branches with a bias each; one layer in front takes both.

        Dyadic only: nirtorch adds three inputs in the order of a set of strings.
        """
        nodes = {
            "input": Input(shape=(12,)),
            "fc": self.affine(9, 12),
            "n1": self.lif(),
            "rec1": self.affine(9, 9, 0.2),
            "rec2": self.affine(9, 9, 0.2),
            "output": Output(shape=(9,)),
        }
        return self.graph(
            nodes,
            ("input", "fc"),
            ("rec1", "n1"),
            ("rec2", "n1"),
            ("fc", "n1"),
            ("n1", "rec1"),
            ("n1", "rec2"),
            ("n1", "output"),
        )

    def late_bias(self):
        """A recurrent branch with a delay and a bias of its own."""
        graph = self.recurrent(self.lif(), bias=True)
        edges = tuple(
            Edge(e.source, e.target, 1 if e.source == "hidden.rec" else None) for e in graph.edges
        )
        return Graph(nodes=graph.nodes, edges=edges, dt_s=self.dt)

    def leak_alone(self):
        """A leak with no layer in front to take it."""
        return self.chain((12,), (12,), n1=self.lif(0.75, theta=0.75, v_leak=0.5))

    def fixed_bias(self):
        """A recurrent bias with nowhere to go: the input feeds the neuron directly."""
        nodes = {
            "input": Input(shape=(9,)),
            "n1": self.lif(theta=0.75),
            "rec": self.affine(9, 9, 0.3),
            "output": Output(shape=(9,)),
        }
        return self.graph(nodes, ("input", "n1"), ("n1", "rec"), ("rec", "n1"), ("n1", "output"))

    def image(self, pool):
        return self.chain(
            (2, 8, 8),
            (5,),
            conv=Conv(
                weight=self.weight(4, 2, 3, 3, scale=0.5),
                bias=self.weight(4, scale=0.1),
                stride=(1, 1),
                padding=(1, 1),
                dilation=(1, 1),
            ),
            n1=self.lif(0.75),
            pool=pool(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0)),
            flat=Flatten(),
            fc=self.linear(5, 64, scale=0.4),
            n2=self.lif(0.9375),
        )

    def recurrent(self, neuron, *, bias=False):
        """fc -> neuron <-> rec, and a read-out layer."""
        return Graph(
            nodes={
                "input": Input(shape=(12,)),
                "fc": self.linear(9, 12),
                "hidden.rec": self.affine(9, 9, 0.3) if bias else self.linear(9, 9, 0.3),
                "hidden.lif": neuron,
                "out": self.linear(5, 9),
                "n2": self.lif(0.5),
                "output": Output(shape=(5,)),
            },
            edges=(
                Edge("input", "fc"),
                Edge("fc", "hidden.lif"),
                Edge("hidden.lif", "out"),
                Edge("hidden.lif", "hidden.rec"),
                Edge("hidden.rec", "hidden.lif"),
                Edge("out", "n2"),
                Edge("n2", "output"),
            ),
            dt_s=self.dt,
        )

    def skip(self):
        """Two ways from n1 to n2; depth first has to take the longer one first."""
        return Graph(
            nodes={
                "input": Input(shape=(12,)),
                "fc1": self.linear(9, 12),
                "n1": self.lif(),
                "fc2": self.linear(9, 9),
                "n2": self.lif(0.75),
                "output": Output(shape=(9,)),
            },
            edges=tuple(
                Edge(*pair)
                for pair in (
                    ("input", "fc1"),
                    ("fc1", "n1"),
                    ("n1", "n2"),
                    ("n1", "fc2"),
                    ("fc2", "n2"),
                    ("n2", "output"),
                )
            ),
            dt_s=self.dt,
        )

    def diamond(self):
        """Two layers side by side: no depth-first walk is an order of execution."""
        return Graph(
            nodes={
                "input": Input(shape=(12,)),
                "a": self.linear(9, 12),
                "b": self.linear(9, 12),
                "n": self.lif(),
                "output": Output(shape=(9,)),
            },
            edges=tuple(
                Edge(*pair)
                for pair in (
                    ("input", "a"),
                    ("input", "b"),
                    ("a", "n"),
                    ("b", "n"),
                    ("n", "output"),
                )
            ),
            dt_s=self.dt,
        )

    def read_out(self):
        li = LI(tau=as_f64(8 * self.dt), r=as_f64(8.0), v_leak=as_f64(0.0))
        return self.dense(n1=self.lif(), fc2=self.linear(9, 9), li=li)

    def cuba_li(self):
        node = self.cuba()
        return CubaLI(
            tau_syn=node.tau_syn, tau_mem=node.tau_mem, r=node.r, v_leak=node.v_leak, w_in=node.w_in
        )

    def pooled(self, pool, size, padding=0):
        """A pool between two neurons; 6x6 pixels."""
        out = (6 + 2 * padding) // size
        return self.chain(
            (2, 6, 6),
            (2, out, out),
            n1=self.lif(0.5, theta=0.75),
            pool=pool(kernel_size=(size,) * 2, stride=(size,) * 2, padding=(padding,) * 2),
            n2=self.lif(0.75),
        )

    def per_neuron(self, beta=True, theta=True):
        betas = self.rng.choice([0.5, 0.75, 0.875, 0.9375], 9) if beta else 0.875
        thetas = self.rng.choice([0.5, 0.75, 1.0], 9) if theta else 1.0
        return self.two(self.lif(betas, thetas), self.lif())


SUBTRACT = Reset(kind=ResetKind.SUBTRACT)
VALUE = Reset(kind=ResetKind.VALUE)

CASES = {
    "LIF": lambda n: n.two(n.lif(), n.lif(0.75)),
    "LIF, beta 0.9 and 0.3": lambda n: n.two(n.lif(0.9), n.lif(0.3, theta=0.7)),
    "LIF, beta 1": lambda n: n.two(n.lif(0.75), n.lif(1.0)),
    "LIF, beta 0": lambda n: n.two(n.lif(0.0), n.lif()),
    "LIF, r = 1": lambda n: n.two(n.lif(0.75, theta=0.25, r=1.0), n.lif(0.5, theta=0.5, r=1.0)),
    "LIF, r = 3": lambda n: n.two(n.lif(0.75, r=3.0), n.lif()),
    "LIF, fires at v >= theta": lambda n: n.two(n.lif(compare=Compare.GREATER_EQUAL), n.lif()),
    "LIF, a tau a neuron": lambda n: n.per_neuron(theta=False),
    "LIF, a threshold a neuron": lambda n: n.per_neuron(beta=False),
    "LIF, v_leak": lambda n: n.two(n.lif(0.75, theta=0.75, v_leak=0.5), n.lif()),
    "LIF, v_leak, no layer in front": lambda n: n.leak_alone(),
    "LIF, v_leak, r = 3": lambda n: n.two(n.lif(0.9, r=3.0, theta=0.3, v_leak=0.1), n.lif()),
    "LIF, v_reset": lambda n: n.two(n.lif(0.75, v_reset=-0.25, reset=VALUE), n.lif()),
    "LIF, subtractive reset": lambda n: n.two(n.lif(reset=SUBTRACT), n.lif(0.75)),
    "CubaLIF": lambda n: n.two(n.cuba(), n.cuba(0.75, 0.5)),
    "CubaLIF, alpha 0.55, beta 0.9": lambda n: n.two(n.cuba(0.55, 0.9), n.cuba(0.5, 0.85)),
    "CubaLIF, w_in = 1": lambda n: n.two(n.cuba(theta=0.5, w_in=1.0), n.lif()),
    "IF": lambda n: n.two(n.integrator(), n.integrator(theta=1.5)),
    "IF, gain 0.5": lambda n: n.two(n.integrator(gain=0.5), n.lif()),
    "LI read-out": lambda n: n.read_out(),
    "CubaLI": lambda n: n.dense(n1=n.lif(), li=n.cuba_li()),
    "I": lambda n: n.dense(n1=n.lif(), i=I(r=as_f64(1.0))),
    "Threshold": lambda n: n.dense(z=Threshold(threshold=as_f64(0.5)), n1=n.lif()),
    "Scale": lambda n: n.dense(by=Scale(scale=n.weight(9)), n1=n.lif()),
    "Delay": lambda n: n.dense(n1=n.lif(), late=Delay(delay=as_f64(2 * n.dt)), n2=n.lif(0.75)),
    "Conv1d": lambda n: n.chain((2, 12), (3, 10), conv=n.conv(3, 2, 3), n1=n.lif()),
    "Conv2d, AvgPool2d 2x2, Flatten": lambda n: n.image(AvgPool),
    "Conv2d, SumPool2d 2x2, Flatten": lambda n: n.image(SumPool),
    "Conv2d, rectangular kernel": lambda n: n.chain(
        (2, 8, 8), (3, 6, 4), conv=n.conv(3, 2, 3, 5), n1=n.lif()
    ),
    "Conv2d with groups": lambda n: n.chain(
        (4, 6, 6), (4, 4, 4), conv=n.conv(4, 4, 3, 3, groups=2), n1=n.lif()
    ),
    "AvgPool2d 3x3": lambda n: n.pooled(AvgPool, 3),
    "SumPool2d 3x3": lambda n: n.pooled(SumPool, 3),
    "SumPool2d with padding": lambda n: n.pooled(SumPool, 2, 1),
    "recurrent LIF": lambda n: n.recurrent(n.lif()),
    "recurrent CubaLIF": lambda n: n.recurrent(n.cuba()),
    "recurrent LIF with a bias": lambda n: n.recurrent(n.lif(), bias=True),
    "two recurrent branches with biases": lambda n: Nets(n.dt).two_branches(),
    "recurrent bias behind a delay": lambda n: n.late_bias(),
    "recurrent bias, no layer in front": lambda n: n.fixed_bias(),
    "two neurons on one cycle": lambda n: n.loop_of_two(),
    "skip connection": lambda n: n.skip(),
    "two layers side by side": lambda n: n.diamond(),
    "two inputs": lambda n: n.two_ends(inputs=2),
    "two outputs": lambda n: n.two_ends(outputs=2),
}

TYPE_CHECK_OFF = {"Conv2d, rectangular kernel", "Conv2d with groups"}
"""What nir 1.0.8 reads only with type_check=False."""
