"""Placed integer networks for loihi-graph, and every spike and state of them in our engine."""

import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from neurochain.errors import UnsupportedError
from neurochain.mapping import map_network
from neurochain.network import PortKind
from neurochain.programs import loihi_lif_reset_program, loihi_refractory_program
from neurochain.quantize.loihi.deploy import deploy
from neurochain.simulators import prepare

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "mapping"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "quantize"))

import chip_networks
import integer_networks
from test_limits import METHODS, TIGHT, target


def tight_target(name="loihi1", **numbers):
    """A chip whose cores are small, so that small networks take many."""
    return target(name, **{**TIGHT, **numbers})


def drawn(seed, *, place_inputs=False):
    """An integer network of all operators and models, its target, placement and input."""
    rng = np.random.default_rng([5, seed])
    network = integer_networks.drawn(seed)
    populations = tuple(_changed(p, rng) for p in network.populations)
    graded = rng.random() < 0.3
    sources = tuple(
        replace(s, emits=PortKind.GRADED if graded else s.emits) for s in network.sources
    )
    projections = tuple(
        replace(p, weight_exp=int(rng.integers(0, 3)), delay=p.delay + int(rng.integers(0, 5)))
        for p in network.projections
    )
    network = replace(network, populations=populations, sources=sources, projections=projections)
    chip = tight_target(decay_profiles_per_core=40)
    placement = map_network(
        network, chip, method=METHODS[seed % 4], seed=seed, place_inputs=place_inputs
    )
    n = int(np.prod(network.sources[0].shape))
    x = rng.random((2, 14, n)) < rng.choice([0.05, 0.3])
    x = x * rng.integers(-3, 9, x.shape) if graded else x
    return network, chip, placement, {"in": x.astype(np.float32)}


def _changed(population, rng):
    """Now and then another model; biases as mantissa and exponent."""
    bias = rng.integers(-200, 300, population.n) << int(rng.integers(0, 4))
    bias = np.where(rng.random(population.n) < 0.7, 0, bias).astype(np.int32)
    du = np.asarray(rng.choice([-1, 0, 200, 4095]), dtype=np.int32)
    params = {**population.params, "bias": bias, "du": du}
    kind, program = rng.random(), population.program
    if kind < 0.25:
        program = loihi_lif_reset_program()
        params |= {"interval": np.asarray(7, np.int32), "offset": np.asarray(3, np.int32)}
    elif kind < 0.5:
        program = loihi_refractory_program()
        params["silent"] = np.asarray(rng.integers(0, 4, population.n), np.int32)
    return replace(population, program=program, params=params)


def compiled(seed, *, place_inputs=False):
    """A float network in the integers of a chip, its target, placement and input."""
    chip = tight_target(("loihi1", "loihi2")[seed % 2], neurons_per_core=16)
    for again in range(50):  # until one is drawn that the chip takes
        network, x = chip_networks.chip_network(seed + 1000 * again, readout=seed % 3 == 0)
        with suppress(UnsupportedError):
            made = deploy(network, chip).network
            break
    placement = map_network(
        made, chip, method=METHODS[seed // 2 % 4], seed=seed, place_inputs=place_inputs
    )
    return made, chip, placement, {"in": x.reshape(*x.shape[:2], -1)}


def engine_states(network, inputs, steps):
    """population -> (spikes, u, v), (sample, step, n) each, of the event engine step by step."""
    run, state = prepare(network), None
    batch = next(iter(inputs.values())).shape[0]
    kept = {p.name: ([], [], []) for p in network.populations}
    for t in range(steps):
        now = {
            name: x[:, t : t + 1] if t < x.shape[1] else np.zeros_like(x[:, :1])
            for name, x in inputs.items()
        }
        result = run(now, initial_state=state, batch=batch, steps=1)
        state = result.final_state
        for name, (spikes, u, v) in kept.items():
            spikes.append(result.emissions[name][:, 0])
            u.append(state[name]["u"])
            v.append(state[name]["v"])
    return {name: tuple(np.stack(a, axis=1) for a in rows) for name, rows in kept.items()}


def differences(network, inputs, run, steps):
    """Where an interpreter's run differs from the engine, and how many events there were."""
    found, events = [], 0
    for name, wanted in engine_states(network, inputs, steps).items():
        got = (run.spikes[name], run.u[name], run.v[name])
        for what, ours, theirs in zip(("spikes", "u", "v"), wanted, got, strict=True):
            if ours.shape != theirs.shape or not np.array_equal(ours, theirs):
                found.append(f"{name}.{what}")
        events += int(wanted[0].sum())
    return found, events
