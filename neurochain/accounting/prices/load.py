"""Reading price lists: shipped ones by name, the user's own by path."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import msgspec

from neurochain.accounting.prices.records import (
    QUANTITIES,
    Price,
    PriceFile,
    PriceList,
    Source,
)
from neurochain.errors import Finding, InputError, UnsupportedError

__all__ = ["CHIPS", "REFUSED", "SHIPPED", "find_prices", "read_prices"]

SHIPPED = (
    "horowitz45-fp32",
    "horowitz45-fp16",
    "horowitz45-int8",
    "horowitz45-int32",
    "lemaire2022",
    "loihi1-davies2018",
    "loihi1-sanafe2025",
)
_PARTS = ("sram45",)  # lists that others include; no energy model of their own

_LOIHI2 = (
    "no energy per operation of Loihi 2 has been published. The 0.1 and 1 pJ that circulate have "
    "no primary source."
)
REFUSED = {"loihi2": _LOIHI2, "loihi-2": _LOIHI2}
"""Beginnings of names that are refused, with the reason."""

CHIPS = {"loihi1-davies2018": "loihi1", "loihi1-sanafe2025": "loihi1"}
"""The target that a shipped list holds the prices of."""

_MAX_BYTES = 1 << 20


def find_prices(name: str) -> PriceList:
    """A shipped list by its name, or a file of the user's own (a path ending in .toml).

    Errors: InputError; UnsupportedError for lists that nobody has the numbers for.
    """
    if name in SHIPPED:
        return _shipped(name)
    if name.endswith(".toml"):
        return read_prices(name)
    for beginning, reason in REFUSED.items():
        if name.lower().startswith(beginning):
            raise UnsupportedError(
                Finding(
                    where=f"price list {name}",
                    what=reason,
                    fix="Use loihi1-davies2018 and say so, or your own measurements as a .toml.",
                )
            )
    raise InputError(
        Finding(
            where=f"price list {name}",
            what="is not shipped.",
            fix=f"Shipped: {', '.join(SHIPPED)}; or give your own as FILE.toml.",
        )
    )


def read_prices(path: str | os.PathLike[str]) -> PriceList:
    """A price list of the user's own. Errors: InputError, all findings at once."""
    file = Path(path)
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise InputError(f"{file}: is larger than {_MAX_BYTES} bytes; refused.")
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}).") from error
    return _parsed(data, str(file))


def _shipped(name: str) -> PriceList:
    return _parsed(
        files("neurochain.accounting.prices").joinpath(f"{name}.toml").read_bytes(), name
    )


def _parsed(data: bytes, where: str) -> PriceList:
    try:
        file = msgspec.toml.decode(data, type=PriceFile)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InputError(
            Finding(
                where=where,
                what=f"is no price list ({error}).",
                fix="docs/energy.md shows the form; every number needs a source.",
            )
        ) from error
    included = [_include(name, where) for name in file.include]
    findings = [Finding(where=where, what=fault) for fault in _faults(file)]
    if findings:
        raise InputError(*findings)
    return _joined(file, included)


def _include(name: str, where: str) -> PriceList:
    if name not in _PARTS:
        raise InputError(
            f"{where}: includes {name!r}; what can be included is {', '.join(_PARTS)}."
        )
    return _shipped(name)


def _faults(file: PriceFile) -> list[str]:
    """What types alone do not say."""
    faults = [*_source_faults(file), *_price_faults(file.price), *_bound_faults(file)]
    sizes = [point.capacity_bytes for point in file.memory]
    if sizes != sorted(set(sizes)):
        faults.append("memory: capacities do not ascend.")
    if file.voltage_v is None and not file.voltage_note:
        faults.append("voltage_v: is missing; where it is not known, voltage_note says why.")
    return faults


def _source_faults(file: PriceFile) -> list[str]:
    known = {source.id for source in file.source}
    named = [(f"price {price.quantity}", price.source) for price in file.price]
    named += [(f"memory of {m.capacity_bytes:g} bytes", m.source) for m in file.memory]
    parts = (("dram", file.dram), ("barrier", file.barrier), ("static", file.static))
    named += [(name, part.source) for name, part in parts if part is not None]
    return [
        f"{where}: names the source {name!r}, which the list does not have."
        for where, names in named
        for name in names
        if name not in known
    ]


def _price_faults(prices: Sequence[Price]) -> list[str]:
    names = [price.quantity for price in prices]
    known = ", ".join(QUANTITIES)
    faults = [
        f"price {name}: is no quantity that is counted ({known})."
        for name in names
        if name not in QUANTITIES
    ]
    faults += [f"price {name}: is there twice." for name in set(names) if names.count(name) > 1]
    faults += [
        f"price {price.quantity}: time_ns and time_bound come together."
        for price in prices
        if (price.time_ns is None) != (price.time_bound is None)
    ]
    return faults


def _bound_faults(file: PriceFile) -> list[str]:
    bounds = [(f"price {p.quantity}", p.low_pj, p.energy_pj, p.high_pj) for p in file.price]
    bounds += [
        (f"memory of {m.capacity_bytes:g} bytes", m.low_pj, m.energy_pj, m.high_pj)
        for m in file.memory
    ]
    if file.dram is not None:
        bounds.append(("dram", file.dram.low_pj, file.dram.energy_pj, file.dram.high_pj))
    return [
        f"{where}: low, nominal and high are {low}, {nominal} and {high}."
        for where, low, nominal, high in bounds
        if (low is not None and low > nominal) or (high is not None and high < nominal)
    ]


def _joined(file: PriceFile, included: list[PriceList]) -> PriceList:
    sources: dict[str, Source] = {source.id: source for source in file.source}
    for part in included:
        sources = {**{source.id: source for source in part.sources}, **sources}
    ordered = [*file.source, *(s for s in sources.values() if s not in file.source)]
    return PriceList(
        id=file.id,
        title=file.title,
        tier=file.tier,
        node_nm=file.node_nm,
        voltage_v=file.voltage_v,
        voltage_note=file.voltage_note,
        sources=tuple(ordered),
        caveats=(*file.caveats, *(text for part in included for text in part.caveats)),
        prices={price.quantity: price for price in file.price},
        memory=tuple(file.memory) or next((p.memory for p in included if p.memory), ()),
        dram=file.dram or next((p.dram for p in included if p.dram), None),
        barrier=file.barrier,
        static=file.static,
        cores=file.cores,
        energy_uncertainty_percent=file.energy_uncertainty_percent,
        time_uncertainty_percent=file.time_uncertainty_percent,
    )
