"""neurochain inspect ART."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurochain.cli.options import CompileOptions, json_option, source_argument

if TYPE_CHECKING:
    from neurochain.artifact import Artifact

__all__ = ["command"]

_PICTURE = click.Path(dir_okay=False, path_type=Path)


@click.command("inspect")
@source_argument
@click.option(
    "--graph", type=_PICTURE, metavar="FILE.svg", help="Draw the network: populations, projections."
)
@click.option(
    "--map",
    "cores",
    type=_PICTURE,
    metavar="FILE.svg",
    help="Draw the cores of a placed network: how full they are, how busy their links.",
)
@click.option("--force", is_flag=True, help="Replace pictures that are there under these names.")
@json_option
def command(
    source: str, graph: Path | None, cores: Path | None, force: bool, as_json: bool
) -> None:
    """Show what a compiled network consists of.

    Structure, parameters, input encoding, output decoding and provenance. Reading it checks every
    tensor against its SHA-256. No picture overwrites a file without --force.
    """
    from neurochain.cli.describe import describe, structure_lines, verification_line
    from neurochain.cli.output import emit, emit_json, finding_dict
    from neurochain.cli.placement import placement_lines, plain_placement
    from neurochain.cli.sources import open_source

    _refuse(graph, cores, force=force)
    artifact = open_source(source, CompileOptions()).artifact
    _draw(artifact, Path(source).name, graph, cores)
    data = describe(artifact)
    if as_json:
        findings = [finding_dict(f) for f in artifact.findings]
        emit_json("inspect", {**data, **plain_placement(artifact.placement), "findings": findings})
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
    for line in placement_lines(artifact.placement):
        emit(line)
    for finding in artifact.findings:
        emit(f"{finding.severity.value}: {' '.join(str(finding).split())}")


def _refuse(graph: Path | None, cores: Path | None, *, force: bool) -> None:
    """Names that are no pictures, or are there already, before anything is read."""
    from neurochain.errors import Finding, InputError
    from neurochain.exporters.folder import refuse_existing

    wanted = {"--graph": graph, "--map": cores}
    for option, path in wanted.items():
        if path is not None and path.suffix != ".svg":
            raise click.BadParameter(f"{path}: the name must end in .svg.", param_hint=option)
    if graph is not None and cores is not None and graph.resolve() == cores.resolve():
        raise InputError(f"{graph}: both pictures cannot have one name. Give two.")
    found: list[Finding] = []
    for path in wanted.values():
        try:
            if path is not None:
                refuse_existing(path, force=force)
        except InputError as error:
            found += error.findings
    if found:
        raise InputError(*found)


def _draw(artifact: Artifact, title: str, graph: Path | None, cores: Path | None) -> None:
    """Write the pictures that are asked for; both or none where there is no placement."""
    from neurochain.drawing import core_map, graph_svg, map_svg
    from neurochain.errors import InputError
    from neurochain.files import atomic_write_bytes

    if cores is not None and artifact.placement is None:
        raise InputError(
            f"--map {cores}: the network lies on no cores. Compile it with --target first."
        )
    if graph is not None:
        atomic_write_bytes(graph, graph_svg(artifact.network, title).encode())
    if cores is not None and artifact.placement is not None:
        atomic_write_bytes(cores, map_svg(core_map(artifact.placement), title).encode())


def _facts(values: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in values.items() if v is not None) or "unknown"
