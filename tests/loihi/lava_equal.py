"""`make lava-equal N=1000 SEED=1`: random networks, Lava's own models against both engines.

Every spike and state of every neuron and step is compared. Ends with 1 where anything differs.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from draw import FAMILIES, inputs
from equal import compared, recorded
from specs import network_of

from neurochain.simulators.lava.compat import HOW_TO_INSTALL, load_lava, missing

STEPS = 60
FAMILY = ("spiking", "spiking", "edges", "convolutional", "sigma_delta", "resonators", "graded")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first network")
    given = parser.parse_args()
    if missing():
        print(f"needs Lava: {HOW_TO_INSTALL}", file=sys.stderr)
        return 2
    load_lava()
    import lava_models

    drawn, values, spikes, wrong = Counter(), 0, 0, 0
    start = time.perf_counter()
    for k in range(given.first, given.first + given.networks):
        family = FAMILY[k % len(FAMILY)]
        rng = np.random.default_rng([given.seed, k])
        spec = FAMILIES[family](rng)
        x = inputs(rng, spec, STEPS)
        expected = lava_models.run_lava(spec, x)
        network = network_of(spec)
        for engine in ("reference", "event"):
            found = compared(expected, recorded(network, x, engine=engine), engine)
            wrong += bool(found)
            for line in found:
                print(f"network {k} ({family}): {line}")
        drawn[family] += 1
        values += sum(a.size for part in expected for a in part.values())
        spikes += sum(int(np.count_nonzero(a)) for a in expected[0].values())
    parts = ", ".join(f"{n} {name}" for name, n in sorted(drawn.items()))
    print(
        f"{sum(drawn.values())} networks of {STEPS} steps ({parts}): {values} spikes and states, "
        f"{spikes} of them events, on two engines: {wrong} differences; "
        f"{time.perf_counter() - start:.0f} s"
    )
    return int(wrong != 0)


if __name__ == "__main__":
    sys.exit(main())
