"""Model C, chip profile: event prices of a chip, on counts.

What needs no placement is priced: synaptic events, neuron updates (idle ones too), spikes. Packets
and hops need one, and are named as missing.
"""

from __future__ import annotations

from collections.abc import Iterator

from neurochain.accounting.energy.arithmetic import not_priced
from neurochain.accounting.energy.estimate import Cell, Estimate, Latency, Part, estimate
from neurochain.accounting.energy.ranges import NS, Range, price_range, time_range
from neurochain.accounting.energy.sums import LayerSums, PopulationSums, RunSums
from neurochain.accounting.prices import Price, PriceList
from neurochain.errors import Finding, InputError

__all__ = ["chip_profile"]

Counted = tuple[Part, str, str, str, int, int, int]
"""Part, row, term, quantity, and the count: low, nominal, high."""

_BY_KIND = {
    "dense": "synaptic_event_dense",
    "conv": "synaptic_event_conv",
    "pool": "synaptic_event_conv",
}
_PLACED = ("packet_within_tile", "message_out", "message_in", "hop_ew", "hop_ns")


def chip_profile(run: RunSums, prices: PriceList, *, step_time_s: float | None = None) -> Estimate:
    """Energy and time by a chip's event prices.

    step_time_s   how long the chip takes for a step, where known: adds the static power of one chip
    Errors: InputError where the list is no chip's, or has no static power and a time is given.
    """
    if prices.tier != "chip":
        raise InputError(
            f"price list {prices.id}: is of the kind '{prices.tier}'; a chip profile needs the "
            "event prices of a chip."
        )
    counted = [*_counted(run, prices)]
    cells = [_cell(prices, item) for item in counted]
    included, partial = [1, 2, 3, 4], {}
    if "spike_out" in prices.prices:
        partial[5] = "spikes that leave their neurons; no packets"
    if step_time_s is not None:
        cells.append(_static(run, prices, step_time_s))
        included.append(8)
    placed = [name for name in _PLACED if name in prices.prices]
    return estimate(
        "chip-profile",
        prices,
        run,
        cells,
        included=tuple(included),
        partial=partial,
        unpriced=not_priced(run),
        notes=(
            "the network is not placed: no " + ", ".join(placed),
            "weights and states are fetched within the price of an event and an update",
        ),
        latency=_latency(run, prices, counted),
    )


def _counted(run: RunSums, prices: PriceList) -> Iterator[Counted]:
    """Every count that the list has a price for."""
    for layer in run.layers:
        quantity = _synaptic(layer, prices)
        yield ("layer", layer.name, "synaptic_events", quantity, *(layer.synops,) * 3)
    for population in run.populations:
        yield from _updates(population, prices)


def _synaptic(layer: LayerSums, prices: PriceList) -> str:
    if "synaptic_event" in prices.prices:
        return "synaptic_event"
    return _BY_KIND.get(layer.kind, "synaptic_event_sparse")


def _updates(population: PopulationSums, prices: PriceList) -> Iterator[Counted]:
    dense = population.counts["neuron_updates_dense"]
    touched = population.counts["neuron_updates_input"]
    spikes = population.counts["spikes_out"]
    known = {
        "neuron_update_active": ("updates_active", touched, touched, touched),
        "neuron_update_inactive": ("updates_idle", *(dense - touched,) * 3),
        "neuron_access": ("neuron_access", dense, dense, dense),
        # also due where only a potential decays, which no count tells: at most every neuron
        "neuron_update": ("updates_active", touched, touched, dense),
        "spike_out": ("spikes_out", spikes, spikes, spikes),
    }
    for quantity, (term, low, nominal, high) in known.items():
        if quantity in prices.prices:
            yield "population", population.name, term, quantity, low, nominal, high


def _price(prices: PriceList, quantity: str) -> Price:
    price = prices.prices.get(quantity)
    if price is None:
        raise InputError(f"price list {prices.id}: has no price of {quantity}.")
    return price


def _cell(prices: PriceList, item: Counted) -> Cell:
    part, row, term, quantity, low, nominal, high = item
    unit = price_range(_price(prices, quantity))
    top = None if unit.high is None and high else (unit.high or 0.0) * high
    joules = Range(unit.low * low, unit.nominal * nominal, top)
    return Cell(part=part, row=row, term=term, count=nominal, joules=joules)


def _static(run: RunSums, prices: PriceList, step_time_s: float) -> Cell:
    if prices.static is None:
        raise InputError(
            Finding(
                where=f"price list {prices.id}",
                what="has no static power, which a step time is multiplied with.",
                fix="Leave the step time out, or add [static] to a list of your own.",
            )
        )
    joules = prices.static.power_mw * 1e-3 * step_time_s * run.frames
    return Cell(
        part="chip",
        row="(chip)",
        term="static",
        count=run.frames,
        joules=Range(joules, joules, joules),
    )


def _latency(run: RunSums, prices: PriceList, counted: list[Counted]) -> Latency | None:
    """Seconds a step, where the list has a time for everything that is counted."""
    serial = 0.0
    for *_, quantity, _, nominal, _ in counted:
        time = time_range(_price(prices, quantity))
        if time is None:
            return None
        serial += time.nominal * nominal
    if prices.cores is None or prices.barrier is None or not run.frames:
        return None
    serial /= run.frames
    return Latency(
        serial_s=serial,
        floor_s=serial / prices.cores,
        cores=prices.cores,
        barrier_low_s=prices.barrier.low_ns * NS,
        barrier_high_s=prices.barrier.high_ns * NS,
        uncertainty_percent=prices.time_uncertainty_percent,
    )
