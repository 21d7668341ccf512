"""Runs a graph core by core: what fires sends along output axons, lists of synapses deliver.

One step of a core, in integers of 32 bits (results modulo 2^32), `a` being what has arrived:

    lif_reset, where t mod interval = offset (t from 1): u = v = 0 first
    u = wrap( tz(u (4095 - du), 12) + (a << 6) )
    v = clip( tz(v (4096 - dv), 12) + u + (bias_mantissa << bias_exponent), -(2^23-1), 2^23-1 )
    lif_refractory, while steps of silence are left: v stays what it was
    spike where v > (vth << 6);  v = 0 there

tz(x, k) divides by 2^k toward zero; wrap adds or subtracts 2^24 once where u > 2^23 or
u <= -2^23. What fires in step t arrives at step t + 1 + delay. An element of an input that lies on
a core does nothing but send what the input holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurochain.exporters.loihi_graph.interpreter.reader import Graph

__all__ = ["GraphRun", "run_graph"]

I64 = NDArray[np.int64]
MOST = 2**23 - 1
MOST_VALUE = 2**24
NEVER = 2**30
"""A threshold that no membrane reaches."""


@dataclass(frozen=True, slots=True, eq=False)
class GraphRun:
    """population -> (sample, step, neuron), on the chip's time: spikes uint8; u and v int32.

    Step `start` of a population is what the user calls step 0.
    """

    spikes: Mapping[str, NDArray[np.uint8]]
    u: Mapping[str, NDArray[np.int32]]
    v: Mapping[str, NDArray[np.int32]]


def run_graph(graph: Graph, inputs: Mapping[str, NDArray[Any]], steps: int) -> GraphRun:
    """Run every sample from rest.

    inputs  name -> (sample, step, element), whole numbers; silence after their last step
    steps   how many to run: those of the input and the largest `start`

    Errors: ValueError where inputs are missing, of the wrong shape, or not what they may hold.
    """
    batch = _batch(graph, inputs, steps)
    populations = graph.document["populations"]
    shapes = {p["name"]: (batch, steps, prod(p["shape"])) for p in populations}
    spikes = {name: np.zeros(shape, np.uint8) for name, shape in shapes.items()}
    u = {name: np.zeros(shape, np.int32) for name, shape in shapes.items()}
    v = {name: np.zeros(shape, np.int32) for name, shape in shapes.items()}
    for sample in range(batch):
        system = _System(graph)
        for t in range(steps):
            system.step(t)
            for core in system.cores:
                for name, mine, neurons in core.members:
                    spikes[name][sample, t, neurons] = core.fired[mine]
                    u[name][sample, t, neurons] = core.u[mine]
                    v[name][sample, t, neurons] = core.v[mine]
            for name, values in inputs.items():
                if t < values.shape[1]:
                    system.feed(name, np.asarray(values[sample, t], dtype=np.int64))
            system.travel()
    return GraphRun(spikes, u, v)


def _batch(graph: Graph, inputs: Mapping[str, NDArray[Any]], steps: int) -> int:
    wanted = {i["name"]: i for i in graph.document["inputs"]}
    if set(inputs) != set(wanted):
        raise ValueError(f"inputs: are {sorted(inputs)}; the graph's are {sorted(wanted)}.")
    if steps < 1:
        raise ValueError(f"steps: are {steps}; at least 1 is run.")
    batches = {1} if not inputs else {values.shape[0] for values in inputs.values()}
    for name, values in inputs.items():
        n = prod(wanted[name]["shape"])
        if values.ndim != 3 or values.shape[2] != n or len(batches) > 1:
            raise ValueError(f"input {name}: has shape {values.shape}; wanted (sample, step, {n}).")
        spikes = wanted[name]["values"] == "spikes"
        legal = (values == 0) | (values == 1) if spikes else values == np.rint(values)
        if not legal.all() or (np.abs(values) > MOST_VALUE).any():
            raise ValueError(f"input {name}: holds other values than {wanted[name]['values']}.")
    return int(batches.pop())


def _wrapped(values: I64) -> I64:
    """Modulo 2^32, as int32 calculates."""
    return values.astype(np.int32).astype(np.int64)


def _toward_zero(values: I64) -> I64:
    """values / 2^12 toward zero."""
    return np.asarray(np.sign(values) * (np.abs(values) >> 12), dtype=np.int64)


class _Core:
    """The state of a core, and what its tables say."""

    def __init__(self, graph: Graph, record: Mapping[str, Any]) -> None:
        arrays = graph.arrays
        here, axons = slice(*record["compartments"]), slice(*record["input_axons"])
        self.n = here.stop - here.start
        population = arrays["compartment.population"][here]
        neuron = arrays["compartment.neuron"][here]
        names = [p["name"] for p in graph.document["populations"]]
        every = {k: np.flatnonzero(population == k) for k in np.unique(population).tolist()}
        places = {k: mine for k, mine in every.items() if k >= 0}
        self.members = [(names[k], mine, neuron[mine]) for k, mine in places.items()]
        self.placed = {-1 - k: (mine, neuron[mine]) for k, mine in every.items() if k < 0}
        # an element of an input has profile -1: the row behind the others, which never fires
        decay = [*record["decay_profiles"], {"du": 0, "dv": 0}]
        which = arrays["compartment.decay"][here]
        pick = {k: [profile.get(k, 0) for profile in decay] for k in ("du", "dv", "silent")}
        du, dv, self.silent = (
            np.asarray(pick[k], dtype=np.int64)[which] for k in ("du", "dv", "silent")
        )
        self.keep_u, self.keep_v = 4095 - du, 4096 - dv
        thresholds = [*(profile["vth"] for profile in record["threshold_profiles"]), NEVER]
        chosen = arrays["compartment.threshold"][here]
        self.threshold = np.asarray(thresholds, dtype=np.int64)[chosen] << 6
        mantissa = arrays["compartment.bias_mantissa"][here].astype(np.int64)
        self.bias = mantissa << arrays["compartment.bias_exponent"][here]
        resets = {k: graph.document["populations"][k]["reset"] for k in places}
        self.resets = [
            (r["interval"], r["offset"], places[k]) for k, r in resets.items() if r is not None
        ]
        self._lists(arrays, record, axons)
        leaving = slice(*record["output_axons"])
        self.leaving = arrays["output_axon.compartment"][leaving]
        self.leaving_core = arrays["output_axon.core"][leaving]
        self.leaving_axon = arrays["output_axon.axon"][leaving]
        self.u = np.zeros(self.n, dtype=np.int64)
        self.v = np.zeros(self.n, dtype=np.int64)
        self.wait = np.zeros(self.n, dtype=np.int64)
        self.fired = np.zeros(self.n, dtype=bool)

    def _lists(
        self, arrays: Mapping[str, NDArray[Any]], record: Mapping[str, Any], axons: slice
    ) -> None:
        """Lists of synapses, and by axon how far they are shifted and how late they arrive."""
        bounds = arrays["input_axon.synapses"][axons.start : axons.stop + 1]
        first = int(bounds[0])
        self.bounds = bounds - first
        self.target = arrays["synapse.compartment"][first : int(bounds[-1])]
        self.weight = arrays["synapse.weight"][first : int(bounds[-1])].astype(np.int64)
        self.shift = np.zeros(axons.stop - axons.start, dtype=np.int64)
        self.delay = np.zeros_like(self.shift)
        for group in record["synapse_groups"]:
            own = slice(*(row - axons.start for row in group["axons"]))
            self.shift[own] = record["synapse_formats"][group["format"]]["exponent"]
            self.delay[own] = group["delay"]
        self.depth = int(self.delay.max(initial=0)) + 1
        self.arriving = np.zeros((self.depth, self.n), dtype=np.int64)
        self.called: list[NDArray[np.int32]] = []
        self.values: list[I64] = []

    def step(self, t: int) -> None:
        """What arrived is added up, neurons are updated."""
        for interval, offset, mine in self.resets:
            if (t + 1) % interval == offset:
                self.u[mine] = 0
                self.v[mine] = 0
        arrived = _wrapped(self.arriving[t % self.depth])
        self.arriving[t % self.depth] = 0
        u = _wrapped(_toward_zero(self.u * self.keep_u) + _wrapped(arrived << 6))
        turn = np.where(u > 2**23, -(2**24), np.where(u <= -(2**23), 2**24, 0))
        self.u = _wrapped(u + turn)
        v = _wrapped(_wrapped(_toward_zero(self.v * self.keep_v) + self.u) + self.bias)
        v = np.where(self.wait > 0, self.v, np.clip(v, -MOST, MOST))
        self.fired = v > self.threshold
        self.wait = np.where(self.fired, self.silent, np.maximum(self.wait - 1, 0))
        self.v = np.where(self.fired, 0, v)

    def call(self, axons: NDArray[np.int32], values: I64) -> None:
        """Events that address lists of this core."""
        self.called.append(axons)
        self.values.append(values)

    def deliver(self, t: int) -> None:
        """The lists that were called in step t add to later steps."""
        if not self.called:
            return
        axon, value = np.concatenate(self.called), np.concatenate(self.values)
        self.called, self.values = [], []
        first, count = self.bounds[axon], self.bounds[axon + 1] - self.bounds[axon]
        ends = np.cumsum(count)
        row = np.arange(ends[-1]) + np.repeat(first - (ends - count), count)
        sent = self.weight[row] * np.repeat(value, count) << np.repeat(self.shift[axon], count)
        slot = (t + 1 + np.repeat(self.delay[axon], count)) % self.depth
        np.add.at(self.arriving, (slot, self.target[row]), sent)


class _System:
    """All cores, and the packets between them."""

    def __init__(self, graph: Graph) -> None:
        self.cores = [_Core(graph, record) for record in graph.document["cores"]]
        self._by_number = {
            record["core"]: core
            for record, core in zip(graph.document["cores"], self.cores, strict=True)
        }
        self._inputs = {}
        arrays = graph.arrays
        self._numbers = {entry["name"]: k for k, entry in enumerate(graph.document["inputs"])}
        for entry in graph.document["inputs"]:
            own = slice(*entry["axons"])
            self._inputs[entry["name"]] = tuple(
                arrays[f"input.{key}"][own] for key in ("element", "core", "axon")
            )
        self._t = 0

    def step(self, t: int) -> None:
        """Every core, by itself; then what fired is sent."""
        self._t = t
        for core in self.cores:
            core.step(t)
        for core in self.cores:
            live = core.fired[core.leaving]
            ones = np.ones(int(np.count_nonzero(live)), dtype=np.int64)
            self._send(core.leaving_core[live], core.leaving_axon[live], ones)

    def feed(self, name: str, values: I64) -> None:
        """What an input holds in this step is sent."""
        element, core, axon = self._inputs[name]
        value = values[element]
        live = value != 0
        self._send(core[live], axon[live], value[live])
        for place in self.cores:
            if self._numbers[name] in place.placed:
                mine, elements = place.placed[self._numbers[name]]
                held = np.zeros(place.n, dtype=np.int64)
                held[mine] = values[elements]
                value = held[place.leaving]
                live = value != 0
                self._send(place.leaving_core[live], place.leaving_axon[live], value[live])

    def _send(self, core: NDArray[np.int32], axon: NDArray[np.int32], value: I64) -> None:
        for number in np.unique(core).tolist():
            mine = core == number
            self._by_number[number].call(axon[mine], value[mine])

    def travel(self) -> None:
        """Every core takes what was sent to it in this step."""
        for core in self.cores:
            core.deliver(self._t)
