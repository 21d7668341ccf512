"""Golden traces from the integer emulator of nengo-loihi 1.1.0, in an environment of its own
(numpy < 2):

    python tests/loihi/make_golden_nengo.py tests/data/loihi/nengo_loihi.npz
"""

import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from golden_networks import LINKS, SIZES, STEPS, draw, write
from nengo_loihi.block import Axon, LoihiBlock, Synapse
from nengo_loihi.emulator.interface import EmulatorInterface
from nengo_loihi.inputs import SpikeInput


def block_of(net, layer):
    """Compartments in chip integers: what nengo-loihi's own discretisation ends at."""
    block = LoihiBlock(SIZES[layer])
    c, n = block.compartment, SIZES[layer]
    c.decay_u = np.full(n, net[f"{layer}.du"], np.int32)
    c.decay_v = np.full(n, net[f"{layer}.dv"], np.int32)
    c.vth = np.full(n, int(net[f"{layer}.vth"]) * 64, np.int32)
    c.bias = net[f"{layer}.bias"].astype(np.int32)
    c.refract_delay = np.full(n, int(net[f"{layer}.silent"]) + 1, np.int32)
    c.vmin, c.vmax = -(2**23) + 1, 2**23 - 1
    c.scale_u = c.scale_v = False
    return block


def link(block, source, weights):
    """A synapse of `block` and the axon of `source` that leads to it."""
    n_out, n_in = weights.shape
    synapse = Synapse(n_in)
    synapse.weights = [(row[None] * 64).astype(np.int32) for row in weights.T]
    synapse.indices = [np.arange(n_out, dtype=np.int32)[None] for _ in range(n_in)]
    block.add_synapse(synapse)
    axon = Axon(n_in)
    axon.target = synapse
    source.add_axon(axon)


def run(net):
    """u, v and spikes (step, n) of the layers."""
    blocks = {layer: block_of(net, layer) for layer in ("a", "b")}
    given = SpikeInput(SIZES["in"])
    for name, (source, target) in LINKS.items():
        weights = net[f"{name}.weights"].astype(np.int64)
        link(blocks[target], given if source == "in" else blocks[source], weights)
    for t, row in enumerate(net["x"]):
        given.add_spikes(t + 1, np.flatnonzero(row), permanent=True)
    model = SimpleNamespace(blocks=list(blocks.values()), inputs=[given], probes=[], dt=0.001)
    emulator = EmulatorInterface(model, seed=0)
    found = {f"{k}.{s}": [] for k in blocks for s in ("u", "v", "spikes")}
    for _ in range(STEPS):
        emulator.step()
        state = emulator.compartment
        for layer, block in blocks.items():
            part = emulator.block_info.slices[block]
            found[f"{layer}.u"].append(state.current[part].copy())
            found[f"{layer}.v"].append(state.voltage[part].copy())
            found[f"{layer}.spikes"].append(state.spiked[part].astype(np.uint8))
    return {key: np.array(rows) for key, rows in found.items()}


def main():
    networks = {}
    for seed in range(100, 112):
        net = draw(seed, bias=seed % 2 == 1, delays=False)
        networks[str(seed)] = net | run(net)
        print(seed, networks[str(seed)]["a.spikes"].mean(), networks[str(seed)]["b.spikes"].mean())
    net = draw(200, bias=True, delays=False, gain=100)  # beyond what 16 and 24 bits hold
    networks["overflow"] = net | run(net)
    versions = ", ".join(f"{n} {version(n)}" for n in ("nengo-loihi", "nengo", "numpy"))
    write(sys.argv[1], networks, versions=versions, script=Path(__file__).name)


if __name__ == "__main__":
    main()
