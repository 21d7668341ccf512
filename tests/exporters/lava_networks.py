"""Random networks that stock Lava has, with input, for the package that the exporter writes."""

import sys
from pathlib import Path

import numpy as np

from neurochain.errors import UnsupportedError
from neurochain.exporters.lava.layout import layout_of
from neurochain.simulators import Record, run

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "simulators" / "lava"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "loihi"))

import draw
import float_nets
from specs import network_of


def whole(family, seed, steps=20):
    """A network of integers that spikes: three neurons, delays, loops, convolutions."""
    for again in range(100):
        rng = np.random.default_rng([seed, again, *family.encode()])
        spec = draw.FAMILIES[family](rng)
        x = draw.inputs(rng, spec, steps)[None].astype(np.float32)
        network = _taken(network_of(spec), x)
        if network is not None:
            return network, {"in": x}
    raise LookupError(f"{family} {seed}")


def exact_float(seed):
    """A network of floats whose sums are exact, so that float64 gives the same spikes."""
    for again in range(100):
        rng = np.random.default_rng([seed, again, 3])
        drawn = float_nets.network(rng)
        n = int(np.prod(drawn.sources[0].shape))
        x = (rng.random((1, float_nets.STEPS, n)) < 0.4).astype(np.float32)
        network = _taken(drawn, x)
        if network is not None:
            return network, {"in": x}
    raise LookupError(f"float {seed}")


def _taken(network, x):
    """The network, None where it is refused or hardly spikes."""
    try:
        layout_of(network)
    except UnsupportedError:
        return None
    names = tuple(p.name for p in network.populations)
    emitted = run(network, {"in": x}, record=Record(emissions=names)).emissions
    return network if sum(int(np.count_nonzero(v)) for v in emitted.values()) > 10 else None
