"""Networks said once, from which Lava's processes and neurochain's Network are both built.

Everything stands in Lava's convention: du, dv, vth mantissa, bias mantissa and exponent, weights in
final units, delays beside the step that every connection costs.
"""

from dataclasses import dataclass, field

import numpy as np

from neurochain.network import Network, OutputPort, Population, PortKind, Projection, Source
from neurochain.operators import Conv, Csr, Dense, split_by_delay
from neurochain.programs import (
    loihi_delta_program,
    loihi_graded_program,
    loihi_lif_program,
    loihi_lif_reset_program,
    loihi_product_program,
    loihi_refractory_program,
    loihi_rf_iz_program,
    loihi_rf_program,
    loihi_sigma_delta_program,
    loihi_ternary_program,
)

PROGRAMS = {
    "lif": loihi_lif_program,
    "lif_reset": loihi_lif_reset_program,
    "refractory": loihi_refractory_program,
    "ternary": loihi_ternary_program,
    "sigma_delta": loihi_sigma_delta_program,
    "delta": loihi_delta_program,
    "rf": loihi_rf_program,
    "rf_iz": loihi_rf_iz_program,
    "graded": loihi_graded_program,
    "graded_relu": lambda: loihi_graded_program(relu=True),
    "product": loihi_product_program,
}
LONGEST_DELAY = 63


@dataclass(frozen=True)
class Neurons:
    """shape (n,) or (channels, height, width); params as the process of Lava takes them."""

    name: str
    kind: str
    shape: tuple[int, ...]
    params: dict = field(default_factory=dict)

    @property
    def n(self):
        return int(np.prod(self.shape))


@dataclass(frozen=True)
class Connection:
    """source (a name; "in" is the input) -> target.

    weights (n_out, n_in), or for a convolution (c_out, c_in / groups, kh, kw) with `window`:
    (stride, padding, dilation, groups).
    """

    name: str
    source: str
    target: str
    weights: np.ndarray
    weight_exp: int = 0
    weight_bits: int = 8
    delays: np.ndarray | None = None
    graded: bool = False
    sparse: bool = False
    window: tuple | None = None
    port: str = "x"


@dataclass(frozen=True)
class Spec:
    """shape of the input, then neurons in the order of execution."""

    shape: tuple[int, ...]
    neurons: tuple[Neurons, ...]
    connections: tuple[Connection, ...]
    graded_input: bool = False

    def node_shape(self, name):
        return self.shape if name == "in" else next(p for p in self.neurons if p.name == name).shape


def i32(value):
    return np.asarray(value, dtype=np.int32)


def full_bias(params):
    mant = np.asarray(params.get("bias_mant", 0), dtype=np.int64)
    exp = params.get("bias_exp", 0)
    return i32(mant << exp if exp >= 0 else mant >> -exp)


def params_of(neurons):
    """The parameters of neurochain's program."""
    p = dict(neurons.params)
    if neurons.kind in ("lif", "lif_reset", "refractory", "ternary"):
        names = ("vth_hi", "vth_lo") if neurons.kind == "ternary" else ("vth",)
        found = {name: i32(p[name]) for name in ("du", "dv", *names)} | {"bias": full_bias(p)}
        if neurons.kind == "lif_reset":
            interval = p["reset_interval"]
            found |= {"interval": i32(interval), "offset": i32(p["reset_offset"] % interval)}
        if neurons.kind == "refractory":
            found["silent"] = i32(p["refractory_period"])
        return found
    scale = p.get("spike_exp", 0) + p.get("state_exp", 0)
    if neurons.kind == "sigma_delta":
        full = {name: i32(p[name] * 2**scale) for name in ("vth", "bias")}
        return full | {"state_exp": i32(p["state_exp"])}
    if neurons.kind == "delta":
        return {
            "vth": i32(p["vth"] * 2**scale),
            "scale_exp": i32(scale),
            "state_exp": i32(p["state_exp"]),
        }
    if neurons.kind in ("rf", "rf_iz"):
        turn, bits = 2 * np.pi / p["period"], p["decay_bits"]
        return {
            "cos": i32(np.cos(turn) * (1 - p["alpha"]) * 2**bits),
            "sin": i32(np.sin(turn) * (1 - p["alpha"]) * 2**bits),
            "vth": i32(p["vth"] * 2 ** p["state_exp"]),
            "state_exp": i32(p["state_exp"]),
            "bits": i32(bits),
        }
    return {name: i32(value) for name, value in p.items()}


def network_of(spec):
    """The same as a Network, every connection with the step it costs."""
    populations = tuple(
        Population(
            name=p.name,
            shape=p.shape,
            program=PROGRAMS[p.kind](),
            params=params_of(p),
            emits=PROGRAMS[p.kind]().emits,
        )
        for p in spec.neurons
    )
    projections = []
    for c in spec.connections:
        projections += _projections(spec, c)
    return Network(
        sources=(
            Source(
                name="in",
                shape=spec.shape,
                emits=PortKind.GRADED if spec.graded_input else PortKind.EVENT,
            ),
        ),
        populations=populations,
        projections=tuple(projections),
        outputs=(OutputPort(name="out", node=spec.neurons[-1].name),),
        dt_s=1e-3,
        arithmetic="loihi",
    )


def _projections(spec, c):
    ends = {"in_shape": spec.node_shape(c.source), "out_shape": spec.node_shape(c.target)}
    fits = np.abs(c.weights).max() <= 127
    weights = np.ascontiguousarray(c.weights, dtype=np.int8 if fits else np.int16)
    if c.window is not None:
        stride, padding, dilation, groups = c.window
        operator = Conv(
            **ends,
            weights=weights,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
        )
    elif c.sparse and c.delays is None:
        operator = Csr.from_dense(weights, ends["in_shape"], ends["out_shape"])
    else:
        operator = Dense(**ends, weights=weights)
    projection = Projection(
        name=c.name,
        source=c.source,
        target=c.target,
        operator=operator,
        port=c.port,
        delay=1,
        weight_exp=c.weight_exp,
    )
    return (projection,) if c.delays is None else split_by_delay(projection, c.delays)
