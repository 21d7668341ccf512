"""The integer engine beside Lava's own bit-accurate models, driven without their runtime.

    python benchmarks/loihi.py [--steps 300] [--reps 5]

784-1024-1024-10, even weights of mixed sign, thresholds for which hidden layers fire at a few per
cent; input at 1, 5 and 20 %. Spikes and states of every neuron and step have to be equal, or no
time counts. Microseconds a step, one thread, medians; the two take turns.
"""

import argparse
import sys
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "loihi"))

from equal import compared, recorded
from specs import Connection, Neurons, Spec, network_of

from neurochain.simulators import Record
from neurochain.simulators.event import pack, pack_inputs
from neurochain.simulators.event.engine import prepare
from neurochain.simulators.lava.compat import load_lava

SIZES = (784, 1024, 1024, 10)
VTH = {0.01: (420, 260, 200), 0.05: (1000, 320, 220), 0.2: (2100, 330, 220)}


def spec_of(rate):
    """The network whose hidden layers fire at a few per cent at this rate of the input."""
    rng = np.random.default_rng(0)
    neurons, connections = [], []
    for k, (n_in, n) in enumerate(pairwise(SIZES)):
        weights = np.clip(np.rint(rng.normal(0, 20, (n, n_in))), -127, 127).astype(int) * 2
        params = {"du": 4095, "dv": 256, "vth": VTH[rate][k], "bias_mant": 0, "bias_exp": 0}
        neurons.append(Neurons(f"l{k}", "lif", (n,), params))
        source = "in" if k == 0 else f"l{k - 1}"
        connections.append(Connection(f"c{k}", source, f"l{k}", weights))
    return Spec((SIZES[0],), tuple(neurons), tuple(connections))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--reps", type=int, default=5)
    given = parser.parse_args()
    load_lava()
    import lava_models

    for rate in VTH:
        spec = spec_of(rate)
        rng = np.random.default_rng(1)
        x = (rng.random((given.steps, SIZES[0])) < rate).astype(np.int64)
        network = network_of(spec)
        prepared = prepare(
            pack(network),
            pack_inputs(network, {"in": x[None].astype(np.float32)}),
            record=Record(emissions=("l2",)),
        )
        ours, theirs = [], []
        for _ in range(given.reps):
            start = time.perf_counter()
            expected = lava_models.run_lava(spec, x)
            theirs.append((time.perf_counter() - start) / given.steps * 1e6)
            best = []
            for _ in range(20):
                prepared.rewind()
                start = time.perf_counter()
                prepared.advance()
                best.append((time.perf_counter() - start) / given.steps * 1e6)
            ours.append(median(best))
        different = compared(expected, recorded(network, x, engine="event"), "event")
        if different:
            sys.exit("\n".join(different))
        fired = ", ".join(f"{expected[0][f'l{k}'].mean():.1%}" for k in range(3))
        a, b = median(ours), median(theirs)
        print(
            f"input {rate:.0%}, layers {fired}: {a:.2f} us, Lava's models {b:.0f} us, {b / a:.0f}x"
        )


if __name__ == "__main__":
    main()
