"""Estimates in words: one line each, with bounds, shares, and what is not in them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from neurochain.accounting.energy.estimate import RESET, TERMS
from neurochain.accounting.energy.twin import CAVEATS
from neurochain.reporting.chips import chip_caveat
from neurochain.reporting.energy_records import Bounds, EnergyRecord, TwinRecord
from neurochain.reporting.records import Meta, RunRecord

__all__ = [
    "amount",
    "bounds_text",
    "break_even_text",
    "counts_only",
    "definition_lines",
    "definition_note",
    "energy_lines",
    "estimates",
    "lowered_for_chip",
    "missing",
    "primary",
    "shared",
    "technology_caveat",
    "term_title",
    "twin_caveats",
    "twin_lines",
]

_LOWERED = (
    "The network was lowered for a chip before it was counted, and the twin is that of this form: "
    "where pooling was folded into weights, both do more than the network as trained. A run "
    "without --target has the trained network's own twin."
)
_PREFIXES = ((1e-15, "f"), (1e-12, "p"), (1e-9, "n"), (1e-6, "u"), (1e-3, "m"), (1.0, ""))
_TITLES = {
    "ac": "accumulates",
    "mac": "multiply-accumulates",
    "ops": "operations",
    "addressing": "addressing",
    "weight_read": "weight reads",
    "event_read": "event reads",
    "event_write": "event writes",
    "input_read": "input reads",
    "output_write": "output writes",
    "state_read": "state reads",
    "state_write": "state writes",
    "synaptic_events": "synaptic events",
    "updates_active": "active updates",
    "updates_idle": "idle updates",
    "neuron_access": "neuron accesses",
    "spikes_out": "spikes out",
    "static": "static power",
    "packets": "packets",
    "packets_in": "packets that arrive",
    "hops_east_west": "hops east-west",
    "hops_north_south": "hops north-south",
}


_SHORT = {
    TERMS[1]: "synaptic arithmetic",
    TERMS[2]: "weight fetch",
    TERMS[3]: "membrane access",
    TERMS[4]: "idle neuron updates",
    TERMS[5]: "packets",
    TERMS[6]: "hops and links",
    TERMS[7]: "barrier",
    TERMS[8]: "static power",
    TERMS[9]: "input and I/O",
    TERMS[10]: "off-chip memory",
    RESET: "reset",
}


def missing(e: EnergyRecord, *, short: bool = False) -> list[str]:
    """What an estimate leaves out, wholly or in part."""
    left_out = [*e.excluded, RESET]
    names = [_SHORT.get(text, text) if short else text for text in left_out]
    for text in e.partial:
        term, what = text.split(": ", 1)
        names.append(f"{_SHORT.get(term, term) if short else term} (only {what})")
    return names


def term_title(name: str) -> str:
    """A term in words."""
    return _TITLES.get(name, name.replace("_", " "))


def amount(value: float, unit: str = "J", *, micro: str = "u") -> str:
    """A quantity of three or four digits with a prefix: 438.9 nJ."""
    if value == 0:
        return f"0 {unit}"
    size, prefix = _PREFIXES[0]
    for size_, prefix_ in _PREFIXES:
        if abs(value) >= 0.9995 * size_:
            size, prefix = size_, prefix_
    return f"{value / size:.4g} {prefix.replace('u', micro)}{unit}"


def bounds_text(bounds: Bounds, *, micro: str = "u") -> str:
    """19.8 uJ (19.3 uJ to 39.2 uJ); "at least" where nothing bounds it from above."""
    nominal = amount(bounds.nominal_j, micro=micro)
    if bounds.high_j is None:
        low = amount(bounds.low_j, micro=micro)
        return f"at least {low}" if low == nominal else f"{nominal} (at least {low})"
    low, high = amount(bounds.low_j, micro=micro), amount(bounds.high_j, micro=micro)
    return nominal if low == high == nominal else f"{nominal} ({low} to {high})"


def estimates(record: RunRecord, counting: str) -> list[EnergyRecord]:
    """Estimates of one set of counts."""
    return [e for e in record.energy if e.counting == counting]


def counts_only(record: RunRecord) -> RunRecord:
    """The record without what the counts would cost."""
    return msgspec.structs.replace(record, energy=[], twins=[])


def primary(record: RunRecord, counting: str) -> EnergyRecord | None:
    """The estimate that tables show: a chip's of a network on cores, else more than arithmetic."""
    return shared([record], counting)[0]


def shared(
    records: Sequence[RunRecord], counting: str, *, any_list: bool = False
) -> list[EnergyRecord | None]:
    """The primary estimate by a model and list that all runs have, else each run's own.

    The first that is more than arithmetic; a chip's, where all runs are of networks on its cores.
    any_list  one model is enough: each run by its own list, as weights of other widths have
    """
    found: list[dict[str, EnergyRecord]] = [
        {e.model if any_list else f"{e.model} {e.profile_id}": e for e in reversed(priced)}
        for priced in (estimates(record, counting) for record in records)
    ]
    common = [key for key in reversed(found[0]) if all(key in one for one in found)]
    if len(records) > 1 and not common:
        return [primary(record, counting) for record in records]

    def rank(key: str) -> int:
        estimate = found[0][key]
        if estimate.model == "arithmetic":
            return 2
        at_home = all(
            r.deployed.mapped is not None and not chip_caveat(r, one[key])
            for r, one in zip(records, found, strict=True)
        )
        return 0 if estimate.model == "chip-profile" and at_home else 1

    best = min(common, key=rank, default=None)
    return [None if best is None else one[best] for one in found]


def energy_lines(record: RunRecord, counting: str) -> list[str]:
    """A line or two for each estimate."""
    lines = []
    for e in estimates(record, counting):
        lines.append(
            f"energy, {e.model} ({e.profile_id}, {_technology(e)}): "
            f"{bounds_text(e.per_sample)} a sample, {bounds_text(e.per_step)} a step; {_shares(e)}"
        )
        if e.latency is not None:
            lines.append(_latency_line(e))
        if e.unpriced:
            counted = ", ".join(f"{name} {n:,}" for name, n in e.unpriced.items())
            lines.append(f"  not priced: {counted}")
        if foreign := chip_caveat(record, e):
            lines.append(f"  caveat: {foreign}")
        lines.append(f"  missing: {', '.join(missing(e, short=True))}")
        lines += [f"  note: {note}" for note in e.notes]
    caveat = technology_caveat(record, counting)
    return [*lines, f"caveat: {caveat}"] if caveat else lines


def technology_caveat(record: RunRecord, counting: str) -> str:
    """What to say where estimates are of different technologies; "" where they are not."""
    found = {_technology(e): None for e in estimates(record, counting)}
    if len(found) < 2:
        return ""
    return f"Estimates for {' and for '.join(found)}: no comparison of chips."


def twin_lines(record: RunRecord) -> list[str]:
    """The dense network of the same topology, and from which activity on it is cheaper."""
    lines = [_twin_line(twin) for twin in record.twins if twin.connections]
    return [*lines, *(f"  caveat: {text}" for text in twin_caveats(record))] if lines else []


def twin_caveats(record: RunRecord) -> tuple[str, ...]:
    """What to keep in mind beside the twin."""
    if not any(twin.connections for twin in record.twins):
        return ()
    return (_LOWERED, *CAVEATS) if lowered_for_chip(record.meta) else CAVEATS


def lowered_for_chip(meta: Meta) -> bool:
    """Whether a chip's network was run, whose form is not that of the trained one."""
    return meta.weights in ("loihi", "xylo")


def break_even_text(rate: float) -> str:
    """A rate that no network can pass is any rate."""
    return f"{100 * rate:.3g} % a step" if rate <= 1 else "any rate"


def definition_lines(record: RunRecord) -> list[str]:
    """What others would count, aligned."""
    heads = ("definition", "AC", "MAC", "operations a sample")
    cells = [(d.tool, _number(d.ac), _number(d.mac), _number(d.total)) for d in record.definitions]
    widths = [max(len(line[k]) for line in (heads, *cells)) for k in range(4)]

    def aligned(line: tuple[str, str, str, str]) -> str:
        rest = [text.rjust(size) for text, size in zip(line[1:], widths[1:], strict=True)]
        return "  ".join([line[0].ljust(widths[0]), *rest])

    why = [f"{d.tool}: {d.counts}; {d.differs}." for d in record.definitions]
    said = ", ".join(
        f"{name} {'not known' if value is None else format(value, ',.10g')}"
        for name, value in record.neurobench.items()
    )
    note = definition_note(record)
    return [
        aligned(heads),
        *(aligned(line) for line in cells),
        "",
        *([note] if note else []),
        *why,
        f"NeuroBench: {said}",
    ]


def definition_note(record: RunRecord) -> str:
    """Other tools are run on the module, not on what a chip gets; "" where that is the same."""
    if not lowered_for_chip(record.meta):
        return ""
    return (
        "Counted on the network as lowered for the chip; these tools run on the PyTorch module, "
        "whose own run (without --target) has what they would say of it."
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}"


def _technology(e: EnergyRecord) -> str:
    volts = f"{e.voltage_v:g} V" if e.voltage_v is not None else "voltage not stated"
    return f"{e.node_nm:g} nm, {volts}"


def _shares(e: EnergyRecord) -> str:
    whole = e.total.nominal_j
    if not whole:
        return "nothing was counted"
    ranked = sorted(e.terms, key=lambda t: -t.nominal_j)
    return ", ".join(
        f"{term_title(t.name)} {100 * t.nominal_j / whole:.3g} %" for t in ranked if t.nominal_j
    )


def _latency_line(e: EnergyRecord) -> str:
    t = e.latency
    if t is None:
        return ""
    return (
        f"  time of a step: {amount(t.serial_s, 's')} on one core, at least "
        f"{amount(t.floor_s, 's')} on {t.cores}, and {amount(t.barrier_low_s, 's')} to "
        f"{amount(t.barrier_high_s, 's')} for the barrier"
        + (
            ""
            if t.busiest_s is None
            else f"; placed {amount(t.busiest_s, 's')} on the busiest core"
        )
        + ("" if not t.route_s else f" and {amount(t.route_s, 's')} for the longest way")
        + (f"; +-{t.uncertainty_percent:g} %" if t.uncertainty_percent else "")
    )


def _twin_line(twin: TwinRecord) -> str:
    ratio = twin.snn.nominal_j / twin.ann.nominal_j if twin.ann.nominal_j else 0.0
    line = (
        f"ANN twin ({twin.profile_id}, arithmetic only): {twin.connections:,} MAC a sample, "
        f"{bounds_text(twin.ann)}; this network {bounds_text(twin.snn)}, {ratio:.3g} times that"
    )
    if twin.break_even is None or twin.spikes_per_synapse is None or twin.break_even_rate is None:
        return line
    return (
        f"{line}. Activity {twin.spikes_per_synapse:.3g} spikes a synapse and sample; break-even "
        f"{twin.break_even:.3g} ({break_even_text(twin.break_even_rate)})"
    )
