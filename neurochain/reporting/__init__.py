"""Reports: versioned records of a run, and their tables in text, Markdown, CSV and HTML."""

from neurochain.reporting.build import count_set, merge, run_record, spread
from neurochain.reporting.digests import InputDigest, network_digest
from neurochain.reporting.html import render_html, render_html_several
from neurochain.reporting.latex import render_latex
from neurochain.reporting.records import (
    SCHEMA,
    SCHEMA_VERSION,
    CountSet,
    Evaluation,
    LayerRecord,
    LayerStep,
    Meta,
    PopulationRecord,
    PopulationStep,
    RunRecord,
    Spread,
)
from neurochain.reporting.render import render_csv, render_markdown, render_text
from neurochain.reporting.rows import Row, rows, totals
from neurochain.reporting.schema import json_schema, read_record, to_json

__all__ = [
    "SCHEMA",
    "SCHEMA_VERSION",
    "CountSet",
    "Evaluation",
    "InputDigest",
    "LayerRecord",
    "LayerStep",
    "Meta",
    "PopulationRecord",
    "PopulationStep",
    "Row",
    "RunRecord",
    "Spread",
    "count_set",
    "json_schema",
    "merge",
    "network_digest",
    "read_record",
    "render_csv",
    "render_html",
    "render_html_several",
    "render_latex",
    "render_markdown",
    "render_text",
    "rows",
    "run_record",
    "spread",
    "to_json",
    "totals",
]
