"""Model B, memory-aware: arithmetic, plus what fetching weights, states and events costs.

Each layer's weights, each population's states and each queue of events is a memory of its own, and
a 32-bit access costs what a memory of that size costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from neurochain.accounting.energy.arithmetic import not_priced, synaptic_cells
from neurochain.accounting.energy.estimate import Cell, Estimate, Part, estimate
from neurochain.accounting.energy.ranges import PJ, ZERO, Range, price_range
from neurochain.accounting.energy.sums import LayerSums, PopulationSums, RunSums
from neurochain.accounting.prices import MemoryPrice, PriceList
from neurochain.errors import Finding, InputError

__all__ = ["FIFO_EVENTS", "WORD_BYTES", "access_price", "memory_aware"]

WORD_BYTES = 4
FIFO_EVENTS = 1000
"""Events that a queue holds, as in Lemaire et al. 2022."""


def memory_aware(run: RunSums, prices: PriceList, *, fifo_events: int = FIFO_EVENTS) -> Estimate:
    """Arithmetic, weight reads, state reads and writes, event queues.

    Errors: InputError where the list has no memory prices.
    """
    cells: list[Cell] = []
    for layer in run.layers:
        cells += synaptic_cells(layer, prices)
        cells += _layer_cells(layer, prices, fifo_events)
    for population in run.populations:
        cells += _population_cells(population, prices, fifo_events)
    return estimate(
        "memory-aware",
        prices,
        run,
        cells,
        included=(1, 2, 3, 10),
        partial={5: "events through queues; no packets"},
        unpriced=not_priced(run),
        notes=_notes(run, prices),
    )


def _notes(run: RunSums, prices: PriceList) -> list[str]:
    """The width that was read, and what no memory of the list holds."""
    notes = []
    bits = sorted({x.weight_bits for x in run.layers if x.weight_bits})
    if bits:
        notes.append(
            f"weights are read at {' or '.join(map(str, bits))} bits, as they were counted"
        )
    largest = _largest(prices)
    outside = [x.name for x in run.layers if x.weight_bytes > largest]
    if outside:
        size = f"{largest / 2**20:g} MB" if largest >= 2**20 else f"{largest:,.0f} bytes"
        priced = "as of that size" if prices.dram is None else "as DRAM"
        notes.append(f"weights of {', '.join(outside)} do not fit {size}: priced {priced}")
    return notes


def access_price(prices: PriceList, capacity_bytes: float) -> Range:
    """Joules of one 32-bit access to a memory of this size.

    Linear between the sizes that the list has, from nothing at size 0. Beyond the largest one:
    DRAM, or the largest one where the list has no DRAM.

    Errors: InputError where it has no memory prices.
    """
    points = prices.memory
    if not points:
        raise InputError(
            Finding(
                where=f"price list {prices.id}",
                what="has no memory prices, which the memory-aware model needs.",
                fix='Add [[memory]], or include = ["sram45"].',
            )
        )
    if capacity_bytes > points[-1].capacity_bytes:
        return price_range(points[-1] if prices.dram is None else prices.dram)
    return Range(*(_interpolated(points, capacity_bytes, k) * PJ for k in range(3)))


def _interpolated(points: Sequence[MemoryPrice], size: float, which: int) -> float:
    known = [(0.0, 0.0)]
    known += [(p.capacity_bytes, (p.low_pj, p.energy_pj, p.high_pj)[which]) for p in points]
    for (x0, y0), (x1, y1) in pairwise(known):
        if size <= x1:
            return y0 + (y1 - y0) / (x1 - x0) * (size - x0)
    return known[-1][1]


def _largest(prices: PriceList) -> float:
    return prices.memory[-1].capacity_bytes if prices.memory else 0.0


def _words(part: Part, row: str, term: str, amount_bytes: int, price: Range) -> Cell:
    """`amount_bytes` moved in 32-bit words; the cell counts bytes."""
    joules = price.times(amount_bytes / WORD_BYTES) if amount_bytes else ZERO
    return Cell(part=part, row=row, term=term, count=amount_bytes, joules=joules)


def _layer_cells(layer: LayerSums, prices: PriceList, fifo_events: int) -> list[Cell]:
    queue = access_price(prices, fifo_events * WORD_BYTES)
    fetched = layer.counts["weight_read_bytes"]
    return [
        _words(
            "layer", layer.name, "weight_read", fetched, access_price(prices, layer.weight_bytes)
        ),
        _words("layer", layer.name, "event_read", WORD_BYTES * layer.counts["events_in"], queue),
    ]


def _population_cells(
    population: PopulationSums, prices: PriceList, fifo_events: int
) -> list[Cell]:
    state = access_price(prices, population.state_bytes)
    queue = access_price(prices, fifo_events * WORD_BYTES)
    counts = population.counts
    return [
        _words("population", population.name, "state_read", counts["state_read_bytes"], state),
        _words("population", population.name, "state_write", counts["state_write_bytes"], state),
        _words(
            "population", population.name, "event_write", WORD_BYTES * counts["spikes_out"], queue
        ),
    ]
