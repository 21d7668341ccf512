"""The report as one self-contained HTML file, without scripts and network requests."""

from __future__ import annotations

from neurochain.reporting.records import RunRecord
from neurochain.reporting.render import WIDE, cell, footer
from neurochain.reporting.rows import rows, totals

__all__ = ["render_html"]


def render_html(record: RunRecord, counting: str = "model") -> str:
    """The layer table, the footer and, where there is one, the evaluation."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("neurochain.reporting"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    counts = record.counts(counting)
    lines = [
        [(key in ("layer", "kind"), cell(row, key)) for key, _ in WIDE]
        for row in (*rows(counts), totals(counts))
    ]
    return environment.get_template("report.html").render(
        record=record,
        titles=[title for _, title in WIDE],
        lines=lines,
        notes=footer(record, counts),
    )
