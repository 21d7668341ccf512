"""Which models a price list serves, and which lists a run gets unless told otherwise."""

from __future__ import annotations

from neurochain.accounting.energy.arithmetic import arithmetic
from neurochain.accounting.energy.chip import chip_profile
from neurochain.accounting.energy.estimate import Estimate
from neurochain.accounting.energy.lemaire import lemaire
from neurochain.accounting.energy.memory import memory_aware
from neurochain.accounting.energy.sums import RunSums
from neurochain.accounting.prices import PriceList, find_prices
from neurochain.errors import InputError

__all__ = ["MODELS", "default_estimates", "default_prices", "model_of"]

MODELS = {
    "arithmetic": ("arithmetic", "memory-aware"),
    "memory": (),
    "lemaire": ("lemaire",),
    "chip": ("chip-profile",),
}
"""Kind of price list -> models it has the prices for."""

_OWN = {
    "int8": "horowitz45-int8",
    "int16": "horowitz45-int32",
    "loihi": "horowitz45-int8",
    "xylo": "horowitz45-int8",
}
"""Loihi's weights have up to 9 bits and are summed in more: as int8 with wide sums."""


def default_prices(weights: str, network: str | None = None) -> tuple[str, ...]:
    """Names of lists for the arithmetic of a network's weights: its own, and a chip's.

    network  the arithmetic that was run, where `weights` are those of the trained network: what
             Xylo's neurons do on their one core is nothing that Loihi's prices are for
    """
    own = _OWN.get(weights, "horowitz45-fp32")
    return (own,) if "xylo" in (weights, network) else (own, "loihi1-davies2018")


def model_of(
    run: RunSums, prices: PriceList, *, step_time_s: float | None = None, static: bool = False
) -> tuple[Estimate, ...]:
    """Every estimate that a list allows. Errors: InputError as of the models."""
    if not MODELS[prices.tier]:
        raise InputError(
            f"price list {prices.id}: is of the kind '{prices.tier}', which no model prices alone. "
            "Give it a kind with operations (arithmetic, lemaire, chip); an arithmetic list holds "
            "[[memory]] as well."
        )
    found = []
    for model in MODELS[prices.tier]:
        if model == "arithmetic":
            found.append(arithmetic(run, prices))
        elif model == "memory-aware" and prices.memory:
            found.append(memory_aware(run, prices))
        elif model == "lemaire":
            found.append(lemaire(run, prices))
        elif model == "chip-profile":
            found.append(chip_profile(run, prices, step_time_s=step_time_s, static=static))
    return tuple(found)


def default_estimates(
    run: RunSums, weights: str, network: str | None = None
) -> tuple[Estimate, ...]:
    """What a report shows unless price lists are named."""
    names = default_prices(weights, network)
    return tuple(e for name in names for e in model_of(run, find_prices(name)))
