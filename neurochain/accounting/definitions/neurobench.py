"""NeuroBench 2.3.0's numbers from our counts, its rules kept.

1. AC or MAC is decided once a layer call for the whole batch: one event anywhere in it that is
   neither -1 nor 1 makes all of its operations MACs. A call without events is AC, of none.
2. Footprint is that of a fresh snnTorch module in float32; its buffers grow as it runs.
3. NeuroBench sums in float32 and is off by rounding above 2^24 a call; these are integers.
4. A metric that raises there is reported as 0.0; here, what cannot be said is None.
5. -1 is a spike. A graded spike of value 2 is not.
6. What average pooling emits (0.25, 0.5, ...) is no spike.

Counted are linear layers and convolutions (weights only); one-to-one recurrence is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from neurochain.accounting.activity import Activity
from neurochain.accounting.energy.sums import RunSums, sums_of
from neurochain.errors import InputError
from neurochain.network import I64

__all__ = [
    "COUNTED",
    "VERSION",
    "Calls",
    "NeuroBench",
    "calls_of",
    "neurobench",
    "neurobench_of_calls",
]

VERSION = "2.3.0"
COUNTED = ("dense", "csr", "conv")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calls:
    """Per layer call: effective operations, and events that are not -1 or 1. All (call,) int64.

    updates   per population (step,): neurons whose state changed, summed over samples
    """

    effective: Mapping[str, I64]
    nonbinary: Mapping[str, I64]
    updates: Mapping[str, I64]


@dataclass(frozen=True, slots=True, kw_only=True)
class NeuroBench:
    """By NeuroBench's names, per sample. None where the network does not tell."""

    effective_acs: float
    effective_macs: float
    dense: float
    activation_sparsity: float | None
    connection_sparsity: float | None
    membrane_updates: float | None
    parameter_count: int | None
    footprint: int | None

    def to_dict(self) -> dict[str, float | int | None]:
        """The keys of NeuroBench's results, SynapticOperations taken apart."""
        return {
            "Effective_ACs": self.effective_acs,
            "Effective_MACs": self.effective_macs,
            "Dense": self.dense,
            "ActivationSparsity": self.activation_sparsity,
            "ConnectionSparsity": self.connection_sparsity,
            "MembraneUpdates": self.membrane_updates,
            "ParameterCount": self.parameter_count,
            "Footprint": self.footprint,
        }


def neurobench(activity: Activity, *, batch_size: int | None = None) -> NeuroBench:
    """NeuroBench's numbers for a run fed to it in batches of `batch_size` samples (all at once).

    activity   of the model set. Errors: InputError for a batch size below 1.
    """
    if batch_size is not None and batch_size < 1:
        raise InputError(f"batch_size is {batch_size}; it must be at least 1.")
    size = activity.samples if batch_size is None else batch_size
    return neurobench_of_calls(sums_of(activity), calls_of(activity, size))


def calls_of(activity: Activity, batch_size: int) -> Calls:
    """One call a layer, step and batch."""
    starts = range(0, activity.samples, batch_size)

    def calls(counts: I64) -> I64:
        parts = [counts[k : k + batch_size].sum(axis=0) for k in starts]
        return np.concatenate(parts)

    return Calls(
        effective={
            x.name: calls(x.counts["synops_effective_ac"] + x.counts["synops_effective_mac"])
            for x in activity.layers
        },
        nonbinary={x.name: calls(x.counts["events_nonbinary"]) for x in activity.layers},
        updates={
            p.name: p.counts["neuron_updates_changed"].sum(axis=0) for p in activity.populations
        },
    )


def neurobench_of_calls(run: RunSums, calls: Calls) -> NeuroBench:
    """The numbers, from sums and calls of the same run."""
    layers = [layer for layer in run.layers if layer.kind in COUNTED]
    macs = sum(_of_mac_calls(calls, layer.name) for layer in layers)
    total = sum(int(calls.effective[layer.name].sum()) for layer in layers)
    dense = sum(layer.counts["dense_inbounds"] for layer in layers)
    weights = sum(layer.weights for layer in layers)
    nonzero = sum(layer.nonzero_params for layer in layers)
    return NeuroBench(
        effective_acs=(total - macs) / run.samples,
        effective_macs=macs / run.samples,
        dense=dense / run.samples,
        activation_sparsity=_activation_sparsity(run),
        connection_sparsity=_rounded(weights - nonzero, weights),
        membrane_updates=_membrane_updates(run, calls),
        parameter_count=_parameters(run),
        footprint=_footprint(run),
    )


def _of_mac_calls(calls: Calls, layer: str) -> int:
    return int(calls.effective[layer][calls.nonbinary[layer] > 0].sum())


def _activation_sparsity(run: RunSums) -> float | None:
    """Zeros among all outputs of all neurons; None where some neurons' spikes were not computed."""
    outputs = sum(p.counts["neuron_updates_dense"] for p in run.populations)
    spikes = sum(p.counts["spikes_out"] for p in run.populations)
    if not outputs or not all(p.spiking for p in run.populations):
        return None
    return (outputs - spikes) / outputs


def _parameters(run: RunSums) -> int | None:
    """Weights and biases; None with one-to-one layers, of which a module may hold one number."""
    other = any(layer.weights for layer in run.layers if layer.kind not in COUNTED)
    return None if other else sum(layer.params for layer in run.layers)


def _footprint(run: RunSums) -> int | None:
    """Bytes of a fresh module: parameters, and the buffers of Leaky and Synaptic.

    These are their decays and thresholds, and three numbers more (snnTorch 1.0). None for other
    neurons, and where the number of parameters is not known.
    """
    parameters, held = _parameters(run), [p.values for p in run.populations]
    if parameters is None or not held:
        return None
    known = [values for values in held if values is not None]
    if len(known) < len(held):
        return None
    return 4 * (parameters + sum(3 + values for values in known))


def _rounded(zeros: int, weights: int) -> float | None:
    """To four decimals, of a float32 quotient."""
    if not weights:
        return None
    return round(float(np.float32(zeros) / np.float32(weights)), 4)


def _membrane_updates(run: RunSums, calls: Calls) -> float | None:
    """Changed membranes from step 1 on, all neurons at step 0; None where states are more."""
    populations: Sequence[str] = [p.name for p in run.populations if p.states != 1]
    if populations or not run.populations:
        return None
    changed = sum(int(calls.updates[p.name][1:].sum()) for p in run.populations)
    first = sum(p.neurons for p in run.populations) * run.samples
    return (changed + first) / run.samples
