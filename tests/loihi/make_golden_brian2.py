"""Golden traces from brian2-loihi 0.5.2, in an environment of its own (numpy < 2):

python tests/loihi/make_golden_brian2.py tests/data/loihi/brian2_loihi.npz
"""

import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from brian2 import defaultclock, ms, prefs, start_scope
from brian2_loihi import (
    LoihiNetwork,
    LoihiNeuronGroup,
    LoihiSpikeGeneratorGroup,
    LoihiSpikeMonitor,
    LoihiStateMonitor,
    LoihiSynapses,
)
from golden_networks import BITS, EXPONENTS, LINKS, SIZES, STEPS, WEIGHTS, draw, write


def run(net):
    """u, v and spikes (step, n) of the layers."""
    start_scope()
    defaultclock.dt = 1 * ms
    step, index = np.nonzero(net["x"])
    groups = {"in": LoihiSpikeGeneratorGroup(SIZES["in"], index, step)}
    for layer in ("a", "b"):
        groups[layer] = LoihiNeuronGroup(
            SIZES[layer],
            refractory=int(net[f"{layer}.silent"]) + 1,
            threshold_v_mant=int(net[f"{layer}.vth"]),
            decay_v=int(net[f"{layer}.dv"]),
            decay_I=int(net[f"{layer}.du"]) + 1,
        )
    synapses = []
    for name, (source, target) in LINKS.items():
        weights = net[f"{name}.weights"].astype(int)
        made = LoihiSynapses(
            groups[source], groups[target], delay=int(net[f"{name}.delay"]), sign_mode=1
        )
        i, j = np.nonzero(np.ones_like(weights.T))
        made.connect(i=i, j=j)
        made.w = weights.T[i, j]
        synapses.append(made)
    states = {(k, s): LoihiStateMonitor(groups[k], s) for k in ("a", "b") for s in ("I", "v")}
    spikes = {k: LoihiSpikeMonitor(groups[k]) for k in ("a", "b")}
    network = LoihiNetwork(*groups.values(), *synapses, *states.values(), *spikes.values())
    network.run(STEPS)
    found = {}
    for layer in ("a", "b"):
        fired = np.zeros((STEPS, SIZES[layer]), np.uint8)
        times = np.rint(np.asarray(spikes[layer].t)).astype(int)
        fired[times, np.asarray(spikes[layer].i)] = 1
        found[f"{layer}.spikes"] = fired
        for name, state in (("u", "I"), ("v", "v")):
            values = np.asarray(getattr(states[layer, state], state)).T
            if (values != np.rint(values)).any():
                raise ValueError("a state with a fraction")
            found[f"{layer}.{name}"] = values.astype(np.int32)
    return found


def weight_table():
    """What becomes of every weight: actual weights, (sign, bits, exponent, weight)."""
    start_scope()
    group = LoihiNeuronGroup(1)
    table = []
    for sign, weights in WEIGHTS.items():
        for bits in BITS:
            for exponent in EXPONENTS:
                made = LoihiSynapses(
                    group, group, sign_mode=sign, num_weight_bits=bits, w_exp=exponent
                )
                table.append(made.calcActualWeights(np.asarray(weights)))
    shape = (len(WEIGHTS), len(BITS), len(EXPONENTS), -1)
    return np.array(table).reshape(shape).astype(np.int32)


def main():
    prefs.codegen.target = "numpy"
    networks, seed = {}, 0
    while len(networks) < 13:  # the first that passes 24 bits, and 12 that do not
        net = draw(seed, bias=False, delays=seed % 2 == 1)
        net |= run(net)
        large = any(np.abs(net[k]).max() >= 2**23 for k in ("a.u", "a.v", "b.u", "b.v"))
        if not (large and "overflow" in networks):
            networks["overflow" if large else str(seed)] = net
        print(seed, large, net["a.spikes"].mean(), net["b.spikes"].mean())
        seed += 1
    networks["weights"] = {"actual": weight_table()}
    versions = ", ".join(f"{n} {version(n)}" for n in ("brian2-loihi", "brian2", "numpy"))
    write(sys.argv[1], networks, versions=versions, script=Path(__file__).name)


if __name__ == "__main__":
    main()
