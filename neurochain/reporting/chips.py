"""Which chip a run is for, and whether an estimate is of that chip."""

from __future__ import annotations

from neurochain.accounting.prices import CHIPS
from neurochain.reporting.energy_records import EnergyRecord
from neurochain.reporting.records import RunRecord

__all__ = ["chip_caveat", "chip_caveats", "target_of"]


def target_of(record: RunRecord) -> str:
    """The target that the network was compiled for, "" where it was compiled for none.

    Runs of older versions say it of placed networks only.
    """
    mapped = record.deployed.mapped
    if mapped is not None:
        return mapped.target
    return record.meta.target or ("xylo" if record.meta.weights == "xylo" else "")


def chip_caveat(record: RunRecord, e: EnergyRecord) -> str:
    """What to say of an estimate that is not of the network's chip; "" where there is nothing.

    A chip's list of the user's own is taken to be of the right one.
    """
    target, chip = target_of(record), CHIPS.get(e.profile_id, "")
    if not target or chip == target or (e.model == "chip-profile" and not chip):
        return ""
    if chip:
        lies = "lies on the cores of" if record.deployed.mapped is not None else "was compiled for"
        return (
            f"{e.profile_id} has the prices of {chip}; the network {lies} {target}, which takes "
            "something else"
        )
    if target in CHIPS.values():
        return ""
    return (
        f"{e.profile_id} has no prices of {target}: no energy per operation of that chip is known, "
        f"and this is the same work in {e.node_nm:g} nm"
    )


def chip_caveats(record: RunRecord, counting: str) -> list[str]:
    """Those of all estimates of one set of counts, each once."""
    found = (chip_caveat(record, e) for e in record.energy if e.counting == counting)
    return [text for text in dict.fromkeys(found) if text]
