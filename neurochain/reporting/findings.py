"""What the counts of a run say that its reader would like to be told."""

from __future__ import annotations

from neurochain.reporting.chips import chip_caveats
from neurochain.reporting.energy_text import estimates, term_title
from neurochain.reporting.records import RunRecord

__all__ = ["findings"]

_BUSY_RATE = 0.5
_LARGE_SHARE = 0.5


def findings(record: RunRecord, counting: str = "model") -> list[str]:
    """Warnings of the run first, then what stands out."""
    counts = record.counts(counting)
    found = list(record.warnings)
    for p in counts.populations:
        if p.spiking and not p.spikes_out:
            found.append(
                f"{p.name}: no neuron fired. What it feeds costs nothing and does nothing."
            )
        elif p.spiking and p.rate > _BUSY_RATE:
            found.append(f"{p.name}: {100 * p.rate:.1f} % of its neurons fire in a step.")
    for x in counts.layers:
        if x.params and x.synops_effective_mac > x.synops_effective_ac:
            share = 100 * x.events_nonbinary / x.events_in
            found.append(
                f"{x.name}: {share:.0f} % of its input events are graded or analog: "
                "multiply-accumulates."
            )
    found += [f"{text}." for text in chip_caveats(record, counting)]
    found += _dominant(record, counting)
    found += _against_twin(record)
    return found


def _dominant(record: RunRecord, counting: str) -> list[str]:
    found = []
    for e in estimates(record, counting):
        for term in e.terms:
            share = term.nominal_j / e.total.nominal_j if e.total.nominal_j else 0.0
            if share > _LARGE_SHARE and term.name not in ("ac", "mac", "ops"):
                found.append(
                    f"{e.model} ({e.profile_id}): {term_title(term.name)} are {100 * share:.0f} % "
                    "of the energy."
                )
    return found


def _against_twin(record: RunRecord) -> list[str]:
    return [
        f"This run needs {twin.snn.nominal_j / twin.ann.nominal_j:.3g} times the arithmetic energy "
        f"of its dense ANN twin ({twin.profile_id})."
        for twin in record.twins
        if twin.ann.nominal_j and twin.snn.nominal_j > twin.ann.nominal_j
    ]
