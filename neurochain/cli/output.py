"""What a command prints: results on stdout, the rest on stderr."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable
from typing import Any

import click

from neurochain.errors import Finding

__all__ = ["emit", "emit_json", "finding_dict", "note", "note_findings", "terminal_width"]


def emit(text: str) -> None:
    """A result."""
    click.echo(text)


def emit_json(kind: str, data: dict[str, Any], version: int = 1) -> None:
    """A result as JSON: {"schema": "neurochain.KIND", "schema_version": ..., ...}."""
    emit(to_json({"schema": f"neurochain.{kind}", "schema_version": version, **data}))


def to_json(data: Any) -> str:
    """Indented JSON; NaN and infinity are not JSON and raise."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)


def note(text: str) -> None:
    """Anything that is not a result."""
    click.echo(text, err=True)


def note_findings(findings: Iterable[Finding]) -> None:
    """Each finding on a line, with its severity."""
    for finding in findings:
        note(f"{finding.severity.value}: {' '.join(str(finding).split())}")


def finding_dict(finding: Finding) -> dict[str, str]:
    """A finding as plain data."""
    return {
        "severity": finding.severity.value,
        "where": finding.where,
        "what": finding.what,
        "fix": finding.fix,
    }


def terminal_width() -> int:
    """Columns of the terminal, or no limit where stdout is none and COLUMNS is not set."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit():
        return shutil.get_terminal_size((100, 24)).columns
    return sys.maxsize
