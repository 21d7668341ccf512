"""What both engines make of a network, beside what XyloSim made of it."""

from dataclasses import replace

import numpy as np
from xylo_draw import network_of

from neurochain.simulators import Record, run

NAMES = {"": "hid", "out_": "out"}


def ours(spec, engine):
    """The traces of xylosim_runs.TRACES, and (step,) how many sums or membranes were cut."""
    network = network_of(spec)
    x = {"in": spec.events[None].astype(np.float32)}
    found, cut = {}, 0
    for state in ("i", "v"):
        watched = tuple(_showing(p, state) for p in network.populations)
        record = Record(emissions=("hid", "out"), membranes=("hid", "out"))
        result = run(replace(network, populations=watched), x, record=record, engine=engine)
        for start, name in NAMES.items():
            found[f"{start}spikes"] = result.emissions[name][0]
            found[f"{start}{state}"] = result.membranes[name][0]
        cut = sum(values[0].sum(axis=1) for values in result.overflow.values())
    return found, cut


def _showing(population, state):
    """The population with a state as its membrane."""
    program = population.program
    return replace(population, program=replace(program, membrane=dict(program.next_state)[state]))


def differing(wanted, found, steps=None):
    """Name -> entries that differ in the first `steps`."""
    return {k: n for k, v in wanted.items() if (n := int((found[k] != v)[:steps].sum()))}


def first_ordered(spec, traces):
    """The first step in which a current passes 16 bits on the way and comes back, or their number.

    There the chip's result depends on the order of its synapses. From the traces of XyloSim: what
    raises and what lowers every current, beside what it was.
    """
    steps = len(spec.events)
    before = np.vstack([np.zeros_like(traces["spikes"][:1]), traces["spikes"][:-1]]).astype(int)
    events = spec.events.astype(int)
    into = {
        "i": [(events, spec.w_in, spec.shifts[0]), (before, spec.w_rec, spec.shifts[1])],
        "out_i": [(before, spec.w_out, spec.shifts[2])],
    }
    found = np.zeros(steps, dtype=bool)
    for name, feeds in into.items():
        wide = [(spikes, weights.astype(int) << shift) for spikes, weights, shift in feeds]
        up = sum(spikes @ weights.clip(min=0) for spikes, weights in wide)
        down = sum(spikes @ weights.clip(max=0) for spikes, weights in wide)
        old = np.vstack([np.zeros_like(traces[name][:1]), traces[name][:-1]]).astype(int)
        found |= (((old + up > 32767) & (down < 0)) | ((old + down < -32768) & (up > 0))).any(1)
    return int(np.argmax(found)) if found.any() else steps
