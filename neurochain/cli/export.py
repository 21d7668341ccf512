"""neurochain export SOURCE --to nir -o OUT.nir."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from neurochain.cli.options import (
    PATH,
    CompileOptions,
    compile_options,
    ending,
    json_option,
    source_argument,
)

__all__ = ["command"]


@click.command(
    "export",
    epilog="\b\nneurochain export model.nchain --to nir -o model.nir",
)
@source_argument
@click.option(
    "--to", "form", type=click.Choice(["nir"]), default="nir", show_default=True, help="Format."
)
@click.option(
    "-o",
    "--output",
    type=PATH,
    required=True,
    callback=ending(".nir"),
    metavar="OUT.NIR",
    help="Where to write it.",
)
@click.option(
    "--allow-lossy", is_flag=True, help="Also write what other programs execute differently."
)
@compile_options
@json_option
def command(
    source: str, form: str, output: Path, allow_lossy: bool, as_json: bool, **options: Any
) -> None:
    """Write a network in another format.

    Every node is exact, or the export is refused with the reason (exit code 4); --allow-lossy also
    writes nodes that other programs would execute differently, and lists them.
    """
    from neurochain.cli.output import emit, emit_json, finding_dict, note_findings
    from neurochain.cli.sources import open_source
    from neurochain.errors import InputError
    from neurochain.exporters.nir import write_nir

    artifact = open_source(source, CompileOptions(**options)).artifact
    if artifact.graph is None:
        raise InputError(f"{source}: holds no graph, only the network. Compile its source again.")
    manifest = write_nir(artifact.graph, output, allow_lossy=allow_lossy)
    note_findings(manifest.findings)
    if as_json:
        emit_json(
            "export",
            {
                "format": form,
                "files": [f.name for f in manifest.files],
                "exact": manifest.exact,
                "nodes": [
                    {"name": n.name, "kind": n.kind, "fidelity": n.fidelity.value, "why": n.reason}
                    for n in manifest.notes
                ],
                "findings": [finding_dict(f) for f in manifest.findings],
            },
        )
        return
    for node in manifest.notes:
        emit(f"{node.fidelity.value:8} {node.name} ({node.kind}) {node.reason}".rstrip())
    emit(f"wrote {output}")
