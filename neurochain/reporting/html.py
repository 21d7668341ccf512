"""The report as one self-contained HTML file: no request leaves it, and it needs no network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import msgspec

from neurochain.accounting.energy.estimate import RESET, TERMS
from neurochain.drawing import map_style, map_svg
from neurochain.reporting import charts
from neurochain.reporting.chips import chip_caveats
from neurochain.reporting.compare import Comparison
from neurochain.reporting.core_rows import core_table
from neurochain.reporting.energy_records import Bounds, EnergyRecord, SourceRecord
from neurochain.reporting.energy_text import (
    amount,
    bounds_text,
    break_even_text,
    definition_note,
    estimates,
    primary,
    technology_caveat,
    term_title,
    twin_caveats,
)
from neurochain.reporting.findings import findings
from neurochain.reporting.pareto import Point, energy_note, input_note
from neurochain.reporting.placed import map_of
from neurochain.reporting.records import CountSet, RunRecord
from neurochain.reporting.render import WIDE, cell, counted, footer, mapped_lines, set_title
from neurochain.reporting.rows import Row, rows, totals
from neurochain.reporting.values import figures

__all__ = ["bibtex", "render_html", "render_html_several"]

_LAST = ("bias_adds", "pool_adds")
_COLUMNS = (
    *(column for column in WIDE if column[0] not in _LAST),
    *(column for column in WIDE if column[0] in _LAST),
)
_AXIS_TITLES = {
    "accuracy": "accuracy",
    "synops": "synops a sample",
    "energy_j": "energy a sample",
    "size_bytes": "bytes of weights",
}
COLOURS = 10
MOST_DRAWN = 4096
"""Cores in the map of a page: some 300 bytes each."""
_SHARED = ("ac", "mac", "energy_percent", "effective_percent", "nonzero_percent", "rate")


def render_html(
    record: RunRecord, counting: str = "model", *, comparison: Comparison | None = None
) -> str:
    """The page of one run; with `comparison`, the other run beside it."""
    counts, best = record.counts(counting), primary(record, counting)
    table, total = rows(counts, best), totals(counts, best)
    priced = estimates(record, counting)
    return _page(
        "report.html",
        record=record,
        counts=counts,
        counting=counting,
        best=best,
        estimates=priced,
        matrix=_matrix(priced),
        caveats=twin_caveats(record),
        definition_note=definition_note(record),
        set_title=set_title(record.meta, counting),
        findings=findings(record, counting),
        figures=figures(record, counting),
        titles=_COLUMNS,
        lines=[_line(row, total) for row in table],
        total=_line(total, total),
        notes=footer(record, counts)[:4],
        placed=mapped_lines(counts),
        operations=charts.operation_bars(counts),
        ticks=charts.log_ticks(counts),
        energy_bars=[] if best is None else charts.energy_bars(counts, best),
        term_bars=[charts.term_bar(e) for e in priced],
        terms=_term_classes(priced),
        heat=charts.heat_map(counts),
        sparsity=charts.sparsity(counts),
        membranes=charts.membranes(record),
        most_drawn=MOST_DRAWN,
        core_map=_core_map(record, counts),
        cores=None if record.placement is None else core_table(record.placement, counts),
        comparison=comparison,
        priced_by={e.profile_id: e for e in priced}.values(),
        foreign=chip_caveats(record, counting),
        technology=technology_caveat(record, counting),
        sources=_sources(priced),
        bibtex=bibtex(record, counting),
        data=_data(record),
    )


def render_html_several(points: Sequence[Point], counting: str) -> str:
    """The page of several runs: table and plot."""
    return _page(
        "several.html",
        points=points,
        counting=counting,
        plots=_plots(points),
        energy=energy_note(points),
        inputs=input_note(points),
        data=None,
    )


def bibtex(record: RunRecord, counting: str = "model") -> str:
    """neurochain itself, then the sources of every constant that was used."""
    own = "\n".join(
        [
            "@software{neurochain,",
            "  author = {{The neurochain developers}},",
            "  title = {neurochain: a compiler for spiking neural networks},",
            f"  version = {{{record.meta.tool_version}}}",
            "}",
        ]
    )
    found = {s.id: s.bibtex for s in _sources(estimates(record, counting)) if s.bibtex}
    return "\n\n".join([own, *found.values()])


def _core_map(record: RunRecord, counts: CountSet) -> Any:
    """The cores of a placed network as SVG, "" where it was not placed or they are too many."""
    from markupsafe import Markup

    if record.placement is None or len(record.placement.cores) > MOST_DRAWN:
        return ""
    found = map_of(record.placement, counts.mapped)
    seen = [] if record.traces is None else [p.population for p in record.traces.populations]
    title = f"Cores of {record.meta.model}"
    return Markup(map_svg(found, title, alone=False, order=seen))


def _page(template: str, **values: Any) -> str:
    text: str = _environment().get_template(template).render(**values)
    return text


def _environment() -> Any:
    from jinja2 import Environment, PackageLoader
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("neurochain.reporting"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    folder = files("neurochain.reporting") / "templates"
    style = (folder / "report.css").read_text("utf-8") + map_style()
    environment.globals["style"] = Markup(style)
    environment.globals["script"] = Markup((folder / "report.js").read_text("utf-8"))
    environment.globals["counted"] = counted
    environment.filters["joules"] = lambda value: amount(value, micro="µ")
    environment.filters["seconds"] = lambda value: amount(value, "s", micro="µ")
    environment.filters["size"] = _size
    environment.filters["bounds"] = _bounds
    environment.filters["rate"] = break_even_text
    environment.filters["term"] = term_title
    environment.globals["figure"] = _figure
    return environment


def _size(n_bytes: float) -> str:
    """13.5 MiB."""
    size, unit = n_bytes, "bytes"
    for larger in ("KiB", "MiB", "GiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"


def _bounds(bounds: Bounds) -> str:
    return bounds_text(bounds, micro="µ")


def _line(row: Row, total: Row) -> list[dict[str, Any]]:
    """Cells of a row: text, the number to sort by, and the share of the column's total."""
    cells = []
    for key, _ in _COLUMNS:
        value = getattr(row, key)
        sort: Any = 1 if key == "out_shape" else value
        if key == "out_shape":
            for size in value:
                sort *= size
        cells.append(
            {"key": key, "text": cell(row, key), "sort": "" if sort is None else sort,
             "share": _share(key, value, getattr(total, key))}
        )  # fmt: skip
    return cells


def _share(key: str, value: Any, whole: Any) -> float | None:
    """Length of the bar in a cell, percent; None for columns without bars."""
    if key not in _SHARED or value is None:
        return None
    if key in ("ac", "mac"):
        return 100 * value / whole if whole else 0.0
    return 100 * value if key == "rate" else float(value)


def _matrix(priced: Sequence[EnergyRecord]) -> list[tuple[str, list[str]]]:
    """The ten terms, and for each estimate whether it is in, in part, or missing."""
    lines = []
    for term in (*TERMS.values(), RESET):
        marks = []
        for e in priced:
            part = next((t for t in e.partial if t.startswith(f"{term}: ")), None)
            marks.append("in" if term in e.included else part[len(term) + 2 :] if part else "out")
        lines.append((term, marks))
    return lines


def _term_classes(priced: Sequence[EnergyRecord]) -> dict[str, str]:
    """A look for each term that costs something, the same in every picture."""
    names = dict.fromkeys(t.name for e in priced for t in e.terms if t.nominal_j)
    return {
        name: f"t{k % COLOURS}" + (" striped" if k >= COLOURS else "")
        for k, name in enumerate(names)
    }


def _sources(priced: Sequence[EnergyRecord]) -> list[SourceRecord]:
    return list({s.id: s for e in priced for s in e.sources}.values())


def _data(record: RunRecord) -> str | None:
    """What the script draws from; `<` never stands in it, so no name can end the element."""
    if record.traces is None:
        return None
    found = msgspec.to_builtins(record.traces)
    for population in found["populations"]:
        del population["membranes"]  # drawn already
    text = json.dumps(found, separators=(",", ":"), allow_nan=False)
    for c in "<>&\u2028\u2029":
        text = text.replace(c, f"\\u{ord(c):04x}")
    return text


def _plots(points: Sequence[Point]) -> list[dict[str, Any]]:
    """Accuracy (or synops, where a run has none) against each cost; positions in percent."""
    known = all(p.accuracy is not None for p in points)
    vertical = "accuracy" if known else "synops"
    plots = []
    for axis in ("synops", "energy_j", "size_bytes"):
        values = [getattr(p, axis) for p in points]
        mixed = axis == "energy_j" and len({p.energy_model for p in points}) > 1
        if axis == vertical or mixed or any(v is None for v in values):
            continue
        xs, ys = _scaled(values), _scaled([getattr(p, vertical) for p in points])
        plots.append(
            {
                "x": axis,
                "y": vertical,
                "x_title": _AXIS_TITLES[axis],
                "y_title": _AXIS_TITLES[vertical],
                "x_range": _range(axis, values),
                "y_range": _range(vertical, [getattr(p, vertical) for p in points]),
                "points": [
                    {"name": p.name, "best": p.best, "x": x, "y": y, "number": k + 1}
                    for k, (p, x, y) in enumerate(zip(points, xs, ys, strict=True))
                ],
            }
        )
    return plots


def _range(axis: str, values: Sequence[float]) -> tuple[str, str]:
    """The ends of an axis as text."""
    return _figure(axis, min(values)), _figure(axis, max(values))


def _figure(name: str, value: float | None) -> str:
    """A figure by its name, as people write it."""
    if value is None:
        return "-"
    if name.startswith("energy_j"):
        return amount(value, micro="µ")
    if name in ("accuracy", "rate"):
        return f"{100 * value:.4g} %"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"


def _scaled(values: Sequence[float]) -> list[float]:
    """0 to 100; the middle where all are the same."""
    low, high = min(values), max(values)
    return [50.0 if high == low else round(100 * (v - low) / (high - low), 2) for v in values]
