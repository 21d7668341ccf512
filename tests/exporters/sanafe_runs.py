"""Placed networks, what we count of them, and what SANA-FE says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from neurochain import Artifact, simulate
from neurochain.accounting.energy.chip import chip_profile
from neurochain.accounting.energy.steptime import quantity_of_kind
from neurochain.accounting.energy.sums import sums_of
from neurochain.accounting.prices import find_prices
from neurochain.exporters.job import Job
from neurochain.exporters.run import export
from neurochain.exporters.sanafe.export import synapse_prices
from neurochain.mapping import map_network
from neurochain.targets import load_target

PYTHON = os.environ.get("SANAFE_PYTHON", "")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "mapping"))
PRICES = find_prices("loihi1-sanafe2025")


def place(network, *, place_inputs, chip="loihi1", seed=0, method="hilbert"):
    target = load_target(chip) if isinstance(chip, str) else chip
    placement = map_network(network, target, method=method, place_inputs=place_inputs, seed=seed)
    return Artifact(network=network, placement=placement)


def export_of(artifact, x, folder, *, name="net", measured=False):
    network = artifact.network
    source = network.sources[0].name
    inputs = {source: x.reshape(1, len(x), -1).astype(np.float32)}
    job = Job(network=network, name=name, inputs=inputs, placement=artifact.placement)
    return export(job, "sana-fe", folder, measured=measured)


def sanafe_says(folder, seconds=300):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [PYTHON, str(folder / "run.py")], capture_output=True, text=True, env=environment,
        timeout=seconds,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads((folder / "result.json").read_text())


def ours(artifact, x):
    """The run, its mapped counts and the estimate of model C."""
    run = simulate(artifact, x[None], record="all", mapped=True)
    activity = run.activity_deployed
    return run, activity.mapped, chip_profile(sums_of(activity), PRICES)


def compare(artifact, x, folder):
    """Where SANA-FE and we differ; {} where all is equal, energy to 1e-9."""
    export_of(artifact, x, folder)
    said = sanafe_says(folder)
    run, mapped, estimate = ours(artifact, x)
    network = artifact.network
    spikes = {network.sources[0].name: np.pad(x, [(0, network.latency)] + [(0, 0)] * (x.ndim - 1))}
    spikes |= {name: values[0] for name, values in run.raw_spikes.items()}
    found = {}
    for name, values in spikes.items():
        want = np.argwhere(values.reshape(len(values), -1)).tolist()
        outside = name not in artifact.placement.core_of
        got = said["spikes"].get(name, [])
        if outside:  # an input neuron without a synapse is not there
            want = [pair for pair in want if pair in got]
        if got != want:
            found["spikes", name] = (len(got), len(want))
    events = _events_by_node(network, mapped)
    for node in mapped.nodes:
        want = np.stack(
            [node.counts["packets"][0], events[node.name],
             node.counts["hops_x"][0], node.counts["hops_y"][0]], axis=1
        )  # fmt: skip
        got = np.asarray(said["counts"].get(node.name, np.zeros_like(want)))
        if not np.array_equal(got, want):
            found["counts", node.name] = (got.sum(axis=0).tolist(), want.sum(axis=0).tolist())
    hops = sum(node.counts["hops_x"][0] + node.counts["hops_y"][0] for node in mapped.nodes)
    if said["hops"] != hops.tolist():
        found["hops"] = (sum(said["hops"]), int(hops.sum()))
    # SANA-FE counts every input that fires, and what clears a layer, as an update (of 0 J)
    updates = sum(node.counts["updates"][0] for node in mapped.nodes)
    if said["updated"] != (updates + said["inputs_fired"]).tolist():
        found["updates"] = (sum(said["updated"]), int(updates.sum()))
    want = estimate.total.nominal + correction(artifact, mapped, folder)
    got = said["energy_j"]["total"]
    if abs(got - want) > 1e-9 * abs(want):
        found["energy"] = (got, want)
    return found, said, mapped, estimate


def _events_by_node(network, mapped):
    found = {node.name: 0 for node in mapped.nodes}
    by_layer = {layer.name: layer.synaptic_events[0].sum(axis=1) for layer in mapped.layers}
    steps = mapped.core_counts["updates"].shape[1]
    for p in network.projections:
        found[p.source] = found[p.source] + by_layer[p.name]
    return {name: np.zeros(steps, dtype=int) + n for name, n in found.items()}


def correction(artifact, mapped, folder):
    """What SANA-FE pays otherwise: starts, and synapses of one price a population."""
    network = artifact.network
    paid = synapse_prices(network)
    kinds = {
        p.name: (p.target, quantity_of_kind(p.operator.kind, PRICES)) for p in network.projections
    }
    joules = 0.0
    for layer in mapped.layers:
        target, own = kinds[layer.name]
        more = PRICES.prices[paid[target]].energy_pj - PRICES.prices[own].energy_pj
        joules += int(layer.synaptic_events.sum()) * more * 1e-12
    facts = json.loads((folder / "facts.json").read_text())
    for population, n in facts["start_events"].items():
        joules += n * PRICES.prices[paid[population]].energy_pj * 1e-12
    return joules
