"""Hop energy of ten networks on Loihi 1, against sequential fill and random placement.

    python benchmarks/mapping.py              the ten networks, as a table in Markdown
    python benchmarks/mapping.py conv-64      some of them

Ends with 1 where a goal is missed: hop energy never worse than sequential fill; over convolutional
and recurrent networks on average 30 % less than sequential fill and 60 % less than random
placement.
Random placement: the mean of 20 draws, of the sequential cut (random) and of the mapper's own cut
(random, same cut).
"""

import sys
import time

import numpy as np
from mapping_networks import NETWORKS, made

from neurochain.mapping import Placement, map_network
from neurochain.mapping.limits import limits_of
from neurochain.mapping.mesh import mesh_of
from neurochain.targets import load_target

DRAWS = 20
HEADS = (
    *("network", "neurons", "synapses", "rate %", "cores", "seq. cores", "sequential µJ"),
    *("random µJ", "random, same cut µJ", "greedy µJ", "hilbert µJ", "less than seq. %"),
    *("less than random %", "less than random, same cut %", "s"),
)


def main() -> int:
    names = sys.argv[1:] or list(NETWORKS)
    print("| " + " | ".join(HEADS) + " |\n|" + "---|" * len(HEADS), flush=True)
    saved, missed = [], []
    for name in names:
        row, less, worse, cores = measured(name)
        print("| " + " | ".join(row) + " |", flush=True)
        missed += [f"{name}: worse than sequential fill"] * worse
        missed += [f"{name}: only {cores} cores"] * (cores < 64)
        if not name.startswith("dense"):
            saved.append(less)
    if saved:
        sequential, random, same = np.mean(saved, axis=0)
        print(
            f"\nconvolutional and recurrent, mean: {sequential:.1f} % less than sequential fill, "
            f"{random:.1f} % less than random, {same:.1f} % less than random on the same cut"
        )
        if sequential < 30 or min(random, same) < 60:
            missed.append("the mean gains")
    for line in missed:
        print(f"missed: {line}")
    return bool(missed)


def measured(name: str) -> tuple[list[str], list[float], bool, int]:
    network, emissions = made(name)
    chip = load_target("loihi1")

    def placed(method: str) -> Placement:
        return map_network(network, chip, method=method, emissions=emissions, place_inputs=True)

    sequential, greedy = placed("sequential"), placed("greedy")
    begin = time.perf_counter()
    best = placed("hilbert")
    seconds = time.perf_counter() - begin
    random, same = at_random(sequential), at_random(best)
    ours = best.costs.energy
    less = [100 * (1 - ours / other) for other in (sequential.costs.energy, random, same)]
    spikes = np.mean([emissions[p.name].mean() for p in network.populations])
    synapses = sum(int(p.operator.fanout(nonzero=True).sum()) for p in network.projections)
    micro = [
        f"{energy / 1e9:.2f}"
        for energy in (sequential.costs.energy, random, same, greedy.costs.energy, ours)
    ]
    row = [
        name,
        f"{sum(len(v) for v in best.core_of.values()):,}",
        f"{synapses:,}",
        f"{100 * spikes:.1f}",
        str(len(best.cores)),
        str(len(sequential.cores)),
        *micro,
        *(f"{value:.1f}" for value in less),
        f"{seconds:.1f}",
    ]
    return row, less, ours > sequential.costs.energy, len(best.cores)


def at_random(placement: Placement) -> float:
    """Mean hop energy of the same cut on cores drawn at random."""
    mesh = mesh_of(limits_of(load_target("loihi1")), placement.chips)
    rng = np.random.default_rng(3)
    total = 0
    for _ in range(DRAWS):
        onto = rng.permutation(mesh.cores)
        source, target = onto[placement.source], onto[placement.target_core]
        x = abs(mesh.x[source] - mesh.x[target]) * mesh.east_west
        y = abs(mesh.y[source] - mesh.y[target]) * mesh.north_south
        total += int(((x + y) * placement.packets).sum())
    return total / DRAWS


if __name__ == "__main__":
    raise SystemExit(main())
