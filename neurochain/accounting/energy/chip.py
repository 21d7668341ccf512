"""Model C, chip profile: event prices of a chip, on counts.

What needs no placement is priced for any network: synaptic events, neuron updates (idle ones too),
spikes. Of a placed one (`RunSums.mapped`) the counts are those of its cores, packets and hops are
priced as well, and the time of a step is that of the busiest core.
"""

from __future__ import annotations

from collections.abc import Iterator

from neurochain.accounting.energy.arithmetic import not_priced
from neurochain.accounting.energy.estimate import Cell, Estimate, Part, estimate
from neurochain.accounting.energy.ranges import Range, price_range
from neurochain.accounting.energy.steptime import latency, quantity_of_kind, step_range
from neurochain.accounting.energy.sums import PopulationSums, RunSums
from neurochain.accounting.mapped import MappedSums
from neurochain.accounting.prices import Price, PriceList
from neurochain.errors import Finding, InputError

__all__ = ["chip_profile"]

Counted = tuple[Part, str, str, str, int, int, int]
"""Part, row, term, quantity, and the count: low, nominal, high."""

_PLACED = ("packet_within_tile", "message_out", "message_in", "hop_ew", "hop_ns")
_FETCHED = "weights and states are fetched within the price of an event and an update"


def chip_profile(
    run: RunSums, prices: PriceList, *, step_time_s: float | None = None, static: bool = False
) -> Estimate:
    """Energy and time by a chip's event prices.

    step_time_s   how long the chip takes for a step, where known: adds the static power of one chip
    static        the same for the time that the list's own times give for a placed network
    Errors: InputError where the list is no chip's, or has no static power (or times) and these are
    asked for.
    """
    if prices.tier != "chip":
        raise InputError(
            f"price list {prices.id}: is of the kind '{prices.tier}'; a chip profile needs the "
            "event prices of a chip."
        )
    counted = [*_counted(run, prices)]
    cells = [_cell(prices, item) for item in counted]
    included, partial = [1, 2, 3, 4], {}
    if run.mapped is not None:
        included += [5, 6]
    elif "spike_out" in prices.prices:
        partial[5] = "spikes that leave their neurons; no packets"
    time = latency(run, prices, [(quantity, n) for *_, quantity, _, n, _ in counted])
    if step_time_s is not None:
        cells.append(_static(run, prices, Range(step_time_s, step_time_s, step_time_s)))
        included.append(8)
    elif static:
        cells.append(_static(run, prices, step_range(time, prices)))
        included.append(8)
    return estimate(
        "chip-profile",
        prices,
        run,
        cells,
        included=tuple(included),
        partial=partial,
        unpriced=not_priced(run),
        notes=(*_notes(run, prices), _FETCHED),
        latency=time,
    )


def _notes(run: RunSums, prices: PriceList) -> Iterator[str]:
    if run.mapped is None:
        placed = [name for name in _PLACED if name in prices.prices]
        yield "the network is not placed: no " + ", ".join(placed)
        return
    outside = [name for name, (placed, _, _) in run.mapped.nodes.items() if not placed]
    if outside:
        yield (
            f"packets of {', '.join(outside)} come from outside the mesh: what they take until "
            "they arrive is not known"
        )


def _counted(run: RunSums, prices: PriceList) -> Iterator[Counted]:
    """Every count that the list has a price for."""
    for layer in run.layers:
        quantity = quantity_of_kind(layer.kind, prices)
        events = layer.synops if run.mapped is None else sum(run.mapped.events[layer.name])
        yield ("layer", layer.name, "synaptic_events", quantity, *(events,) * 3)
    for population in run.populations:
        if run.mapped is None:
            yield from _updates(population, prices)
    if run.mapped is not None:
        for node in run.mapped.nodes:
            yield from _of_node(run.mapped, node, prices)


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


def _of_node(mapped: MappedSums, node: str, prices: PriceList) -> Iterator[Counted]:
    """Updates, spikes and packets of a placed node; inputs have packets alone."""
    placed, neurons, counts = mapped.nodes[node]
    known: dict[str, tuple[str, int, int]] = {}
    is_population = node not in mapped.inputs
    if is_population:
        dense, touched, held = neurons * mapped.frames, counts["updates_input"], counts["updates"]
        known = {
            "neuron_update_active": ("updates_active", touched, touched),
            "neuron_update_inactive": ("updates_idle", dense - touched, dense - touched),
            "neuron_access": ("neuron_access", dense, dense),
            "neuron_update": ("updates_active", held, held),
            "spike_out": ("spikes_out", counts["spikes"], counts["spikes"]),
        }
    packets = counts["packets"]
    known["message_in"] = ("packets_in", packets, packets)
    if placed:
        # the paper does not say whether a packet that leaves its tile pays this as well
        known["packet_within_tile"] = ("packets", counts["packets_same_tile"], packets)
        known["message_out"] = ("packets", packets, packets)
        known["hop_ew"] = ("hops_east_west", counts["hops_x"], counts["hops_x"])
        known["hop_ns"] = ("hops_north_south", counts["hops_y"], counts["hops_y"])
    part: Part = "population" if is_population else "chip"
    for quantity, (term, low, nominal) in known.items():
        if quantity in prices.prices:
            yield part, node, term, quantity, low, nominal, nominal


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


def _static(run: RunSums, prices: PriceList, step_s: Range) -> Cell:
    if prices.static is None:
        raise InputError(
            Finding(
                where=f"price list {prices.id}",
                what="has no static power, which a step time is multiplied with.",
                fix="Leave the step time out, or add [static] to a list of your own.",
            )
        )
    chips = 1 if run.mapped is None else run.mapped.chips
    frames = run.frames if run.mapped is None else run.mapped.frames
    power_w = prices.static.power_mw * 1e-3 * chips
    return Cell(
        part="chip",
        row="(chip)",
        term="static",
        count=frames,
        joules=step_s.times(power_w * frames),
    )
