"""Both run the same spec: every spike and every state of every neuron in every step."""

from dataclasses import replace

import numpy as np
from specs import network_of

from neurochain.simulators import Record, run


def recorded(network, x, **options):
    """Spikes {name: (step, n)} and states {(name, state): (step, n)} of neurochain, int64."""
    names = tuple(p.name for p in network.populations)
    spikes, states = {}, {}
    depth = max(len(p.program.states) for p in network.populations)
    for k in range(max(depth, 1)):
        watched = tuple(_showing(p, k) for p in network.populations)
        seen = tuple(p.name for p in watched if len(p.program.states) > k)
        result = run(
            replace(network, populations=watched),
            {"in": x[None].astype(np.float32)},
            record=Record(emissions=names, membranes=seen),
            **options,
        )
        found = {name: values[0].astype(np.int64) for name, values in result.emissions.items()}
        assert not spikes or all((found[n] == spikes[n]).all() for n in names)
        spikes = found
        for population in watched:
            if population.name in seen:
                state = population.program.states[k]
                values = result.membranes[population.name][0]
                states[population.name, state] = values.astype(np.int64)
    return spikes, states


def _showing(population, k):
    """The population with its k-th state as its membrane."""
    states = population.program.states
    if len(states) <= k:
        return population
    new = dict(population.program.next_state)[states[k]]
    return replace(population, program=replace(population.program, membrane=new))


def differences(spec, x, lava, engines=("reference", "event")):
    """Where neurochain differs from Lava; [] where every value is the same."""
    expected = lava.run_lava(spec, x)
    network = network_of(spec)
    found = []
    for engine in engines:
        found += compared(expected, recorded(network, x, engine=engine), engine)
    return found


def compared(expected, got, name):
    """Where spikes and states differ from what is expected."""
    (spikes, states), (ours, our_states) = expected, got
    found = []
    for key, wanted in [*spikes.items(), *states.items()]:
        got = ours[key] if key in ours else our_states[key]
        wrong = np.argwhere(got != wanted)
        if wrong.size:
            t, j = wrong[0]
            found.append(
                f"{name} {key}: {len(wrong)}, first at step {t} neuron {j}: "
                f"{got[t, j]}, wanted {wanted[t, j]}"
            )
    return found
