"""neurochain export SOURCE --to nir -o OUT.nir."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neurochain.cli.options import (
    PATH,
    CompileOptions,
    InputOptions,
    compile_options,
    ending,
    json_option,
    source_argument,
)

if TYPE_CHECKING:
    from neurochain.exporters.manifest import Manifest

__all__ = ["command"]


@click.command(
    "export",
    epilog="\b\nneurochain export model.nchain --to nir -o model.nir\n"
    "neurochain export model.nchain --for norse -o norse.nir\n"
    "neurochain export mnist-mlp-subtract -o m.nir --allow-lossy --input demo",
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
@click.option(
    "--for",
    "reader",
    type=click.Choice(["reference", "norse", "spikingjelly", "snntorch"]),
    default="reference",
    show_default=True,
    help="Who is to read it. reference: the graph as it is, which reads back here bit-identical; "
    "else an equal graph in the form which that program runs as it is meant.",
)
@click.option(
    "--input",
    "data",
    metavar="FILE|demo",
    help="Run the network and the written graph, as its reader takes it, on this input, and say "
    "where their spikes differ. As of `neurochain simulate`.",
)
@click.option(
    "--steps",
    type=click.IntRange(1, 2**31 - 1),
    help="Present a static input for so many steps.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N samples of the input.")
@compile_options
@json_option
def command(
    source: str,
    form: str,
    output: Path,
    allow_lossy: bool,
    reader: str,
    data: str | None,
    steps: int | None,
    limit: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Write a network in another format.

    Every node is exact, or the export is refused with the reason (exit code 4); --allow-lossy also
    writes nodes that other programs would execute differently, and lists them. How much they differ
    is measured on the input that --input gives.
    """
    from neurochain.cli.data import open_data
    from neurochain.cli.output import emit, emit_json, finding_dict, note_findings
    from neurochain.cli.sources import open_source
    from neurochain.errors import InputError
    from neurochain.exporters.nir import write_nir

    if data is None and not (steps is limit is None):
        raise click.UsageError("--steps and --limit are about the input: give --input.")
    opened = open_source(source, CompileOptions(**options))
    graph = opened.artifact.graph
    if graph is None:
        raise InputError(f"{source}: holds no graph, only the network. Compile its source again.")
    inputs = None
    if data is not None:
        inputs = open_data(opened, InputOptions(input=data, steps=steps, limit=limit)).batches()
    manifest = write_nir(graph, output, allow_lossy=allow_lossy, reader=reader, inputs=inputs)
    note_findings(manifest.findings)
    if as_json:
        found = [finding_dict(f) for f in manifest.findings]
        emit_json("export", {**manifest_dict(manifest), "findings": found})
        return
    for node in manifest.notes:
        emit(f"{node.fidelity.value:8} {node.name} ({node.kind}) {node.reason}".rstrip())
    for line in divergence_lines(manifest):
        emit(line)
    emit(f"wrote {output}")


def manifest_dict(manifest: Manifest) -> dict[str, Any]:
    """The manifest as JSON has it; "divergence" is null where nothing was measured."""
    measured = manifest.divergence
    return {
        "format": manifest.format,
        "for": manifest.reader,
        "files": [f.name for f in manifest.files],
        "exact": manifest.exact,
        "nodes": [
            {"name": n.name, "kind": n.kind, "fidelity": n.fidelity.value, "why": n.reason}
            for n in manifest.notes
        ],
        "divergence": None if measured is None else [asdict(d) for d in measured],
    }


def divergence_lines(manifest: Manifest) -> list[str]:
    """What was measured, a line a population; said too where something is lossy and nothing was."""
    if manifest.divergence is None:
        lossy = "divergence: not measured (--input FILE measures it)"
        return [lossy] if manifest.lossy else []
    size = max((len(d.name) for d in manifest.divergence), default=0)
    return ["divergence on the input, here against there:"] + [
        f"  {d.name:{size}}  spikes {d.spikes_here} / {d.spikes_there}, "
        f"{d.differing} of {d.compared} differ"
        + ("" if d.first_step is None else f", first at step {d.first_step}")
        for d in manifest.divergence
    ]
