"""neurochain export SOURCE --to FORMAT -o OUT."""

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
    json_option,
    source_argument,
)

if TYPE_CHECKING:
    from neurochain.cli.data import RunInput
    from neurochain.cli.sources import Opened
    from neurochain.exporters.manifest import Manifest, Measured

__all__ = ["command"]


@click.command(
    "export",
    epilog="\b\nneurochain export model.nchain --to nir -o model.nir\n"
    "neurochain export model.nchain --for norse -o norse.nir\n"
    "neurochain export mnist-mlp-subtract -o m.nir --allow-lossy --input demo\n"
    "neurochain export mnist-mlp --to onnx -o mnist-onnx\n"
    "neurochain export mnist-mlp --weights int8 --to c -o mnist-c --input demo --limit 1\n"
    "neurochain export mnist-mlp --target loihi1 --to sana-fe -o m --input demo --limit 1\n"
    "neurochain export chip.nchain --to loihi-graph -o graph\n"
    "neurochain export chip.nchain --to lava -o lava-package\n"
    "neurochain export mnist-mlp --target loihi2-netx --to netx -o mnist-netx",
)
@source_argument
@click.option(
    "--to",
    "form",
    default="nir",
    show_default=True,
    metavar="FORMAT",
    help="nir (a file), or a folder: brian2, c, lava, loihi-graph, netx, onnx, pynn, sana-fe, or "
    "what an installed package brings.",
)
@click.option(
    "-o",
    "--output",
    type=PATH,
    required=True,
    metavar="OUT",
    help="Where to write it: OUT.nir, or the name of a folder.",
)
@click.option("--force", is_flag=True, help="Replace what is there under that name.")
@click.option(
    "--allow-lossy", is_flag=True, help="nir: also write what other programs execute differently."
)
@click.option(
    "--for",
    "reader",
    type=click.Choice(["reference", "norse", "spikingjelly", "snntorch"]),
    default="reference",
    show_default=True,
    help="nir: who is to read it. reference: the graph as it is, which reads back here "
    "bit-identical; else an equal graph in the form which that program runs as it is meant.",
)
@click.option(
    "--input",
    "data",
    metavar="FILE|demo",
    help="measure on this input (nir: the graph as its reader takes it). c, brian2, lava, netx, "
    "pynn, sana-fe: its first sample goes out with the network. As of `neurochain simulate`.",
)
@click.option(
    "--measure/--no-measure",
    "measured",
    default=True,
    show_default=True,
    help="Folders: let the program that the format is for run what was written, where it is "
    "installed, for a minute at most, on --input or random events, and say in the manifest how far "
    "it is from the network.",
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
    force: bool,
    allow_lossy: bool,
    reader: str,
    data: str | None,
    steps: int | None,
    limit: int | None,
    measured: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Write a network in another format.

    Every node is exact, or rated by name: approximate within a bound, or the export is refused with
    all reasons at once (exit code 4). Nothing is overwritten without --force, and a folder appears
    as a whole or not at all. Bounds are proven; how far a folder really is from the network is
    measured with the program that it is for, where that is installed. For nir, --allow-lossy also
    writes nodes that other programs would execute differently, and lists them; how much they differ
    is measured on the input that --input gives.
    """
    from neurochain.cli.interruption import tidy_when_ended
    from neurochain.cli.output import note_findings
    from neurochain.cli.sources import open_source
    from neurochain.exporters.folder import refuse_existing

    if data is None and not (steps is limit is None):
        raise click.UsageError("--steps and --limit are about the input: give --input.")
    if form == "nir" and output.suffix != ".nir":
        raise click.BadParameter(f"{output}: the name must end in .nir.", param_hint="'-o'")
    if form != "nir" and (allow_lossy or reader != "reference"):
        raise click.UsageError("--allow-lossy and --for are about --to nir.")
    refuse_existing(output, force=force)
    if form != "nir":
        from neurochain.exporters.registry import find_exporter

        find_exporter(form)  # an unknown format is said before the source is read
    opened = open_source(source, CompileOptions(**options))
    given = None
    if data is not None:
        from neurochain.cli.data import open_data

        given = open_data(opened, InputOptions(input=data, steps=steps, limit=limit))
    if form == "nir":
        manifest = _to_nir(opened, output, given, allow_lossy=allow_lossy, reader=reader)
    else:
        with tidy_when_ended():
            manifest = _to_folder(opened, form, output, given, force=force, measured=measured)
    note_findings(manifest.findings)
    _say(manifest, output, as_json=as_json)


def _to_nir(
    opened: Opened, output: Path, given: RunInput | None, *, allow_lossy: bool, reader: str
) -> Manifest:
    from dataclasses import replace

    from neurochain.errors import Finding, InputError, Severity, UnsupportedError
    from neurochain.exporters.nir import write_nir

    graph = opened.artifact.graph
    if graph is None:
        raise InputError(
            f"{opened.name}: holds no graph, only the network. Compile its source again."
        )
    inputs = None if given is None else given.batches()
    network = opened.artifact.network
    if not network.is_whole:
        return write_nir(
            graph,
            output,
            allow_lossy=allow_lossy,
            reader=reader,
            inputs=inputs,
            network=None if network.arithmetic == "float32" else network,
        )
    what = (
        "calculates in a chip's integers, which NIR cannot say; its graph is that of the network "
        "as it was trained."
    )
    if not allow_lossy:
        fix = "Export what --target was given, or write that graph with --allow-lossy."
        raise UnsupportedError(Finding(where=opened.name, what=what, fix=fix))
    manifest = write_nir(
        graph, output, allow_lossy=True, reader=reader, inputs=inputs, network=network
    )
    said = Finding(where=opened.name, what=what, severity=Severity.WARNING)
    return replace(manifest, findings=(*manifest.findings, said))


def _to_folder(
    opened: Opened,
    form: str,
    output: Path,
    given: RunInput | None,
    *,
    force: bool,
    measured: bool,
) -> Manifest:
    from neurochain.exporters.job import Job
    from neurochain.exporters.run import export
    from neurochain.inputs.event_frames import EventFrames
    from neurochain.session import prepare_inputs

    network, inputs = opened.artifact.network, None
    if given is not None:
        arrays = prepare_inputs(network, next(given.batches()))
        inputs = {
            name: x.dense() if isinstance(x, EventFrames) else x for name, x in arrays.items()
        }
    job = Job(
        network=network,
        name=Path(opened.name).stem,
        inputs=inputs,
        placement=opened.artifact.placement,
    )
    return export(job, form, output, force=force, measured=measured)


def _say(manifest: Manifest, output: Path, *, as_json: bool) -> None:
    from neurochain.cli.output import emit, emit_json, finding_dict

    if as_json:
        found = [finding_dict(f) for f in manifest.findings]
        emit_json("export", {**manifest_dict(manifest), "findings": found})
        return
    for node in manifest.notes:
        emit(f"{node.fidelity.value:11} {node.name} ({node.kind}) {node.reason}".rstrip())
    for line in divergence_lines(manifest):
        emit(line)
    emit(f"wrote {output}")


def manifest_dict(manifest: Manifest) -> dict[str, Any]:
    """The manifest as JSON has it; "divergence" is null where nothing was measured."""
    from neurochain.exporters.run import measured_record

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
        **measured_record(manifest),
    }


def divergence_lines(manifest: Manifest) -> list[str]:
    """What was measured, a line a population; said too where something is lossy and nothing was."""
    if manifest.divergence is None or manifest.measured is None:
        if manifest.unmeasured:
            return [f"not measured: {manifest.unmeasured}"]
        lossy = "divergence: not measured (--input FILE measures it)"
        return [lossy] if manifest.lossy else []
    size = max((len(d.name) for d in manifest.divergence), default=0)
    return [_measured_on(manifest.measured)] + [
        f"  {d.name:{size}}  spikes {d.spikes_here} / {d.spikes_there}, "
        f"{d.differing} of {d.compared} differ"
        + ("" if d.first_step is None else f", first at step {d.first_step}")
        + ("" if d.state_difference is None else f"; states within {d.state_difference:.3g}")
        for d in manifest.divergence
    ]


def _measured_on(on: Measured) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in on.versions.items())
    source = "the given input" if on.input == "given" else on.input
    consumer = f"{on.consumer} ({versions})" if versions else on.consumer
    return f"measured, here against {consumer}, {on.samples} x {on.steps} steps of {source}:"
