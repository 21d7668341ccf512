"""neurochain inspect ART."""

from __future__ import annotations

from typing import Any

import click

from neurochain.cli.options import CompileOptions, json_option, source_argument

__all__ = ["command"]


@click.command("inspect")
@source_argument
@json_option
def command(source: str, as_json: bool) -> None:
    """Show what a compiled network consists of.

    Structure, parameters, input encoding, output decoding and provenance. Reading it checks every
    tensor against its SHA-256.
    """
    from neurochain.cli.describe import describe, structure_lines, verification_line
    from neurochain.cli.output import emit, emit_json, finding_dict
    from neurochain.cli.sources import open_source

    artifact = open_source(source, CompileOptions()).artifact
    data = describe(artifact)
    if as_json:
        findings = [finding_dict(f) for f in artifact.findings]
        emit_json("inspect", {**data, "findings": findings})
        return
    provenance = artifact.provenance
    origin = provenance.get("source", {})
    emit("\n".join(structure_lines(data)))
    emit(f"encoding: {_facts(artifact.encoding)}")
    emit(f"decoding: {_facts(artifact.decoding)}")
    digest = origin.get("sha256") or "no file"
    emit(
        f"from: {origin.get('kind', 'unknown')} ({digest}), neurochain "
        f"{provenance.get('neurochain', 'unknown')}"
    )
    emit(verification_line(artifact))
    emit(f"network SHA-256: {data['model_hash']}")
    for finding in artifact.findings:
        emit(f"{finding.severity.value}: {' '.join(str(finding).split())}")


def _facts(values: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in values.items() if v is not None) or "unknown"
