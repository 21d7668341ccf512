"""The definitions that papers and tools use, on one run, each per sample over all steps."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from neurochain.accounting.definitions.neurobench import COUNTED, VERSION, NeuroBench
from neurochain.accounting.energy.sums import LayerSums, RunSums

__all__ = ["Definition", "definitions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """Operations by one definition. ac and mac are None where it does not tell them apart."""

    tool: str
    counts: str
    ac: float | None
    mac: float | None
    total: float
    differs: str


def definitions(run: RunSums, bench: NeuroBench) -> tuple[Definition, ...]:
    """Ours first. `run` is the model set."""
    layers = [layer for layer in run.layers if layer.kind in COUNTED]
    weighted = [layer for layer in run.layers if layer.weights]
    ac = sum(x.counts["synops_effective_ac"] for x in run.layers) / run.samples
    mac = sum(x.counts["synops_effective_mac"] for x in run.layers) / run.samples
    nominal = sum(x.counts["synops_nominal"] for x in weighted) / run.samples
    inside = sum(x.counts["dense_inbounds"] for x in layers) / run.samples
    padded = sum(x.counts["dense_padded"] for x in layers) / run.samples
    biases = sum(_biases(x, run) for x in layers) / run.samples
    return (
        Definition(
            tool="neurochain",
            counts="effective synaptic operations",
            ac=ac,
            mac=mac,
            total=ac + mac,
            differs="each event is AC or MAC by its own value; zero weights do not count",
        ),
        Definition(
            tool=f"NeuroBench {VERSION}",
            counts="Effective_ACs, Effective_MACs",
            ac=bench.effective_acs,
            mac=bench.effective_macs,
            total=bench.effective_acs + bench.effective_macs,
            differs="AC or MAC a layer call for the whole batch (here: all samples in one); no "
            "one-to-one recurrence",
        ),
        Definition(
            tool="sinabs, SpikingJelly",
            counts="nominal synaptic operations",
            ac=None,
            mac=None,
            total=nominal,
            differs="zero weights count. sinabs sums the values of events instead of counting "
            "them, and prints the mean of a step; SpikingJelly prints the total of a call",
        ),
        Definition(
            tool=f"NeuroBench {VERSION} Dense",
            counts="connections inside the border, every step",
            ac=None,
            mac=None,
            total=inside,
            differs="as if every input were an event and no weight zero",
        ),
        Definition(
            tool="fvcore",
            counts="dense multiply-accumulates, padding included",
            ac=None,
            mac=None,
            total=padded,
            differs="taps on the padding count; no events, no biases",
        ),
        Definition(
            tool="torchinfo",
            counts="dense multiply-accumulates and biases, padding included",
            ac=None,
            mac=None,
            total=padded + biases,
            differs="as fvcore, and one for each bias added",
        ),
        Definition(
            tool="syops style",
            counts="padded dense x mean rate, biases as well, one for each neuron and step",
            ac=None,
            mac=None,
            total=_syops(layers, run),
            differs="a mean rate in place of events: wrong at borders, and wherever busy inputs "
            "have another fan-out than quiet ones; zero weights count",
        ),
    )


def _biases(layer: LayerSums, run: RunSums) -> int:
    """One a target and step, late ones too: what a module's own call adds.

    Integer neurons hold the bias of the module's layer: it is no parameter here, but is added.
    """
    biased = layer.params > layer.weights or layer.counts["bias_adds"]
    return run.frames * prod(layer.out_shape) if biased else 0


def _syops(layers: list[LayerSums], run: RunSums) -> float:
    total = float(sum(p.counts["neuron_updates_dense"] for p in run.populations))
    for layer in layers:
        rate = layer.counts["events_in"] / (run.frames * prod(layer.in_shape))
        total += rate * (layer.counts["dense_padded"] + _biases(layer, run))
    return total / run.samples
