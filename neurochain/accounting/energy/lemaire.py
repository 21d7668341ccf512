"""The memory-aware model of Lemaire et al. 2022, in its own counts.

theta input spikes, S output spikes, N outputs, T frames, F fan-out of a spike:
operations theta F (+ T N with a bias) + S additions, T N multiply-accumulates for a leak;
addressing theta N additions for a matrix, theta (C_out / groups) K^2 additions and 2 theta
multiply-accumulates for a convolution; memory accesses of 32 bits theta (input), theta F (+ T N)
(weights), theta F + T N (potentials, read and written), S (output), each by the size of its buffer.
A convolution's F is (C_out / groups) prod(ceil(K / stride)) for operations and (C_out / groups) K^2
for memory. A layer that gets any event other than -1 or 1 is worked through densely.
"""

from __future__ import annotations

from collections.abc import Collection
from math import ceil, prod

from neurochain.accounting.energy.arithmetic import unit_price
from neurochain.accounting.energy.estimate import Cell, Estimate, Part, estimate
from neurochain.accounting.energy.memory import FIFO_EVENTS, WORD_BYTES, access_price
from neurochain.accounting.energy.ranges import Range
from neurochain.accounting.energy.sums import LayerSums, PopulationSums, RunSums
from neurochain.accounting.prices import PriceList

__all__ = ["lemaire"]

_WEIGHTED = ("dense", "csr", "conv")


def lemaire(
    run: RunSums,
    prices: PriceList,
    *,
    fifo_events: int = FIFO_EVENTS,
    without_leak: Collection[str] = (),
) -> Estimate:
    """Energy of matrices, convolutions and the neurons they feed.

    without_leak   populations that integrate without a leak; counts do not say which they are
    Errors: InputError where the list lacks a price of `add`, `multiply` or memory.
    """
    cells: list[Cell] = []
    notes = []
    for layer in run.layers:
        if layer.kind not in _WEIGHTED:
            notes.append(f"{layer.name} ({layer.kind}) is outside the model and left out")
        elif layer.counts["events_nonbinary"]:
            cells += _dense_layer(layer, run.frames, prices)
        else:
            cells += _event_layer(layer, run, prices, fifo_events)
    for population in run.populations:
        leaky = population.name not in without_leak
        cells += _population(population, prices, fifo_events, leaky=leaky)
    if any(p.name not in without_leak for p in run.populations):
        notes.append("neurons are taken to leak: one multiply-accumulate each, every step")
    return estimate(
        "lemaire",
        prices,
        run,
        cells,
        included=(1, 2, 3),
        partial={4: "one multiply-accumulate for each leaky neuron", 5: "queues; no packets"},
        notes=notes,
    )


def _ops(part: Part, row: str, term: str, adds: int, macs: int, prices: PriceList) -> Cell:
    add = unit_price(prices, "add")
    mac = unit_price(prices, "multiply") + add
    return Cell(
        part=part, row=row, term=term, count=adds + macs, joules=add.times(adds) + mac.times(macs)
    )


def _access(part: Part, row: str, term: str, words: int, price: Range) -> Cell:
    return Cell(part=part, row=row, term=term, count=words * WORD_BYTES, joules=price.times(words))


def _outputs(layer: LayerSums, frames: int) -> int:
    return frames * prod(layer.out_shape)


def _biases(layer: LayerSums, frames: int) -> int:
    return _outputs(layer, frames) if layer.params > layer.weights else 0


def _event_layer(layer: LayerSums, run: RunSums, prices: PriceList, fifo_events: int) -> list[Cell]:
    theta, biases = layer.counts["events_in"], _biases(layer, run.frames)
    synops = fetched = layer.counts["synops_nominal"]
    if layer.kind == "conv":
        taps = prod(layer.kernel)
        inside = prod(ceil(k / s) for k, s in zip(layer.kernel, layer.stride, strict=True))
        fetched = theta * (layer.weights // layer.in_shape[0])  # no border: (C_out / groups) K^2
        synops = fetched // taps * inside
    addressing = 2 * theta if layer.kind == "conv" else 0
    potentials = access_price(prices, WORD_BYTES * prod(layer.out_shape))
    return [
        _ops("layer", layer.name, "ops", synops + biases, 0, prices),
        _ops("layer", layer.name, "addressing", fetched, addressing, prices),
        _access(
            "layer", layer.name, "input_read", theta, access_price(prices, fifo_events * WORD_BYTES)
        ),
        _access(
            "layer",
            layer.name,
            "weight_read",
            fetched + biases,
            access_price(prices, WORD_BYTES * layer.params),
        ),
        _access("layer", layer.name, "state_read", fetched, potentials),
        _access("layer", layer.name, "state_write", fetched, potentials),
    ]


def _dense_layer(layer: LayerSums, frames: int, prices: PriceList) -> list[Cell]:
    inputs, outputs = frames * prod(layer.in_shape), _outputs(layer, frames)
    used = outputs * (layer.weights // layer.out_shape[0])
    biases = _biases(layer, frames)
    conv = layer.kind == "conv"
    addressing = inputs + outputs
    addressing += frames * layer.out_shape[0] * prod(layer.kernel) if conv else 0
    return [
        _ops("layer", layer.name, "ops", biases, used, prices),
        _ops("layer", layer.name, "addressing", addressing, 0, prices),
        _access(
            "layer",
            layer.name,
            "input_read",
            used if conv else inputs,
            access_price(prices, WORD_BYTES * prod(layer.in_shape)),
        ),
        _access(
            "layer",
            layer.name,
            "weight_read",
            used + biases,
            access_price(prices, WORD_BYTES * layer.params),
        ),
    ]


def _population(
    population: PopulationSums, prices: PriceList, fifo_events: int, *, leaky: bool
) -> list[Cell]:
    updates, spikes = population.counts["neuron_updates_dense"], population.counts["spikes_out"]
    potentials = access_price(prices, WORD_BYTES * population.neurons)
    return [
        _ops("population", population.name, "ops", spikes, updates if leaky else 0, prices),
        _access("population", population.name, "state_read", updates, potentials),
        _access("population", population.name, "state_write", updates, potentials),
        _access(
            "population",
            population.name,
            "output_write",
            spikes,
            access_price(prices, fifo_events * WORD_BYTES),
        ),
    ]
