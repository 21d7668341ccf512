"""What a placement takes and costs, counted from the full matrices, neuron by neuron.

Shares nothing with the mapper: loops over Python dicts of single synapses.
"""

from collections import defaultdict
from math import ceil

import numpy as np

from neurochain.quantize.loihi.layers import matrix


def links(network):
    """name -> (source, target, (n_out, n_in) of what is connected, width, exponent, delay)."""
    found = {}
    for p in network.projections:
        w = matrix(p.operator)
        both = (w > 0).any() and (w < 0).any()
        if p.operator.weight is None:
            bits, both = 8, False
        else:
            bits = next(b for b in range(1, 9) if (w % 2 ** (8 - b + both) == 0).all())
            bits = max(bits, 1 + both)
        found[p.name] = (p.source, p.target, w != 0, bits, bool(both), p.weight_exp, p.delay - 1)
    return found


def block_bits(n, width):
    total = 0
    while n > 0:
        m = min(n, 64)
        total += 64 * ceil((m * width + 10) / 64)
        n -= m
    return total


def resources(network, placement, *, weight_bits, index_bits, neuron_bits):
    """core -> limit -> used."""
    used = defaultdict(lambda: defaultdict(int))
    where = {name: cores.tolist() for name, cores in placement.core_of.items()}
    formats, decays, thresholds = defaultdict(set), defaultdict(set), defaultdict(set)
    for cores in where.values():
        for core in cores:
            used[core]["neurons"] += 1
            used[core]["memory_bits"] += neuron_bits
    for p in network.populations:
        for i, core in enumerate(where[p.name]):
            value = {k: int(np.broadcast_to(v, (p.n,))[i]) for k, v in p.params.items()}
            decays[core].add((value["du"], value["dv"]))
            thresholds[core].add(value["vth"])
    for source, target, live, bits, both, exponent, delay in links(network).values():
        stored = min(b for b in weight_bits if b >= bits)
        delay_bits = delay.bit_length()
        lists = defaultdict(lambda: defaultdict(int))
        for j, i in zip(*np.nonzero(live), strict=True):
            lists[where[target][j]][int(i)] += 1
        span = defaultdict(int)
        for core in where[target]:
            span[core] += 1
        for core, rows in lists.items():
            used[core]["input_axons"] += len(rows)
            formats[core].add((stored, delay_bits, exponent, both))
            sparse = sum(block_bits(n, stored + delay_bits + index_bits) for n in rows.values())
            flat = len(rows) * block_bits(span[core], stored + delay_bits)
            used[core]["memory_bits"] += min(sparse, flat)
            if source in where:
                for i in rows:
                    used[where[source][i]]["output_axons"] += 1
    for core in used:
        used[core]["synapse_formats"] = len(formats[core])
        used[core]["decay_profiles"] = len(decays[core])
        used[core]["threshold_profiles"] = len(thresholds[core])
    return used


def packets(network, placement, spikes):
    """(core, core) -> packets, for spikes[name] (n,); those within a core included."""
    where = {name: cores.tolist() for name, cores in placement.core_of.items()}
    reached = defaultdict(set)
    for source, target, live, *_ in links(network).values():
        for j, i in zip(*np.nonzero(live), strict=True):
            reached[source, int(i)].add(where[target][j])
    found = defaultdict(int)
    for (source, i), cores in reached.items():
        for core in cores if source in where else ():
            found[where[source][i], core] += int(spikes[source][i])
    return found


def router(core, *, chips_across, chip=128, tile=4, columns=8, rows=4):
    k, within = divmod(core, chip)
    t = within // tile
    return k % chips_across * columns + t // rows, k // chips_across * rows + t % rows
