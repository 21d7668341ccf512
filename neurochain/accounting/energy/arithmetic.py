"""Model A, arithmetic: E = AC e_ac + MAC e_mac. Circuits that add and multiply, nothing else."""

from __future__ import annotations

from neurochain.accounting.energy.estimate import Cell, Estimate, estimate
from neurochain.accounting.energy.ranges import Range, price_range
from neurochain.accounting.energy.sums import LayerSums, RunSums
from neurochain.accounting.prices import PriceList
from neurochain.errors import Finding, InputError

__all__ = ["arithmetic", "not_priced", "synaptic_cells", "unit_price"]

_OTHER = ("bias_adds", "pool_adds", "adds", "comparisons")


def arithmetic(run: RunSums, prices: PriceList) -> Estimate:
    """Effective synaptic operations alone. Errors: InputError where the list lacks their prices."""
    return estimate(
        "arithmetic",
        prices,
        run,
        [cell for layer in run.layers for cell in synaptic_cells(layer, prices)],
        included=(1,),
        unpriced=not_priced(run),
        notes=("arithmetic only",),
    )


def synaptic_cells(layer: LayerSums, prices: PriceList) -> list[Cell]:
    """AC and MAC of one layer, priced."""
    ac, mac = layer.counts["synops_effective_ac"], layer.counts["synops_effective_mac"]
    return [
        Cell(
            part="layer",
            row=layer.name,
            term="ac",
            count=ac,
            joules=unit_price(prices, "synop_ac").times(ac),
        ),
        Cell(
            part="layer",
            row=layer.name,
            term="mac",
            count=mac,
            joules=unit_price(prices, "synop_mac").times(mac),
        ),
    ]


def unit_price(prices: PriceList, quantity: str) -> Range:
    """Joules for one. Errors: InputError where the list has no such price."""
    price = prices.prices.get(quantity)
    if price is None:
        raise InputError(
            Finding(
                where=f"price list {prices.id}",
                what=f"has no price of {quantity}.",
                fix=f"It is of the kind '{prices.tier}'; use a list of the kind that the model "
                "needs.",
            )
        )
    return price_range(price)


def not_priced(run: RunSums) -> dict[str, int]:
    """Counted additions and comparisons that are no synaptic operations."""
    return {name: sum(layer.counts[name] for layer in run.layers) for name in _OTHER}
