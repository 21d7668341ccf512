"""Two runs side by side: before and after pruning, quantisation, training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from neurochain.reporting.chips import chip_caveat, target_of
from neurochain.reporting.energy_records import EnergyRecord
from neurochain.reporting.energy_text import shared
from neurochain.reporting.records import RunRecord
from neurochain.reporting.rows import Row, rows
from neurochain.reporting.values import figures

__all__ = ["Change", "Comparison", "compare", "comparison_dict", "render_comparison"]

_PER_LAYER = ("ac", "mac", "spikes_out", "energy_nj")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One figure in both runs; None where a run does not have it."""

    name: str
    old: float | None
    new: float | None

    @property
    def ratio(self) -> float | None:
        """new / old, None where there is no such number."""
        return self.new / self.old if self.old and self.new is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`notes` say what else differs: input, samples, steps, arithmetic."""

    old: str
    new: str
    counting: str
    figures: tuple[Change, ...]
    layers: tuple[tuple[str, tuple[Change, ...]], ...]
    notes: tuple[str, ...]


def compare(old: RunRecord, new: RunRecord, counting: str = "model") -> Comparison:
    """Every figure that one of the runs has, a sample; and each layer."""
    priced = shared([old, new], counting, any_list=True)
    before, after = (figures(r, counting, e) for r, e in zip((old, new), priced, strict=True))
    names = dict.fromkeys([*before, *after])
    rows_old, rows_new = (
        {row.layer: row for row in rows(r.counts(counting), e)}
        for r, e in zip((old, new), priced, strict=True)
    )
    layers = dict.fromkeys([*rows_old, *rows_new])
    return Comparison(
        old=_title(old),
        new=_title(new),
        counting=counting,
        figures=tuple(Change(name=n, old=before.get(n), new=after.get(n)) for n in names),
        layers=tuple(
            (name, _changes(rows_old.get(name), rows_new.get(name), old, new)) for name in layers
        ),
        notes=tuple(_notes(old, new, priced)),
    )


def _title(record: RunRecord) -> str:
    return f"{record.meta.model} {record.meta.model_hash[:8]} {record.meta.weights}"


def _changes(a: Row | None, b: Row | None, old: RunRecord, new: RunRecord) -> tuple[Change, ...]:
    """A sample each; energies are per sample already."""

    def value(row: Row | None, key: str, record: RunRecord) -> float | None:
        found: float | None = None if row is None else getattr(row, key)
        if found is None or key == "energy_nj":
            return found
        return found / max(1, record.meta.samples)

    return tuple(Change(name=k, old=value(a, k, old), new=value(b, k, new)) for k in _PER_LAYER)


def _notes(old: RunRecord, new: RunRecord, priced: Sequence[EnergyRecord | None]) -> list[str]:
    pairs = (
        ("input", old.meta.input_hash[:12], new.meta.input_hash[:12]),
        ("samples", old.meta.samples, new.meta.samples),
        ("steps", old.meta.timesteps, new.meta.timesteps),
        ("cores", _placed(old), _placed(new)),
        ("target", target_of(old) or "none", target_of(new) or "none"),
        ("weights", old.meta.weights, new.meta.weights),
        ("price list of energy_j", *map(_profile, priced)),
    )
    found = [f"{name}: {a} before, {b} after" for name, a, b in pairs if a != b]
    for side, record, best in zip(("before", "after"), (old, new), priced, strict=True):
        if best is not None and (said := chip_caveat(record, best)):
            found.append(f"energy_j {side}: {said}")
    if {x.name for x in old.layers}.isdisjoint(x.name for x in new.layers):
        found.append("network: no layer has the same name")
    return found


def _placed(record: RunRecord) -> str:
    mapped = record.deployed.mapped
    return "none" if mapped is None else f"{len(mapped.cores)} of {mapped.target}"


def _profile(best: EnergyRecord | None) -> str:
    return "none" if best is None else f"{best.model} {best.profile_id}"


def comparison_dict(found: Comparison) -> dict[str, Any]:
    """Plain data."""

    def plain(changes: tuple[Change, ...]) -> dict[str, Any]:
        return {c.name: {"old": c.old, "new": c.new, "ratio": c.ratio} for c in changes}

    return {
        "old": found.old,
        "new": found.new,
        "counting": found.counting,
        "figures": plain(found.figures),
        "layers": {name: plain(changes) for name, changes in found.layers},
        "notes": list(found.notes),
    }


def render_comparison(found: Comparison, *, markdown: bool = False) -> str:
    """Figures, then layers; a sample each."""
    head = ["figure", "old", "new", "new/old"]
    lines = [[c.name, *_cells(c)] for c in found.figures]
    layer_head = ["layer", *(f"{k} {side}" for k in _PER_LAYER for side in ("old", "new"))]
    layers = [
        [name, *(text for change in changes for text in _cells(change)[:2])]
        for name, changes in found.layers
    ]
    notes = [f"old: {found.old}; new: {found.new}; a sample each, {found.counting} set"]
    notes += [f"note: {text}" for text in found.notes]
    table = markdown_lines if markdown else aligned_lines
    return "\n".join([*notes, "", *table([head, *lines]), "", *table([layer_head, *layers])])


def _cells(change: Change) -> list[str]:
    ratio = change.ratio
    return [_text(change.old), _text(change.new), "-" if ratio is None else f"{ratio:.3f}"]


def _text(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4g}"


def aligned_lines(table: list[list[str]]) -> list[str]:
    widths = [max(len(line[k]) for line in table) for k in range(len(table[0]))]
    return [
        "  ".join(
            [line[0].ljust(widths[0])]
            + [text.rjust(size) for text, size in zip(line[1:], widths[1:], strict=True)]
        ).rstrip()
        for line in table
    ]


def markdown_lines(table: list[list[str]]) -> list[str]:
    rule = "|---|" + "---:|" * (len(table[0]) - 1)
    lines = ["| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in table]
    return [lines[0], rule, *lines[1:]]
