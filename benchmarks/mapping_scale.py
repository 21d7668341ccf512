"""Map a layered network of 1,000,000 neurons and 100,000,000 local synapses to Loihi 2.

    python benchmarks/mapping_scale.py [side layers radius]

Ten sheets of 320 x 320 neurons; each projects to the next within a radius of 5 on both axes. Prints
sizes, chips, time and the process's greatest memory; the network is made before the clock starts.
Ends with 1 where a goal is missed (120 s, 8 GiB).
"""

import resource
import sys
import time

from mapping_networks import Build

from neurochain.mapping import map_network
from neurochain.network import Network
from neurochain.targets import load_target

SECONDS, GIB = 120, 8


def layered(side: int, layers: int, radius: int) -> Network:
    build = Build(11, (side, side))
    for _ in range(layers):
        name = build.neurons((side, side))
        build.join(build.last, name, build.local((side, side), (side, side), radius, 1.0))
        build.last = name
    return build.network()


def main() -> int:
    side, layers, radius = map(int, sys.argv[1:4] or (320, 10, 5))
    network = layered(side, layers, radius)
    synapses = sum(p.operator.weights.size for p in network.projections)
    neurons = sum(p.n for p in network.populations)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{neurons:,} neurons, {synapses:,} synapses; made in {before:.2f} GiB", flush=True)
    begin, processor = time.perf_counter(), time.process_time()
    placement = map_network(network, load_target("loihi2"))
    wall, processor = time.perf_counter() - begin, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    costs = placement.costs
    print(f"{len(placement.cores):,} cores on {placement.chips} chips of loihi2")
    print(f"{costs.packets:,} packets, {costs.hops_x + costs.hops_y:,} hops, a spike a neuron")
    print(f"{wall:.1f} s ({processor:.1f} s of CPU), {peak:.2f} GiB at most")
    return int(wall > SECONDS or peak > GIB)


if __name__ == "__main__":
    raise SystemExit(main())
