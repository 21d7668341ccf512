"""arch.yaml: the mesh with the prices of `loihi1-sanafe2025`, in SANA-FE's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TypeVar

import numpy as np

from neurochain.accounting.prices import PriceList, find_prices
from neurochain.exporters.sanafe.layout import Layout
from neurochain.network import I64

__all__ = ["PRICES", "SYNAPSES", "architecture_lines", "counted_inputs"]

T = TypeVar("T")

PRICES = "loihi1-sanafe2025"
SYNAPSES = {
    "synaptic_event_dense": "dense",
    "synaptic_event_sparse": "sparse",
    "synaptic_event_conv": "conv",
}
"""Price of a synaptic event -> the unit that has it."""

_SYNC_NS = {1: 600, 2: 1000, 4: 1400, 29: 1800}
"""Tiles in use -> time of the barrier, of SANA-FE 2.2.9's description of Loihi."""


def architecture_lines(
    layout: Layout, inputs: Mapping[tuple[int, int], int], *, neurons: int, delays: bool
) -> Iterator[str]:
    """The lines of the file.

    inputs   (tile, offset) -> how many inputs lie on that core
    neurons  the most a core holds
    delays   whether spikes arrive later than in the next step: charges then wait in the dendrites
    """
    prices = find_prices(PRICES)
    sync = ", ".join(f"{tiles}: {ns}e-9" for tiles, ns in _SYNC_NS.items())
    hops = ", ".join(
        f"energy_{way}_hop: {_joules(prices, name)}, latency_{way}_hop: {_seconds(prices, name)}"
        for way, name in _WAYS.items()
    )
    yield from (
        "architecture:",
        "  name: loihi1",
        "  attributes:",
        "    topology: mesh",
        f"    width: {layout.width}",
        f"    height: {layout.height}",
        "    link_buffer_size: 16",
        "    sync_model: table",
        f"    latency_sync: {{{sync}}}",
        "  tile:",
    )
    tiles = range(layout.width * layout.height)
    for first, last, own in _alike([_tile_inputs(layout, inputs, tile) for tile in tiles]):
        yield f"    - name: tile[{first}..{last}]"
        yield f"      attributes: {{{hops}}}"
        yield "      core:"
        cores, host = own[:-1], own[-1]
        for begin, end, count in _alike(list(cores)):
            yield f"        - name: core[{begin}..{end}]"
            yield from _core(prices, count, neurons + count, delays=delays, host=False)
        if host:
            yield "        - name: host"
            yield from _core(prices, host, host, delays=delays, host=True)


_WAYS = {"east": "hop_ew", "west": "hop_ew", "north": "hop_ns", "south": "hop_ns"}


def _tile_inputs(
    layout: Layout, inputs: Mapping[tuple[int, int], int], tile: int
) -> tuple[int, ...]:
    """Inputs of each core of a tile, the host core last."""
    return tuple(inputs.get((tile, offset), 0) for offset in range(layout.host + 1))


def _alike(values: Sequence[T]) -> Iterator[tuple[int, int, T]]:
    """Runs of equal neighbours: first, last, what they are."""
    begin = 0
    for value, run in groupby(values):
        end = begin + len(list(run))
        yield begin, end - 1, value
        begin = end


def _core(
    prices: PriceList, inputs: int, neurons: int, *, delays: bool, host: bool
) -> Iterator[str]:
    """One core; on a host core nothing costs anything."""

    def price(quantity: str, names: tuple[str, str]) -> str:
        energy, time = ("0.0", "0.0") if host else _both(prices, quantity)
        return f"energy_{names[0]}: {energy}, latency_{names[1]}: {time}"

    def unit(kind: str, name: str, text: str) -> Iterator[str]:
        if kind:
            yield f"          {kind}:"
        yield f'            - {{name: "{name}", attributes: {{{text}}}}}'

    def same(name: str) -> tuple[str, str]:
        return name, name

    position, inside = ("dendrite", "true") if delays else ("soma", "false")
    yield (
        f"          attributes: {{buffer_position: {position}, buffer_inside_unit: {inside}, "
        f"max_neurons_supported: {neurons}}}"
    )
    yield from unit("axon_in", "in", price("message_in", same("message_in")))
    for k, (quantity, name) in enumerate(SYNAPSES.items()):
        text = f"model: current_based, {price(quantity, same('process_spike'))}"
        yield from unit("" if k else "synapse", name, text)
    model = "accumulator_with_delay" if delays else "accumulator"
    for k, name in enumerate(SYNAPSES.values()):  # one each: delays are kept by number of synapse
        text = f"model: {model}, energy_update: 0.0, latency_update: 0.0"
        yield from unit("" if k else "dendrite", f"sum_{name}", text)
    costs = ", ".join(price(quantity, same(name)) for name, quantity in _SOMA.items())
    yield from unit("soma", "lif", f"model: leaky_integrate_fire, {costs}")
    if inputs:
        free = ", ".join(f"energy_{name}: 0.0, latency_{name}: 0.0" for name in _SOMA)
        yield from unit("", f"inputs[0..{inputs - 1}]", f"model: input, {free}")
    yield from unit("axon_out", "out", price("message_out", same("message_out")))


_SOMA = {
    "access_neuron": "neuron_access",
    "update_neuron": "neuron_update",
    "spike_out": "spike_out",
}


def _both(prices: PriceList, quantity: str) -> tuple[str, str]:
    return _joules(prices, quantity), _seconds(prices, quantity)


def _joules(prices: PriceList, quantity: str) -> str:
    return f"{prices.prices[quantity].energy_pj!r}e-12"


def _seconds(prices: PriceList, quantity: str) -> str:
    return f"{prices.prices[quantity].time_ns or 0.0!r}e-9"


def counted_inputs(tile: I64, offset: I64) -> dict[tuple[int, int], int]:
    """How many inputs lie on each core."""
    pairs, counts = np.unique(np.stack([tile, offset]), axis=1, return_counts=True)
    return {(int(t), int(o)): int(n) for (t, o), n in zip(pairs.T, counts, strict=True)}
